"""Tables of what people state of the policy's duties, and of exceptions from them."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_INSTANT = sa.BigInteger()  # microseconds since 1970


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "duty_statement",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("duty", sa.Text(), nullable=False),
        sa.Column("withdraws", sa.Boolean(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=True),
        sa.Column("evidence", sa.LargeBinary(), nullable=True),
        sa.Column("made_by", _ID, nullable=False),
        sa.Column("made_at", _INSTANT, nullable=False),
        sa.Column("expires_at", _INSTANT, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("duty_statement_duty", "duty_statement", ["duty", "id"])
    op.create_table(
        "duty_excuse",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("duty", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reason", sa.LargeBinary(), nullable=False),
        sa.Column("asked_by", _ID, nullable=False),
        sa.Column("asked_at", _INSTANT, nullable=False),
        sa.Column("ends_at", _INSTANT, nullable=False),
        sa.Column("approved_by", _ID, nullable=True),
        sa.Column("approved_at", _INSTANT, nullable=True),
        sa.Column("ended_by", _ID, nullable=True),
        sa.Column("ended_at", _INSTANT, nullable=True),
        sqlite_autoincrement=True,
    )
    op.create_index("duty_excuse_duty", "duty_excuse", ["duty", "id"])
