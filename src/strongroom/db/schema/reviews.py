"""Tables of the reviews of access [1.2]."""

import sqlalchemy as sa

from strongroom.db.engine import UtcDateTime
from strongroom.db.schema.columns import Id, column, vault

review_campaign = sa.Table(
    "review_campaign",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("started_at", UtcDateTime, "business"),
    column("started_by", Id, "reference"),
    column("query", sa.Text, "business"),  # what made the population
    column("row_count", Id, "business"),
    column("population_hash", sa.Text, "reference"),  # SHA-256 of the items' content
    column("closed_at", UtcDateTime, "business", nullable=True),
    column("closed_by", Id, "reference", nullable=True),
)

review_item = sa.Table(
    "review_item",
    vault,
    column("id", Id, "reference", primary_key=True),
    column(
        "campaign_id", Id, "reference", sa.ForeignKey("review_campaign.id"), nullable=True
    ),  # null: a glass that was broken, reviewed by itself
    column("grant_id", Id, "reference"),
    column("content", sa.Text, "business"),  # canonical JSON of the grant as it was
    column("marks", sa.Text, "business"),  # comma separated
    column("reads", Id, "business"),
    column("last_read_at", UtcDateTime, "business", nullable=True),
    column("created_at", UtcDateTime, "business"),
    column("due_at", UtcDateTime, "business"),
    column("decision", sa.Text, "business", nullable=True),
    column("decided_by", Id, "reference", nullable=True),
    column("decided_at", UtcDateTime, "business", nullable=True),
    column("proved_at", UtcDateTime, "business", nullable=True),
)

baseline = sa.Table(
    "access_baseline",
    vault,
    column("campaign_id", Id, "reference", primary_key=True, autoincrement=False),
    column("taken_at", UtcDateTime, "business"),
    column("content", sa.Text, "business"),  # canonical JSON: who had access after the review
    column("digest", sa.Text, "reference"),  # SHA-256 of the content
)
