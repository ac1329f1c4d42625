"""Tables of people, suppliers and answers to Amazon's questionnaire [1.2, 3]."""

import sqlalchemy as sa

from strongroom.db.engine import UtcDateTime
from strongroom.db.schema.columns import Id, column, vault

supplier = sa.Table(
    "supplier",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("ended_at", UtcDateTime, "business", nullable=True),
    column("content", sa.LargeBinary, "sealed"),  # all of it, assessments too
)

staff_record = sa.Table(
    "staff_record",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("person_id", Id, "reference"),
    column("content", sa.LargeBinary, "sealed"),  # trainings, steps of joining and leaving
    sa.Index("staff_record_person", "person_id"),
)

questionnaire_answer = sa.Table(
    "questionnaire_answer",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("question", sa.Text, "business"),
    column("content", sa.LargeBinary, "sealed"),  # the answer, and what it stood on
    sa.Index("questionnaire_answer_question", "question"),
)
