"""Tables of Amazon's notices of deletion or return [1.7]. The log says what counts; rows keep the words beside it."""

import sqlalchemy as sa

from strongroom.db.engine import UtcDateTime
from strongroom.db.schema.columns import Id, column, vault

deletion_notice = sa.Table(
    "deletion_notice",
    vault,
    column("id", Id, "reference", primary_key=True),
    column(
        "selectors", sa.LargeBinary, "sealed", nullable=True
    ),  # orders and buyers it names; gone once it is closed
    sqlite_autoincrement=True,  # a number is never used twice
)

deletion_fact = sa.Table(
    "deletion_fact",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("notice_id", Id, "reference", sa.ForeignKey("deletion_notice.id")),
    column("kind", sa.Text, "business"),  # registered, planned, … as the event's type ends
    column("name", sa.Text, "business"),  # of the step, store or party it is about
    column("content", sa.Text, "business"),  # canonical JSON; the event has one HMAC of it
    column("at", UtcDateTime, "business"),
    sa.Index("deletion_fact_notice", "notice_id", "id"),
)

deletion_record = sa.Table(
    "deletion_record",
    vault,
    column("notice_id", Id, "reference", primary_key=True, autoincrement=False),
    column("record_number", Id, "reference", primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

deletion_needle = sa.Table(
    "deletion_needle",
    vault,
    column("notice_id", Id, "reference", primary_key=True, autoincrement=False),
    column("record_number", Id, "reference", primary_key=True, autoincrement=False),
    column("sealed", sa.LargeBinary, "sealed"),  # bytes to look for afterwards, sealed once more
)
