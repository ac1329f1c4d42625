"""No table: nothing marks a canary record, so there is nothing to keep of it (ADR 0139)."""

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change nothing; later revisions follow this one."""
