"""Tables of the inventory: assets, how they stand, their bills of materials, imports and campaigns."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_INSTANT = sa.BigInteger()  # microseconds since 1970


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "asset",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("key", sa.Text(), nullable=False, unique=True),
        sa.Column("name_tag", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("feed", sa.Text(), nullable=True),
        sa.Column("words", sa.LargeBinary(), nullable=False),
        sa.Column("owner_id", _ID, sa.ForeignKey("principal.id"), nullable=True),
        sa.Column("pii", sa.Boolean(), nullable=False),
        sa.Column("added_at", _INSTANT, nullable=False),
        sa.Column("changed_at", _INSTANT, nullable=False),
        sa.Column("seen_at", _INSTANT, nullable=True),
        sa.Column("confirmed_at", _INSTANT, nullable=True),
        sa.Column("confirmed_by", _ID, nullable=True),
        sa.Column("retired_at", _INSTANT, nullable=True),
        sa.Column("retired_by", _ID, nullable=True),
        sa.Column("disposal", sa.Text(), nullable=True),
        sa.Column("disposal_digest", sa.Text(), nullable=True),
        sqlite_autoincrement=True,
    )
    op.create_index("asset_name", "asset", ["name_tag"])
    op.create_index("asset_owner", "asset", ["owner_id"])
    op.create_index("asset_retired", "asset", ["retired_at"])
    op.create_table(
        "asset_posture",
        sa.Column("asset_id", _ID, sa.ForeignKey("asset.id"), primary_key=True, nullable=False),
        sa.Column("source", sa.Text(), primary_key=True, nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("expires_at", _INSTANT, nullable=True),
        sa.Column("stated_by", _ID, nullable=True),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.Column("present", sa.Boolean(), nullable=True),
        sa.Column("running", sa.Boolean(), nullable=True),
        sa.Column("guarded", sa.Boolean(), nullable=True),
        sa.Column("disk", sa.Boolean(), nullable=True),
        sa.Column("lock", sa.Boolean(), nullable=True),
        sa.Column("signatures", _INSTANT, nullable=True),
        sa.Column("patches", _INSTANT, nullable=True),
        sa.Column("scan", _INSTANT, nullable=True),
    )
    op.create_table(
        "asset_bom",
        sa.Column("asset_id", _ID, sa.ForeignKey("asset.id"), primary_key=True, nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("by_id", _ID, nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("components", _ID, nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "asset_import",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("by_id", _ID, nullable=False),
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("applied_at", _INSTANT, nullable=True),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.Column("faults", sa.Text(), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "asset_campaign",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("started_at", _INSTANT, nullable=False),
        sa.Column("started_by", _ID, nullable=False),
        sa.Column("assets", _ID, nullable=False),
        sa.Column("frozen_digest", sa.Text(), nullable=False),
        sa.Column("frozen", sa.LargeBinary(), nullable=False),
        sa.Column("closed_at", _INSTANT, nullable=True),
        sa.Column("closed_by", _ID, nullable=True),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("difference", sa.LargeBinary(), nullable=True),
    )
