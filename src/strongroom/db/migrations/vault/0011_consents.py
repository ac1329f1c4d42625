"""The table of consents: which app may bring a selling partner's authorization code."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_INSTANT = sa.BigInteger()  # microseconds since 1970


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "consent",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("principal_id", _ID, sa.ForeignKey("principal.id"), nullable=False),
        sa.Column("seller_id", _ID, sa.ForeignKey("seller.id"), nullable=False),
        sa.Column("digest", sa.LargeBinary(), unique=True, nullable=False),
        sa.Column("created_by", _ID, nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("expires_at", _INSTANT, nullable=False),
        sa.Column("used_at", _INSTANT, nullable=True),
        sa.Column("ended_at", _INSTANT, nullable=True),
    )
