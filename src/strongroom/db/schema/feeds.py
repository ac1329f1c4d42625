"""Tables of what is delivered to other systems: where to, notices that wait, how far the log was fed [1.6, 2.6]."""

import sqlalchemy as sa

from strongroom.db.engine import UtcDateTime
from strongroom.db.schema.columns import Id, column, vault

delivery_target = sa.Table(
    "delivery_target",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("role", sa.Text, "business"),  # channel | feed
    column("name", sa.Text, "business"),
    column("settings", sa.LargeBinary, "sealed"),  # address, template, signing secret
    column("password", sa.LargeBinary, "sealed", nullable=True),  # of a mail server
    column("requested_by", Id, "reference"),
    column("requested_at", UtcDateTime, "business"),
    column("approved_by", Id, "reference", nullable=True),
    column("approved_at", UtcDateTime, "business", nullable=True),
    column("rejected_at", UtcDateTime, "business", nullable=True),
    column("removal_by", Id, "reference", nullable=True),  # who asked for its end
    column("removal_at", UtcDateTime, "business", nullable=True),
    column("removed_by", Id, "reference", nullable=True),
    column("removed_at", UtcDateTime, "business", nullable=True),
)

notice_outbox = sa.Table(
    "notice_outbox",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("channel_id", Id, "reference", sa.ForeignKey("delivery_target.id")),
    column("message", sa.Text, "reference"),  # the same for every try
    column("notice", sa.Text, "business"),  # JSON of words and numbers
    column("since", UtcDateTime, "business"),
    column("tries", sa.Integer, "business"),
    column("next_at", UtcDateTime, "business"),
    column("fault", sa.Text, "business", nullable=True),
    column("dead_at", UtcDateTime, "business", nullable=True),  # no longer tried; kept
    sa.Index("notice_outbox_due", "channel_id", "next_at"),
)

channel_state = sa.Table(
    "channel_state",
    vault,
    column(
        "channel_id",
        Id,
        "reference",
        sa.ForeignKey("delivery_target.id"),
        primary_key=True,
        autoincrement=False,
    ),
    column("failures", sa.Integer, "business"),  # in a row
    column("next_at", UtcDateTime, "business"),
    column("down_since", UtcDateTime, "business", nullable=True),
    column("fault", sa.Text, "business", nullable=True),
    column("delivered_at", UtcDateTime, "business", nullable=True),
    column("heartbeat_at", UtcDateTime, "business", nullable=True),
)

feed_state = sa.Table(
    "feed_state",
    vault,
    column(
        "feed_id",
        Id,
        "reference",
        sa.ForeignKey("delivery_target.id"),
        primary_key=True,
        autoincrement=False,
    ),
    column("cursor", Id, "reference"),  # the entry that goes next
    column("sent", Id, "business"),
    column("skipped", Id, "business"),  # pruned before they could go
    column("paused", sa.Boolean, "business"),
    column("fault", sa.Text, "business", nullable=True),
    column("failing_since", UtcDateTime, "business", nullable=True),
    column("stopped_since", UtcDateTime, "business", nullable=True),  # and the log says so
    column("delivered_at", UtcDateTime, "business", nullable=True),
)
