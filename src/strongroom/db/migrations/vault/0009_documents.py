"""Tables of sealed documents and of what was handed out under our own addresses."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "report_document",
        sa.Column("seller_id", _ID, sa.ForeignKey("seller.id"), primary_key=True, nullable=False),
        sa.Column("document_id", sa.Text(), primary_key=True, nullable=False),
        sa.Column("report_type", sa.Text(), nullable=True),
        sa.Column("made_at", sa.BigInteger(), nullable=True),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
    )
    op.create_index("report_document_seen", "report_document", ["seller_id", "seen_at"])
