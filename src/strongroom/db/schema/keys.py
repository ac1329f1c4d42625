"""Tables of the keystore, a database of its own: a key never lies beside the data it opens [2.4]."""

import sqlalchemy as sa

from strongroom.db.engine import UtcDateTime
from strongroom.db.schema.columns import Id, column, keystore

keystore_master = sa.Table(
    "master_key",
    keystore,
    column("id", Id, "reference", primary_key=True),
    column("root_uri", sa.Text, "business"),
    column("wrapped", sa.LargeBinary, "key"),
    column("created_at", UtcDateTime, "business"),
)

keystore_secret = sa.Table(
    "service_key",
    keystore,
    column("name", sa.Text, "business", primary_key=True),  # audit-signer, log-pseudonym, ca, …
    column("wrapped", sa.LargeBinary, "key"),
    column("created_at", UtcDateTime, "business"),
)

keystore_period = sa.Table(
    "period_key",
    keystore,
    column("id", Id, "reference", primary_key=True),
    column("seller_id", Id, "reference"),
    column("kind", sa.Text, "business"),  # pending | day | held
    column(
        "day", Id, "business"
    ),  # days since 1970: a day period's day, a pending period's first day
    column("generation", Id, "business"),
    column("wrapped", sa.LargeBinary, "key", nullable=True),  # null: destroyed
    column("created_at", UtcDateTime, "business"),
    column("destroyed_at", UtcDateTime, "business", nullable=True),
    column(
        "purged_at", UtcDateTime, "business", nullable=True
    ),  # the rows it had locked are gone too
    sa.UniqueConstraint("seller_id", "kind", "day", "generation", name="period_key_place"),
    sqlite_autoincrement=True,  # a number is never used twice
)

keystore_signer = sa.Table(
    "signer_state",
    keystore,
    column("origin", sa.Text, "public", primary_key=True),
    column("size", Id, "public"),
    column("root", sa.LargeBinary, "reference"),
)
