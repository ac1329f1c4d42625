"""Reads databases that are not ours, every text and every blob of every table, and changes nothing in them.

SQLite files are opened read-only. PostgreSQL is asked in one read-only transaction, over a local socket, this machine,
or TLS with a verified certificate [1.5]; its password comes from a file. A row is named by its key where that is a
number, and else by its place: a key of text may be personal data itself.
"""

import os
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from strongroom.errors import Denied, Malformed, Unavailable

SQLITE_MAGIC: Final = b"SQLite format 3\0"
MOST_CELL_BYTES: Final = 16 * 1024 * 1024
"""Of a larger value only this much is read, and that is told."""

_SCHEMES: Final = ("postgresql://", "postgres://")
_HERE: Final = frozenset({"", "localhost", "127.0.0.1", "::1"})
_AT_ONCE: Final = 200
_PASSWORDS: Final = re.compile(r"(?i)[?&](?:password|passfile|sslpassword)=|//[^/?#]*:[^/?#@]*@")


@dataclass(frozen=True, slots=True)
class Cell:
    """One value, and where it stands. Prints without it."""

    table: str
    column: str
    row: str
    value: bytes = field(repr=False)
    whole: bool = True


def is_dsn(target: str) -> bool:
    """Say whether a target names a database server."""
    return target.startswith(_SCHEMES)


def sqlite_cells(path: Path) -> Iterator[Cell]:
    """Yield every value of a SQLite file that is text or a blob.

    Raises:
        Unavailable: it cannot be read, or is none.

    """
    # Without a write-ahead log nothing has to be made beside the file to read it.
    alone = not path.with_name(path.name + "-wal").exists()
    address = f"file:{quote(str(path.absolute()))}?mode=ro{'&immutable=1' if alone else ''}"
    try:
        connection = sqlite3.connect(address, uri=True, timeout=5)
        try:
            connection.text_factory = bytes
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("PRAGMA query_only = ON")
            for (name,) in connection.execute(
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name"
            ).fetchall():
                yield from _sqlite_table(connection, name.decode(errors="replace"))
        finally:
            connection.close()
    except sqlite3.Error:
        raise Unavailable("this SQLite file cannot be read") from None


def _sqlite_table(connection: sqlite3.Connection, table: str) -> Iterator[Cell]:
    quoted = '"' + table.replace('"', '""') + '"'
    try:
        rows = connection.execute(f"SELECT rowid, * FROM {quoted}")  # noqa: S608 - quoted above
        numbered = True
    except sqlite3.OperationalError:
        rows = connection.execute(f"SELECT * FROM {quoted}")  # noqa: S608 - without row numbers
        numbered = False
    columns = [column[0] for column in rows.description][numbered:]
    for place, found in enumerate(rows, 1):
        row = str(found[0]) if numbered else f"#{place}"
        for column, value in zip(columns, found[numbered:], strict=True):
            if isinstance(value, bytes):
                yield _cell(table, column, row, value)
            elif isinstance(value, int):
                yield Cell(table, column, row, str(value).encode())


def _cell(table: str, column: str, row: str, value: bytes) -> Cell:
    return Cell(table, column, row, value[:MOST_CELL_BYTES], len(value) <= MOST_CELL_BYTES)


def shown_dsn(dsn: str) -> str:
    """Return a database's address without user and options."""
    known = _parsed(dsn)
    host = str(known.get("host", ""))
    return f"postgresql://{'' if host.startswith('/') else host}/{known.get('dbname', '')}"


def conninfo(dsn: str, password: str | None, application: str) -> str:
    """Return what libpq connects by.

    Raises:
        Malformed: the address has the wrong form, or a password in it, or leads elsewhere than it says.
        Denied: it would be reached over a network without verified TLS.

    """
    known = _parsed(dsn)
    host = str(known.get("host") or os.environ.get("PGHOST", ""))
    if any(name in known for name in ("hostaddr", "service")) or "PGHOSTADDR" in os.environ:
        raise Malformed("the address names its server twice", hint="give the host alone")
    secure: dict[str, Any] = {}
    if not host.startswith("/") and host not in _HERE:
        if known.get("sslmode", "verify-full") != "verify-full":
            raise Denied("a database over a network is asked with sslmode=verify-full only")
        secure = {"sslmode": "verify-full", "sslrootcert": known.get("sslrootcert", "system")}
    if password is not None:
        secure["password"] = password
    try:
        return make_conninfo(dsn, connect_timeout=10, application_name=application, **secure)
    except psycopg.Error:
        raise Malformed("this is no address of a PostgreSQL database") from None


