"""Tables of incidents."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_INSTANT = sa.BigInteger()  # microseconds since 1970


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "incident",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("alarm_id", _ID, nullable=True),
        sa.Column("detected_at", _INSTANT, nullable=True),
        sa.Column("suspected_at", _INSTANT, nullable=True),
        sa.Column("clock_at", _INSTANT, nullable=False),
        sa.Column("opened_by", _ID, nullable=False),
        sa.Column("opened_at", _INSTANT, nullable=False),
        sa.Column("lead_id", _ID, nullable=False),
        sa.Column("texts", sa.LargeBinary(), nullable=False),
        sa.Column("told", _ID, nullable=False),
        sa.Column("contained_at", _INSTANT, nullable=True),
        sa.Column("notified_at", _INSTANT, nullable=True),
        sa.Column("written_by", _ID, nullable=True),
        sa.Column("written_at", _INSTANT, nullable=True),
        sa.Column("approved_by", _ID, nullable=True),
        sa.Column("approved_at", _INSTANT, nullable=True),
        sa.Column("doubted_by", _ID, nullable=True),
        sa.Column("doubted_at", _INSTANT, nullable=True),
        sa.Column("cleared_by", _ID, nullable=True),
        sa.Column("cleared_at", _INSTANT, nullable=True),
        sa.Column("closed_by", _ID, nullable=True),
        sa.Column("closed_at", _INSTANT, nullable=True),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "incident_entry",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("incident_id", _ID, sa.ForeignKey("incident.id"), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("by_id", _ID, nullable=False),
        sa.Column("said", sa.LargeBinary(), nullable=False),
        sa.Column("owner_id", _ID, nullable=True),
        sa.Column("due_at", _INSTANT, nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("second_id", _ID, nullable=True),
        sa.Column("second_at", _INSTANT, nullable=True),
        sa.Column("evidence_id", _ID, nullable=True),
    )
    op.create_index("incident_entry_incident", "incident_entry", ["incident_id", "id"])
    op.create_table(
        "incident_practice",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("by_id", _ID, nullable=False),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.Column("said", sa.LargeBinary(), nullable=False),
    )
    op.create_index("incident_practice_kind", "incident_practice", ["kind", "at"])
