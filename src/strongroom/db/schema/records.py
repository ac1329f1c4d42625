"""Tables of the records, of the keys wrapped beside them and of what the catalogue did not know [2.1, 2.4]."""

import sqlalchemy as sa

from strongroom.db.engine import UtcDateTime
from strongroom.db.schema.columns import Id, column, vault

record_block = sa.Table(
    "record_block",
    vault,
    column("block", Id, "reference", primary_key=True),
    column("seller_id", Id, "reference", sa.ForeignKey("seller.id")),
)

record = sa.Table(
    "record",
    vault,
    column("number", Id, "reference", primary_key=True, autoincrement=False),
    column("seller_id", Id, "reference"),
    column(
        "subject_ref", sa.LargeBinary(16), "reference"
    ),  # HMAC of kind and id under the seller's key
    column("state", sa.SmallInteger, "business"),  # RecordState
    column("version", Id, "business"),
    column("slot_names", sa.Text, "reference"),  # of slots 128, 129, …; ids as keyed hashes
    column("blob", sa.LargeBinary, "sealed", nullable=True),
    column(
        "source_updated", Id, "business"
    ),  # Amazon's own last update, seconds since 1970; 0: unknown
    sa.UniqueConstraint("seller_id", "subject_ref", name="record_subject"),
)

record_key = sa.Table(
    "record_key",
    vault,
    column("record_number", Id, "reference", primary_key=True, autoincrement=False),
    column("seller_id", Id, "reference"),
    column("period_id", Id, "reference", nullable=True),
    column("wrapped_dek", sa.LargeBinary, "key", nullable=True),
    column("due_at", Id, "business", nullable=True),  # seconds; null while the delivery is unknown
    column(
        "past_periods", sa.Text, "reference"
    ),  # live periods that wrapped this DEK before, space separated
    column("status", sa.SmallInteger, "business"),  # retention.Progress
    column("purchased_at", Id, "business"),  # seconds; 0: unknown; likewise below
    column("shipped_at", Id, "business"),
    column("seen_open_at", Id, "business"),
    column("delivered_at", Id, "business", server_default="0"),  # by the word of a carrier
    sa.Index("record_key_period", "period_id"),
)

record_value = sa.Table(
    "record_value",
    vault,
    column("record_number", Id, "reference", primary_key=True, autoincrement=False),
    column("slot", sa.Integer, "reference", primary_key=True, autoincrement=False),
    column("seller_id", Id, "reference"),
    column("sealed", sa.LargeBinary, "sealed"),  # of a value too long for its record, as labels are
)

search_tag = sa.Table(
    "search_tag",
    vault,
    column("period_id", Id, "reference", primary_key=True, autoincrement=False),
    column("tag", Id, "reference", primary_key=True, autoincrement=False),  # 64 bits, signed
    column("record_number", Id, "reference", primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

period_replacement = sa.Table(
    "period_replacement",
    vault,
    column("period_id", Id, "reference", primary_key=True, autoincrement=False),
    column(
        "replace_by", Id, "business"
    ),  # seconds: a record that moved out must be unreadable by then
)

drift = sa.Table(
    "catalogue_drift",
    vault,
    column("operation", sa.Text, "public", primary_key=True),
    column(
        "path", sa.Text, "public", primary_key=True
    ),  # model path; never a value or an unsafe key
    column("kind", sa.Text, "public", primary_key=True),
    column("count", Id, "business"),
    column("first_seen_at", UtcDateTime, "business"),
    column("last_seen_at", UtcDateTime, "business"),
)
