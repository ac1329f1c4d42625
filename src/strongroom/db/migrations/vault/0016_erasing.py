"""Table of erasures that are not finished."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_INSTANT = sa.BigInteger()  # microseconds since 1970


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "erasing",
        sa.Column(
            "seller_id",
            _ID,
            sa.ForeignKey("seller.id"),
            primary_key=True,
            nullable=False,
            autoincrement=False,
        ),
        sa.Column("asked_by", _ID, nullable=False),
        sa.Column("asked_at", _INSTANT, nullable=False),
    )
