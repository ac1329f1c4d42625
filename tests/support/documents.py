"""Documents of Amazon's operations, made from the facts: every leaf filled, every value told from all others."""

import itertools
import re
from collections.abc import Iterable, Iterator
from typing import Any

from strongroom.policy.sighting import Sighting, SlotKey

Json = Any

ORDER_ID = "902-1111111-111111{}"
_STEP = re.compile(r"([A-Za-z0-9]+)((?:\[\])*)")


def full_document(leaves: dict[str, str], *, repeats: int = 2) -> Json:
    """Return a document with every leaf of an operation; each list has `repeats` elements.

    Strings are `mark-<n>-<path>`, numbers count up from 10,000: no such value occurs twice. Order ids, countries, dates
    and enumerations have a value they allow.
    """
    document: dict[str, Json] = {}
    for path, type_ in leaves.items():
        for place in _places(path, repeats):
            _put(document, place, _value(place, type_))
    _tell_apart(document, iter(range(10_000, 10_000_000)))
    return document


def walk(
    value: Json, place: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], Json]]:
    """Yield every scalar of a document with its place."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield from walk(member, (*place, name))
    elif isinstance(value, list):
        for position, member in enumerate(value):
            yield from walk(member, (*place, position))
    else:
        yield place, value


class FakePlaced:
    """Tokens of one sighting without a vault: they show the order and the slot."""

    def __init__(self, number: int, sighting: Sighting) -> None:
        self._number = number
        self._known = list(sighting.slots)
        self.asked: list[SlotKey] = []

    def token(self, key: SlotKey) -> str:
        """Return 20 characters that name the place of a known slot; asking for another one is a mistake."""
        self.asked.append(key)
        return f"ST{self._number:09d}{self._known.index(key):09d}"

    def fill(self, holder: Json, places: Iterable[tuple[str, SlotKey]]) -> None:
        """Write such tokens into members of an object."""
        for member, key in places:
            holder[member] = self.token(key)


def placed(sightings: list[Sighting]) -> list[FakePlaced]:
    """Return tokens for what a plan found."""
    return [FakePlaced(number, sighting) for number, sighting in enumerate(sightings)]


def _places(path: str, repeats: int) -> Iterator[tuple[str | int, ...]]:
    places: list[tuple[str | int, ...]] = [()]
    for step in path.split("."):
        found = _STEP.fullmatch(step)
        assert found, path
        places = [(*place, found[1]) for place in places]
        for _ in range(len(found[2]) // 2):
            places = [(*place, n) for place in places for n in range(repeats)]
    yield from places


def _value(place: tuple[str | int, ...], type_: str) -> Json:
    name = next(step for step in reversed(place) if isinstance(step, str))
    if name in ("AmazonOrderId", "orderId") and "assoc" not in str(place).lower():
        return ORDER_ID.format(next((step for step in place if isinstance(step, int)), 0))
    if name in ("CountryCode", "countryCode"):
        return "DE"
    kind, _, sample = type_.partition(":")
    return sample or {"string": "", "integer": 0, "number": 0.5, "boolean": True}[kind]


def _put(document: Json, place: tuple[str | int, ...], value: Json) -> None:
    for step, following in itertools.pairwise(place):
        made: Json = [] if isinstance(following, int) else {}
        if isinstance(step, int):
            if step == len(document):
                document.append(made)
            document = document[step]
        else:
            document = document.setdefault(step, made)
    last = place[-1]
    if isinstance(last, int):
        document.append(value)
    else:
        document[last] = value


def _tell_apart(value: Json, counter: Iterator[int]) -> None:
    members = list(value.items() if isinstance(value, dict) else enumerate(value))
    for key, member in members:
        if isinstance(member, (dict, list)):
            _tell_apart(member, counter)
        elif member == "":
            value[key] = f"mark-{next(counter)}-{key}"
        elif not isinstance(member, (str, bool)):
            value[key] = type(member)(next(counter))
