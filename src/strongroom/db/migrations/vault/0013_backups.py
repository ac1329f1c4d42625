"""Tables of backups, and of the copies of the keystore."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_INSTANT = sa.BigInteger()  # microseconds since 1970


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "backup_place",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("ca", sa.Text(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("requested_by", _ID, nullable=False),
        sa.Column("requested_at", _INSTANT, nullable=False),
        sa.Column("approved_by", _ID, nullable=True),
        sa.Column("approved_at", _INSTANT, nullable=True),
        sa.Column("rejected_at", _INSTANT, nullable=True),
        sa.Column("removal_by", _ID, nullable=True),
        sa.Column("removal_at", _INSTANT, nullable=True),
        sa.Column("removed_by", _ID, nullable=True),
        sa.Column("removed_at", _INSTANT, nullable=True),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "backup",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("taken_at", _INSTANT, nullable=False),
        sa.Column("finished_at", _INSTANT, nullable=True),
        sa.Column("log_size", _ID, nullable=False),
        sa.Column("row_count", _ID, nullable=False),
        sa.Column("bytes", _ID, nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("manifest", sa.Text(), nullable=False),
        sa.Column("removed_at", _INSTANT, nullable=True),
        sqlite_autoincrement=True,
    )
    backup = sa.ForeignKey("backup.id")
    op.create_table(
        "backup_copy",
        sa.Column("backup_id", _ID, backup, primary_key=True, nullable=False),
        sa.Column(
            "place_id", _ID, sa.ForeignKey("backup_place.id"), primary_key=True, nullable=False
        ),
        sa.Column("parts", _ID, nullable=False),
        sa.Column("stored_at", _INSTANT, nullable=True),
        sa.Column("removed_at", _INSTANT, nullable=True),
    )
    op.create_table(
        "backup_drill",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("backup_id", _ID, sa.ForeignKey("backup.id"), nullable=False),
        sa.Column("drilled_at", _INSTANT, nullable=False),
        sa.Column("is_sound", sa.SmallInteger(), nullable=False),
        sa.Column("row_count", _ID, nullable=False),
        sa.Column("opened", _ID, nullable=False),
        sa.Column("recovery_ms", _ID, nullable=False),
        sa.Column("lost_ms", _ID, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "keystore_copy",
        sa.Column("id", _ID, primary_key=True, nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("expires_at", _INSTANT, nullable=False),
        sa.Column("destroyed_at", _INSTANT, nullable=True),
        sa.Column("overdue_at", _INSTANT, nullable=True),
        sqlite_autoincrement=True,
    )
