"""Tables of the house's own documents, and of the fields of personal data that were seen [2.2]."""

import sqlalchemy as sa

from strongroom.db.engine import UtcDateTime
from strongroom.db.schema.columns import Id, column, vault

policy_version = sa.Table(
    "policy_version",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("kind", sa.Text, "business"),
    column("number", sa.Integer, "business"),  # counts within the kind
    column("text", sa.Text, "business"),  # what the house says to all who work in it, or to anybody
    column("digest", sa.Text, "business"),
    column("authors", sa.Text, "reference"),  # everybody who wrote at it, space separated
    column("drafted_at", UtcDateTime, "business"),
    column("submitted_by", Id, "reference", nullable=True),
    column("submitted_at", UtcDateTime, "business", nullable=True),
    column("approved_by", Id, "reference", nullable=True),
    column("approved_at", UtcDateTime, "business", nullable=True),
    column("dropped_at", UtcDateTime, "business", nullable=True),
    sa.UniqueConstraint("kind", "number", name="policy_version_number"),
)

policy_acknowledgement = sa.Table(
    "policy_acknowledgement",
    vault,
    column("version_id", Id, "reference", sa.ForeignKey("policy_version.id"), primary_key=True),
    column("person_id", Id, "reference", primary_key=True, autoincrement=False),
    column("digest", sa.Text, "business"),
    column("at", UtcDateTime, "business"),
)

policy_comparison = sa.Table(
    "policy_comparison",
    vault,
    column("kind", sa.Text, "business", primary_key=True),
    column("version_id", Id, "reference", sa.ForeignKey("policy_version.id")),
    column("at", UtcDateTime, "business"),
    column("found", sa.Text, "business"),  # a word of policies.published
)

processing_confirmation = sa.Table(
    "processing_confirmation",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("at", UtcDateTime, "business"),
    column("confirmed_by", Id, "reference"),
    column("digest", sa.Text, "business"),
    column("content", sa.Text, "business"),  # the record of processing as it was confirmed
)

field_seen = sa.Table(
    "field_seen",
    vault,
    column("way", sa.Text, "public", primary_key=True),  # collected, or disclosed
    column("place", sa.Text, "public", primary_key=True),  # an operation, or a destination's number
    column("field", sa.Text, "public", primary_key=True),  # a slot's name, without ids
    column("purpose", sa.Text, "public", primary_key=True),  # empty where something is collected
    column("first_seen_at", UtcDateTime, "business"),
    column("last_seen_on", Id, "business"),  # days since 1970
    sqlite_with_rowid=False,
)
