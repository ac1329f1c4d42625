"""Tables of how long the log is kept [2.6, 3]. The log itself says what counts; rows keep the words beside it."""

import sqlalchemy as sa

from strongroom.db.engine import UtcDateTime
from strongroom.db.schema.columns import Id, column, vault

audit_min = sa.Table(
    "audit_min",
    vault,
    column("id", sa.SmallInteger, "public", primary_key=True, autoincrement=False),  # always 1
    column("min_index", Id, "public"),  # entries below have been given up
    column("event", Id, "public"),  # the log.pruned event that says so
    column("done", Id, "public"),  # how far bodies have been taken away
)

keeping_change = sa.Table(
    "keeping_change",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("kind", sa.Text, "business"),  # agreement.end | agreement.reopen | hold.lift | prune
    column("terms", sa.Text, "business"),  # JSON: what exactly is asked for
    column("reason", sa.Text, "business"),
    column("requested_by", Id, "reference"),
    column("requested_at", UtcDateTime, "business"),
    column("approved_by", Id, "reference", nullable=True),
    column("approved_at", UtcDateTime, "business", nullable=True),
    sqlite_autoincrement=True,  # a number is never used twice
)

log_hold = sa.Table(
    "log_hold",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("first", Id, "business"),
    column("end", Id, "business"),
    column("until", UtcDateTime, "business", nullable=True),
    column("reason", sa.Text, "business"),
    column("set_by", Id, "reference"),
    column("set_at", UtcDateTime, "business"),
    sqlite_autoincrement=True,  # a number is never used twice
)
