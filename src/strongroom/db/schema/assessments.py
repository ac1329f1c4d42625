"""Tables of audits: what they asked for, what they found, and which auditors are let in [3]."""

import sqlalchemy as sa

from strongroom.db.engine import UtcDateTime
from strongroom.db.schema.columns import Id, column, vault

assessment = sa.Table(
    "assessment",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("opened_at", UtcDateTime, "business"),
    column("ended_at", UtcDateTime, "business", nullable=True),
    column("content", sa.LargeBinary, "sealed"),  # all of it, stamps and texts
)

assessment_request = sa.Table(
    "assessment_request",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("assessment_id", Id, "reference"),
    column("content", sa.LargeBinary, "sealed"),  # all of it, the answer too
    sa.Index("assessment_request_assessment", "assessment_id"),
)

assessment_finding = sa.Table(
    "assessment_finding",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("assessment_id", Id, "reference"),
    column("content", sa.LargeBinary, "sealed"),  # all of it: plan, evidence, approval
    sa.Index("assessment_finding_assessment", "assessment_id"),
)

assessment_seat = sa.Table(
    "assessment_seat",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("assessment_id", Id, "reference"),
    column("person_id", Id, "reference"),
    column("until_at", UtcDateTime, "business"),
    column("ended_at", UtcDateTime, "business", nullable=True),
    column("content", sa.LargeBinary, "sealed"),  # who, by whom, until when
    sa.Index("assessment_seat_person", "person_id"),
)
