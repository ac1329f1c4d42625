"""Every table of the vault's database and of the keystore, each column with its class [2.2].

`info["class"]` says what a column may hold: `key` (wrapped key), `sealed` (ciphertext), `reference` (keyed hash or
random identifier), `business` (no personal data), `public`. Nothing here is ever a plaintext of personal data.
Two separate databases: `vault` and `keystore`, because a key must never lie beside the data it opens.
"""

from typing import Any, Final

import sqlalchemy as sa

from strongroom.db import triggers
from strongroom.db.engine import UtcDateTime

vault: Final = sa.MetaData()
keystore: Final = sa.MetaData()

_Id = sa.BigInteger().with_variant(
    sa.Integer, "sqlite"
)  # SQLite: only INTEGER is the row's own number


def _column(  # the arguments of SQLAlchemy's own Column, and the class
    name: str,
    kind: type[sa.types.TypeEngine[Any]] | sa.types.TypeEngine[Any],
    class_: str,
    *rest: sa.ForeignKey,
    **options: Any,  # noqa: ANN401 - passed on as they are
) -> sa.Column[Any]:
    return sa.Column(name, kind, *rest, info={"class": class_}, **{"nullable": False, **options})


# -- who ---------------------------------------------------------------------------------------------------------------

seller = sa.Table(
    "seller",
    vault,
    _column("id", _Id, "reference", primary_key=True),
    _column("name", sa.Text, "business", unique=True),
    _column("region", sa.Text, "public"),
    _column("marketplaces", sa.Text, "public"),  # comma separated
    _column("endpoint", sa.Text, "public"),
    _column("lwa_url", sa.Text, "public"),
    _column("upstream_ca", sa.Text, "public", nullable=True),  # PEM; null: public roots
    _column("secrets", sa.LargeBinary, "sealed"),  # LWA client id, client secret, refresh token
    _column(
        "rdt_elements", sa.Text, "business", nullable=True
    ),  # learned: comma separated; null: not yet known
    _column("created_at", UtcDateTime, "business"),
)

principal = sa.Table(
    "principal",
    vault,
    _column("id", _Id, "reference", primary_key=True),
    _column("name", sa.Text, "business", unique=True),
    _column("kind", sa.Text, "business"),
    _column("owner_id", _Id, "reference", sa.ForeignKey("principal.id"), nullable=True),
    _column("created_at", UtcDateTime, "business"),
    _column("ended_at", UtcDateTime, "business", nullable=True),
)

credential = sa.Table(
    "credential",
    vault,
    _column("id", _Id, "reference", primary_key=True),
    _column("principal_id", _Id, "reference", sa.ForeignKey("principal.id")),
    _column("client_id", sa.Text, "reference", unique=True),
    _column("secret_hash", sa.LargeBinary, "key"),
    _column("created_at", UtcDateTime, "business"),
    _column("revoked_at", UtcDateTime, "business", nullable=True),
    _column("expires_at", UtcDateTime, "business", nullable=True),  # rotated: good until then
)

authorization = sa.Table(
    "app_authorization",
    vault,
    _column("id", _Id, "reference", primary_key=True),
    _column("principal_id", _Id, "reference", sa.ForeignKey("principal.id")),
    _column("seller_id", _Id, "reference", sa.ForeignKey("seller.id")),
    _column("refresh_hash", sa.LargeBinary, "key", unique=True),
    _column("created_at", UtcDateTime, "business"),
    _column("revoked_at", UtcDateTime, "business", nullable=True),
)

app_channel = sa.Table(
    "app_channel",
    vault,
    _column("principal_id", _Id, "reference", sa.ForeignKey("principal.id"), primary_key=True),
    _column("public_key", sa.Text, "public", nullable=True),  # JWK that answers are sealed for
    _column("behind_proxy", sa.Boolean, "business"),  # somebody else ends its TLS
)