def postgres_cells(dsn: str, password: str | None) -> Iterator[Cell]:
    """Yield every value of a PostgreSQL database's tables that is text, JSON or bytes, in one read-only transaction.

    Raises:
        Malformed: the address has the wrong form, or a password in it.
        Denied: it would be reached over a network without verified TLS.
        Unavailable: it does not answer, or does not let us read.

    """
    address = conninfo(dsn, password, "strongroom scan")
    try:
        with psycopg.connect(address) as connection:
            connection.read_only = True
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            for schema, table, columns in _postgres_tables(connection):
                yield from _postgres_table(connection, schema, table, columns)
    except psycopg.Error as exc:
        # Its message may repeat a value.
        raise Unavailable(
            f"the database cannot be read: {type(exc).__name__}",
            hint="address, password file, rights",
        ) from None


def _parsed(dsn: str) -> dict[str, Any]:
    if _PASSWORDS.search(dsn):
        raise Malformed("a password stands in the address", hint="give --password-file")
    try:
        return dict(conninfo_to_dict(dsn))
    except psycopg.Error:
        raise Malformed("this is no address of a PostgreSQL database") from None


def _postgres_tables(
    connection: psycopg.Connection[Any],
) -> list[tuple[str, str, list[tuple[str, bool, bool]]]]:
    """Return schema, table and columns, each with whether it is bytes and whether it is the numeric key."""
    rows = connection.execute(
        """
        SELECT n.nspname, c.relname, a.attname, t.typname = 'bytea',
               coalesce(i.indnkeyatts = 1 AND i.indkey[0] = a.attnum
                        AND t.typname IN ('int2', 'int4', 'int8', 'uuid'), false)
        FROM pg_class c
        JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        JOIN pg_type t ON t.oid = a.atttypid
        LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
        WHERE c.relkind IN ('r', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
          AND n.nspname NOT LIKE 'pg\\_temp\\_%'
        ORDER BY 1, 2, a.attnum
        """
    ).fetchall()
    tables: dict[tuple[str, str], list[tuple[str, bool, bool]]] = {}
    for schema, table, *column in rows:
        tables.setdefault((schema, table), []).append((column[0], column[1], column[2]))
    return [(schema, table, columns) for (schema, table), columns in tables.items()]


def _postgres_table(
    connection: psycopg.Connection[Any],
    schema: str,
    table: str,
    columns: list[tuple[str, bool, bool]],
) -> Iterator[Cell]:
    key = next((sql.Identifier(name) for name, _, is_key in columns if is_key), None)
    wanted = [
        sql.SQL("substr({column}{cast}, 1, {most})").format(
            column=sql.Identifier(name),
            cast=sql.SQL("") if is_bytes else sql.SQL("::text"),
            most=sql.Literal(MOST_CELL_BYTES + 1),
        )
        for name, is_bytes, _ in columns
    ]
    query = sql.SQL("SELECT {key}::text, {columns} FROM ONLY {table}").format(
        key=sql.SQL("ctid") if key is None else key,
        columns=sql.SQL(", ").join(wanted),
        table=sql.Identifier(schema, table),
    )
    shown = table if schema == "public" else f"{schema}.{table}"
    with connection.cursor(name="strongroom_scan") as cursor:
        cursor.itersize = _AT_ONCE
        for row, *values in cursor.execute(query):
            for (column, _, _), value in zip(columns, values, strict=True):
                if value is not None:
                    raw = value.encode() if isinstance(value, str) else bytes(value)
                    yield _cell(shown, column, row, raw)
