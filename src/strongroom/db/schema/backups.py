"""Tables of backups: whom they are sealed to, where they lie, and the copies of the keystore there are [2.1, 2.4]."""

import sqlalchemy as sa

from strongroom.db.engine import UtcDateTime
from strongroom.db.schema.columns import Id, column, vault

backup_place = sa.Table(
    "backup_place",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("kind", sa.Text, "business"),  # recipient | recovery | target | keys
    column("value", sa.Text, "business"),  # an age recipient, a directory or a bucket
    column("ca", sa.Text, "public", nullable=True),  # PEM; null: the public roots
    column("sealed", sa.LargeBinary, "sealed", nullable=True),  # what a bucket wants to see of us
    column("requested_by", Id, "reference"),
    column("requested_at", UtcDateTime, "business"),
    column("approved_by", Id, "reference", nullable=True),
    column("approved_at", UtcDateTime, "business", nullable=True),
    column("rejected_at", UtcDateTime, "business", nullable=True),
    column("removal_by", Id, "reference", nullable=True),
    column("removal_at", UtcDateTime, "business", nullable=True),
    column("removed_by", Id, "reference", nullable=True),
    column("removed_at", UtcDateTime, "business", nullable=True),
    sqlite_autoincrement=True,  # a number is never used twice
)

backup = sa.Table(
    "backup",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("name", sa.Text, "business"),  # of its file
    column("taken_at", UtcDateTime, "business"),
    column("finished_at", UtcDateTime, "business", nullable=True),
    column("log_size", Id, "public"),
    column("row_count", Id, "business"),
    column("bytes", Id, "business"),
    column("sha256", sa.Text, "reference"),
    column("manifest", sa.Text, "reference"),  # SHA-256 of its manifest
    column("removed_at", UtcDateTime, "business", nullable=True),
    sqlite_autoincrement=True,  # a number is never used twice
)

backup_copy = sa.Table(
    "backup_copy",
    vault,
    column("backup_id", Id, "reference", sa.ForeignKey("backup.id"), primary_key=True),
    column("place_id", Id, "reference", sa.ForeignKey("backup_place.id"), primary_key=True),
    column("parts", Id, "business"),  # how many of them lie there
    column("stored_at", UtcDateTime, "business", nullable=True),
    column("removed_at", UtcDateTime, "business", nullable=True),
)

backup_drill = sa.Table(
    "backup_drill",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("backup_id", Id, "reference", sa.ForeignKey("backup.id")),
    column("drilled_at", UtcDateTime, "business"),
    column("is_sound", sa.SmallInteger, "business"),
    column("row_count", Id, "business"),
    column("opened", Id, "business"),  # records of the sample that opened
    column("recovery_ms", Id, "business"),  # RTO
    column("lost_ms", Id, "business"),  # RPO
    sqlite_autoincrement=True,  # a number is never used twice
)

keystore_copy = sa.Table(
    "keystore_copy",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("path", sa.Text, "business"),  # where it lies
    column("sha256", sa.Text, "reference"),
    column("created_at", UtcDateTime, "business"),
    column("expires_at", UtcDateTime, "business"),
    column("destroyed_at", UtcDateTime, "business", nullable=True),
    column("overdue_at", UtcDateTime, "business", nullable=True),  # when that was told
    sqlite_autoincrement=True,  # a number is never used twice
)
