"""Tables of scans: what is scanned, the reports, what they found, and who excused what until when [2.5, 2.7]."""

import sqlalchemy as sa

from strongroom.db.engine import UtcDateTime
from strongroom.db.schema.columns import Id, column, vault

scan_target = sa.Table(
    "scan_target",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("name", sa.Text, "business"),  # a host, an image, a repository
    column("kind", sa.Text, "business"),  # which kind of scan it is due
    column("declared_by", Id, "reference"),
    column("declared_at", UtcDateTime, "business"),
    column("ended_at", UtcDateTime, "business", nullable=True),
    sa.UniqueConstraint("name", "kind", name="scan_target_name"),
)

scan = sa.Table(
    "scan",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("tool", sa.Text, "business"),
    column("kind", sa.Text, "business"),
    column("target", sa.Text, "business"),
    column("commit_id", sa.Text, "business", nullable=True),
    column("scanned_at", UtcDateTime, "business"),
    column("imported_at", UtcDateTime, "business"),
    column("imported_by", Id, "reference"),
    column("sha256", sa.Text, "reference"),
    column("size_bytes", Id, "business"),
    column("evidence_id", Id, "reference", nullable=True),  # null: too big, its digest alone
    column("quality", sa.Text, "business"),
    column("why", sa.Text, "business"),  # in our words
    column("said", sa.LargeBinary, "sealed", nullable=True),  # scope and who tested
    column("found", Id, "business"),
    column("created", Id, "business"),
    column("untouched", Id, "business"),
    column("closed", Id, "business"),
    column("reopened", Id, "business"),
    sa.Index("scan_commit", "commit_id"),
    sa.Index("scan_target_newest", "kind", "target", "scanned_at"),
    sa.Index("scan_newest", "quality", "scanned_at"),
    sa.Index("scan_tool_newest", "tool", "target", "scanned_at"),
    sqlite_autoincrement=True,  # a number is never used twice
)

vulnerability = sa.Table(
    "vulnerability",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("identity", sa.Text, "reference"),
    column("tool", sa.Text, "business"),
    column("kind", sa.Text, "business"),
    column("target", sa.Text, "business"),
    column("severity", Id, "business"),
    column("state", sa.Text, "business"),
    column("details", sa.LargeBinary, "sealed"),  # JSON: rule, title, where, fixed in
    column("first_scan_id", Id, "reference", sa.ForeignKey("scan.id")),
    column("last_scan_id", Id, "reference", sa.ForeignKey("scan.id")),
    column("closed_scan_id", Id, "reference", sa.ForeignKey("scan.id"), nullable=True),
    column("seen_at", UtcDateTime, "business"),  # since when its clock runs
    column("due_at", UtcDateTime, "business", nullable=True),
    column("closed_at", UtcDateTime, "business", nullable=True),
    column("excused_until", UtcDateTime, "business", nullable=True),
    column(
        "urgency", Id, "business"
    ),  # the list's order and its key: the soonest due is the greatest
    sa.UniqueConstraint("tool", "target", "identity", name="vulnerability_identity"),
    sa.Index("vulnerability_urgency", "urgency"),
    sa.Index("vulnerability_state", "state", "urgency"),
    sa.Index("vulnerability_severity", "severity", "state", "urgency"),
    sa.Index("vulnerability_target", "target", "urgency"),
    sa.Index("vulnerability_counted", "state", "due_at", "excused_until", "severity"),
    sa.Index("vulnerability_last", "last_scan_id"),
    sqlite_autoincrement=True,
)

vulnerability_excuse = sa.Table(
    "vulnerability_excuse",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("vulnerability_id", Id, "reference", sa.ForeignKey("vulnerability.id")),
    column("kind", sa.Text, "business"),
    column("reason", sa.LargeBinary, "sealed"),
    column("asked_by", Id, "reference"),
    column("asked_at", UtcDateTime, "business"),
    column("ends_at", UtcDateTime, "business", nullable=True),
    column("approved_by", Id, "reference", nullable=True),
    column("approved_at", UtcDateTime, "business", nullable=True),
    column("ended_by", Id, "reference", nullable=True),
    column("ended_at", UtcDateTime, "business", nullable=True),
    sa.Index("vulnerability_excuse_of", "vulnerability_id", "id"),
    sa.Index("vulnerability_excuse_waiting", "approved_at", "ended_at"),
)
