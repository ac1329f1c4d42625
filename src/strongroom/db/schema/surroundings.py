"""Tables of networks, client certificates and our own secrets [1.1, 1.4, 1.5]."""

import sqlalchemy as sa

from strongroom.db.engine import UtcDateTime
from strongroom.db.schema.columns import Id, column, vault

network_range = sa.Table(
    "network_range",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("scope", sa.Text, "business"),  # listener | principal
    column("target", sa.Text, "business"),  # the listener's or the principal's name
    column("cidr", sa.Text, "business"),
    column("requested_by", Id, "reference"),
    column("requested_at", UtcDateTime, "business"),
    column("approved_by", Id, "reference", nullable=True),
    column("approved_at", UtcDateTime, "business", nullable=True),
    column("rejected_at", UtcDateTime, "business", nullable=True),
    column("removal_by", Id, "reference", nullable=True),  # who asked for its end
    column("removal_at", UtcDateTime, "business", nullable=True),
    column("removed_by", Id, "reference", nullable=True),
    column("removed_at", UtcDateTime, "business", nullable=True),
)

client_certificate = sa.Table(
    "client_certificate",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("principal_id", Id, "reference", sa.ForeignKey("principal.id")),
    column("thumbprint", sa.LargeBinary(32), "reference", unique=True),  # SHA-256 of its DER
    column("bound", sa.LargeBinary, "reference"),  # HMAC of whose it is; empty once revoked
    column("certificate", sa.Text, "public"),  # PEM
    column("not_after", UtcDateTime, "public"),
    column("created_at", UtcDateTime, "business"),
    column("revoked_at", UtcDateTime, "business", nullable=True),
)

system_secret = sa.Table(
    "system_secret",
    vault,
    column("name", sa.Text, "business", primary_key=True),  # lwa:<seller>, passphrase, …
    column("since", UtcDateTime, "business"),
    column("changed_by", Id, "reference"),
    column("digests", sa.LargeBinary, "reference"),  # HMACs: as it is now, and as it was before
)
