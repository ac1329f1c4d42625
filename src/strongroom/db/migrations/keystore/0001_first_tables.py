"""The first tables of the keystore."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_INSTANT = sa.BigInteger()  # microseconds since 1970


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "master_key",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("root_uri", sa.Text(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
    )
    op.create_table(
        "period_key",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("seller_id", _ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("day", _ID, nullable=False),
        sa.Column("generation", _ID, nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("destroyed_at", _INSTANT, nullable=True),
        sa.Column("purged_at", _INSTANT, nullable=True),
        sa.UniqueConstraint("seller_id", "kind", "day", "generation", name="period_key_place"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "service_key",
        sa.Column("name", sa.Text(), primary_key=True, nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
    )
    op.create_table(
        "signer_state",
        sa.Column("origin", sa.Text(), primary_key=True, nullable=False),
        sa.Column("size", _ID, nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
    )
