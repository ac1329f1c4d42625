"""Tables of the evidence store."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_INSTANT = sa.BigInteger()  # microseconds since 1970


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "evidence_item",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=True),
        sa.Column("size_bytes", _ID, nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("belongs_kind", sa.Text(), nullable=False),
        sa.Column("belongs_ref", sa.Text(), nullable=False),
        sa.Column("collected_at", _INSTANT, nullable=False),
        sa.Column("checked_at", _INSTANT, nullable=True),
        sa.Column("fault", sa.Text(), nullable=True),
        sa.Column("stamp", sa.LargeBinary(), nullable=True),
        sa.Column("stamp_root", sa.Text(), nullable=True),
        sa.Column("stamped_at", _INSTANT, nullable=True),
        sa.Column("disposed_at", _INSTANT, nullable=True),
        sa.UniqueConstraint("ref", name="evidence_item_ref"),
        sqlite_autoincrement=True,
    )
    op.create_index("evidence_item_belongs", "evidence_item", ["belongs_kind", "belongs_ref"])
    item = "evidence_item.id"
    op.create_table(
        "evidence_piece",
        sa.Column("item_id", _ID, sa.ForeignKey(item), primary_key=True, nullable=False),
        sa.Column("number", _ID, primary_key=True, nullable=False, autoincrement=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "evidence_custody",
        sa.Column("item_id", _ID, sa.ForeignKey(item), primary_key=True, nullable=False),
        sa.Column("number", _ID, primary_key=True, nullable=False, autoincrement=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("by_id", _ID, nullable=False),
        sa.Column("other_id", _ID, nullable=True),
        sa.Column("said", sa.LargeBinary(), nullable=False),
        sa.Column("said_digest", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
    )
