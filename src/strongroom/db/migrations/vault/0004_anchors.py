"""Tables of what left this machine to bind the log."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_INSTANT = sa.BigInteger()  # microseconds since 1970


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "anchor",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("ca", sa.Text(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("added_by", _ID, nullable=False),
        sa.Column("added_at", _INSTANT, nullable=False),
        sa.Column("removed_at", _INSTANT, nullable=True),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("size", _ID, nullable=False),
        sa.Column("reached_at", _INSTANT, nullable=True),
        sa.Column("tried_at", _INSTANT, nullable=True),
        sa.Column("fault", sa.Text(), nullable=True),
        sa.Column("told", sa.Text(), nullable=True),
        sa.Column("told_at", _INSTANT, nullable=True),
    )
    op.create_table(
        "anchor_cosignature",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("anchor_id", _ID, sa.ForeignKey("anchor.id"), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("size", _ID, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("signed_at", _INSTANT, nullable=False),
        sa.Column("stored_at", _INSTANT, nullable=False),
    )
    op.create_index("anchor_cosignature_size", "anchor_cosignature", ["origin", "size"])
    op.create_index("anchor_cosignature_stored", "anchor_cosignature", ["anchor_id", "stored_at"])
    op.create_table(
        "anchor_timestamp",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("anchor_id", _ID, sa.ForeignKey("anchor.id"), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("size", _ID, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("response", sa.LargeBinary(), nullable=False),
        sa.Column("stamped_at", _INSTANT, nullable=False),
    )
    op.create_index("anchor_timestamp_size", "anchor_timestamp", ["origin", "size"])
    op.create_table(
        "followed_log",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("origin", sa.Text(), nullable=False, unique=True),
        sa.Column("vkey", sa.Text(), nullable=False),
        sa.Column("size", _ID, nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("cosigned_at", _INSTANT, nullable=True),
        sa.Column("count", _ID, nullable=False),
        sa.Column("told", sa.Text(), nullable=True),
        sa.Column("told_at", _INSTANT, nullable=True),
        sa.Column("added_by", _ID, nullable=False),
        sa.Column("added_at", _INSTANT, nullable=False),
        sa.Column("ended_at", _INSTANT, nullable=True),
    )
