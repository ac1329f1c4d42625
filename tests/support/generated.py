"""Documents made from the catalogue's own rules: every leaf filled, every value told from all others."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from strongroom.policy.catalogue import Branch, Class, Leaf, Type

Json = Any
Place = tuple[str | int, ...]

_KEYS = ("alpha", "beta")


@dataclass(frozen=True)
class Filled:
    """One value of a document, its place, and the rule it stands under."""

    place: Place
    value: Json
    rule: Leaf


class Maker:
    """Makes documents; no two of its values are the same, true and false excepted.

    Lists have `repeats` elements, and a definition stands within itself `deepest` times at most.
    """

    def __init__(self, *, repeats: int = 2, deepest: int = 3) -> None:
        self._counter = itertools.count(10_000)
        self._repeats = repeats
        self._deepest = deepest

    def document(self, rule: Leaf | Branch) -> tuple[Json, list[Filled]]:
        """Return a document of a rule, and all that stands in it."""
        found: list[Filled] = []
        return self._value(rule, rule.wraps, (), {}, found), found

    def _value(
        self,
        rule: Leaf | Branch,
        wraps: str,
        place: Place,
        open_: dict[str, int],
        found: list[Filled],
    ) -> Json:
        if wraps:
            keys = _KEYS[: self._repeats] if wraps[0] == "{" else range(self._repeats)
            values = [self._value(rule, wraps[1:], (*place, k), open_, found) for k in keys]
            return dict(zip(keys, values, strict=True)) if wraps[0] == "{" else values
        if isinstance(rule, Leaf):
            return self._leaf(rule, place, found)
        name = rule.node.definition
        if open_.get(name, 0) >= self._deepest:
            return {}
        within = {**open_, name: open_.get(name, 0) + 1}
        return {
            member: self._value(inner, inner.wraps, (*place, member), within, found)
            for member, inner in rule.node.members.items()
        }

    def _leaf(self, rule: Leaf, place: Place, found: list[Filled]) -> Json:
        if rule.class_ is Class.ERRORS:
            value: Json = [{"code": "Code", "message": self._mark()}]
        elif rule.type is Type.JSON:
            value = {"any key": self._mark(), "many": [self._mark(), next(self._counter)]}
        elif rule.type is Type.STRING:
            value = "DE" if rule.clear else self._mark()
        else:
            number = next(self._counter)
            value = {Type.INTEGER: number, Type.NUMBER: number + 0.5, Type.BOOLEAN: True}[rule.type]
        found.append(Filled(place, value, rule))
        return value

    def _mark(self) -> str:
        return f"mark-{next(self._counter)}"


def marks(value: Json) -> Iterator[str]:
    """Yield every marker in a value."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from marks(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from marks(inner)
    elif isinstance(value, str) and value.startswith("mark-"):
        yield value


_NOTHING = object()


def at(document: Json, place: Place) -> Json:
    """Return what stands at a place; `absent` where nothing does."""
    for step in place:
        try:
            document = document[step]
        except (KeyError, IndexError, TypeError):
            return _NOTHING
    return document


def is_absent(value: Json) -> bool:
    """Say whether `at` found nothing."""
    return value is _NOTHING


def put(document: Json, place: Place, value: Json) -> Json:
    """Write a value into a document at a place, and return the document."""
    if not place:
        return value
    holder = at(document, place[:-1])
    holder[place[-1]] = value
    return document
