"""Tables of subject requests: what was asked by which law, of which records, what was done; no value [2.2]."""

import sqlalchemy as sa

from strongroom.db.engine import UtcDateTime
from strongroom.db.schema.columns import Id, column, vault

subject_request = sa.Table(
    "subject_request",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("kind", sa.Text, "business"),
    column("law", sa.Text, "business"),
    column("received_at", UtcDateTime, "business"),
    column("due_at", UtcDateTime, "business"),
    column("opened_by", Id, "reference"),
    column("opened_at", UtcDateTime, "business"),
    column("handler_id", Id, "reference"),
    column("sought", sa.LargeBinary, "sealed", nullable=True),  # what they named; gone when closed
    column("verified_at", UtcDateTime, "business", nullable=True),
    column("verified_by", Id, "reference", nullable=True),
    column("verified_method", sa.Text, "business", nullable=True),
    column("searched_at", UtcDateTime, "business", nullable=True),
    column("replied_at", UtcDateTime, "business", nullable=True),
    column("outcome", sa.Text, "business", nullable=True),  # as the last reply said it
    column("closed_at", UtcDateTime, "business", nullable=True),
    column("closed_by", Id, "reference", nullable=True),
    column("lifting_told_at", UtcDateTime, "business", nullable=True),
    column("warned_at", UtcDateTime, "business", nullable=True),  # that its day is near
    column("overdue_at", UtcDateTime, "business", nullable=True),  # that its day went by
)

subject_extension = sa.Table(
    "subject_extension",
    vault,
    column(
        "request_id",
        Id,
        "reference",
        sa.ForeignKey("subject_request.id"),
        primary_key=True,
        autoincrement=False,
    ),
    column("ground", sa.Text, "business"),
    column("told_at", UtcDateTime, "business"),
    column("told_by", Id, "reference"),
    column("due_before", UtcDateTime, "business"),  # the day without it
)

subject_record = sa.Table(
    "subject_record",
    vault,
    column("request_id", Id, "reference", sa.ForeignKey("subject_request.id"), primary_key=True),
    column("record_number", Id, "reference", primary_key=True, autoincrement=False),
    column("seller_id", Id, "reference", sa.ForeignKey("seller.id")),
    column("person", sa.Text, "business"),  # buyer, recipient or both: who they are in it
    column("found_at", UtcDateTime, "business"),
    column("erased_at", UtcDateTime, "business", nullable=True),
)

subject_step = sa.Table(
    "subject_step",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("request_id", Id, "reference", sa.ForeignKey("subject_request.id")),
    column("at", UtcDateTime, "business"),
    column("principal_id", Id, "reference"),
    column("step", sa.Text, "business"),
    column("detail", sa.Text, "business", nullable=True),  # a word of ours, or a number
    sa.Index("subject_step_request", "request_id", "id"),
)

subject_recipient = sa.Table(
    "subject_recipient",
    vault,
    column("request_id", Id, "reference", sa.ForeignKey("subject_request.id"), primary_key=True),
    column("kind", sa.Text, "business", primary_key=True),  # destination, or principal
    column("ref_id", Id, "reference", primary_key=True, autoincrement=False),
    column("told_at", UtcDateTime, "business", nullable=True),
    column("told_by", Id, "reference", nullable=True),
    column("how", sa.Text, "business", nullable=True),
)

restriction = sa.Table(
    "restriction",
    vault,
    column("record_number", Id, "reference", primary_key=True, autoincrement=False),
    column("request_id", Id, "reference", sa.ForeignKey("subject_request.id"), primary_key=True),
    column("since", UtcDateTime, "business"),
)

restriction_permit = sa.Table(
    "restriction_permit",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("request_id", Id, "reference", sa.ForeignKey("subject_request.id")),
    column("principal_id", Id, "reference"),
    column("ground", sa.Text, "business"),
    column("asked_by", Id, "reference"),
    column("asked_at", UtcDateTime, "business"),
    column("expires_at", UtcDateTime, "business"),
    column("approved_by", Id, "reference", nullable=True),
    column("approved_at", UtcDateTime, "business", nullable=True),
    column("ended_at", UtcDateTime, "business", nullable=True),  # rejected, or taken back
    sa.Index("restriction_permit_request", "request_id", "principal_id"),
)
