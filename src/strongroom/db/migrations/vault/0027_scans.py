"""Tables of scans and what they found."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_INSTANT = sa.BigInteger()  # microseconds since 1970


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "scan_target",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("declared_by", _ID, nullable=False),
        sa.Column("declared_at", _INSTANT, nullable=False),
        sa.Column("ended_at", _INSTANT, nullable=True),
        sa.UniqueConstraint("name", "kind", name="scan_target_name"),
    )
    op.create_table(
        "scan",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("tool", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("commit_id", sa.Text(), nullable=True),
        sa.Column("scanned_at", _INSTANT, nullable=False),
        sa.Column("imported_at", _INSTANT, nullable=False),
        sa.Column("imported_by", _ID, nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size_bytes", _ID, nullable=False),
        sa.Column("evidence_id", _ID, nullable=True),
        sa.Column("quality", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("said", sa.LargeBinary(), nullable=True),
        sa.Column("found", _ID, nullable=False),
        sa.Column("created", _ID, nullable=False),
        sa.Column("untouched", _ID, nullable=False),
        sa.Column("closed", _ID, nullable=False),
        sa.Column("reopened", _ID, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("scan_commit", "scan", ["commit_id"])
    op.create_index("scan_target_newest", "scan", ["kind", "target", "scanned_at"])
    op.create_index("scan_newest", "scan", ["quality", "scanned_at"])
    op.create_index("scan_tool_newest", "scan", ["tool", "target", "scanned_at"])
    op.create_table(
        "vulnerability",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("tool", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("severity", _ID, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("details", sa.LargeBinary(), nullable=False),
        sa.Column("first_scan_id", _ID, sa.ForeignKey("scan.id"), nullable=False),
        sa.Column("last_scan_id", _ID, sa.ForeignKey("scan.id"), nullable=False),
        sa.Column("closed_scan_id", _ID, sa.ForeignKey("scan.id"), nullable=True),
        sa.Column("seen_at", _INSTANT, nullable=False),
        sa.Column("due_at", _INSTANT, nullable=True),
        sa.Column("closed_at", _INSTANT, nullable=True),
        sa.Column("excused_until", _INSTANT, nullable=True),
        sa.Column("urgency", _ID, nullable=False),
        sa.UniqueConstraint("tool", "target", "identity", name="vulnerability_identity"),
        sqlite_autoincrement=True,
    )
    op.create_index("vulnerability_urgency", "vulnerability", ["urgency"])
    op.create_index("vulnerability_state", "vulnerability", ["state", "urgency"])
    op.create_index("vulnerability_severity", "vulnerability", ["severity", "state", "urgency"])
    op.create_index("vulnerability_target", "vulnerability", ["target", "urgency"])
    op.create_index(
        "vulnerability_counted",
        "vulnerability",
        ["state", "due_at", "excused_until", "severity"],
    )
    op.create_index("vulnerability_last", "vulnerability", ["last_scan_id"])
    op.create_table(
        "vulnerability_excuse",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("vulnerability_id", _ID, sa.ForeignKey("vulnerability.id"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reason", sa.LargeBinary(), nullable=False),
        sa.Column("asked_by", _ID, nullable=False),
        sa.Column("asked_at", _INSTANT, nullable=False),
        sa.Column("ends_at", _INSTANT, nullable=True),
        sa.Column("approved_by", _ID, nullable=True),
        sa.Column("approved_at", _INSTANT, nullable=True),
        sa.Column("ended_by", _ID, nullable=True),
        sa.Column("ended_at", _INSTANT, nullable=True),
    )
    op.create_index("vulnerability_excuse_of", "vulnerability_excuse", ["vulnerability_id", "id"])
    op.create_index(
        "vulnerability_excuse_waiting", "vulnerability_excuse", ["approved_at", "ended_at"]
    )
