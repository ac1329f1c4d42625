"""The tables of audits and of the auditors who are let in."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_INSTANT = sa.BigInteger()  # microseconds since 1970


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "assessment",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("opened_at", _INSTANT, nullable=False),
        sa.Column("ended_at", _INSTANT, nullable=True),
        sa.Column("content", sa.LargeBinary(), nullable=False),
    )
    for name in ("assessment_request", "assessment_finding"):
        op.create_table(
            name,
            sa.Column("id", _ID, primary_key=True, nullable=False),
            sa.Column("assessment_id", _ID, nullable=False),
            sa.Column("content", sa.LargeBinary(), nullable=False),
        )
        op.create_index(f"{name}_assessment", name, ["assessment_id"])
    op.create_table(
        "assessment_seat",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("assessment_id", _ID, nullable=False),
        sa.Column("person_id", _ID, nullable=False),
        sa.Column("until_at", _INSTANT, nullable=False),
        sa.Column("ended_at", _INSTANT, nullable=True),
        sa.Column("content", sa.LargeBinary(), nullable=False),
    )
    op.create_index("assessment_seat_person", "assessment_seat", ["person_id"])
