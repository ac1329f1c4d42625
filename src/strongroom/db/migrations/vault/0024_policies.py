"""Tables of the house's own documents, and of the fields of personal data that were seen."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_INSTANT = sa.BigInteger()  # microseconds since 1970


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "policy_version",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("authors", sa.Text(), nullable=False),
        sa.Column("drafted_at", _INSTANT, nullable=False),
        sa.Column("submitted_by", _ID, nullable=True),
        sa.Column("submitted_at", _INSTANT, nullable=True),
        sa.Column("approved_by", _ID, nullable=True),
        sa.Column("approved_at", _INSTANT, nullable=True),
        sa.Column("dropped_at", _INSTANT, nullable=True),
        sa.UniqueConstraint("kind", "number", name="policy_version_number"),
    )
    op.create_table(
        "policy_acknowledgement",
        sa.Column(
            "version_id", _ID, sa.ForeignKey("policy_version.id"), primary_key=True, nullable=False
        ),
        sa.Column("person_id", _ID, primary_key=True, nullable=False, autoincrement=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
    )
    op.create_table(
        "policy_comparison",
        sa.Column("kind", sa.Text(), primary_key=True, nullable=False),
        sa.Column("version_id", _ID, sa.ForeignKey("policy_version.id"), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("found", sa.Text(), nullable=False),
    )
    op.create_table(
        "processing_confirmation",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("confirmed_by", _ID, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
    )
    op.create_table(
        "field_seen",
        sa.Column("way", sa.Text(), primary_key=True, nullable=False),
        sa.Column("place", sa.Text(), primary_key=True, nullable=False),
        sa.Column("field", sa.Text(), primary_key=True, nullable=False),
        sa.Column("purpose", sa.Text(), primary_key=True, nullable=False),
        sa.Column("first_seen_at", _INSTANT, nullable=False),
        sa.Column("last_seen_on", _ID, nullable=False),
        sqlite_with_rowid=False,
    )
