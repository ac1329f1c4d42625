"""The table of documents: when each was first seen, and which type of report it is [2.1, 2.2]."""

import sqlalchemy as sa

from strongroom.db.engine import UtcDateTime
from strongroom.db.schema.columns import Id, column, vault

report_document = sa.Table(
    "report_document",
    vault,
    column("seller_id", Id, "reference", sa.ForeignKey("seller.id"), primary_key=True),
    column("document_id", sa.Text, "business", primary_key=True),
    column("report_type", sa.Text, "business", nullable=True),
    column("made_at", UtcDateTime, "business", nullable=True),
    column("seen_at", UtcDateTime, "business"),
    sa.Index("report_document_seen", "seller_id", "seen_at"),
)
