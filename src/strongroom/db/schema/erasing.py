"""Table of erasures that were begun and are not finished: the next sweep goes on with them [1.7]."""

import sqlalchemy as sa

from strongroom.db.engine import UtcDateTime
from strongroom.db.schema.columns import Id, column, vault

erasing = sa.Table(
    "erasing",
    vault,
    column(
        "seller_id",
        Id,
        "reference",
        sa.ForeignKey("seller.id"),
        primary_key=True,
        autoincrement=False,
    ),
    column("asked_by", Id, "reference"),
    column("asked_at", UtcDateTime, "business"),
)
