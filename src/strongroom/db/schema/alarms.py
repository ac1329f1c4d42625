"""Tables of alarms, the investigations they open, and principals that were suspended [1.6, 2.6]."""

import sqlalchemy as sa

from strongroom.db.engine import UtcDateTime
from strongroom.db.schema.columns import Id, column, vault

principal_suspension = sa.Table(
    "principal_suspension",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("principal_id", Id, "reference", sa.ForeignKey("principal.id")),
    column(
        "frozen", sa.Boolean, "business"
    ),  # its sessions, tokens and secrets are refused as well
    column("why", sa.Text, "business"),  # kind of the alarm
    column("since", UtcDateTime, "business"),
    column("until", UtcDateTime, "business", nullable=True),  # null: until somebody lifts it
    column("lifted_at", UtcDateTime, "business", nullable=True),
    column("lifted_by", Id, "reference", nullable=True),
    sa.Index("principal_suspension_principal", "principal_id"),
)