request_key = sa.Table(
    "request_key",
    vault,
    _column("principal_id", _Id, "reference", primary_key=True, autoincrement=False),
    _column("key_ref", sa.Text, "reference", primary_key=True),  # HMAC of the idempotency key
    _column("request_ref", sa.Text, "reference"),  # HMAC of path and body
    _column("created_at", UtcDateTime, "business"),
)

grant = sa.Table(
    "access_grant",
    vault,
    _column("id", _Id, "reference", primary_key=True),
    _column("principal_id", _Id, "reference", sa.ForeignKey("principal.id")),
    _column("action", sa.Text, "business"),
    _column("purpose", sa.Text, "business"),
    _column("categories", sa.Text, "business"),  # comma separated
    _column("sellers", sa.Text, "reference"),  # comma separated ids, or * for all
    _column("requested_by", _Id, "reference"),
    _column("approved_by", _Id, "reference", nullable=True),
    _column("one_person", sa.Boolean, "business"),
    _column("created_at", UtcDateTime, "business"),
    _column("approved_at", UtcDateTime, "business", nullable=True),
    _column("expires_at", UtcDateTime, "business"),
    _column("revoked_at", UtcDateTime, "business", nullable=True),
    _column("kind", sa.Text, "business", nullable=True),  # break_glass; null: asked for
    _column("budget", _Id, "business", nullable=True),  # records a UTC day; null: not limited
    _column("reason", sa.Text, "business", nullable=True),  # of a form no personal datum has
    _column("role", sa.Text, "business", nullable=True),  # name@digest of the role it came from
    _column("review_by", UtcDateTime, "business", nullable=True),
    _column("reviewed_at", UtcDateTime, "business", nullable=True),
    sa.Index("access_grant_principal", "principal_id"),
)

