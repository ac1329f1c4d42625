"""Tables of selling partners, people, apps and nodes, their credentials, grants and roles [1.2, 1.3]."""

import sqlalchemy as sa

from strongroom.db.engine import UtcDateTime
from strongroom.db.schema.columns import Id, column, vault

seller = sa.Table(
    "seller",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("name", sa.Text, "business", unique=True),
    column("region", sa.Text, "public"),
    column("marketplaces", sa.Text, "public"),  # comma separated
    column("endpoint", sa.Text, "public"),
    column("lwa_url", sa.Text, "public"),
    column("upstream_ca", sa.Text, "public", nullable=True),  # PEM; null: public roots
    column("secrets", sa.LargeBinary, "sealed"),  # LWA client id, client secret, refresh token
    column(
        "rdt_elements", sa.Text, "business", nullable=True
    ),  # learned: comma separated; null: not yet known
    column("created_at", UtcDateTime, "business"),
)

principal = sa.Table(
    "principal",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("name", sa.Text, "business", unique=True),
    column("kind", sa.Text, "business"),
    column("owner_id", Id, "reference", sa.ForeignKey("principal.id"), nullable=True),
    column("created_at", UtcDateTime, "business"),
    column("ended_at", UtcDateTime, "business", nullable=True),
)

credential = sa.Table(
    "credential",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("principal_id", Id, "reference", sa.ForeignKey("principal.id")),
    column("client_id", sa.Text, "reference", unique=True),
    column("secret_hash", sa.LargeBinary, "key"),
    column("created_at", UtcDateTime, "business"),
    column("revoked_at", UtcDateTime, "business", nullable=True),
    column("expires_at", UtcDateTime, "business", nullable=True),  # rotated: good until then
)

authorization = sa.Table(
    "app_authorization",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("principal_id", Id, "reference", sa.ForeignKey("principal.id")),
    column("seller_id", Id, "reference", sa.ForeignKey("seller.id")),
    column("refresh_hash", sa.LargeBinary, "key", unique=True),
    column("created_at", UtcDateTime, "business"),
    column("revoked_at", UtcDateTime, "business", nullable=True),
)

consent = sa.Table(
    "consent",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("principal_id", Id, "reference", sa.ForeignKey("principal.id")),
    column("seller_id", Id, "reference", sa.ForeignKey("seller.id")),
    column("digest", sa.LargeBinary, "key", unique=True),
    column("created_by", Id, "reference"),
    column("created_at", UtcDateTime, "business"),
    column("expires_at", UtcDateTime, "business"),
    column("used_at", UtcDateTime, "business", nullable=True),
    column("ended_at", UtcDateTime, "business", nullable=True),  # a newer one replaced it
)

app_channel = sa.Table(
    "app_channel",
    vault,
    column("principal_id", Id, "reference", sa.ForeignKey("principal.id"), primary_key=True),
    column("public_key", sa.Text, "public", nullable=True),  # JWK that answers are sealed for
    column("behind_proxy", sa.Boolean, "business"),  # somebody else ends its TLS
)

request_key = sa.Table(
    "request_key",
    vault,
    column("principal_id", Id, "reference", primary_key=True, autoincrement=False),
    column("key_ref", sa.Text, "reference", primary_key=True),  # HMAC of the idempotency key
    column("request_ref", sa.Text, "reference"),  # HMAC of path and body
    column("created_at", UtcDateTime, "business"),
)

grant = sa.Table(
    "access_grant",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("principal_id", Id, "reference", sa.ForeignKey("principal.id")),
    column("action", sa.Text, "business"),
    column("purpose", sa.Text, "business"),
    column("categories", sa.Text, "business"),  # comma separated
    column("sellers", sa.Text, "reference"),  # comma separated ids, or * for all
    column("requested_by", Id, "reference"),
    column("approved_by", Id, "reference", nullable=True),
    column("one_person", sa.Boolean, "business"),
    column("created_at", UtcDateTime, "business"),
    column("approved_at", UtcDateTime, "business", nullable=True),
    column("expires_at", UtcDateTime, "business"),
    column("revoked_at", UtcDateTime, "business", nullable=True),
    column("kind", sa.Text, "business", nullable=True),  # break_glass; null: asked for
    column("budget", Id, "business", nullable=True),  # records a UTC day; null: not limited
    column("reason", sa.Text, "business", nullable=True),  # of a form no personal datum has
    column("role", sa.Text, "business", nullable=True),  # name@digest of the role it came from
    column("review_by", UtcDateTime, "business", nullable=True),
    column("reviewed_at", UtcDateTime, "business", nullable=True),
    sa.Index("access_grant_principal", "principal_id"),
)

grant_use = sa.Table(
    "grant_use",
    vault,
    column("grant_id", Id, "reference", primary_key=True, autoincrement=False),
    column("day", Id, "business", primary_key=True, autoincrement=False),  # since 1970
    column("record_number", Id, "reference", primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

role = sa.Table(
    "access_role",
    vault,
    column("name", sa.Text, "business", primary_key=True),
    column("revision", Id, "business", primary_key=True, autoincrement=False),
    column("content", sa.Text, "business"),  # canonical JSON of its lines
    column("created_by", Id, "reference"),
    column("created_at", UtcDateTime, "business"),
)
