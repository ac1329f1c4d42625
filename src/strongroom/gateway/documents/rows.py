"""Rows of a table to sightings: columns by their rules, several rows of one order in one record.

A row that does not have the header's columns may have its values under the wrong ones, so nothing of it passes. The
same holds for a column nobody knows. Pure.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Final

from strongroom.errors import Malformed
from strongroom.gateway.documents.dates import Instants, facts, status_of
from strongroom.gateway.documents.page import MAX_COLUMNS, Odd, Origin
from strongroom.gateway.extraction import Drift, Placed, Render, ident, plain
from strongroom.gateway.shapes import RENDERS
from strongroom.policy.catalogue.reports import Column, Role, plain_name
from strongroom.policy.catalogue.slots import COUNTRY_CODES, unknown_slot
from strongroom.policy.retention import SightedFacts
from strongroom.policy.sighting import Sighting, SlotKey
from strongroom.terms import Scalar

is_order: Final = re.compile(r"[0-9A-Z]{3}-[0-9]{7}-[0-9]{7}").fullmatch
"""An order's id, and nothing that a row cut in two could have in its place."""

is_business_id: Final = re.compile(r"(?=[A-Z-]*[0-9])[A-Z0-9-]{5,40}").fullmatch
"""What else may stand in an order's column: a shipment, a transfer."""

_EMPTY: Final = [""]
_NOTHING: Final[tuple[Odd, ...]] = ()
_SAYING: Final = (Role.PURCHASED, Role.SHIPPED, Role.UPDATED, Role.STATUS)
_MANY_FACTS: Final = 10_000
_MANY_WRONG: Final = 1000
_MANY_LAYOUTS: Final = 1024
_UNKNOWN_COLUMN: Final = "unknown_leaf"
_WRONG_COLUMNS: Final = "wrong_type"
_SKU: Final = frozenset({"sku", "sellersku", "merchantsku"})


def may_pass(name: str) -> bool:
    """Say whether what stands in an order's place is an id, or nothing."""
    return not name or bool(is_order(name) or is_business_id(name))


_Row = tuple[list[str], Sequence[tuple[int, SlotKey]], Sequence[Odd], int]
"""Cells, where bare tokens go, where others go, and which sighting they are of; -1 for none."""


@dataclass(slots=True)
class Batch:
    """Rows of one page: what was found in them and where the tokens go."""

    rows: list[_Row] = field(default_factory=list)
    sightings: list[Sighting] = field(default_factory=list)
    drift: list[Drift] = field(default_factory=list)
    orders: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    known: dict[str, dict[SlotKey, Scalar]] = field(default_factory=dict)
    """What this page's rows of an order say of it."""

    def fill(self, placed: Sequence[Placed]) -> list[list[str]]:
        """Return the rows with tokens in them. Use once."""
        for cells, places, odd, owner in self.rows:
            if owner >= 0:
                record = placed[owner]
                # A list takes a number where an object takes a name.
                record.fill(cells, places)  # type: ignore[arg-type]
                for index, slot, render in odd:
                    cells[index] = render(record.token(slot))
        return [row[0] for row in self.rows]


_Layout = tuple[list[tuple[int, SlotKey]], list[int], Callable[[list[str]], tuple[str, ...]]]
"""Columns with their slots, the slots alone, and what takes their values out of a row."""


@dataclass(frozen=True, slots=True)
class _Unknown:
    """A column without a rule."""

    index: int
    name: str
    """As it goes into the slot's name."""
    finding: str
    """As a finding may keep it."""


