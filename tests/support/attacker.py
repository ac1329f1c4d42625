"""The owner of the database, who can take its triggers away: defence in depth does not stop them."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from strongroom.db.engine import Database, Transaction

_SQLITE = "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'"
_POSTGRES = """
    SELECT tgname, tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal"""


@contextmanager
def owning(database: Database) -> Iterator[Transaction]:
    """Give a transaction in which no trigger is left."""
    with database.write() as tx:
        for name, table in tx.execute(sa.text(_SQLITE if database.is_sqlite else _POSTGRES)).all():
            on = "" if database.is_sqlite else f" ON {table}"
            tx.execute(sa.text(f"DROP TRIGGER {name}{on}"))
        yield tx


def disarm(connection: sqlite3.Connection) -> None:
    """Drop every trigger of a SQLite database that is open as the standard library opens it."""
    for name, _ in connection.execute(_SQLITE).fetchall():
        connection.execute(f"DROP TRIGGER {name}")
