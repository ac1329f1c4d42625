"""Tables of incidents: cases, their checklists, notes, scope, measures, controls, messages, and practice [1.6]."""

import sqlalchemy as sa

from strongroom.db.engine import UtcDateTime
from strongroom.db.schema.columns import Id, column, vault

incident = sa.Table(
    "incident",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("kind", sa.Text, "business"),
    column("alarm_id", Id, "reference", nullable=True),
    column("detected_at", UtcDateTime, "business", nullable=True),
    column("suspected_at", UtcDateTime, "business", nullable=True),
    column("clock_at", UtcDateTime, "business"),  # the log has it too
    column("opened_by", Id, "reference"),
    column("opened_at", UtcDateTime, "business"),
    column("lead_id", Id, "reference"),
    column("texts", sa.LargeBinary, "sealed"),  # JSON: title, description, cause, remediation
    column("told", Id, "business"),  # reminders that were sent
    column("contained_at", UtcDateTime, "business", nullable=True),
    column("notified_at", UtcDateTime, "business", nullable=True),
    column("written_by", Id, "reference", nullable=True),
    column("written_at", UtcDateTime, "business", nullable=True),
    column("approved_by", Id, "reference", nullable=True),
    column("approved_at", UtcDateTime, "business", nullable=True),
    column("doubted_by", Id, "reference", nullable=True),  # who says that it was none
    column("doubted_at", UtcDateTime, "business", nullable=True),
    column("cleared_by", Id, "reference", nullable=True),  # who agreed
    column("cleared_at", UtcDateTime, "business", nullable=True),
    column("closed_by", Id, "reference", nullable=True),
    column("closed_at", UtcDateTime, "business", nullable=True),
    sqlite_autoincrement=True,  # a number is never used twice
)

incident_entry = sa.Table(
    "incident_entry",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("incident_id", Id, "reference", sa.ForeignKey("incident.id")),
    column("what", sa.Text, "business"),  # note, step, scope, measure, control, message
    column("name", sa.Text, "business"),  # of the step, measure or recipient
    column("at", UtcDateTime, "business"),
    column("by_id", Id, "reference"),
    column("said", sa.LargeBinary, "sealed"),  # JSON of what was written or found
    column("owner_id", Id, "reference", nullable=True),  # of a control
    column("due_at", UtcDateTime, "business", nullable=True),
    column("state", sa.Text, "business"),
    column("second_id", Id, "reference", nullable=True),  # who approved, or did it
    column("second_at", UtcDateTime, "business", nullable=True),
    column("evidence_id", Id, "reference", nullable=True),
    sa.Index("incident_entry_incident", "incident_id", "id"),
)

incident_practice = sa.Table(
    "incident_practice",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("kind", sa.Text, "business"),
    column("at", UtcDateTime, "business"),
    column("by_id", Id, "reference"),
    column("digest", sa.Text, "reference", nullable=True),  # of what was confirmed
    column("said", sa.LargeBinary, "sealed"),
    sa.Index("incident_practice_kind", "kind", "at"),
)