class Columns:
    """The columns of one document's header."""

    def __init__(self, header: Sequence[str], findings: Sequence[str], origin: Origin) -> None:
        """Take the names, and those that findings may keep. Raises: Malformed where there are too many."""
        if len(header) > MAX_COLUMNS:
            raise Malformed("the document has more columns than any report")
        self.width = len(header)
        self._origin = origin
        self._instants = Instants()
        self._number = 0
        self._wrong = 0
        self._last: tuple[str, dict[SlotKey, Scalar]] = "", {}
        """The order of the last row, and its values so far."""
        self._roles: dict[Role, int] = {}
        self._order = -1
        self._sku = -1
        self._fixed: list[tuple[int, int]] = []
        self._layouts: dict[tuple[int, ...], _Layout] = {}
        self._others: list[tuple[int, Column, str]] = []
        self._unknown: list[_Unknown] = []
        self._more_orders: list[_Unknown] = []
        """Columns of an order's id behind the first: what is no id in them is as good as unknown."""
        self._names = [_column_name(name, index) for index, name in enumerate(header)]
        taken: set[int] = set()
        for index, name in enumerate(header):
            self._learn(index, name, findings[index], taken)
        self._order = self._roles.get(Role.ORDER, -1)
        self._full = _layout(self._fixed)
        self._is_odd = bool(self._others or self._unknown or self._more_orders)
        self._dated = [(role, self._roles[role]) for role in _SAYING if role in self._roles]
        self._saying = _picker([index for _role, index in self._dated])
        self._said: dict[tuple[str, ...], SightedFacts] = {}

    def read(self, batch: Batch, cells: list[str]) -> None:
        """Add a row to a batch."""
        self._number += 1
        at = self._order
        order = cells[at] if 0 <= at < len(cells) else ""
        ordered = is_order(order) is not None
        if len(cells) != self.width or not ordered or self._names_another(cells, order):
            self._add_strange(batch, cells, order, ordered=ordered)
            return
        places: Sequence[tuple[int, SlotKey]]
        odd: Sequence[Odd]
        places, numbers, pick = self._full
        values = pick(cells)
        if "" in values:
            places, numbers, pick = self._layout(cells)
            values = pick(cells)
        slots: dict[SlotKey, Scalar] = dict(zip(numbers, values))  # noqa: B905 - one for each, and this is the price of a row
        odd = self._odd(batch, cells, slots, order) if self._is_odd else _NOTHING
        known = batch.known.get(order)
        if known is not None or order == self._last[0]:
            slots, places, odd = self._apart(batch, order, slots, places, odd)
            known = batch.known[order]
        owner = -1
        if slots:
            batch.known[order] = known = slots if known is None else {**known, **slots}
            self._last = order, known
            said = self._facts(cells)
            owner = batch.orders.get(order, -1)
            if owner >= 0 and batch.sightings[owner].facts == said:
                batch.sightings[owner].slots.update(slots)
            else:
                owner = batch.orders[order] = len(batch.sightings)
                sighting = Sighting("order", order, slots, said, self._origin.as_of)
                batch.sightings.append(sighting)
        batch.rows.append((cells, places, odd, owner))

    def _add_strange(self, batch: Batch, cells: list[str], order: str, *, ordered: bool) -> None:
        """Add a row that is empty, has not the header's columns, or does not speak of one order."""
        at = self._order
        if cells == _EMPTY:
            self._add(batch, cells, None, _NOTHING)
        elif len(cells) != self.width:
            is_short = ordered and len(cells) < self.width
            self._add_unread(batch, cells, at if is_short else -1)
        else:
            self._add_anchored(batch, cells, -1 if may_pass(order) else at)

    def _apart(
        self,
        batch: Batch,
        order: str,
        slots: dict[SlotKey, Scalar],
        places: Sequence[tuple[int, SlotKey]],
        odd: Sequence[Odd],
    ) -> tuple[dict[SlotKey, Scalar], Sequence[tuple[int, SlotKey]], Sequence[Odd]]:
        """Return a row with slots of its own for what another row of its order says otherwise: neither may be lost."""
        known = batch.known.setdefault(order, {})
        if order == self._last[0] and not known:
            known.update(self._last[1])  # its rows began on the page before
        others = {key for key, value in slots.items() if known.get(key, value) != value}
        if not others:
            return slots, places, odd
        own = {
            key: unknown_slot(f"{self._origin.kind.name}:{key}:row {len(known)}") for key in others
        }
        fixed = [(index, own[key], plain) for index, key in places if key in others]
        return (
            {own.get(key, key): value for key, value in slots.items()},
            [place for place in places if place[1] not in others],
            [*fixed, *((index, own.get(key, key), render) for index, key, render in odd)],
        )

    def _learn(self, index: int, header: str, finding: str, taken: set[int]) -> None:
        rule = self._origin.kind.rule([header.strip()])
        name = plain_name(header)
        if name in _SKU:
            self._sku = index
        if rule is None:
            self._unknown.append(_Unknown(index, self._names[index], finding))
        elif rule.role is Role.PII:
            easy = rule.number is not None and rule.render.value == "token" and not rule.clear
            if easy and rule.number is not None and rule.number not in taken:
                taken.add(rule.number)
                self._fixed.append((index, rule.number))
            else:
                self._others.append((index, rule, self._names[index]))
        elif rule.role is Role.ORDER and Role.ORDER in self._roles:
            self._more_orders.append(_Unknown(index, self._names[index], finding))
        elif rule.role is not Role.PASSES:
            self._roles.setdefault(rule.role, index)

    def _layout(self, cells: list[str]) -> _Layout:
        """Return which fixed slots a row fills; most rows leave the same ones empty."""
        empty = tuple(index for index, _slot in self._fixed if not cells[index])
        known = self._layouts.get(empty)
        if known is None:
            known = _layout([pair for pair in self._fixed if pair[0] not in empty])
            if len(self._layouts) < _MANY_LAYOUTS:
                self._layouts[empty] = known
        return known

    def _facts(self, cells: list[str]) -> SightedFacts:
        texts = self._saying(cells)
        found = self._said.get(texts)
        if found is None:
            if len(self._said) >= _MANY_FACTS:
                self._said.clear()
            found = self._said[texts] = self._read_facts(texts)
        return found

    def _read_facts(self, texts: tuple[str, ...]) -> SightedFacts:
        status, at = self._origin.kind.status, dict.fromkeys(_SAYING, 0)
        for (role, _index), text in zip(self._dated, texts, strict=True):
            if role is Role.STATUS:
                status = status_of(text)
            else:
                at[role] = self._instants.read(text)
        instants = (at[Role.PURCHASED], at[Role.SHIPPED], at[Role.UPDATED])
        return facts(status, *instants, fresh=self._origin.fresh)

    def _odd(
        self, batch: Batch, cells: list[str], slots: dict[SlotKey, Scalar], order: str
    ) -> list[Odd]:
        """Return what a bare token in a fixed slot does not do for; adds its values to `slots`."""
        odd: list[Odd] = []
        item = self._ident(Role.ITEM, cells)
        for index, rule, name in self._others:
            value = cells[index]
            if not value:
                continue
            key: SlotKey
            if rule.number is not None:
                key = rule.number
            else:
                own = item if rule.kind == Role.ITEM else self._ident(Role.PACKAGE, cells)
                key = f"{rule.kind}:{own or '0'}.{rule.field}"
            if slots.get(key, value) != value:
                # Two columns for one thing: neither value may be lost.
                key = unknown_slot(f"{self._origin.kind.name}:{name}:{item}")
            slots[key] = value
            if not (rule.clear and value in COUNTRY_CODES):
                odd.append((index, key, RENDERS[rule.render]))
        unknown = self._unknown_in(cells)
        if unknown:
            if not item:
                count = batch.counts[order] = batch.counts.get(order, 0) + 1
                item = cells[self._sku] if self._sku >= 0 else f"n{count}"
            for column in unknown:
                if value := cells[column.index]:
                    key = unknown_slot(f"{self._origin.kind.name}:{column.name}:{item}")
                    slots[key] = value
                    odd.append((column.index, key, plain))
                    batch.drift += self._origin.drift(column.finding, _UNKNOWN_COLUMN)
        return odd

    def _unknown_in(self, cells: list[str]) -> list[_Unknown]:
        """Return the columns of which a row's values are unknown."""
        if not self._more_orders:
            return self._unknown
        strange = [column for column in self._more_orders if not may_pass(cells[column.index])]
        return [*self._unknown, *strange]

    def _names_another(self, cells: list[str], order: str) -> bool:
        """Say whether a row speaks of two orders."""
        if not self._more_orders:
            return False
        named = [cells[column.index] for column in self._more_orders]
        return any(name != order and is_order(name) for name in named)

    def _ident(self, role: Role, cells: list[str]) -> str:
        at = self._roles.get(role, -1)
        return ident(cells[at], 0) if at >= 0 and cells[at] else ""

    def _add_anchored(self, batch: Batch, cells: list[str], strange: int) -> None:
        """Add a row without an order; what stands in place of its id is `strange`."""
        sighting = self._origin.anchor(self._number)
        odd: list[Odd] = []
        known = dict(self._fixed)
        others = {index: rule for index, rule, _name in self._others}
        unheard = self._unknown_in(cells)
        unknown = {column.index for column in unheard} | {strange}
        for index, value in enumerate(cells):
            if not value:
                continue
            rule = others.get(index)
            key: SlotKey = unknown_slot(f"{self._names[index]}")
            render: Render = plain
            if index in known:
                key = known[index]
            elif rule is not None:
                if rule.number is not None and rule.number not in sighting.slots:
                    key = rule.number
                render = RENDERS[rule.render]
                if rule.clear and value in COUNTRY_CODES:
                    sighting.slots[key] = value
                    continue
            elif index not in unknown:
                continue
            sighting.slots[key] = value
            odd.append((index, key, render))
        for column in unheard:
            if cells[column.index]:
                batch.drift += self._origin.drift(column.finding, _UNKNOWN_COLUMN)
        self._add(batch, cells, sighting, odd)

    def _add_unread(self, batch: Batch, cells: list[str], order: int = -1) -> None:
        """Add a row with too many columns or too few: every value in it is unknown, but the order's id in its place.

        What is missing may have been anywhere in the row, so what follows it stands under other columns.
        """
        if len(cells) > MAX_COLUMNS:
            raise Malformed("a row of the document has more columns than any report")
        if order >= 0:
            said = facts(self._origin.kind.status, 0, 0, 0, fresh=self._origin.fresh)
            sighting = Sighting("order", cells[order], {}, said, self._origin.as_of)
        else:
            self._wrong += 1
            if self._wrong > _MANY_WRONG and self._wrong * 2 > self._number:
                raise Malformed("most rows of the document have other columns than its header")
            sighting = self._origin.anchor(self._number)
        odd: list[Odd] = []
        for index, value in enumerate(cells):
            if value and index != order:
                key = unknown_slot(f"{self._origin.kind.name}:column {index}:row {self._number}")
                sighting.slots[key] = value
                odd.append((index, key, plain))
        batch.drift += self._origin.drift("", _WRONG_COLUMNS)
        self._add(batch, cells, sighting, odd)

    def _add(
        self, batch: Batch, cells: list[str], sighting: Sighting | None, odd: Sequence[Odd]
    ) -> None:
        owner = -1
        if sighting is not None and sighting.slots:
            owner = len(batch.sightings)
            batch.sightings.append(sighting)
        batch.rows.append((cells, (), odd, owner))


def _layout(pairs: Sequence[tuple[int, int]]) -> _Layout:
    places: list[tuple[int, SlotKey]] = list(pairs)
    return places, [slot for _index, slot in pairs], _picker([index for index, _slot in pairs])


def _picker(indexes: Sequence[int]) -> Callable[[list[str]], tuple[str, ...]]:
    if len(indexes) < 2:  # noqa: PLR2004 - `itemgetter` gives no tuple of one
        return lambda cells: tuple([cells[index] for index in indexes])
    return itemgetter(*indexes)


def _column_name(header: str, index: int) -> str:
    """Return what a column's unknown values are told apart by; columns of one name are numbered by place."""
    return f"{plain_name(header)}@{index}"
