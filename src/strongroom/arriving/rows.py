"""One row of a source to what the vault is asked to take, and what else in it looks like personal data. Pure.

The order's dates decide how long its data may be kept. A source can be of any age, so that an order is still open is
never taken from it; a date that is no date counts as none [2.1].
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from strongroom.arriving.mapping import Plan
from strongroom.gateway.documents.dates import Instants, facts, status_of
from strongroom.gateway.documents.rows import is_order
from strongroom.gateway.extraction import ident
from strongroom.leaks.shapes import Kind, shapes
from strongroom.policy.catalogue.slots import COUNTRY_CODES
from strongroom.policy.retention import SightedFacts

LONGEST_VALUE_BYTES: Final = 64 * 1024
"""A longer value is left where it is, and told."""

LONGEST_ROW_BYTES: Final = 96 * 1024

_LONGEST_FACT: Final = 64
"""Of a date or a status; a longer text is neither."""

_SAFE_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_. -]{0,63}").fullmatch
_PERSONAL: Final = frozenset({Kind.EMAIL, Kind.PHONE})

Cells = Mapping[str, str]
"""A row's texts by column; what is empty is left out."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row, named by its number. `key` finds it again; `cells` is plaintext."""

    number: int
    key: tuple[object, ...] = field(repr=False)
    cells: Cells = field(repr=False)
    raw: Mapping[str, object] = field(repr=False)
    """What stood where a token is to be written, as the source had it."""
    apart: frozenset[str] = frozenset()
    """Columns in whose place something stands that is no one value."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of a row is to be replaced: fields by column, under which item or parcel."""

    row: Row = field(repr=False)
    order: str
    facts: SightedFacts
    idents: Mapping[str, str]
    values: dict[str, str] = field(repr=False)
    clear: dict[str, str] = field(repr=False)
    """What may stay where it is, and belongs to the order all the same: a country's code."""


class Reader:
    """Reads the rows of one source by its mapping."""

    def __init__(self, mapping: Plan) -> None:
        self._mapping = mapping
        self._instants = Instants()

    def wanted(self, row: Row) -> Wanted | None:
        """Return what a row asks for; None for one that is of no Amazon order."""
        order = row.cells.get(self._mapping.order, "").strip()
        if not is_order(order):
            return None
        values = self.values(row)
        clear = {
            column: row.cells[column]
            for column in self._mapping.fields
            if column in row.cells and column not in values
        }
        return Wanted(row, order, self._facts(row.cells), self._idents(row.cells), values, clear)

    def values(self, row: Row) -> dict[str, str]:
        """Return the values that may not stay, by column; a country's code may."""
        return {
            column: value
            for column, target in self._mapping.fields.items()
            if (value := row.cells.get(column))
            and not (target.spec.clear and value in COUNTRY_CODES)
        }

    def is_apart(self, row: Row) -> bool:
        """Say whether something of a row can be neither taken in nor replaced, as it is no one value."""
        order = row.cells.get(self._mapping.order, "").strip()
        if self._mapping.others_stay and not is_order(order):
            return self._mapping.order in row.apart
        return bool(row.apart)

    def _idents(self, cells: Cells) -> dict[str, str]:
        named = self._mapping.facts
        return {
            kind: ident(cells[named[kind]], 0)
            for kind in ("item", "package")
            if kind in named and named[kind] in cells
        }

    def _facts(self, cells: Cells) -> SightedFacts:
        def said(name: str) -> str:
            text = cells.get(self._mapping.facts.get(name, ""), "")
            return text if len(text) <= _LONGEST_FACT else ""

        read = self._instants.read
        word = said("status")
        status = self._mapping.statuses.get(word.strip().casefold())
        if status is None:
            status = status_of(word)
        # When it arrived is the best there is to count from; without it, when it left.
        moved_at = read(said("delivered")) or read(said("shipped"))
        return facts(status, read(said("purchased")), moved_at, read(said("updated")), fresh=False)


def too_long(values: Mapping[str, str]) -> bool:
    """Say whether a row's values are more than is taken at once."""
    sizes = [len(value.encode()) for value in values.values()]
    return max(sizes, default=0) > LONGEST_VALUE_BYTES or sum(sizes) > LONGEST_ROW_BYTES


def looks_personal(text: str) -> bool:
    """Say whether a text holds what looks like somebody's e-mail address or telephone number."""
    if "@" not in text and "+" not in text:
        return False  # what is worth telling of has one of these, and most columns have neither
    return any(found.told and found.kind in _PERSONAL for found in shapes(text.encode()))


def shown(names: Sequence[str]) -> dict[str, str]:
    """Return how columns may be named: by their names where these are plain words, else by their places."""
    return {
        name: name if _SAFE_NAME(name) else f"column {place}" for place, name in enumerate(names, 1)
    }
