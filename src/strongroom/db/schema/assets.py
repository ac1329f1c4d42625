"""Tables of the inventory: assets, how they stand, their bills of materials, imports and campaigns [2.3]."""

import sqlalchemy as sa

from strongroom.db.engine import UtcDateTime
from strongroom.db.schema.columns import Id, column, vault

asset = sa.Table(
    "asset",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("key", sa.Text, "reference", unique=True),  # by what it is known again: HMAC, or ours
    column("name_tag", sa.Text, "reference"),  # HMAC of its name
    column("kind", sa.Text, "business"),
    column("source", sa.Text, "business"),
    column("feed", sa.Text, "business", nullable=True),  # which import reports it
    column("words", sa.LargeBinary, "sealed"),  # name, serial, place, note
    column("owner_id", Id, "reference", sa.ForeignKey("principal.id"), nullable=True),
    column("pii", sa.Boolean, "business"),
    column("added_at", UtcDateTime, "business"),
    column("changed_at", UtcDateTime, "business"),
    column("seen_at", UtcDateTime, "business", nullable=True),  # by a feed or by this house
    column("confirmed_at", UtcDateTime, "business", nullable=True),
    column("confirmed_by", Id, "reference", nullable=True),
    column("retired_at", UtcDateTime, "business", nullable=True),
    column("retired_by", Id, "reference", nullable=True),
    column("disposal", sa.Text, "business", nullable=True),
    column("disposal_digest", sa.Text, "reference", nullable=True),  # SHA-256 of what proves it
    sa.Index("asset_name", "name_tag"),
    sa.Index("asset_owner", "owner_id"),
    sa.Index("asset_retired", "retired_at"),
    sqlite_autoincrement=True,  # a number is never used twice
)

asset_posture = sa.Table(
    "asset_posture",
    vault,
    column("asset_id", Id, "reference", sa.ForeignKey("asset.id"), primary_key=True),
    column("source", sa.Text, "business", primary_key=True),  # feed, or statement
    column("at", UtcDateTime, "business"),
    column("expires_at", UtcDateTime, "business", nullable=True),  # of a statement
    column("stated_by", Id, "reference", nullable=True),
    column("digest", sa.Text, "reference", nullable=True),  # SHA-256 of what was shown
    column("present", sa.Boolean, "business", nullable=True),
    column("running", sa.Boolean, "business", nullable=True),
    column("guarded", sa.Boolean, "business", nullable=True),
    column("disk", sa.Boolean, "business", nullable=True),
    column("lock", sa.Boolean, "business", nullable=True),
    column("signatures", UtcDateTime, "business", nullable=True),
    column("patches", UtcDateTime, "business", nullable=True),
    column("scan", UtcDateTime, "business", nullable=True),
)

asset_bom = sa.Table(
    "asset_bom",
    vault,
    column("asset_id", Id, "reference", sa.ForeignKey("asset.id"), primary_key=True),
    column("at", UtcDateTime, "business"),
    column("by_id", Id, "reference"),
    column("format", sa.Text, "public"),
    column("components", Id, "business"),
    column("sha256", sa.Text, "reference"),
    column("content", sa.LargeBinary, "sealed"),
)

asset_import = sa.Table(
    "asset_import",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("at", UtcDateTime, "business"),
    column("by_id", Id, "reference"),
    column("feed", sa.Text, "business"),
    column("sha256", sa.Text, "reference"),
    column("content", sa.LargeBinary, "sealed", nullable=True),  # until it is applied or dropped
    column("applied_at", UtcDateTime, "business", nullable=True),
    column("counts", sa.Text, "business"),  # created, changed, untouched, unseen, bad
    column("faults", sa.Text, "business"),  # numbers of rows, and what each lacks
    sqlite_autoincrement=True,
)

asset_campaign = sa.Table(
    "asset_campaign",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("started_at", UtcDateTime, "business"),
    column("started_by", Id, "reference"),
    column("assets", Id, "business"),
    column("frozen_digest", sa.Text, "reference"),
    column("frozen", sa.LargeBinary, "sealed"),  # the inventory as it was found
    column("closed_at", UtcDateTime, "business", nullable=True),
    column("closed_by", Id, "reference", nullable=True),
    column("digest", sa.Text, "reference", nullable=True),
    column("content", sa.LargeBinary, "sealed", nullable=True),  # the inventory as it was signed
    column("difference", sa.LargeBinary, "sealed", nullable=True),  # against the one before
)
