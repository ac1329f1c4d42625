"""Takes all rows of a database out of one consistent view, and puts them into an empty one, of either engine.

Values pass as the driver has them: nothing is opened on the way. A database is filled in one transaction, so that it
holds all of it or nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import sqlalchemy as sa

from strongroom.backups.stream import Row, Table
from strongroom.db import schema
from strongroom.db.engine import Transaction
from strongroom.errors import Malformed

SKIPPED: Final = 1 << 16
"""So many numbers stay unused after a restore: those given out since the backup never mean something else."""

_PAGE: Final = 500
_LONG_PAGE: Final = 4
_LONG: Final = frozenset({schema.record_value.name})
"""Tables whose single values may have megabytes."""
_VERSION: Final = "alembic_version"
_VISITS: Final = (schema.login_session, schema.login_step, schema.login_link)


def tables_of(
    tx: Transaction, metadata: sa.MetaData, told: Callable[[int], None]
) -> Iterator[Table]:
    """Yield every table of a database as this transaction sees it, those that others refer to first."""
    for table in metadata.sorted_tables:
        names = [str(column.name) for column in table.columns]
        binary = [
            place
            for place, column in enumerate(table.columns)
            if isinstance(column.type, sa.LargeBinary)
        ]
        yield Table(str(table.name), names, binary, _blocks(tx, table, told))


def end_visits(tx: Transaction) -> None:
    """Remove sessions, steps and links of people: some of them ended since the backup, and nobody knows which [1.2]."""
    for table in _VISITS:
        tx.execute(table.delete())


class Filling:
    """Fills the tables of one database, inside the caller's transaction."""

    def __init__(self, tx: Transaction, told: Callable[[int], None]) -> None:
        self._tx = tx
        self._told = told
        self._known = frozenset(sa.inspect(tx).get_table_names()) - {_VERSION}
        self._columns = ""
        self._name = ""
        self._statement = ""

    def table(self, name: str, columns: Sequence[str]) -> None:
        """Take rows of this table from now on. Raises: Malformed: there is no such table."""
        if name not in self._known:
            raise Malformed(f"the backup has a table {name} that its version has not")
        there = {column["name"] for column in sa.inspect(self._tx).get_columns(name)}
        if not set(columns) <= there:
            raise Malformed(f"the backup has columns of {name} that its version has not")
        mark = "?" if self._tx.dialect.name == "sqlite" else "%s"
        self._columns = ", ".join(_quoted(column) for column in columns)
        self._name = _quoted(name)
        values = ", ".join([mark] * len(columns))
        self._statement = f"INSERT INTO {self._name} ({self._columns}) VALUES ({values})"  # noqa: S608 - names were checked

    def rows(self, block: list[Row]) -> None:
        """Put the rows in."""
        if not block:
            return
        if self._tx.dialect.name == "sqlite":
            self._tx.exec_driver_sql(self._statement, [tuple(row) for row in block])
        else:
            self._copy(block)
        self._told(len(block))

    def _copy(self, block: list[Row]) -> None:
        driver: Any = self._tx.connection.driver_connection
        with (
            driver.cursor() as cursor,
            cursor.copy(f"COPY {self._name} ({self._columns}) FROM STDIN") as copy,
        ):
            for row in block:
                copy.write_row(row)

    def finish(self) -> None:
        """Have every number that comes next lie behind those that were given out since."""
        if self._tx.dialect.name == "sqlite":
            if _has_table(self._tx, "sqlite_sequence"):
                self._tx.exec_driver_sql("UPDATE sqlite_sequence SET seq = seq + ?", (SKIPPED,))
            return
        for name in sorted(self._known):
            self._skip(name)

    def _skip(self, name: str) -> None:
        key = sa.inspect(self._tx).get_pk_constraint(name)["constrained_columns"]
        if len(key) != 1:
            return
        serial = self._tx.execute(
            sa.text("SELECT pg_get_serial_sequence(:table, :column)"),
            {"table": _quoted(name), "column": key[0]},
        ).scalar_one_or_none()
        if serial is not None:
            highest = f"SELECT COALESCE(MAX({_quoted(key[0])}), 0) FROM {_quoted(name)}"  # noqa: S608 - names of ours
            self._tx.execute(
                sa.text(f"SELECT setval(:serial, ({highest}) + :skipped)"),
                {"serial": serial, "skipped": SKIPPED},
            )


def _blocks(
    tx: Transaction, table: sa.Table, told: Callable[[int], None]
) -> Iterator[Sequence[Row]]:
    # Columns without types of ours: their values pass as they are stored.
    plain = sa.table(table.name, *(sa.column(column.name) for column in table.columns))
    keys = [plain.c[column.name] for column in table.primary_key]
    page = _LONG_PAGE if table.name in _LONG else _PAGE
    query = sa.select(plain).order_by(*keys).execution_options(yield_per=page)
    with tx.execute(query) as found:
        for rows in found.partitions(page):
            yield [tuple(row) for row in rows]
            told(len(rows))


def _has_table(tx: Transaction, name: str) -> bool:
    query = sa.text("SELECT 1 FROM sqlite_master WHERE name = :name")
    return tx.execute(query, {"name": name}).first() is not None


def _quoted(name: str) -> str:
    return f'"{name}"'
