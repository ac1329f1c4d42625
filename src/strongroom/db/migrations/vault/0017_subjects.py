"""Tables of subject requests, and of the restrictions that came of them."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_INSTANT = sa.BigInteger()  # microseconds since 1970


def _request() -> sa.ForeignKey:
    return sa.ForeignKey("subject_request.id")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "subject_request",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("law", sa.Text(), nullable=False),
        sa.Column("received_at", _INSTANT, nullable=False),
        sa.Column("due_at", _INSTANT, nullable=False),
        sa.Column("opened_by", _ID, nullable=False),
        sa.Column("opened_at", _INSTANT, nullable=False),
        sa.Column("handler_id", _ID, nullable=False),
        sa.Column("sought", sa.LargeBinary(), nullable=True),
        sa.Column("verified_at", _INSTANT, nullable=True),
        sa.Column("verified_by", _ID, nullable=True),
        sa.Column("verified_method", sa.Text(), nullable=True),
        sa.Column("searched_at", _INSTANT, nullable=True),
        sa.Column("replied_at", _INSTANT, nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("closed_at", _INSTANT, nullable=True),
        sa.Column("closed_by", _ID, nullable=True),
        sa.Column("lifting_told_at", _INSTANT, nullable=True),
        sa.Column("warned_at", _INSTANT, nullable=True),
        sa.Column("overdue_at", _INSTANT, nullable=True),
    )
    op.create_table(
        "subject_record",
        sa.Column("request_id", _ID, _request(), primary_key=True, nullable=False),
        sa.Column("record_number", _ID, primary_key=True, nullable=False, autoincrement=False),
        sa.Column("seller_id", _ID, sa.ForeignKey("seller.id"), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("found_at", _INSTANT, nullable=False),
        sa.Column("erased_at", _INSTANT, nullable=True),
    )
    op.create_table(
        "subject_step",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("request_id", _ID, _request(), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("principal_id", _ID, nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
    )
    op.create_index("subject_step_request", "subject_step", ["request_id", "id"])
    op.create_table(
        "subject_recipient",
        sa.Column("request_id", _ID, _request(), primary_key=True, nullable=False),
        sa.Column("kind", sa.Text(), primary_key=True, nullable=False),
        sa.Column("ref_id", _ID, primary_key=True, nullable=False, autoincrement=False),
        sa.Column("told_at", _INSTANT, nullable=True),
        sa.Column("told_by", _ID, nullable=True),
        sa.Column("how", sa.Text(), nullable=True),
    )
    op.create_table(
        "restriction",
        sa.Column("record_number", _ID, primary_key=True, nullable=False, autoincrement=False),
        sa.Column("request_id", _ID, _request(), primary_key=True, nullable=False),
        sa.Column("since", _INSTANT, nullable=False),
    )
    op.create_table(
        "restriction_permit",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("request_id", _ID, _request(), nullable=False),
        sa.Column("principal_id", _ID, nullable=False),
        sa.Column("ground", sa.Text(), nullable=False),
        sa.Column("asked_by", _ID, nullable=False),
        sa.Column("asked_at", _INSTANT, nullable=False),
        sa.Column("expires_at", _INSTANT, nullable=False),
        sa.Column("approved_by", _ID, nullable=True),
        sa.Column("approved_at", _INSTANT, nullable=True),
        sa.Column("ended_at", _INSTANT, nullable=True),
    )
    op.create_index(
        "restriction_permit_request", "restriction_permit", ["request_id", "principal_id"]
    )
