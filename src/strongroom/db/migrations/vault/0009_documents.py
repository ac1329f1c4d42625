"""Tables of sealed documents and of what was handed out under our own addresses."""

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
