"""Tables of syncs, and of what was said of deliveries."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_INSTANT = sa.BigInteger()  # microseconds since 1970


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "sync_checkpoint",
        sa.Column("seller_id", _ID, sa.ForeignKey("seller.id"), primary_key=True, nullable=False),
        sa.Column("stream", sa.Text(), primary_key=True, nullable=False),
        sa.Column("covered_until", _INSTANT, nullable=True),
        sa.Column("since_at", _INSTANT, nullable=True),
        sa.Column("until_at", _INSTANT, nullable=True),
        sa.Column("pages", _ID, nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("report_id", sa.Text(), nullable=True),
        sa.Column("changed_at", _INSTANT, nullable=False),
    )
    op.create_table(
        "sync_subscription",
        sa.Column("subscription_id", sa.Text(), primary_key=True, nullable=False),
        sa.Column("seller_id", _ID, sa.ForeignKey("seller.id"), nullable=False),
        sa.Column("merchant", sa.Text(), nullable=True),
        sa.Column("seen_at", _INSTANT, nullable=False),
    )
    op.create_table(
        "sync_notification",
        sa.Column("seller_id", _ID, sa.ForeignKey("seller.id"), primary_key=True, nullable=False),
        sa.Column("notification_id", sa.Text(), primary_key=True, nullable=False),
        sa.Column("passed_at", _INSTANT, nullable=False),
    )
    op.create_index("sync_notification_passed", "sync_notification", ["passed_at"])
    op.create_table(
        "delivery_fact",
        sa.Column("record_number", _ID, primary_key=True, nullable=False, autoincrement=False),
        sa.Column("origin", sa.Text(), primary_key=True, nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("said_at", _ID, nullable=False),
        sa.Column("seen_at", _INSTANT, nullable=False),
    )
