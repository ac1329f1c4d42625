"""Brings a database's tables to the form this version of Strongroom works with.

Migrations only go forward and never rebuild the audit log. All that are missing run in one
transaction: a database is at the version before, or at this one. Its version stands in the table
`alembic_version`. The keystore and the vault have histories of their own.
"""

from enum import StrEnum
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Misconfigured

MIGRATIONS: Final = Path(__file__).parent / "migrations"


class Schema(StrEnum):
    """The two databases of a home."""

    VAULT = "vault"
    KEYSTORE = "keystore"

    @property
    def metadata(self) -> sa.MetaData:
        """Return its tables as the code uses them."""
        return schema.vault if self is Schema.VAULT else schema.keystore

    @property
    def newest(self) -> str:
        """Return the revision that has exactly these tables."""
        return _NEWEST[self]


# Stated here so that opening an up-to-date home need not read the migrations; a test compares.
_NEWEST: Final = {Schema.VAULT: "0031", Schema.KEYSTORE: "0001"}


def revision_of(tx: Transaction) -> str | None:
    """Return the revision a database is at, None when it has none."""
    if not sa.inspect(tx).has_table("alembic_version"):
        return None
    return tx.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def upgrade(database: Database, which: Schema) -> bool:
    """Make or change the tables to what this version needs; return whether anything was to do.

    Raises:
        Misconfigured: a newer version of Strongroom has been at work here, or the tables were not
            made by a migration.

    """
    with database.read() as tx:
        if revision_of(tx) == which.newest:
            return False
    with database.write() as tx:
        _refuse_foreign(tx, which)
        _run(tx, which)
    return True


def make(database: Database, which: Schema, revision: str) -> None:
    """Make the tables in an empty database as they were at a revision; `upgrade` does the rest.

    Raises:
        Misconfigured: this version does not know the revision, or the database has tables already.

    """
    with database.write() as tx:
        if sa.inspect(tx).get_table_names():
            raise Misconfigured(
                f"the database meant for the {which.value} has tables already",
                hint="give Strongroom an empty one",
            )
        if revision not in _known(which):
            raise Misconfigured(
                f"the {which.value} is at a revision this version does not know",
                hint="use the version of Strongroom that made it, or a newer one",
            )
        _run(tx, which, revision)


def _known(which: Schema) -> set[str]:
    return {path.name.partition("_")[0] for path in (MIGRATIONS / which.value).glob("*.py")}


def _refuse_foreign(tx: Transaction, which: Schema) -> None:
    at = revision_of(tx)
    if at is None and set(sa.inspect(tx).get_table_names()) & which.metadata.tables.keys():
        raise Misconfigured(
            f"the {which.value} has tables but no revision",
            hint="give Strongroom an empty database, or restore this one from a backup",
        )
    if at is not None and at not in _known(which):
        raise Misconfigured(
            f"the {which.value} is at a revision this version does not know",
            hint="start the newer version of Strongroom that changed it",
        )


def _run(tx: Transaction, which: Schema, revision: str = "head") -> None:
    # Only here: loading Alembic takes a sixth of a second, which every command would wait for.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", _escaped(MIGRATIONS))
    config.set_main_option("version_locations", _escaped(MIGRATIONS / which.value))
    config.set_main_option("path_separator", "newline")
    config.attributes["connection"] = tx
    config.attributes["metadata"] = which.metadata
    command.upgrade(config, revision)


def _escaped(path: Path) -> str:
    return str(path).replace("%", "%%")  # Alembic interpolates its options
