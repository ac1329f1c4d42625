"""Tables of alarms, investigations and suspensions."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_INSTANT = sa.BigInteger()  # microseconds since 1970


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "principal_suspension",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("principal_id", _ID, sa.ForeignKey("principal.id"), nullable=False),
        sa.Column("frozen", sa.Boolean(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("since", _INSTANT, nullable=False),
        sa.Column("until", _INSTANT, nullable=True),
        sa.Column("lifted_at", _INSTANT, nullable=True),
        sa.Column("lifted_by", _ID, nullable=True),
    )
    op.create_index("principal_suspension_principal", "principal_suspension", ["principal_id"])
