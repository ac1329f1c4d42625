"""Table of values too long for their record, sealed beside it."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "record_value",
        sa.Column("record_number", _ID, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("slot", sa.Integer(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("seller_id", _ID, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
    )
