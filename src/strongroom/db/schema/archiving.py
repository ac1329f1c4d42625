"""Tables of holds and archives [2.1]: what was asked for, which files there are, what waits for its file."""

import sqlalchemy as sa

from strongroom.db.engine import UtcDateTime
from strongroom.db.schema.columns import Id, column, vault

archive_change = sa.Table(
    "archive_change",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("kind", sa.Text, "business"),  # place | extend | release | recipients
    column("terms", sa.Text, "reference"),  # JSON; people as keyed hashes
    column("requested_by", Id, "reference"),
    column("requested_at", UtcDateTime, "business"),
    column("approved_by", Id, "reference", nullable=True),
    column("approved_at", UtcDateTime, "business", nullable=True),
    column("rejected_at", UtcDateTime, "business", nullable=True),
    sqlite_autoincrement=True,  # a number is never used twice
)

archive_file = sa.Table(
    "archive_file",
    vault,
    column("name", sa.Text, "reference", primary_key=True),
    column("hold_id", Id, "reference"),
    column("seller_id", Id, "reference"),
    column("period_id", Id, "reference"),  # the held period that it was written from
    column("records", Id, "business"),
    column("bytes", Id, "business"),
    column("manifest_sha256", sa.Text, "reference"),
    column("sealed_at", UtcDateTime, "business"),
    column("destroyed_at", UtcDateTime, "business", nullable=True),
    column("copies_destroyed", Id, "business", nullable=True),  # as a person said
    sa.UniqueConstraint("hold_id", "period_id", name="archive_file_source"),
)

archive_held = sa.Table(
    "archive_held",
    vault,
    column("period_id", Id, "reference", primary_key=True, autoincrement=False),
    column("hold_id", Id, "reference", primary_key=True, autoincrement=False),
    column("record_number", Id, "reference", primary_key=True, autoincrement=False),
    column("part", sa.Integer, "reference", primary_key=True, autoincrement=False),
    column("seller_id", Id, "reference"),
    column("wrapped_dek", sa.LargeBinary, "key"),
    column("sealed", sa.LargeBinary, "sealed"),
    sa.Index("archive_held_record", "record_number"),
)
