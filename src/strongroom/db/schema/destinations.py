"""Tables of the relay: which third party was given which data about whom [2.2]."""

import sqlalchemy as sa

from strongroom.db.engine import UtcDateTime
from strongroom.db.schema.columns import Id, column, vault

disclosure = sa.Table(
    "disclosure",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("at", UtcDateTime, "business"),
    column("destination_id", Id, "reference", sa.ForeignKey("delivery_target.id")),
    column("principal_id", Id, "reference"),
    column("seller_id", Id, "reference"),
    column("record_number", Id, "reference"),
    column("categories", sa.Text, "business"),
    column("fields", sa.Text, "business"),  # names of slots, without their ids
    column("purpose", sa.Text, "business"),
    column("req", sa.Text, "reference"),  # the request, as the log names it
    sa.Index("disclosure_record", "seller_id", "record_number"),
    sa.Index("disclosure_destination", "destination_id", "id"),
)
