"""Tables of the evidence store: items, their bytes in pieces, and the chain of custody [1.6]."""

import sqlalchemy as sa

from strongroom.db.engine import UtcDateTime
from strongroom.db.schema.columns import Id, column, vault

evidence_item = sa.Table(
    "evidence_item",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("ref", sa.Text, "reference"),  # random: what its sealed bytes and its chain are bound to
    column("name", sa.LargeBinary, "sealed"),
    column("media_type", sa.Text, "business", nullable=True),  # null: a thing, not a file
    column("size_bytes", Id, "business"),
    column("sha256", sa.Text, "reference"),
    column("belongs_kind", sa.Text, "business"),
    column("belongs_ref", sa.Text, "reference"),
    column("collected_at", UtcDateTime, "business"),
    column("checked_at", UtcDateTime, "business", nullable=True),
    column("fault", sa.Text, "business", nullable=True),  # what the last look found, in our words
    column("stamp", sa.LargeBinary, "public", nullable=True),  # an authority's answer (RFC 3161)
    column("stamp_root", sa.Text, "public", nullable=True),
    column("stamped_at", UtcDateTime, "business", nullable=True),
    column("disposed_at", UtcDateTime, "business", nullable=True),
    sa.Index("evidence_item_belongs", "belongs_kind", "belongs_ref"),
    sa.UniqueConstraint("ref", name="evidence_item_ref"),
    sqlite_autoincrement=True,  # a number is never used twice
)

evidence_piece = sa.Table(
    "evidence_piece",
    vault,
    column("item_id", Id, "reference", sa.ForeignKey("evidence_item.id"), primary_key=True),
    column("number", Id, "business", primary_key=True, autoincrement=False),
    column("content", sa.LargeBinary, "sealed"),
)

evidence_custody = sa.Table(
    "evidence_custody",
    vault,
    column("item_id", Id, "reference", sa.ForeignKey("evidence_item.id"), primary_key=True),
    column("number", Id, "business", primary_key=True, autoincrement=False),
    column("at", UtcDateTime, "business"),
    column("act", sa.Text, "business"),
    column("by_id", Id, "reference"),
    column("other_id", Id, "reference", nullable=True),
    column("said", sa.LargeBinary, "sealed"),  # salt and text
    column("said_digest", sa.Text, "reference"),
    column("before", sa.Text, "reference"),
    column("digest", sa.Text, "reference"),
)
