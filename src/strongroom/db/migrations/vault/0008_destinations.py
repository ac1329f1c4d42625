"""Tables of the relay: approved destinations."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_INSTANT = sa.BigInteger()  # microseconds since 1970


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "disclosure",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("destination_id", _ID, sa.ForeignKey("delivery_target.id"), nullable=False),
        sa.Column("principal_id", _ID, nullable=False),
        sa.Column("seller_id", _ID, nullable=False),
        sa.Column("record_number", _ID, nullable=False),
        sa.Column("categories", sa.Text(), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("req", sa.Text(), nullable=False),
    )
    op.create_index("disclosure_record", "disclosure", ["seller_id", "record_number"])
    op.create_index("disclosure_destination", "disclosure", ["destination_id", "id"])
