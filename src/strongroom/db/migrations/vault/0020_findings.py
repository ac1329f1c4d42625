"""Table of what checks found of duties."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_INSTANT = sa.BigInteger()  # microseconds since 1970


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "duty_finding",
        sa.Column("duty", sa.Text, primary_key=True, nullable=False),
        sa.Column("check_id", sa.Text, primary_key=True, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("proof", sa.Text, nullable=False),
        sa.Column("remedy", sa.Text, nullable=False),
        sa.Column("seen_at", _INSTANT, nullable=False),
        sa.Column("good_until", _INSTANT, nullable=False),
        sa.Column("beside", sa.Text, nullable=False),
        sa.Column("bound", sa.LargeBinary(32), nullable=False),
    )
