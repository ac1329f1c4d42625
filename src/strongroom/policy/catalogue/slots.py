"""Canonical slots: one name and, where it is fixed, one number for one datum, whatever view shows it.

Numbers are part of issued tokens and never change; `slots.toml` holds them with their kind [2.2]. A name the file does
not know raises: a rule with a misspelled slot must not load.
"""

import hashlib
import itertools
import re
import string
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import resources
from typing import Any, Final, Literal, cast

from strongroom.errors import NotFound
from strongroom.terms import Category

FIRST_DYNAMIC: Final = 128
"""The first number a record gives to a dynamic slot."""

LAST_DYNAMIC: Final = 1022
"""The last one."""

OVERFLOW: Final = 1023
"""All that no longer fits; a token has ten bits for its slot."""

CORRECTED: Final = FIRST_DYNAMIC - 1
"""Lists the corrected slots of a record; it has no name, so no token reveals it."""

LAST_FIXED: Final = CORRECTED - 1

COUNTRY_CODES: Final = frozenset(map("".join, itertools.product(string.ascii_uppercase, repeat=2)))
"""Everything of the form of an ISO 3166-1 alpha-2 code; what has another form never passes in clear."""

Person = Literal["buyer", "recipient", "selling_partner", "carrier", "staff", "unknown"]
Search = Literal["email", "phone"]

_PEOPLE: Final = ("buyer", "recipient", "selling_partner", "carrier", "staff")
_UNKNOWN_DIGITS: Final = 10
_FIXED_NAME = re.compile(r"[a-z_]+\.[a-z][a-z0-9_]*")
_WORD = re.compile(r"[a-z][a-z0-9_]*")
SAFE_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""An id of Amazon's that may stand in a slot's name, or name a subject, as it is."""

_DYNAMIC_NAME = re.compile(
    r"([a-z][a-z_]*):([A-Za-z0-9_-]{1,64})\.([a-z][a-z0-9_]*)(?::(?:[0-9]{1,6}|[0-9a-f]{10}))?"
)
_UNKNOWN_NAME = re.compile(r"unknown\.[0-9a-f]{10}")


@dataclass(frozen=True, slots=True)
class SlotSpec:
    """What a slot holds and about whom.

    `group` names the slots that are replaced together when the group's `address_line_1` changes; `clear` says that a
    value of the right form may pass unreplaced ("country": two capital letters).
    """

    name: str
    category: Category
    subject: Person
    search: Search | None = None
    group: str | None = None
    clear: Literal["country"] | None = None


def number_of(name: str) -> int | None:
    """Return a fixed slot's number, None for a dynamic slot."""
    return _NUMBERS.get(name)


def spec_of(name: str) -> SlotSpec:
    """Return what a slot of this name holds, fixed, dynamic or unknown.

    Raises:
        NotFound: no slot has this name.
    """
    number = _NUMBERS.get(name)
    if number is not None:
        return FIXED[number]
    if found := _DYNAMIC_NAME.fullmatch(name):
        kind, ident, field = found.groups()
        if spec := DYNAMIC.get((kind, field)):
            group = f"{kind}:{ident}.{spec.group}" if spec.group else None
            return replace(spec, name=name, group=group)
    if _UNKNOWN_NAME.fullmatch(name):
        return SlotSpec(name, Category.UNCLASSIFIED, "unknown")
    raise NotFound("no slot has this name")


def unknown_slot(path: str) -> str:
    """Return the slot for what the catalogue does not know, at `path` of its model."""
    # Hashed, because what a path holds is not ours to choose; ten digits tell apart what one order may hold.
    return "unknown." + hashlib.sha256(path.encode()).hexdigest()[:_UNKNOWN_DIGITS]


def _read() -> tuple[dict[int, SlotSpec], dict[tuple[str, str], SlotSpec]]:
    text = resources.files(__package__).joinpath("slots.toml").read_text(encoding="utf-8")
    data = tomllib.loads(text)
    fixed: dict[int, SlotSpec] = {}
    for row in data["fixed"]:
        number, name = row.pop("number"), row["name"]
        known = number in fixed or any(spec.name == name for spec in fixed.values())
        if known or not 0 < number <= LAST_FIXED or not _FIXED_NAME.fullmatch(name):
            raise ValueError(f"slots.toml: fixed slot {number} {name}")
        fixed[number] = _spec(name, row)
    dynamic: dict[tuple[str, str], SlotSpec] = {}
    for row in data["dynamic"]:
        kind, field = row.pop("kind"), row.pop("field")
        if (kind, field) in dynamic or not (_WORD.fullmatch(kind) and _WORD.fullmatch(field)):
            raise ValueError(f"slots.toml: dynamic slot {kind} {field}")
        dynamic[kind, field] = _spec(f"{kind}:*.{field}", row)
    return fixed, dynamic


def _spec(name: str, row: Mapping[str, Any]) -> SlotSpec:
    rest = {key: value for key, value in row.items() if key != "name"}
    category, subject = Category(rest.pop("category")), rest.pop("subject")
    search, group, clear = (rest.pop(key, None) for key in ("search", "group", "clear"))
    sound = subject in _PEOPLE and search in (None, "email", "phone") and clear in (None, "country")
    if rest or not sound:
        raise ValueError(f"slots.toml: {name}")
    return SlotSpec(name, category, cast("Person", subject), search, group, clear)


_READ: Final = _read()
FIXED: Final[Mapping[int, SlotSpec]] = _READ[0]
DYNAMIC: Final[Mapping[tuple[str, str], SlotSpec]] = _READ[1]
_NUMBERS: Final = {spec.name: number for number, spec in FIXED.items()}
