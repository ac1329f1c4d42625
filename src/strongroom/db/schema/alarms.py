"""Tables of alarms, the investigations they open, and principals that were suspended [1.6, 2.6]."""

import sqlalchemy as sa

from strongroom.db.engine import UtcDateTime
from strongroom.db.schema.columns import Id, column, vault

principal_suspension = sa.Table(
    "principal_suspension",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("principal_id", Id, "reference", sa.ForeignKey("principal.id")),
    column(
        "frozen", sa.Boolean, "business"
    ),  # its sessions, tokens and secrets are refused as well
    column("why", sa.Text, "business"),  # kind of the alarm
    column("since", UtcDateTime, "business"),
    column("until", UtcDateTime, "business", nullable=True),  # null: until somebody lifts it
    column("lifted_at", UtcDateTime, "business", nullable=True),
    column("lifted_by", Id, "reference", nullable=True),
    sa.Index("principal_suspension_principal", "principal_id"),
)

principal_slowing = sa.Table(
    "principal_slowing",
    vault,
    column("principal_id", Id, "reference", sa.ForeignKey("principal.id"), primary_key=True),
    column("until", UtcDateTime, "business"),
)

alarm_watch = sa.Table(
    "alarm_watch",
    vault,
    column("id", Id, "reference", primary_key=True, autoincrement=False),  # always 1
    column("version", Id, "business"),  # another one after every step
    column("holder", sa.Text, "reference"),  # the process that watches
    column("held_until", UtcDateTime, "business"),
    column("stepped_at", UtcDateTime, "business"),
)

alarm_rule = sa.Table(
    "alarm_rule",
    vault,
    column("name", sa.Text, "business", primary_key=True),
    column("cursor", Id, "business"),  # number of the next entry it is to see
    column("live_from", Id, "business"),  # what it says of entries before this one is not raised
    column("ticked_at", UtcDateTime, "business", nullable=True),
    column("state", sa.Text, "reference"),  # JSON of the rule itself: numbers and pseudonyms
)

alarm = sa.Table(
    "alarm",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("kind", sa.Text, "business"),
    column("severity", sa.Text, "business"),
    column("response", sa.Text, "business"),  # what was asked for
    column("acted", sa.Text, "business"),  # what was done; notify where nothing else could be
    column("key", sa.Text, "reference"),
    column("open_key", sa.Text, "reference", nullable=True),  # the key, until it is closed
    column("principal_id", Id, "reference", nullable=True),
    column("target", sa.Text, "reference", nullable=True),
    column("count", Id, "business"),
    column("first_at", UtcDateTime, "business"),
    column("last_at", UtcDateTime, "business"),
    column("evidence", sa.Text, "reference"),  # numbers of log entries, comma separated
    column("drill", sa.Boolean, "business"),
    sa.UniqueConstraint("open_key", name="alarm_open_key"),
)

investigation = sa.Table(
    "investigation",
    vault,
    column("id", Id, "reference", sa.ForeignKey("alarm.id"), primary_key=True, autoincrement=False),
    column("owner_id", Id, "reference", nullable=True),
    column("opened_at", UtcDateTime, "business"),
    column("look_by", UtcDateTime, "business"),
    column("close_by", UtcDateTime, "business"),
    column("report_by", UtcDateTime, "business", nullable=True),  # clause 1.6: 24 hours
    column("taken_at", UtcDateTime, "business", nullable=True),
    column("level", Id, "business"),  # of escalation
    column("escalate_at", UtcDateTime, "business"),
    column("closed_at", UtcDateTime, "business", nullable=True),
    column("closed_by", Id, "reference", nullable=True),
    column("disposition", sa.Text, "business", nullable=True),
    column("note", sa.Text, "business", nullable=True),  # names no person: `check_reason`
)

alarm_drill = sa.Table(
    "alarm_drill",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("kind", sa.Text, "business"),
    column("at", UtcDateTime, "business"),
    column("by_id", Id, "reference"),
    column("alarm_id", Id, "reference", nullable=True),  # null: nothing was raised
    column("raised_ms", Id, "business", nullable=True),
    column("noticed_ms", Id, "business", nullable=True),
)
