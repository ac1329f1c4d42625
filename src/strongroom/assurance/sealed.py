"""Keeps records of assurance sealed as a whole: whoever has the database changes no stamp, reads no text [2.4, 2.7].

The columns beside the sealed content are for queries. A row whose columns say something else than what was sealed is
`Tampered`; one that was put back to an earlier state has fewer stamps than it had, which allows nothing.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
import sqlalchemy as sa

from strongroom.compliance.writings import Writings
from strongroom.db.engine import Transaction
from strongroom.errors import NotFound, Tampered

Content = Mapping[str, Any]
"""What JSON can say; frozen dataclasses, instants and enumerations are written too."""


class SealedRows:
    """The rows of one table with `id` and `content`, within the caller's transaction."""

    def __init__(self, table: sa.Table, writings: Writings, thing: str) -> None:
        """Keep them; `thing` is what an error calls a row."""
        self.table = table
        self._writings = writings
        self._thing = thing
        self._place = f"{table.name}.content"

    def add(self, tx: Transaction, content: object, **columns: object) -> int:
        """Keep a new row; return its number."""
        query = self.table.insert().values(content=b"", **columns).returning(self.table.c.id)
        number: int = tx.execute(query).scalar_one()
        self.save(tx, number, content, **columns)
        return number

    def save(self, tx: Transaction, number: int, content: object, **columns: object) -> None:
        """Keep what a row says now."""
        said = {"columns": _plain(columns), "content": content}
        packed = orjson.dumps(said)
        sealed = self._writings.seal_bytes(self._place, number, packed)
        where = self.table.c.id == number
        tx.execute(self.table.update().where(where).values(content=sealed, **columns))

    def one(self, tx: Transaction, number: int, *, to_change: bool = False) -> Content:
        """Return what a row says, held where it is `to_change`. Raises: NotFound, Tampered."""
        query = sa.select(self.table).where(self.table.c.id == number)
        row = tx.execute(query.with_for_update() if to_change else query).first()
        if row is None:
            raise NotFound(f"there is no {self._thing} {number}")
        return self._opened(row)

    def listed(
        self, tx: Transaction, where: sa.ColumnElement[bool] | None = None, *, most: int
    ) -> Iterator[tuple[int, Content]]:
        """Give the newest rows with their numbers. Raises: Tampered."""
        query = sa.select(self.table).order_by(self.table.c.id.desc()).limit(most)
        for row in tx.execute(query if where is None else query.where(where)).all():
            yield row.id, self._opened(row)

    def _opened(self, row: sa.Row[Any]) -> Content:
        found = orjson.loads(self._writings.open_bytes(self._place, row.id, bytes(row.content)))
        seen = dict(row._mapping)  # noqa: SLF001 - the library's own way to the columns by name
        for name in ("id", "content"):
            seen.pop(name)
        if _plain(seen) != found["columns"]:
            raise Tampered(f"{self._thing} {row.id} is not what was kept")
        content: Content = found["content"]
        return content


def _plain(columns: Mapping[str, object]) -> dict[str, object]:
    return {
        name: value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
        for name, value in columns.items()
    }
