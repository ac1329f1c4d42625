"""Tables of how people sign on: passwords, factors, links, sessions, browsers, counts and locks [1.2, 1.4]."""

import sqlalchemy as sa

from strongroom.db.engine import UtcDateTime
from strongroom.db.schema.columns import Id, column, vault

person_password = sa.Table(
    "person_password",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("principal_id", Id, "reference", sa.ForeignKey("principal.id")),
    column("hash", sa.Text, "key"),  # Argon2id, PHC string
    column("created_at", UtcDateTime, "business"),
    column("ended_at", UtcDateTime, "business", nullable=True),  # kept after that as history [1.4]
    sa.Index("person_password_principal", "principal_id"),
)

second_factor = sa.Table(
    "second_factor",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("principal_id", Id, "reference", sa.ForeignKey("principal.id")),
    column("kind", sa.Text, "business"),  # totp | passkey
    column("label", sa.Text, "business"),  # what its owner calls it
    column(
        "secret", sa.LargeBinary, "sealed", nullable=True
    ),  # TOTP's; what holds a passkey to its owner
    column("credential_id", sa.LargeBinary, "reference", nullable=True, unique=True),
    column("public_key", sa.LargeBinary, "public", nullable=True),  # COSE key of a passkey
    column("counter", Id, "business"),  # last TOTP step used, or a passkey's signature counter
    column("created_at", UtcDateTime, "business"),
    column("confirmed_at", UtcDateTime, "business", nullable=True),  # null: not proved to work yet
    column("used_at", UtcDateTime, "business", nullable=True),
    column("ended_at", UtcDateTime, "business", nullable=True),
    sa.Index("second_factor_principal", "principal_id"),
)

recovery_code = sa.Table(
    "recovery_code",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("principal_id", Id, "reference", sa.ForeignKey("principal.id")),
    column("digest", sa.LargeBinary, "key", unique=True),
    column("created_at", UtcDateTime, "business"),
    column("used_at", UtcDateTime, "business", nullable=True),
    column("ended_at", UtcDateTime, "business", nullable=True),  # replaced by new ones
    sa.Index("recovery_code_principal", "principal_id"),
)

person_identity = sa.Table(
    "person_identity",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("principal_id", Id, "reference", sa.ForeignKey("principal.id")),
    column("issuer", sa.Text, "public"),  # OpenID Connect issuer
    column("subject_ref", sa.LargeBinary, "reference"),  # HMAC of its `sub`
    column("created_at", UtcDateTime, "business"),
    column("ended_at", UtcDateTime, "business", nullable=True),
    sa.Index("person_identity_subject", "issuer", "subject_ref"),
)

login_link = sa.Table(
    "login_link",
    vault,
    column("id", Id, "reference", primary_key=True),
    column(
        "principal_id", Id, "reference", sa.ForeignKey("principal.id"), nullable=True
    ),  # null: the first administrator's, who is not known yet
    column("digest", sa.LargeBinary, "key", unique=True),
    column("created_by", Id, "reference"),
    column("created_at", UtcDateTime, "business"),
    column("expires_at", UtcDateTime, "business"),
    column("used_at", UtcDateTime, "business", nullable=True),
    column("ended_at", UtcDateTime, "business", nullable=True),  # a newer one replaced it
)

login_step = sa.Table(
    "login_step",  # what a sign-on that is under way has proved; gone when it is used or too old
    vault,
    column("id", Id, "reference", primary_key=True),
    column("digest", sa.LargeBinary, "key", unique=True),
    column("kind", sa.Text, "business"),
    column("principal_id", Id, "reference", nullable=True),
    column("content", sa.LargeBinary, "sealed"),  # challenge, state, nonce, verifier
    column("created_at", UtcDateTime, "business"),
    column("expires_at", UtcDateTime, "business"),
)

login_session = sa.Table(
    "login_session",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("principal_id", Id, "reference", sa.ForeignKey("principal.id")),
    column("digest", sa.LargeBinary, "key", unique=True),
    column("device_id", Id, "reference"),
    column("method", sa.Text, "business"),  # how the person proved who it is
    column("agent", sa.Text, "business"),  # browser and system, of a closed list
    column("address_ref", sa.Text, "reference"),  # HMAC of the last address
    column("created_at", UtcDateTime, "business"),
    column("seen_at", UtcDateTime, "business"),
    column("proved_at", UtcDateTime, "business"),  # when the person last proved who it is
    column("ended_at", UtcDateTime, "business", nullable=True),
    column("ended_why", sa.Text, "business", nullable=True),
    sa.Index("login_session_principal", "principal_id"),
)

login_device = sa.Table(
    "login_device",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("principal_id", Id, "reference", sa.ForeignKey("principal.id")),
    column("digest", sa.LargeBinary, "key"),
    column("agent", sa.Text, "business"),
    column("first_seen_at", UtcDateTime, "business"),
    column("last_seen_at", UtcDateTime, "business"),
    column("told_at", UtcDateTime, "business", nullable=True),  # its owner saw the notice
    column("ended_at", UtcDateTime, "business", nullable=True),
    sa.UniqueConstraint("digest", "principal_id", name="login_device_person"),
    sa.Index("login_device_principal", "principal_id"),
)

login_count = sa.Table(
    "login_count",  # failures and tries in a window, whoever restarts
    vault,
    column("scope", sa.Text, "business", primary_key=True),
    column("target", sa.Text, "reference", primary_key=True),  # HMAC of a name or address
    column("member", sa.Text, "reference", primary_key=True),  # HMAC of what is counted once
    column("since", UtcDateTime, "business"),
    column("last_at", UtcDateTime, "business"),
    column("count", Id, "business"),
)

account_lock = sa.Table(
    "account_lock",
    vault,
    column("id", Id, "reference", primary_key=True),
    column("scope", sa.Text, "business"),  # person | address
    column("principal_id", Id, "reference", nullable=True),
    column("target", sa.Text, "reference"),  # HMAC of the name or address
    column("reason", sa.Text, "business"),
    column("locked_at", UtcDateTime, "business"),
    column("until", UtcDateTime, "business", nullable=True),  # null: until somebody lifts it
    column("lifted_at", UtcDateTime, "business", nullable=True),
    column("lifted_by", Id, "reference", nullable=True),
    column("disposition", sa.Text, "business", nullable=True),
    column("disposed_by", Id, "reference", nullable=True),
    column("disposed_at", UtcDateTime, "business", nullable=True),
    sa.Index("account_lock_target", "scope", "target"),
)
