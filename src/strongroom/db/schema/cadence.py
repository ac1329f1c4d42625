"""Tables of offices, recurring work, calendar feeds and registers; what people write in them is sealed [1.6, 2.2]."""

import sqlalchemy as sa

from strongroom.db.engine import UtcDateTime
from strongroom.db.schema.columns import Id, column, vault

office_seat = sa.Table(
    "office_seat",
    vault,
    column("office", sa.Text, "business", primary_key=True),
    column("part", sa.Text, "business", primary_key=True),  # holder, or deputy
    column("person_id", Id, "reference", sa.ForeignKey("principal.id")),
    column("appointed_by", Id, "reference"),
    column("appointed_at", UtcDateTime, "business"),
    column("accepted_at", UtcDateTime, "business", nullable=True),  # by that person alone
)

office_contact = sa.Table(
    "office_contact",
    vault,
    column(
        "person_id",
        Id,
        "reference",
        sa.ForeignKey("principal.id"),
        primary_key=True,
        autoincrement=False,
    ),
    column("address", sa.LargeBinary, "sealed"),  # an e-mail address of theirs
    column("given_at", UtcDateTime, "business"),
    column("mailed_at", UtcDateTime, "business", nullable=True),  # the last digest
)

work_done = sa.Table(
    "work_done",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("work", sa.Text, "business"),  # its name in the cadence
    column("done_at", UtcDateTime, "business"),
    column("stated_by", Id, "reference"),
    column("stated_at", UtcDateTime, "business"),
    column("note", sa.LargeBinary, "sealed", nullable=True),
    column("evidence", sa.Text, "reference", nullable=True),  # SHA-256 of a file
    sa.Index("work_done_work", "work", "done_at"),
)

calendar_password = sa.Table(
    "calendar_password",
    vault,
    column(
        "person_id",
        Id,
        "reference",
        sa.ForeignKey("principal.id"),
        primary_key=True,
        autoincrement=False,
    ),
    column("digest", sa.LargeBinary, "reference"),  # keyed
    column("made_at", UtcDateTime, "business"),
)

register_entry = sa.Table(
    "register_entry",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("register", sa.Text, "business"),  # scope, risk or law
    column("ref", sa.Text, "business"),  # names it within its register
    column("facts", sa.Text, "business"),  # JSON of answers from closed lists
    column("words", sa.LargeBinary, "sealed"),  # JSON of what people wrote
    column("changed_by", Id, "reference"),
    column("changed_at", UtcDateTime, "business"),
    column("ended_at", UtcDateTime, "business", nullable=True),
    sa.Index("register_entry_ref", "register", "ref", unique=True),
)

register_review = sa.Table(
    "register_review",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("register", sa.Text, "business"),
    column("ref", sa.Text, "business"),  # of one entry; empty: the whole register
    column("reviewed_by", Id, "reference"),
    column("reviewed_at", UtcDateTime, "business"),
    column("seen", sa.Text, "reference"),  # SHA-256 of what was reviewed
    column("note", sa.LargeBinary, "sealed", nullable=True),
    sa.Index("register_review_ref", "register", "ref", "reviewed_at"),
)
