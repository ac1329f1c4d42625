"""Tables of what people state of the policy's duties, and of exceptions from them [3]."""

import sqlalchemy as sa

from strongroom.db.engine import UtcDateTime
from strongroom.db.schema.columns import Id, column, vault

duty_statement = sa.Table(
    "duty_statement",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("duty", sa.Text, "business"),
    column("withdraws", sa.Boolean, "business"),  # it says that the one before holds no longer
    column("digest", sa.Text, "reference"),  # SHA-256 of the text that was stated
    column("note", sa.LargeBinary, "sealed", nullable=True),
    column("evidence", sa.LargeBinary, "sealed", nullable=True),  # names and digests, as JSON
    column("made_by", Id, "reference"),
    column("made_at", UtcDateTime, "business"),
    column("expires_at", UtcDateTime, "business"),
    sa.Index("duty_statement_duty", "duty", "id"),
    sqlite_autoincrement=True,
)

duty_excuse = sa.Table(
    "duty_excuse",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("duty", sa.Text, "business"),
    column("kind", sa.Text, "business"),
    column("reason", sa.LargeBinary, "sealed"),
    column("asked_by", Id, "reference"),
    column("asked_at", UtcDateTime, "business"),
    column("ends_at", UtcDateTime, "business"),
    column("approved_by", Id, "reference", nullable=True),
    column("approved_at", UtcDateTime, "business", nullable=True),
    column("ended_by", Id, "reference", nullable=True),  # rejected, or ended before its day
    column("ended_at", UtcDateTime, "business", nullable=True),
    sa.Index("duty_excuse_duty", "duty", "id"),
    sqlite_autoincrement=True,
)
