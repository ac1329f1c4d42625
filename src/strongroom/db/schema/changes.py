"""Tables of changes, of who may change storage, of what storage was, and of releases [1.6, 2.7]."""

import sqlalchemy as sa

from strongroom.db.engine import UtcDateTime
from strongroom.db.schema.columns import Id, column, vault

change_record = sa.Table(
    "change_record",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("opened_at", UtcDateTime, "business"),
    column("ended_at", UtcDateTime, "business", nullable=True),  # closed or rejected
    column("content", sa.LargeBinary, "sealed"),  # all of it, stamps and texts
    sa.Index("change_record_ended", "ended_at"),
)

storage_administrator = sa.Table(
    "storage_administrator",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("person_id", Id, "reference"),
    column("ended_at", UtcDateTime, "business", nullable=True),
    column("content", sa.LargeBinary, "sealed"),  # who, by whom, reviewed when
)

storage_state = sa.Table(
    "storage_state",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("at", UtcDateTime, "business"),
    column("content", sa.LargeBinary, "sealed"),  # facts, and the change they came by
)

release_record = sa.Table(
    "release_record",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("commit_sha", sa.Text, "public"),
    column("recorded_at", UtcDateTime, "business"),
    column("content", sa.LargeBinary, "sealed"),  # all of it, stamps and reports
    sa.Index("release_record_commit", "commit_sha"),
)
