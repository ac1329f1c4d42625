"""The table of subject requests whose answer takes longer."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_INSTANT = sa.BigInteger()  # microseconds since 1970


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "subject_extension",
        sa.Column(
            "request_id",
            _ID,
            sa.ForeignKey("subject_request.id"),
            primary_key=True,
            nullable=False,
            autoincrement=False,
        ),
        sa.Column("ground", sa.Text(), nullable=False),
        sa.Column("told_at", _INSTANT, nullable=False),
        sa.Column("told_by", _ID, nullable=False),
        sa.Column("due_before", _INSTANT, nullable=False),
    )
