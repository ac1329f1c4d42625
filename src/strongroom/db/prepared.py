"""A Core statement compiled once, for the few places where SQLAlchemy's own work would be the cost.

Measured on SQLite: 13 µs instead of 30 for one execution. Values pass as they are, without the
column types' conversions: only for integers, text and bytes. So do the rows of `driver_rows`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.sql.compiler import SQLCompiler

from strongroom.db.engine import Transaction

_LENGTHS: Final = (1, 10, 100, 400)
"""Of lists: a shorter one repeats its last member, a longer one is asked for in parts."""

_LONG_PAGE: Final = 5000
"""Rows of a long result in memory at a time."""

_NAMES: Final = tuple(f"member_{number}" for number in range(_LENGTHS[-1]))


class Prepared:
    """Runs one statement of one database. Safe between threads."""

    __slots__ = ("_constants", "_order", "_sql", "_statement")

    def __init__(self, statement: sa.Insert | sa.Update | sa.Select[Any]) -> None:
        self._statement = statement
        self._sql = ""
        self._order: Sequence[str] | None = None
        self._constants: Mapping[str, Any] = {}

    def run(self, tx: Transaction, values: Mapping[str, Any]) -> sa.CursorResult[Any]:
        """Execute it with the named values."""
        if not self._sql:
            self._compile(tx)
        return tx.exec_driver_sql(self._sql, self._bound(values))

    def run_many(self, tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> None:
        """Execute it once for each row, in one call of the driver."""
        if not self._sql:
            self._compile(tx)
        tx.exec_driver_sql(self._sql, [self._bound(row) for row in rows])

    def _compile(self, tx: Transaction) -> None:
        compiled = self._statement.compile(dialect=tx.dialect)
        if not isinstance(compiled, SQLCompiler):  # pragma: no cover - every such statement is SQL
            raise TypeError("not a statement")
        self._order = compiled.positiontup
        self._constants = {
            key: value for key, value in compiled.params.items() if value is not None
        }
        self._sql = str(compiled)

    def _bound(self, values: Mapping[str, Any]) -> Any:  # noqa: ANN401 - what the driver takes
        if self._constants:
            values = {**self._constants, **values}
        if self._order is None:
            return values
        return tuple([values[name] for name in self._order])


class PreparedList:
    """A select of the rows whose `column` is in a list, compiled for a few lengths of the list. Safe between threads.

    Measured on SQLite: 100 rows by an expanding IN take twice as long. One database, as `Prepared`.
    """

    __slots__ = ("_column", "_prepared", "_statement")

    def __init__(self, statement: sa.Select[Any], column: sa.ColumnElement[Any]) -> None:
        self._statement = statement
        self._column = column
        self._prepared: dict[tuple[str, int], Prepared] = {}

    def run(
        self, tx: Transaction, values: Mapping[str, Any], members: Sequence[Any]
    ) -> Iterator[Sequence[Any]]:
        """Yield the rows, in no order; `values` are what else the statement names."""
        longest = _LENGTHS[-1]
        for start in range(0, len(members), longest):
            part = members[start : start + longest]
            length = next(length for length in _LENGTHS if length >= len(part))
            filled = [*part, *[part[-1]] * (length - len(part))]
            named = {**values, **dict(zip(_NAMES, filled))}  # noqa: B905 - there are names for the longest
            result = self._of_length(tx, length).run(tx, named)
            # The driver's own tuples: SQLAlchemy's rows cost a quarter more, and nothing here asks for names.
            yield from result.cursor.fetchall()
            result.close()

    def _of_length(self, tx: Transaction, length: int) -> Prepared:
        key = tx.dialect.name, length
        found = self._prepared.get(key)
        if found is None:
            wanted: list[sa.BindParameter[Any]] = [sa.bindparam(name) for name in _NAMES[:length]]
            found = Prepared(self._statement.where(self._column.in_(wanted)))
            self._prepared[key] = found
        return found


def driver_rows(tx: Transaction, statement: sa.Select[Any]) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a long result as the driver has them, a few thousand in memory at a time.

    SQLAlchemy's own rows take twice as long, where nobody asks for names and no column has a type of ours.
    """
    with tx.execute(statement.execution_options(yield_per=_LONG_PAGE)) as result:
        if (first := result.fetchone()) is None:  # SQLAlchemy has read one ahead
            return
        yield tuple(first)
        while page := result.cursor.fetchmany(_LONG_PAGE):
            yield from page
