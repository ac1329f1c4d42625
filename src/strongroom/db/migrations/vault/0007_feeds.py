"""Tables of what is delivered to other systems."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_INSTANT = sa.BigInteger()  # microseconds since 1970


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "delivery_target",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("settings", sa.LargeBinary(), nullable=False),
        sa.Column("password", sa.LargeBinary(), nullable=True),
        sa.Column("requested_by", _ID, nullable=False),
        sa.Column("requested_at", _INSTANT, nullable=False),
        sa.Column("approved_by", _ID, nullable=True),
        sa.Column("approved_at", _INSTANT, nullable=True),
        sa.Column("rejected_at", _INSTANT, nullable=True),
        sa.Column("removal_by", _ID, nullable=True),
        sa.Column("removal_at", _INSTANT, nullable=True),
        sa.Column("removed_by", _ID, nullable=True),
        sa.Column("removed_at", _INSTANT, nullable=True),
    )
    op.create_table(
        "notice_outbox",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("channel_id", _ID, sa.ForeignKey("delivery_target.id"), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("notice", sa.Text(), nullable=False),
        sa.Column("since", _INSTANT, nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_at", _INSTANT, nullable=False),
        sa.Column("fault", sa.Text(), nullable=True),
        sa.Column("dead_at", _INSTANT, nullable=True),
    )
    op.create_index("notice_outbox_due", "notice_outbox", ["channel_id", "next_at"])
    op.create_table(
        "channel_state",
        _key("channel_id"),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("next_at", _INSTANT, nullable=False),
        sa.Column("down_since", _INSTANT, nullable=True),
        sa.Column("fault", sa.Text(), nullable=True),
        sa.Column("delivered_at", _INSTANT, nullable=True),
        sa.Column("heartbeat_at", _INSTANT, nullable=True),
    )
    op.create_table(
        "feed_state",
        _key("feed_id"),
        sa.Column("cursor", _ID, nullable=False),
        sa.Column("sent", _ID, nullable=False),
        sa.Column("skipped", _ID, nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("fault", sa.Text(), nullable=True),
        sa.Column("failing_since", _INSTANT, nullable=True),
        sa.Column("stopped_since", _INSTANT, nullable=True),
        sa.Column("delivered_at", _INSTANT, nullable=True),
    )


def _key(name: str) -> sa.Column[int]:
    return sa.Column(
        name,
        _ID,
        sa.ForeignKey("delivery_target.id"),
        primary_key=True,
        autoincrement=False,
        nullable=False,
    )
