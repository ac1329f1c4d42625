"""A Core statement compiled once, for the few places where SQLAlchemy's own work would be the cost.

Measured on SQLite: 13 µs instead of 30 for one execution. Values pass as they are, without the
column types' conversions: only for integers, text and bytes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.compiler import SQLCompiler

from strongroom.db.engine import Transaction


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
