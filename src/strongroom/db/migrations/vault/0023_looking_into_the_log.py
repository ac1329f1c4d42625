"""Indexes by which people look for entries of the log: by type, and by who."""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the indexes."""
    op.create_index("audit_event_type", "audit_event", ["type", "seq"])
    op.create_index("audit_event_actor", "audit_event", ["actor", "seq"])
