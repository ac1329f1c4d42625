"""Tables of holds and archives."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_INSTANT = sa.BigInteger()  # microseconds since 1970


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "archive_change",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.Column("requested_by", _ID, nullable=False),
        sa.Column("requested_at", _INSTANT, nullable=False),
        sa.Column("approved_by", _ID, nullable=True),
        sa.Column("approved_at", _INSTANT, nullable=True),
        sa.Column("rejected_at", _INSTANT, nullable=True),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "archive_file",
        sa.Column("name", sa.Text(), primary_key=True, nullable=False),
        sa.Column("hold_id", _ID, nullable=False),
        sa.Column("seller_id", _ID, nullable=False),
        sa.Column("period_id", _ID, nullable=False),
        sa.Column("records", _ID, nullable=False),
        sa.Column("bytes", _ID, nullable=False),
        sa.Column("manifest_sha256", sa.Text(), nullable=False),
        sa.Column("sealed_at", _INSTANT, nullable=False),
        sa.Column("destroyed_at", _INSTANT, nullable=True),
        sa.Column("copies_destroyed", _ID, nullable=True),
        sa.UniqueConstraint("hold_id", "period_id", name="archive_file_source"),
    )
    op.create_table(
        "archive_held",
        sa.Column("period_id", _ID, primary_key=True, nullable=False, autoincrement=False),
        sa.Column("hold_id", _ID, primary_key=True, nullable=False, autoincrement=False),
        sa.Column("record_number", _ID, primary_key=True, nullable=False, autoincrement=False),
        sa.Column("part", sa.Integer(), primary_key=True, nullable=False, autoincrement=False),
        sa.Column("seller_id", _ID, nullable=False),
        sa.Column("wrapped_dek", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
    )
    op.create_index("archive_held_record", "archive_held", ["record_number"])
