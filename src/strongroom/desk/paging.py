"""Long lists page by page, by the key of the row where a page ends, so that no page costs more than the first. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar
from urllib.parse import urlencode

from strongroom.errors import Malformed

PAGE: Final = 50
"""Rows of one page."""

PAGING: Final = frozenset({"before", "after"})
"""What the route of a paged list reads of the query, besides its filters."""

_DIGITS: Final = 18

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page begins: rows before a key, or after one, or the newest."""

    before: int | None = None
    after: int | None = None

    @property
    def forward(self) -> bool:
        """Tell whether rows are to be fetched from the oldest on."""
        return self.after is not None


@dataclass(frozen=True, slots=True)
class Slice(Generic[Row]):
    """One page of a list, newest first, and where the pages beside it begin."""

    rows: Sequence[Row]
    newer: int | None = None
    """`after` of the page of newer rows; None where there is none."""
    older: int | None = None
    """`before` of the page of older rows; None where there is none."""


def cursor_of(query: Mapping[str, str]) -> Cursor:
    """Return where the page begins that a query asks for. Raises: Malformed."""
    found = {name: query[name] for name in PAGING if query.get(name)}
    if len(found) > 1 or any(
        not (text.isascii() and text.isdigit()) or len(text) > _DIGITS for text in found.values()
    ):
        raise Malformed("a page begins before one number, or after one")
    return Cursor(**{name: int(text) for name, text in found.items()})


def slice_of(
    fetched: Sequence[Row], cursor: Cursor, key: Callable[[Row], int], size: int = PAGE
) -> Slice[Row]:
    """Return the page made of up to `size` + 1 rows.

    They were fetched by falling keys below `before`, or by rising ones above `after`.
    """
    more = len(fetched) > size
    rows = list(fetched[:size])
    if cursor.forward:
        rows.reverse()
    if not rows:
        return Slice(rows)
    newer = more if cursor.forward else cursor.before is not None
    older = True if cursor.forward else more
    return Slice(rows, key(rows[0]) if newer else None, key(rows[-1]) if older else None)


def slice_in(
    rows: Sequence[Row], cursor: Cursor, key: Callable[[Row], int], size: int = PAGE
) -> Slice[Row]:
    """Return the page of a list that is whole in memory, in any order."""
    if cursor.forward:
        found = sorted((row for row in rows if key(row) > (cursor.after or 0)), key=key)
    else:
        end = cursor.before
        found = sorted(
            (row for row in rows if end is None or key(row) < end), key=key, reverse=True
        )
    return slice_of(found[: size + 1], cursor, key, size)


def link(path: str, query: Mapping[str, str], **changed: int | str | None) -> str:
    """Return a page's address with its filters; empty ones are left out."""
    wanted = {**{name: value for name, value in query.items() if name not in PAGING}, **changed}
    shown = {name: str(value) for name, value in wanted.items() if value not in (None, "")}
    return f"{path}?{urlencode(shown)}" if shown else path
