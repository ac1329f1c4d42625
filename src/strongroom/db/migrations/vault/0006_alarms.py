"""Tables of alarms, investigations and suspensions."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_INSTANT = sa.BigInteger()  # microseconds since 1970


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "principal_suspension",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("principal_id", _ID, sa.ForeignKey("principal.id"), nullable=False),
        sa.Column("frozen", sa.Boolean(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("since", _INSTANT, nullable=False),
        sa.Column("until", _INSTANT, nullable=True),
        sa.Column("lifted_at", _INSTANT, nullable=True),
        sa.Column("lifted_by", _ID, nullable=True),
    )
    op.create_index("principal_suspension_principal", "principal_suspension", ["principal_id"])
    op.create_table(
        "principal_slowing",
        sa.Column("principal_id", _ID, sa.ForeignKey("principal.id"), primary_key=True),
        sa.Column("until", _INSTANT, nullable=False),
    )
    op.create_table(
        "alarm_watch",
        sa.Column("id", _ID, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("version", _ID, nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("held_until", _INSTANT, nullable=False),
        sa.Column("stepped_at", _INSTANT, nullable=False),
    )
    op.create_table(
        "alarm_rule",
        sa.Column("name", sa.Text(), primary_key=True, nullable=False),
        sa.Column("cursor", _ID, nullable=False),
        sa.Column("live_from", _ID, nullable=False),
        sa.Column("ticked_at", _INSTANT, nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
    )
    op.create_table(
        "alarm",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("response", sa.Text(), nullable=False),
        sa.Column("acted", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("open_key", sa.Text(), nullable=True),
        sa.Column("principal_id", _ID, nullable=True),
        sa.Column("target", sa.Text(), nullable=True),
        sa.Column("count", _ID, nullable=False),
        sa.Column("first_at", _INSTANT, nullable=False),
        sa.Column("last_at", _INSTANT, nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("drill", sa.Boolean(), nullable=False),
        sa.UniqueConstraint("open_key", name="alarm_open_key"),
    )
    op.create_table(
        "investigation",
        sa.Column("id", _ID, sa.ForeignKey("alarm.id"), primary_key=True, autoincrement=False),
        sa.Column("owner_id", _ID, nullable=True),
        sa.Column("opened_at", _INSTANT, nullable=False),
        sa.Column("look_by", _INSTANT, nullable=False),
        sa.Column("close_by", _INSTANT, nullable=False),
        sa.Column("report_by", _INSTANT, nullable=True),
        sa.Column("taken_at", _INSTANT, nullable=True),
        sa.Column("level", _ID, nullable=False),
        sa.Column("escalate_at", _INSTANT, nullable=False),
        sa.Column("closed_at", _INSTANT, nullable=True),
        sa.Column("closed_by", _ID, nullable=True),
        sa.Column("disposition", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
    )
    op.create_table(
        "alarm_drill",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("by_id", _ID, nullable=False),
        sa.Column("alarm_id", _ID, nullable=True),
        sa.Column("raised_ms", _ID, nullable=True),
        sa.Column("noticed_ms", _ID, nullable=True),
    )
