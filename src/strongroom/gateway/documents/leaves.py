"""Leaves of one XML or JSON record to a sighting: by their names, whatever the tree around them. Pure.

A record that speaks of one order is that order's; one that speaks of none or of several has an anchor of its own, so
that nobody's data is kept under somebody else's order.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from strongroom.errors import Malformed
from strongroom.gateway.documents.dates import Instants, facts, status_of
from strongroom.gateway.documents.page import MAX_COLUMNS, Origin
from strongroom.gateway.documents.rows import is_order, may_pass
from strongroom.gateway.extraction import Drift, Render, ident, plain
from strongroom.gateway.shapes import RENDERS
from strongroom.policy.catalogue.reports import Column, Role
from strongroom.policy.catalogue.slots import COUNTRY_CODES, unknown_slot
from strongroom.policy.retention import SightedFacts
from strongroom.policy.sighting import Sighting, SlotKey
from strongroom.terms import Scalar

SAFE_NAME: Final = re.compile(r"@?[A-Za-z_][A-Za-z0-9_]{0,63}").fullmatch
"""A name that may be shown; others could be somebody's."""

_UNKNOWN: Final = "unknown_leaf"
_MANY_RULES: Final = 20_000

Names = tuple[str, ...]

_Own = dict[tuple[Role, int], str]
"""Ids of items and parcels, by the object that each stands in."""

_OWNERS: Final = frozenset({Role.ITEM, Role.PACKAGE})


@dataclass(slots=True, repr=False)
class Leaf:
    """One value with its names, outermost first. After `sight`, `slot` says where it goes; None where it stays."""

    names: Names
    value: Scalar
    within: tuple[int, ...] = ()
    """The objects around it, each by a number of its own, innermost last."""
    slot: SlotKey | None = None
    render: Render = plain


@dataclass(slots=True)
class Found:
    """What one record showed."""

    sighting: Sighting | None
    drift: list[Drift] = field(default_factory=list)


class Sighter:
    """Finds the sightings of one document's records."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._instants = Instants()
        self._rules: dict[Names, Column | None] = {}
        self._number = 0

    def sight(self, leaves: Sequence[Leaf]) -> Found:
        """Return what a record's leaves show of whom, and set their slots."""
        self._number += 1
        rules = [self._rule(leaf.names) for leaf in leaves]
        said = list(zip(leaves, rules, strict=True))
        named = list(self.orders(leaves))
        order = named[0] if len(named) == 1 else ""
        if is_order(order):
            sighting = Sighting("order", order, {}, self._facts(said), self._origin.as_of)
        else:
            sighting = self._origin.anchor(self._number)
        found = Found(sighting)
        self._place(said, sighting, found, strange=not all(map(may_pass, named)))
        if not sighting.slots:
            found.sighting = None
        return found

    def orders(self, leaves: Sequence[Leaf]) -> set[str]:
        """Return what these leaves name as their orders."""
        rules = ((leaf, self._rule(leaf.names)) for leaf in leaves)
        return {str(leaf.value) for leaf, rule in rules if rule and rule.role is Role.ORDER}

    def _place(
        self,
        said: list[tuple[Leaf, Column | None]],
        sighting: Sighting,
        found: Found,
        *,
        strange: bool,
    ) -> None:
        slots, counts, own = sighting.slots, dict[str, int](), _Own()
        for leaf, rule in said:
            # First, because what belongs to an item may stand before the item's id.
            if rule is not None and rule.role in _OWNERS and leaf.within:
                own.setdefault((rule.role, leaf.within[-1]), ident(leaf.value, 0))
        for leaf, rule in said:
            if rule is None:
                found.drift += self._unknown(leaf, slots, counts)
            elif rule.role is Role.PII:
                self._personal(leaf, rule, slots, own, counts)
            elif rule.role is Role.ORDER and strange:
                self._unknown(leaf, slots, counts)
            if len(slots) > MAX_COLUMNS:
                raise Malformed("a record of the document holds more values than any report's")

    def _personal(
        self,
        leaf: Leaf,
        rule: Column,
        slots: dict[SlotKey, Scalar],
        own: _Own,
        counts: dict[str, int],
    ) -> None:
        if leaf.value == "":
            return
        key: SlotKey | None = rule.number
        if key is None:
            role = Role(rule.kind)
            found = (own.get((role, object_)) for object_ in reversed(leaf.within))
            key = f"{rule.kind}:{next(filter(None, found), '0')}.{rule.field}"
        if slots.get(key, leaf.value) != leaf.value:
            key = self._spare(leaf, counts)
        slots[key] = leaf.value
        if not (rule.clear and leaf.value in COUNTRY_CODES):
            leaf.slot, leaf.render = key, RENDERS[rule.render]

    def _unknown(
        self, leaf: Leaf, slots: dict[SlotKey, Scalar], counts: dict[str, int]
    ) -> list[Drift]:
        if leaf.value == "":
            return []
        leaf.slot = self._spare(leaf, counts)
        slots[leaf.slot] = leaf.value
        shown = "/".join(name if SAFE_NAME(name) else "?" for name in leaf.names)
        return self._origin.drift(shown, _UNKNOWN)

    def _spare(self, leaf: Leaf, counts: dict[str, int]) -> str:
        """Return a slot of a value's own place, told from others of the same names by its number."""
        path = "/".join(leaf.names)
        number = counts[path] = counts.get(path, 0) + 1
        return unknown_slot(f"{self._origin.kind.name}:{path}:{number}")

    def _facts(self, said: list[tuple[Leaf, Column | None]]) -> SightedFacts:
        texts: dict[Role, list[str]] = {}
        for leaf, rule in said:
            if rule is not None:
                texts.setdefault(rule.role, []).append(str(leaf.value))
        at = [
            max(map(self._instants.read, texts.get(role, ())), default=0)
            for role in (Role.PURCHASED, Role.SHIPPED, Role.UPDATED)
        ]
        status = self._origin.kind.status
        if Role.STATUS in texts:
            status = status_of(texts[Role.STATUS][0])
        return facts(status, *at, fresh=self._origin.fresh)

    def _rule(self, names: Names) -> Column | None:
        if names not in self._rules:
            if len(self._rules) >= _MANY_RULES:
                self._rules.clear()
            self._rules[names] = self._origin.kind.rule(names)
        return self._rules[names]
