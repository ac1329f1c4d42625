"""Tables of the audit log [2.6]; `triggers` keep what is in them."""

import sqlalchemy as sa

from strongroom.db.engine import UtcDateTime
from strongroom.db.schema.columns import Id, column, vault

audit_event = sa.Table(
    "audit_event",
    vault,
    column("seq", Id, "reference", primary_key=True, autoincrement=False),
    column("ts", Id, "business"),  # microseconds
    column("type", sa.Text, "public"),
    column("actor", Id, "reference"),
    column("outcome", sa.Text, "public"),
    column("obj_ref", sa.Text, "reference", nullable=True),
    column("body", sa.LargeBinary, "business", nullable=True),  # canonical bytes; null once pruned
    column("leaf_hash", sa.LargeBinary, "reference"),
    sa.Index("audit_event_type", "type", "seq"),
    sa.Index("audit_event_actor", "actor", "seq"),
)

audit_tile = sa.Table(
    "audit_tile",
    vault,
    column("level", sa.SmallInteger, "public", primary_key=True, autoincrement=False),
    column("n", Id, "public", primary_key=True, autoincrement=False),
    column("width", sa.SmallInteger, "public"),
    column("hashes", sa.LargeBinary, "reference"),
)

audit_head = sa.Table(
    "audit_head",
    vault,
    column("epoch", Id, "public", primary_key=True, autoincrement=False),
    column("size", Id, "public"),
    column("frontier", sa.LargeBinary, "reference"),
    column("note", sa.Text, "public"),  # the signed checkpoint of exactly this size
)

audit_checkpoint = sa.Table(
    "audit_checkpoint",
    vault,
    column("size", Id, "public", primary_key=True, autoincrement=False),
    column("note", sa.Text, "public"),
    column("stored_at", UtcDateTime, "business"),
)