grant_use = sa.Table(
    "grant_use",
    vault,
    _column("grant_id", _Id, "reference", primary_key=True, autoincrement=False),
    _column("day", _Id, "business", primary_key=True, autoincrement=False),  # since 1970
    _column("record_number", _Id, "reference", primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

role = sa.Table(
    "access_role",
    vault,
    _column("name", sa.Text, "business", primary_key=True),
    _column("revision", _Id, "business", primary_key=True, autoincrement=False),
    _column("content", sa.Text, "business"),  # canonical JSON of its lines
    _column("created_by", _Id, "reference"),
    _column("created_at", UtcDateTime, "business"),
)

# -- signing on --------------------------------------------------------------------------------------------------------

person_password = sa.Table(
    "person_password",
    vault,
    _column("id", _Id, "reference", primary_key=True),
    _column("principal_id", _Id, "reference", sa.ForeignKey("principal.id")),
    _column("hash", sa.Text, "key"),  # Argon2id, PHC string
    _column("created_at", UtcDateTime, "business"),
    _column("ended_at", UtcDateTime, "business", nullable=True),  # kept after that as history [1.4]
    sa.Index("person_password_principal", "principal_id"),
)

second_factor = sa.Table(
    "second_factor",
    vault,
    _column("id", _Id, "reference", primary_key=True),
    _column("principal_id", _Id, "reference", sa.ForeignKey("principal.id")),
    _column("kind", sa.Text, "business"),  # totp | passkey
    _column("label", sa.Text, "business"),  # what its owner calls it
    _column(
        "secret", sa.LargeBinary, "sealed", nullable=True
    ),  # TOTP's; what holds a passkey to its owner
    _column("credential_id", sa.LargeBinary, "reference", nullable=True, unique=True),
    _column("public_key", sa.LargeBinary, "public", nullable=True),  # COSE key of a passkey
    _column("counter", _Id, "business"),  # last TOTP step used, or a passkey's signature counter
    _column("created_at", UtcDateTime, "business"),
    _column("confirmed_at", UtcDateTime, "business", nullable=True),  # null: not proved to work yet
    _column("used_at", UtcDateTime, "business", nullable=True),
    _column("ended_at", UtcDateTime, "business", nullable=True),
    sa.Index("second_factor_principal", "principal_id"),
)

recovery_code = sa.Table(
    "recovery_code",
    vault,
    _column("id", _Id, "reference", primary_key=True),
    _column("principal_id", _Id, "reference", sa.ForeignKey("principal.id")),
    _column("digest", sa.LargeBinary, "key", unique=True),
    _column("created_at", UtcDateTime, "business"),
    _column("used_at", UtcDateTime, "business", nullable=True),
    _column("ended_at", UtcDateTime, "business", nullable=True),  # replaced by new ones
    sa.Index("recovery_code_principal", "principal_id"),
)

person_identity = sa.Table(
    "person_identity",
    vault,
    _column("id", _Id, "reference", primary_key=True),
    _column("principal_id", _Id, "reference", sa.ForeignKey("principal.id")),
    _column("issuer", sa.Text, "public"),  # OpenID Connect issuer
    _column("subject_ref", sa.LargeBinary, "reference"),  # HMAC of its `sub`
    _column("created_at", UtcDateTime, "business"),
    _column("ended_at", UtcDateTime, "business", nullable=True),
    sa.Index("person_identity_subject", "issuer", "subject_ref"),
)

login_link = sa.Table(
    "login_link",
    vault,
    _column("id", _Id, "reference", primary_key=True),
    _column(
        "principal_id", _Id, "reference", sa.ForeignKey("principal.id"), nullable=True
    ),  # null: the first administrator's, who is not known yet
    _column("digest", sa.LargeBinary, "key", unique=True),
    _column("created_by", _Id, "reference"),
    _column("created_at", UtcDateTime, "business"),
    _column("expires_at", UtcDateTime, "business"),
    _column("used_at", UtcDateTime, "business", nullable=True),
    _column("ended_at", UtcDateTime, "business", nullable=True),  # a newer one replaced it
)

login_step = sa.Table(
    "login_step",  # what a sign-on that is under way has proved; gone when it is used or too old
    vault,
    _column("id", _Id, "reference", primary_key=True),
    _column("digest", sa.LargeBinary, "key", unique=True),
    _column("kind", sa.Text, "business"),
    _column("principal_id", _Id, "reference", nullable=True),
    _column("content", sa.LargeBinary, "sealed"),  # challenge, state, nonce, verifier
    _column("created_at", UtcDateTime, "business"),
    _column("expires_at", UtcDateTime, "business"),
)

login_session = sa.Table(
    "login_session",
    vault,
    _column("id", _Id, "reference", primary_key=True),
    _column("principal_id", _Id, "reference", sa.ForeignKey("principal.id")),
    _column("digest", sa.LargeBinary, "key", unique=True),
    _column("device_id", _Id, "reference"),
    _column("method", sa.Text, "business"),  # how the person proved who it is
    _column("agent", sa.Text, "business"),  # browser and system, of a closed list
    _column("address_ref", sa.Text, "reference"),  # HMAC of the last address
    _column("created_at", UtcDateTime, "business"),
    _column("seen_at", UtcDateTime, "business"),
    _column("proved_at", UtcDateTime, "business"),  # when the person last proved who it is
    _column("ended_at", UtcDateTime, "business", nullable=True),
    _column("ended_why", sa.Text, "business", nullable=True),
    sa.Index("login_session_principal", "principal_id"),
)

login_device = sa.Table(
    "login_device",
    vault,
    _column("id", _Id, "reference", primary_key=True),
    _column("principal_id", _Id, "reference", sa.ForeignKey("principal.id")),
    _column("digest", sa.LargeBinary, "key"),
    _column("agent", sa.Text, "business"),
    _column("first_seen_at", UtcDateTime, "business"),
    _column("last_seen_at", UtcDateTime, "business"),
    _column("told_at", UtcDateTime, "business", nullable=True),  # its owner saw the notice
    _column("ended_at", UtcDateTime, "business", nullable=True),
    sa.UniqueConstraint("digest", "principal_id", name="login_device_person"),
    sa.Index("login_device_principal", "principal_id"),
)

login_count = sa.Table(
    "login_count",  # failures and tries in a window, whoever restarts
    vault,
    _column("scope", sa.Text, "business", primary_key=True),
    _column("target", sa.Text, "reference", primary_key=True),  # HMAC of a name or address
    _column("member", sa.Text, "reference", primary_key=True),  # HMAC of what is counted once
    _column("since", UtcDateTime, "business"),
    _column("last_at", UtcDateTime, "business"),
    _column("count", _Id, "business"),
)

account_lock = sa.Table(
    "account_lock",
    vault,
    _column("id", _Id, "reference", primary_key=True),
    _column("scope", sa.Text, "business"),  # person | address
    _column("principal_id", _Id, "reference", nullable=True),
    _column("target", sa.Text, "reference"),  # HMAC of the name or address
    _column("reason", sa.Text, "business"),
    _column("locked_at", UtcDateTime, "business"),
    _column("until", UtcDateTime, "business", nullable=True),  # null: until somebody lifts it
    _column("lifted_at", UtcDateTime, "business", nullable=True),
    _column("lifted_by", _Id, "reference", nullable=True),
    _column("disposition", sa.Text, "business", nullable=True),
    _column("disposed_by", _Id, "reference", nullable=True),
    _column("disposed_at", UtcDateTime, "business", nullable=True),
    sa.Index("account_lock_target", "scope", "target"),
)

# -- networks, machines and our own secrets ----------------------------------------------------------------------------

network_range = sa.Table(
    "network_range",
    vault,
    _column("id", _Id, "reference", primary_key=True),
    _column("scope", sa.Text, "business"),  # listener | principal
    _column("target", sa.Text, "business"),  # the listener's or the principal's name
    _column("cidr", sa.Text, "business"),
    _column("requested_by", _Id, "reference"),
    _column("requested_at", UtcDateTime, "business"),
    _column("approved_by", _Id, "reference", nullable=True),
    _column("approved_at", UtcDateTime, "business", nullable=True),
    _column("rejected_at", UtcDateTime, "business", nullable=True),
    _column("removal_by", _Id, "reference", nullable=True),  # who asked for its end
    _column("removal_at", UtcDateTime, "business", nullable=True),
    _column("removed_by", _Id, "reference", nullable=True),
    _column("removed_at", UtcDateTime, "business", nullable=True),
)

client_certificate = sa.Table(
    "client_certificate",
    vault,
    _column("id", _Id, "reference", primary_key=True),
    _column("principal_id", _Id, "reference", sa.ForeignKey("principal.id")),
    _column("thumbprint", sa.LargeBinary(32), "reference", unique=True),  # SHA-256 of its DER
    _column("bound", sa.LargeBinary, "reference"),  # HMAC of whose it is; empty once revoked
    _column("certificate", sa.Text, "public"),  # PEM
    _column("not_after", UtcDateTime, "public"),
    _column("created_at", UtcDateTime, "business"),
    _column("revoked_at", UtcDateTime, "business", nullable=True),
)

system_secret = sa.Table(
    "system_secret",
    vault,
    _column("name", sa.Text, "business", primary_key=True),  # lwa:<seller>, passphrase, …
    _column("since", UtcDateTime, "business"),
    _column("changed_by", _Id, "reference"),
    _column("digests", sa.LargeBinary, "reference"),  # HMACs: as it is now, and as it was before
)

# -- reviews of access -------------------------------------------------------------------------------------------------

review_campaign = sa.Table(
    "review_campaign",
    vault,
    _column("id", _Id, "reference", primary_key=True),
    _column("started_at", UtcDateTime, "business"),
    _column("started_by", _Id, "reference"),
    _column("query", sa.Text, "business"),  # what made the population
    _column("row_count", _Id, "business"),
    _column("population_hash", sa.Text, "reference"),  # SHA-256 of the items' content
    _column("closed_at", UtcDateTime, "business", nullable=True),
    _column("closed_by", _Id, "reference", nullable=True),
)

review_item = sa.Table(
    "review_item",
    vault,
    _column("id", _Id, "reference", primary_key=True),
    _column(
        "campaign_id", _Id, "reference", sa.ForeignKey("review_campaign.id"), nullable=True
    ),  # null: a glass that was broken, reviewed by itself
    _column("grant_id", _Id, "reference"),
    _column("content", sa.Text, "business"),  # canonical JSON of the grant as it was
    _column("marks", sa.Text, "business"),  # comma separated
    _column("reads", _Id, "business"),
    _column("last_read_at", UtcDateTime, "business", nullable=True),
    _column("created_at", UtcDateTime, "business"),
    _column("due_at", UtcDateTime, "business"),
    _column("decision", sa.Text, "business", nullable=True),
    _column("decided_by", _Id, "reference", nullable=True),
    _column("decided_at", UtcDateTime, "business", nullable=True),
    _column("proved_at", UtcDateTime, "business", nullable=True),
)

baseline = sa.Table(
    "access_baseline",
    vault,
    _column("campaign_id", _Id, "reference", primary_key=True, autoincrement=False),
    _column("taken_at", UtcDateTime, "business"),
    _column("content", sa.Text, "business"),  # canonical JSON: who had access after the review
    _column("digest", sa.Text, "reference"),  # SHA-256 of the content
)

# -- records -----------------------------------------------------------------------------------------------------------

record_block = sa.Table(
    "record_block",
    vault,
    _column("block", _Id, "reference", primary_key=True),
    _column("seller_id", _Id, "reference", sa.ForeignKey("seller.id")),
)

record = sa.Table(
    "record",
    vault,
    _column("number", _Id, "reference", primary_key=True, autoincrement=False),
    _column("seller_id", _Id, "reference"),
    _column(
        "subject_ref", sa.LargeBinary(16), "reference"
    ),  # HMAC of kind and id under the seller's key
    _column("state", sa.SmallInteger, "business"),  # RecordState
    _column("version", _Id, "business"),
    _column("slot_names", sa.Text, "reference"),  # of slots 128, 129, …; ids as keyed hashes
    _column("blob", sa.LargeBinary, "sealed", nullable=True),
    _column(
        "source_updated", _Id, "business"
    ),  # Amazon's own last update, seconds since 1970; 0: unknown
    sa.UniqueConstraint("seller_id", "subject_ref", name="record_subject"),
)

record_key = sa.Table(
    "record_key",
    vault,
    _column("record_number", _Id, "reference", primary_key=True, autoincrement=False),
    _column("seller_id", _Id, "reference"),
    _column("period_id", _Id, "reference", nullable=True),
    _column("wrapped_dek", sa.LargeBinary, "key", nullable=True),
    _column(
        "due_at", _Id, "business", nullable=True
    ),  # seconds; null while the delivery is unknown
    _column(
        "past_periods", sa.Text, "reference"
    ),  # live periods that wrapped this DEK before, space separated
    _column("status", sa.SmallInteger, "business"),  # retention.Progress
    _column("purchased_at", _Id, "business"),  # seconds; 0: unknown; likewise below
    _column("shipped_at", _Id, "business"),
    _column("seen_open_at", _Id, "business"),
    sa.Index("record_key_period", "period_id"),
)

search_tag = sa.Table(
    "search_tag",
    vault,
    _column("period_id", _Id, "reference", primary_key=True, autoincrement=False),
    _column("tag", _Id, "reference", primary_key=True, autoincrement=False),  # 64 bits, signed
    _column("record_number", _Id, "reference", primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

period_replacement = sa.Table(
    "period_replacement",
    vault,
    _column("period_id", _Id, "reference", primary_key=True, autoincrement=False),
    _column(
        "replace_by", _Id, "business"
    ),  # seconds: a record that moved out must be unreadable by then
)

drift = sa.Table(
    "catalogue_drift",
    vault,
    _column("operation", sa.Text, "public", primary_key=True),
    _column(
        "path", sa.Text, "public", primary_key=True
    ),  # model path; never a value or an unsafe key
    _column("kind", sa.Text, "public", primary_key=True),
    _column("count", _Id, "business"),
    _column("first_seen_at", UtcDateTime, "business"),
    _column("last_seen_at", UtcDateTime, "business"),
)

# -- audit log ---------------------------------------------------------------------------------------------------------

audit_event = sa.Table(
    "audit_event",
    vault,
    _column("seq", _Id, "reference", primary_key=True, autoincrement=False),
    _column("ts", _Id, "business"),  # microseconds
    _column("type", sa.Text, "public"),
    _column("actor", _Id, "reference"),
    _column("outcome", sa.Text, "public"),
    _column("obj_ref", sa.Text, "reference", nullable=True),
    _column("body", sa.LargeBinary, "business", nullable=True),  # canonical bytes; null once pruned
    _column("leaf_hash", sa.LargeBinary, "reference"),
)

audit_tile = sa.Table(
    "audit_tile",
    vault,
    _column("level", sa.SmallInteger, "public", primary_key=True, autoincrement=False),
    _column("n", _Id, "public", primary_key=True, autoincrement=False),
    _column("width", sa.SmallInteger, "public"),
    _column("hashes", sa.LargeBinary, "reference"),
)

audit_head = sa.Table(
    "audit_head",
    vault,
    _column("epoch", _Id, "public", primary_key=True, autoincrement=False),
    _column("size", _Id, "public"),
    _column("frontier", sa.LargeBinary, "reference"),
    _column("note", sa.Text, "public"),  # the signed checkpoint of exactly this size
)

audit_checkpoint = sa.Table(
    "audit_checkpoint",
    vault,
    _column("size", _Id, "public", primary_key=True, autoincrement=False),
    _column("note", sa.Text, "public"),
    _column("stored_at", UtcDateTime, "business"),
)

triggers.attach(vault)

# -- keystore, a database of its own -----------------------------------------------------------------------------------

keystore_master = sa.Table(
    "master_key",
    keystore,
    _column("id", _Id, "reference", primary_key=True),
    _column("root_uri", sa.Text, "business"),
    _column("wrapped", sa.LargeBinary, "key"),
    _column("created_at", UtcDateTime, "business"),
)

keystore_secret = sa.Table(
    "service_key",
    keystore,
    _column("name", sa.Text, "business", primary_key=True),  # audit-signer, log-pseudonym, ca, …
    _column("wrapped", sa.LargeBinary, "key"),
    _column("created_at", UtcDateTime, "business"),
)

keystore_period = sa.Table(
    "period_key",
    keystore,
    _column("id", _Id, "reference", primary_key=True),
    _column("seller_id", _Id, "reference"),
    _column("kind", sa.Text, "business"),  # pending | day
    _column(
        "day", _Id, "business"
    ),  # days since 1970: a day period's day, a pending period's first day
    _column("generation", _Id, "business"),
    _column("wrapped", sa.LargeBinary, "key", nullable=True),  # null: destroyed
    _column("created_at", UtcDateTime, "business"),
    _column("destroyed_at", UtcDateTime, "business", nullable=True),
    _column(
        "purged_at", UtcDateTime, "business", nullable=True
    ),  # the rows it had locked are gone too
    sa.UniqueConstraint("seller_id", "kind", "day", "generation", name="period_key_place"),
    sqlite_autoincrement=True,  # a number is never used twice
)

keystore_signer = sa.Table(
    "signer_state",
    keystore,
    _column("origin", sa.Text, "public", primary_key=True),
    _column("size", _Id, "public"),
    _column("root", sa.LargeBinary, "reference"),
)
