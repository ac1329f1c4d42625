"""Tables of syncs: how far each has come, whose each subscription is, and which notifications were passed on."""

import sqlalchemy as sa

from strongroom.db.engine import UtcDateTime
from strongroom.db.schema.columns import Id, column, vault

sync_checkpoint = sa.Table(
    "sync_checkpoint",
    vault,
    column("seller_id", Id, "reference", sa.ForeignKey("seller.id"), primary_key=True),
    column("stream", sa.Text, "business", primary_key=True),  # orders, or report and its type
    column("covered_until", UtcDateTime, "business", nullable=True),
    column("since_at", UtcDateTime, "business", nullable=True),  # of the window under way
    column("until_at", UtcDateTime, "business", nullable=True),
    column("pages", Id, "business"),  # of it that are in the vault
    column("cursor", sa.Text, "sealed", nullable=True),  # a ticket of ours around Amazon's
    column("report_id", sa.Text, "business", nullable=True),
    column("changed_at", UtcDateTime, "business"),
)

sync_subscription = sa.Table(
    "sync_subscription",
    vault,
    column("subscription_id", sa.Text, "business", primary_key=True),
    column("seller_id", Id, "reference", sa.ForeignKey("seller.id")),
    column(
        "merchant", sa.Text, "reference", nullable=True
    ),  # keyed HMAC of Amazon's id of the seller
    column("seen_at", UtcDateTime, "business"),
)

sync_notification = sa.Table(
    "sync_notification",
    vault,
    column("seller_id", Id, "reference", sa.ForeignKey("seller.id"), primary_key=True),
    column("notification_id", sa.Text, "business", primary_key=True),
    column("passed_at", UtcDateTime, "business"),
    sa.Index("sync_notification_passed", "passed_at"),
)

delivery_fact = sa.Table(
    "delivery_fact",
    vault,
    column("record_number", Id, "reference", primary_key=True, autoincrement=False),
    column(
        "origin", sa.Text, "public", primary_key=True
    ),  # the operation or notification that said so
    column("status", sa.SmallInteger, "business"),  # retention.Progress
    column("said_at", Id, "business"),  # seconds: the instant that it tells of; 0: none
    column("seen_at", UtcDateTime, "business"),
)
