"""What a plan found in one document, and what is to change in it: nothing changes before the vault has the values.

Holds plaintext between `extract` and `replace`; never logged, and its repr shows counts only [2.6].
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final, NamedTuple, Protocol

import orjson

from strongroom.errors import Malformed
from strongroom.policy.catalogue.slots import SAFE_ID
from strongroom.policy.sighting import Sighting, SlotKey
from strongroom.terms import Scalar

Json = Any
"""A parsed document or a part of one; what it is, is for the plan to find out."""

Object = dict[str, Json]
Slots = dict[SlotKey, Scalar]
Render = Callable[[str], str]

Pairs = Sequence[tuple[str, SlotKey]]
"""Members of an object and their slots."""

Hole = tuple[Object, Pairs]
"""An object and its members that become bare tokens."""

Write = tuple[Json, str | int, SlotKey, Render]
"""A place of its own: an object or a list, the member, its slot and how its token is written there."""

MAX_NODES: Final = 200_000
"""Members looked at one by one in one document; a document of known layouts has next to none."""

MAX_DRIFT: Final = 100
"""Different findings reported of one document."""

GONE: Final = object()
"""In place of a member's new value: the member goes."""

_HASH_DIGITS: Final = 10
_ANCHOR_DIGITS: Final = 40
_LONGEST_ID: Final = 256
_safe_id: Final = SAFE_ID.fullmatch


class Drift(NamedTuple):
    """One thing in a document that the catalogue does not know.

    `path` is a model path, ending before a key that is not a plain word; `kind` is unknown_leaf, wrong_type or
    unsafe_key.
    """

    path: str
    kind: str


class Placed(Protocol):
    """Where the vault put one sighting's values."""

    def token(self, key: SlotKey, /) -> str:
        """Return the token of a slot of the sighting."""

    def fill(self, holder: Object, places: Pairs, /) -> None:
        """Write tokens into members of an object."""


@dataclass(frozen=True, slots=True)
class Call:
    """The request that a document answers, as far as it identifies what the document is about."""

    id: str
    """Random: a record of its own holds what nothing else identifies."""
    path: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: Json = field(default=None, repr=False)
    asked: str = field(default="", repr=False)
    """Operation and path of a call that only reads; empty of one that changes something, which is new each time."""

    def named(self, name: str) -> Json:
        """Return a value of the request: a path or query parameter, or `body.member`."""
        if name.startswith("body."):
            return inner(self.body, name.split(".")[1:])
        return self.path.get(name) or self.query.get(name)


NO_CALL: Final = Call("0")
"""For documents whose subjects all have ids of their own."""


class Cursor:
    """Amazon's opaque place in a list, or its address of a document, still standing in the answer."""

    __slots__ = ("_holder", "_member", "value")

    def __init__(self, holder: Object, member: str, value: str) -> None:
        self._holder = holder
        self._member = member
        self.value = value

    def write(self, value: str) -> None:
        """Put the gateway's own in its place."""
        self._holder[self._member] = value

    def drop(self) -> None:
        """Leave it out."""
        del self._holder[self._member]

    def __repr__(self) -> str:
        return "<cursor>"


class Extraction:
    """What was found in one document. `sightings` and `drift` are for the vault, `cursors` for the gateway."""

    __slots__ = (
        "_anchors",
        "_left",
        "_seen",
        "changes",
        "cursors",
        "drift",
        "fixes",
        "holder",
        "links",
        "sightings",
    )

    def __init__(self, document: Json) -> None:
        self.holder = {"": document}
        """An object around the document, whatever that is."""
        self.sightings: list[Sighting] = []
        self.changes: list[tuple[list[Hole], list[Write]]] = []
        """One entry for each sighting."""
        self.fixes: list[tuple[Json, Json, object]] = []
        self.cursors: list[Cursor] = []
        self.links: list[Cursor] = []
        """Addresses of documents; none of them may stay."""
        self.drift: list[Drift] = []
        self._seen: set[Drift] = set()
        self._left = MAX_NODES
        self._anchors: set[str] = set()

    @property
    def document(self) -> Json:
        """The whole document."""
        return self.holder[""]

    def anchor(self, call: Call) -> str:
        """Return the id of what nothing but the call identifies, each time another one."""
        anchor = f"{call.id}-{len(self._anchors) + 1}"
        self._anchors.add(anchor)
        return anchor

    def settle(self, call: Call) -> None:
        """Name what only the call identifies by what it says: whoever asks again finds it, no younger than it was."""
        for sighting in self.sightings if call.asked else ():
            if sighting.id in self._anchors:
                said = sorted((str(slot), value) for slot, value in sighting.slots.items())
                parts = orjson.dumps([call.asked, sighting.kind, said])
                sighting.id = sha256(parts).hexdigest()[:_ANCHOR_DIGITS]

    def __repr__(self) -> str:
        return f"<extraction of {len(self.sightings)} subjects, {len(self.drift)} findings>"

    def spend(self, nodes: int) -> None:
        """Count members looked at one by one. Raises: Malformed where there are too many."""
        self._left -= nodes
        if self._left < 0:
            raise Malformed("the document has too much that the catalogue does not know")

    def report(self, path: str, kind: str) -> None:
        """Note a finding, each one once."""
        found = Drift(path, kind)
        if found not in self._seen and len(self.drift) < MAX_DRIFT:
            self._seen.add(found)
            self.drift.append(found)

    def drop(self, holder: Json, key: str | int) -> None:
        """Take a member or an element out when the tokens are written."""
        self.fixes.append((holder, key, GONE))

    def replace(self, placed: Sequence[Placed]) -> None:
        """Write the tokens and all other changes into the document. Use once."""
        for (holes, writes), record in zip(self.changes, placed, strict=True):
            for holder, places in holes:
                record.fill(holder, places)
            for place, key, slot, render in writes:
                place[key] = render(record.token(slot))
        # Backwards: taking an element out of a list moves those behind it.
        for place, key, value in reversed(self.fixes):
            if value is GONE:
                del place[key]
            else:
                place[key] = value


def plain(token: str) -> str:
    """Return the rendering of most tokens: the token."""
    return token


def inner(value: Json, steps: Sequence[str]) -> Json:
    """Return a member of a member; None where there is none."""
    for step in steps:
        value = value.get(step) if type(value) is dict else None
    return value


def known_id(value: Json) -> str:
    """Return the id that a document gives of a subject other than an order; empty where it is none."""
    if type(value) is int:
        value = str(value)
    usable = type(value) is str and len(value) <= _LONGEST_ID and value.isprintable()
    return value if usable else ""


def ident(value: object, position: int) -> str:
    """Return the id of a dynamic slot: Amazon's own where it is plain, else a hash, else the position."""
    if type(value) is int:
        return str(value)
    if type(value) is not str:
        return f"n{position}"
    if _safe_id(value):
        return value
    return sha256(value.encode()).hexdigest()[:_HASH_DIGITS]
