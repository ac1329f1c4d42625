"""Tables of offices, recurring work, calendar feeds and registers."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_INSTANT = sa.BigInteger()  # microseconds since 1970


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "office_seat",
        sa.Column("office", sa.Text(), primary_key=True, nullable=False),
        sa.Column("part", sa.Text(), primary_key=True, nullable=False),
        sa.Column("person_id", _ID, sa.ForeignKey("principal.id"), nullable=False),
        sa.Column("appointed_by", _ID, nullable=False),
        sa.Column("appointed_at", _INSTANT, nullable=False),
        sa.Column("accepted_at", _INSTANT, nullable=True),
    )
    op.create_table(
        "office_contact",
        _person(),
        sa.Column("address", sa.LargeBinary(), nullable=False),
        sa.Column("given_at", _INSTANT, nullable=False),
        sa.Column("mailed_at", _INSTANT, nullable=True),
    )
    op.create_table(
        "work_done",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("work", sa.Text(), nullable=False),
        sa.Column("done_at", _INSTANT, nullable=False),
        sa.Column("stated_by", _ID, nullable=False),
        sa.Column("stated_at", _INSTANT, nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=True),
    )
    op.create_index("work_done_work", "work_done", ["work", "done_at"])
    op.create_table(
        "calendar_password",
        _person(),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", _INSTANT, nullable=False),
    )
    op.create_table(
        "register_entry",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("register", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("words", sa.LargeBinary(), nullable=False),
        sa.Column("changed_by", _ID, nullable=False),
        sa.Column("changed_at", _INSTANT, nullable=False),
        sa.Column("ended_at", _INSTANT, nullable=True),
    )
    op.create_index("register_entry_ref", "register_entry", ["register", "ref"], unique=True)
    op.create_table(
        "register_review",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("register", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("reviewed_by", _ID, nullable=False),
        sa.Column("reviewed_at", _INSTANT, nullable=False),
        sa.Column("seen", sa.Text(), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=True),
    )
    op.create_index("register_review_ref", "register_review", ["register", "ref", "reviewed_at"])


def _person() -> sa.Column[int]:
    return sa.Column(
        "person_id",
        _ID,
        sa.ForeignKey("principal.id"),
        primary_key=True,
        nullable=False,
        autoincrement=False,
    )
