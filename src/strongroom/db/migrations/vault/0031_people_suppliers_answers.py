"""The tables of people, suppliers and answers to Amazon's questionnaire."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_INSTANT = sa.BigInteger()  # microseconds since 1970


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "supplier",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("ended_at", _INSTANT, nullable=True),
        sa.Column("content", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "staff_record",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("person_id", _ID, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
    )
    op.create_index("staff_record_person", "staff_record", ["person_id"])
    op.create_table(
        "questionnaire_answer",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
    )
    op.create_index("questionnaire_answer_question", "questionnaire_answer", ["question"])
