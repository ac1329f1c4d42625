"""Tables of Amazon's notices of deletion or return."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_INSTANT = sa.BigInteger()  # microseconds since 1970


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "deletion_notice",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("selectors", sa.LargeBinary(), nullable=True),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "deletion_fact",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("notice_id", _ID, sa.ForeignKey("deletion_notice.id"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
    )
    op.create_index("deletion_fact_notice", "deletion_fact", ["notice_id", "id"])
    op.create_table(
        "deletion_record",
        sa.Column("notice_id", _ID, primary_key=True, nullable=False, autoincrement=False),
        sa.Column("record_number", _ID, primary_key=True, nullable=False, autoincrement=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "deletion_needle",
        sa.Column("notice_id", _ID, primary_key=True, nullable=False, autoincrement=False),
        sa.Column("record_number", _ID, primary_key=True, nullable=False, autoincrement=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
    )
