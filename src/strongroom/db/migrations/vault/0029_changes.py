"""The tables of changes, of who may change storage, of what storage was, and of releases."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_INSTANT = sa.BigInteger()  # microseconds since 1970


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "change_record",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("opened_at", _INSTANT, nullable=False),
        sa.Column("ended_at", _INSTANT, nullable=True),
        sa.Column("content", sa.LargeBinary(), nullable=False),
    )
    op.create_index("change_record_ended", "change_record", ["ended_at"])
    op.create_table(
        "storage_administrator",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("person_id", _ID, nullable=False),
        sa.Column("ended_at", _INSTANT, nullable=True),
        sa.Column("content", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "storage_state",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "release_record",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("commit_sha", sa.Text(), nullable=False),
        sa.Column("recorded_at", _INSTANT, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
    )
    op.create_index("release_record_commit", "release_record", ["commit_sha"])
