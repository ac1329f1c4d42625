"""A table of a database that is not ours: its rows batch by batch, and tokens written over values that are still there.

A row is written only where each value is what was read, so that nothing an app wrote meanwhile is lost. What would stop
a token from fitting is found before the first one is written. Where a run had got to is in the data itself: what is a
token already is left alone. PostgreSQL is reached as the scanner reaches it [1.5].
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import orjson
import psycopg
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from strongroom.arriving.mapping import Plan, Table, Target
from strongroom.arriving.rows import Row
from strongroom.errors import Conflict, Malformed, Unavailable
from strongroom.leaks.outside import conninfo, is_dsn

_SQLITE: Final = "sqlite:///"
_AT_ONCE: Final = 500
_OURS: Final = {"audit_event", "record_key"}
"""Tables that only a vault has."""

_WAIT_SECONDS: Final = 30


class TableSource:
    """One table. Close it."""

    def __init__(
        self, plan: Plan, table: Table, password: str | None, home: Path, *, dry: bool
    ) -> None:
        """Open the table and see that the mapping fits it; a dry run opens it for reading only.

        Raises:
            Malformed: a column is missing, is none of text or too short, or the key is none.
            Denied: the database would be reached without verified TLS.
            Unavailable: it does not answer.

        """
        self._fields = list(plan.fields)
        self._key = table.key
        self._path: Path | None = None
        if table.url.startswith(_SQLITE):
            self._path = _file(table.url.removeprefix(_SQLITE), home)
        self._engine = _engine(table.url, self._path, password, dry=dry)
        schema, _, name = table.name.rpartition(".")
        self._name = table.name
        self._updates: dict[tuple[str, ...], sa.Update] = {}
        try:
            with self._reading() as connection:
                columns = self._checked(connection, schema or None, name, plan)
                # Without types: values as the driver gives them are the ones to compare with.
                self._table = sa.table(name, *map(sa.column, columns), schema=schema or None)
                self.columns: list[str] = columns
                self.total: int | None = self._count(connection)
        except BaseException:
            self._engine.dispose()
            raise
        self.done = 0

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def batches(self) -> Iterator[list[Row]]:
        """Yield the rows in the order of their keys. Raises: Unavailable."""
        last: tuple[object, ...] | None = None
        while rows := self._page(last):
            last = rows[-1].key
            yield rows
            self.done += len(rows)

    def again(self, rows: Sequence[Row]) -> list[Row]:
        """Return rows as they are now; those that are gone are left out. Raises: Unavailable."""
        found = []
        with self._reading() as connection:
            for row in rows:
                query = sa.select(self._table).where(*self._is(row.key))
                now = connection.execute(query).first()
                if now is not None:
                    found.append(self._row(row.number, now))
        return found

    def write(self, changes: Sequence[tuple[Row, Mapping[str, str]]]) -> list[Row]:
        """Write tokens, in one transaction; return the rows that are no longer what was read.

        What is written is read again before it is durable: a trigger of the table's may have made something else of it.

        Raises:
            Conflict: a constraint of the table refuses a token, or a trigger changes one; nothing of it is written.
            Unavailable: the database fails.

        """
        overtaken = []
        written: list[tuple[Row, Mapping[str, str]]] = []
        number = 0
        try:
            with self._engine.begin() as connection:
                for row, tokens in changes:
                    number = row.number
                    values = {f"k{n}": part for n, part in enumerate(row.key)}
                    for n, (column, token) in enumerate(tokens.items()):
                        values |= {f"n{n}": token, f"o{n}": row.raw[column]}
                    if connection.execute(self._update(tuple(tokens)), values).rowcount != 1:
                        overtaken.append(row)
                    else:
                        written.append((row, tokens))
                if self._path is None:
                    connection.execute(sa.text("SET CONSTRAINTS ALL IMMEDIATE"))
                for row, tokens in written:
                    self._refuse_changed(connection, row, tokens)
        except IntegrityError:
            # Its message repeats the row.
            raise Conflict(
                f"row {number}: a constraint of the table refuses a token",
                hint="drop or widen it; nothing is lost, and the import goes on where it was",
            ) from None
        except SQLAlchemyError as exc:
            raise _failed(exc) from None
        return overtaken

    def _refuse_changed(
        self, connection: sa.Connection, row: Row, tokens: Mapping[str, str]
    ) -> None:
        """Raises: Conflict where a row does not have the tokens that were written to it."""
        query = sa.select(*(self._table.c[name] for name in tokens)).where(*self._is(row.key))
        found = connection.execute(query).first()
        # Some types of column fill a text up with blanks.
        if found is None or [_text(one).rstrip(" ") for one in found] != list(tokens.values()):
            raise Conflict(
                f"row {row.number}: the table makes something else of a token",
                hint="drop its trigger, or exempt the import; nothing is lost, and it goes on where it was",
            )

    def leave_out(self, row: Row) -> None:
        """Do nothing: what is not replaced stays in the table."""

    def finish(self, *, vacuum: bool) -> list[str]:
        """Clear what the file still holds of old pages, if asked; return what remains for the operator to do."""
        self._engine.dispose()
        if self._path is None:
            return [
                f"old row versions stay in the database's files until VACUUM FULL {self._name}",
                "its WAL archives, replicas, dumps and backups hold the old values: destroy them",
            ]
        backups = "backups and copies of the file hold the old values: destroy them"
        if not vacuum:
            return ["free pages of the file may hold old values: run again with --vacuum", backups]
        return [*_vacuumed(self._path), backups]

    # -- private ---------------------------------------------------------------------------------------------------

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except SQLAlchemyError as exc:
            raise _failed(exc) from None

    def _page(self, last: tuple[object, ...] | None) -> list[Row]:
        keys = [self._table.c[name] for name in self._key]
        query = sa.select(self._table).order_by(*keys).limit(_AT_ONCE)
        if last is not None:
            # Without types, as above: a guessed one may order otherwise than the column does.
            behind = [sa.literal(part, sa.types.NullType()) for part in last]
            query = query.where(sa.tuple_(*keys) > sa.tuple_(*behind))
        with self._reading() as connection:
            found = connection.execute(query).all()
        return [self._row(self.done + n, row) for n, row in enumerate(found, 1)]

    def _row(self, number: int, found: sa.Row[Any]) -> Row:
        values = dict(zip(self.columns, found, strict=True))
        for column in self._fields:
            if isinstance(values[column], bytes | memoryview):
                raise Malformed(f"row {number}: column {column} holds bytes, and no text")
        cells = {name: text for name, value in values.items() if (text := _text(value))}
        key = tuple(values[name] for name in self._key)
        return Row(number, key, cells, {column: values[column] for column in self._fields})

    def _count(self, connection: sa.Connection) -> int:
        rows = connection.execute(sa.select(sa.func.count()).select_from(self._table)).scalar_one()
        empty = sa.or_(*(self._table.c[name].is_(None) for name in self._key))
        query = sa.select(sa.func.count()).select_from(self._table).where(empty)
        if nameless := connection.execute(query).scalar_one():
            raise Malformed(f"{nameless} rows have no key")
        return int(rows)

    def _is(self, key: Sequence[object]) -> list[sa.ColumnElement[bool]]:
        return [self._table.c[name] == part for name, part in zip(self._key, key, strict=True)]

    def _update(self, columns: tuple[str, ...]) -> sa.Update:
        known = self._updates.get(columns)
        if known is None:
            cells = self._table.c
            where = [cells[name] == sa.bindparam(f"k{n}") for n, name in enumerate(self._key)]
            where += [
                cells[name].is_not_distinct_from(sa.bindparam(f"o{n}"))
                for n, name in enumerate(columns)
            ]
            tokens: dict[str, sa.BindParameter[Any]] = {
                name: sa.bindparam(f"n{n}") for n, name in enumerate(columns)
            }
            known = self._updates[columns] = sa.update(self._table).where(*where).values(tokens)
        return known

    def _checked(
        self, connection: sa.Connection, schema: str | None, name: str, plan: Plan
    ) -> list[str]:
        inspector = sa.inspect(connection)
        names = inspector.get_table_names(schema)
        if set(names) >= _OURS:
            raise Malformed("this database belongs to a home itself")
        if name not in names:
            raise Malformed(f"there is no table {self._name} in the database")
        described = {str(one["name"]): one for one in inspector.get_columns(name, schema)}
        for column in [*plan.columns, *self._key, *plan.ignore]:
            if column not in described:
                raise Malformed(f"the table has no column {column}, which the mapping names")
        any_type = self._path is not None
        for column, target in plan.fields.items():
            _refuse_unfit(column, described[column]["type"], target, any_type=any_type)
        self._refuse_key(inspector, schema, name, described)
        return list(described)

    def _refuse_key(
        self,
        inspector: sa.Inspector,
        schema: str | None,
        name: str,
        described: Mapping[str, Any],
    ) -> None:
        """Raises: Malformed where the key could name several rows, or none."""
        primary = frozenset(inspector.get_pk_constraint(name, schema)["constrained_columns"])
        unique = {
            frozenset(one["column_names"]) for one in inspector.get_unique_constraints(name, schema)
        }
        unique |= {
            frozenset(filter(None, one["column_names"]))
            for one in inspector.get_indexes(name, schema)
            # An index of some rows alone says nothing of the others.
            if one["unique"] and not any("where" in key for key in one.get("dialect_options", {}))
        }
        key = frozenset(self._key)
        if primary and primary <= key:
            return
        nullable = any(described[column]["nullable"] for column in key)
        if not nullable and any(one and one <= key for one in unique):
            return
        hint = (
            f"its primary key is {', '.join(sorted(primary))}" if primary else "give it a key first"
        )
        raise Malformed(f"{', '.join(self._key)} is no unique key of the table", hint=hint)


def _refuse_unfit(column: str, type_: Any, target: Target, *, any_type: bool) -> None:  # noqa: ANN401 - SQLAlchemy's
    """Raises: Malformed where a token does not fit into a column."""
    untyped = any_type and isinstance(type_, sa.types.NullType)
    if isinstance(type_, sa.Enum) or not (isinstance(type_, sa.String) or untyped):
        raise Malformed(
            f"column {column} is none of text: a token does not fit", hint="change its type"
        )
    length = getattr(type_, "length", None)
    if length is not None and length < target.longest:
        raise Malformed(
            f"column {column} takes {length} characters, a token has {target.longest}",
            hint="widen the column",
        )


def _file(name: str, home: Path) -> Path:
    path = Path(name)
    if not path.is_file():
        raise Malformed(
            "there is no such SQLite file", hint="sqlite:///PATH, absolute with four slashes"
        )
    if path.resolve().is_relative_to(home.resolve()):
        raise Malformed("this file belongs to the home itself")
    return path.resolve()


def _engine(url: str, path: Path | None, password: str | None, *, dry: bool) -> sa.Engine:
    if path is not None:
        address = f"file:{quote(str(path))}?mode={'ro' if dry else 'rw'}"
        return sa.create_engine(
            "sqlite://", creator=lambda: _sqlite(address), poolclass=sa.NullPool
        )
    plain = url.replace("postgresql+psycopg://", "postgresql://", 1)
    if not is_dsn(plain):
        raise Malformed("[source] url is sqlite:///PATH or postgresql://USER@HOST/DATABASE")
    info = conninfo(plain, password, "strongroom import")
    return sa.create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(info, prepare_threshold=2),
        hide_parameters=True,
    )


def _sqlite(address: str) -> sqlite3.Connection:
    connection = sqlite3.connect(address, uri=True, timeout=_WAIT_SECONDS)
    # What is overwritten is gone from its page, and nothing is spilled into a file of ours.
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute("PRAGMA temp_store = MEMORY")
    return connection


def _vacuumed(path: Path) -> list[str]:
    """Rewrite a SQLite file without its free pages, and empty its log; return what could not be done."""
    try:
        with closing(_sqlite(f"file:{quote(str(path))}?mode=rw")) as connection:
            connection.isolation_level = None
            connection.execute("VACUUM")
            busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    except sqlite3.Error:
        return [
            "the file is in use and was not rewritten: stop what uses it, run again with --vacuum"
        ]
    if busy:
        return [
            "the write-ahead log is in use and may hold old values: stop what uses it, run again"
        ]
    return []


def _text(value: object) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict | list):
        return orjson.dumps(value, default=str).decode()
    if isinstance(value, bytes | memoryview):
        return bytes(value).decode("latin-1")
    return str(value)


def _failed(exc: SQLAlchemyError) -> Unavailable:
    # Its message may repeat a value.
    kind = type(exc.orig if isinstance(exc, DBAPIError) and exc.orig else exc).__name__
    return Unavailable(
        f"the database cannot be read or written: {kind}", hint="address, password, rights"
    )
