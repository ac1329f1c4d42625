"""Layouts of objects, learned from the catalogue's rules: the guard in front of every object a plan reads.

An object whose members and types have been seen and found right before costs one look-up. Any other one is looked at
member by member here, and what the catalogue does not know is tokenized or dropped: nothing passes because it is new
(ADR 0031). A layout holds names and types, never a value.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Final

import orjson

from strongroom.crypto.token import as_email, as_ip, as_url
from strongroom.errors import Malformed
from strongroom.gateway.extraction import (
    Extraction,
    Hole,
    Json,
    Object,
    Pairs,
    Render,
    Slots,
    Write,
    plain,
)
from strongroom.policy.catalogue import Branch, Class, Leaf, Node, Type, unknown_slot
from strongroom.policy.catalogue import Render as Form
from strongroom.policy.sighting import SlotKey

MAX_LAYOUTS: Final = 2048
"""Layouts remembered of one node; more would be somebody's attack on our memory."""

MAX_DEPTH: Final = 64
"""Levels of what the catalogue does not know; Amazon's deepest model has fourteen."""

MANY_SLOTS: Final = 512
"""A subject with this many values takes no unknown ones; a record has 895 dynamic slots in all. They are dropped."""

RENDERS: Final[Mapping[Form, Render]] = {
    Form.TOKEN: plain,
    Form.EMAIL: as_email,
    Form.IP: as_ip,
    Form.URL: as_url,
}

SAFE_KEY: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}").fullmatch
"""A key that is a plain word; any other could be somebody's name."""

_UNKNOWN_LEAF: Final = "unknown_leaf"
_WRONG_TYPE: Final = "wrong_type"
_UNSAFE_KEY: Final = "unsafe_key"

TYPES: Final[Mapping[Type, frozenset[type]]] = {
    Type.STRING: frozenset({str}),
    Type.INTEGER: frozenset({int}),
    Type.NUMBER: frozenset({int, float}),
    Type.BOOLEAN: frozenset({bool}),
    Type.JSON: frozenset({dict, list}),
}
_OBJECT: Final = frozenset({dict})
_LIST: Final = frozenset({list})
_ANYTHING: Final = frozenset().union(*TYPES.values())
_HASH_DIGITS: Final = 10


class Layout:
    """One list of members with their types, in the document's order, and what is personal among them."""

    __slots__ = ("places", "signature", "tokens")

    def __init__(self, signature: list[object], personal: Mapping[str, Leaf]) -> None:
        """Build from an object's signature and the leaves that hold one personal value each."""
        self.signature = signature
        self.places: Pairs = tuple((name, key_of(leaf)) for name, leaf in personal.items())
        """Every personal member with its slot."""
        self.tokens: Pairs = tuple(
            (name, key) for name, key in self.places if _becomes_token(personal[name])
        )
        """Those that a bare token replaces."""


class Sink:
    """Where one subject's findings go on the slow path; around the subjects there is no place to store anything."""

    __slots__ = ("_model", "slots", "writes", "x")

    def __init__(self, x: Extraction, model: str, slots: Slots | None, writes: list[Write]) -> None:
        self.x = x
        self.slots = slots
        self.writes = writes
        self._model = model

    def stray_member(self, o: Object, key: str, path: str, place: str) -> None:
        """Deal with a member that no rule names."""
        if not SAFE_KEY(key):
            self.unsafe(o, key, path)
            return
        self.x.report(joined(path, key), _UNKNOWN_LEAF)
        self.stray(o, key, joined(path, key), place + key)

    def unsafe(self, o: Object, key: str, path: str) -> None:
        """Deal with a member whose name may not pass."""
        self.x.report(path, _UNSAFE_KEY)
        self.x.drop(o, key)

    def wrong(self, holder: Json, key: str | int, path: str, place: str) -> None:
        """Deal with a value of a kind its rule does not allow; null passes."""
        if holder[key] is not None:
            self.x.spend(1)
            self.x.report(path, _WRONG_TYPE)
            self.stray(holder, key, path, place)

    def stray(self, holder: Json, key: str | int, path: str, place: str, depth: int = 1) -> None:
        """Tokenize every string in a value, each in a slot of its own place, and drop all other scalars."""
        value = holder[key]
        if isinstance(value, str):
            self._take(holder, key, value, place)
        elif isinstance(value, (dict, list)):
            if depth > MAX_DEPTH:
                raise Malformed("the document is nested too deeply")
            self.x.spend(len(value) + 1)
            if isinstance(value, list):
                for position in range(len(value)):
                    self.stray(value, position, path, f"{place}[{position}]", depth + 1)
                return
            for name in value:
                if SAFE_KEY(name):
                    self.stray(value, name, path, f"{place}.{name}", depth + 1)
                else:
                    self.unsafe(value, name, path)
        elif value is not None:
            self.x.drop(holder, key)

    def _take(self, holder: Json, key: str | int, value: str, place: str) -> None:
        if self.slots is None or len(self.slots) >= MANY_SLOTS:
            self.x.drop(holder, key)
            return
        slot = unknown_slot(f"{self._model}:{place}")
        self.slots[slot] = value
        self.writes.append((holder, key, slot, plain))


class Shape:
    """A node's rules and the layouts found right by them."""

    __slots__ = ("_accepts", "_model", "_node", "layouts")

    def __init__(self, model: str, node: Node) -> None:
        self.layouts: dict[tuple[object, ...], Layout] = {}
        self._model = model
        self._node = node
        self._accepts = {name: _accepted(rule) for name, rule in node.members.items()}

    def admit(
        self,
        o: Object,
        x: Extraction,
        slots: Slots | None,
        writes: list[Write],
        prefix: str,
        path: str,
        place: str,
    ) -> tuple[Object, Layout]:
        """Return the part of an object that is as declared, with its layout; all else is dropped or tokenized.

        `prefix` precedes dynamic slots here; `path` and `place` are where the object stands in the model and below its
        subject.
        """
        x.spend(len(o) + 1)
        right: Object = {}
        sink = Sink(x, self._model, slots, writes)
        for key, value in o.items():
            accepts = self._accepts.get(key)
            if accepts is None:
                sink.stray_member(o, key, path, place)
            elif value is None or type(value) in accepts:
                right[key] = value
            else:
                self._refuse(o, key, sink, prefix, joined(path, key), place + key)
        return right, self._layout(right)

    def _refuse(self, o: Object, key: str, sink: Sink, prefix: str, path: str, place: str) -> None:
        rule = self._node.members[key]
        one = isinstance(rule, Leaf) and not rule.wraps and rule.type is not Type.JSON
        if not one or isinstance(o[key], (dict, list)):
            sink.wrong(o, key, path, place)
            return
        # One scalar for another: a client would stumble over a token where it expects a number.
        sink.x.report(path, _WRONG_TYPE)
        if isinstance(rule, Leaf) and rule.slot and sink.slots is not None:
            sink.slots[named(prefix, key_of(rule))] = o[key]
        sink.x.drop(o, key)

    def _layout(self, o: Object) -> Layout:
        signature = [*o, *map(type, o.values())]
        layout = self.layouts.get((*signature,))
        if layout is None:
            personal: dict[str, Leaf] = {}
            for name, value in o.items():
                rule = self._node.members[name]
                if value is not None and isinstance(rule, Leaf) and _holds_value(rule):
                    personal[name] = rule
            layout = Layout(signature, personal)
            if len(self.layouts) < MAX_LAYOUTS:
                self.layouts[(*signature,)] = layout
        return layout


def key_of(leaf: Leaf) -> SlotKey:
    """Return a fixed slot's number, or a dynamic slot's field, which a prefix precedes."""
    slot = leaf.slot
    if slot is None:
        raise ValueError("a response's personal leaf has a slot")
    return slot.field if slot.number is None else slot.number


def named(prefix: str, key: SlotKey) -> SlotKey:
    """Return the whole key of a slot."""
    return key if isinstance(key, int) else prefix + key


def joined(path: str, key: str) -> str:
    """Return the model path of a member."""
    return f"{path}.{key}" if path else key


def whole(value: Json) -> str:
    """Return the JSON text of an object or a list that moves into its slot whole."""
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        raise Malformed("the document is nested too deeply") from None


def spare_empty(slots: Slots, holes: list[Hole], writes: list[Write]) -> None:
    """Leave empty strings where they stand: they are about nobody, and must not hide what an earlier view showed."""
    empty = {key for key, value in slots.items() if value == ""}
    for key in empty:
        del slots[key]
    holes[:] = [(o, tuple(pair for pair in pairs if pair[1] not in empty)) for o, pairs in holes]
    writes[:] = [write for write in writes if write[2] not in empty]


def scalars(
    values: Json,
    leaf: Leaf,
    head: str | None,
    sink: Sink,
    path: str,
    place: str,
    around: tuple[str | int, ...] = (),
) -> None:
    """Read many scalars; personal ones go to slots named by `head` and their position or key.

    `around` are the positions and keys of the lists and objects that stand around these values.
    """
    wraps = leaf.wraps[len(around) :]
    keyed = wraps[0] == "{"
    path += "{}" if keyed else "[]"
    accepts = _accepted(replace(leaf, wraps=wraps[1:]))
    for key, value in values.items() if keyed else enumerate(values):
        if isinstance(key, str) and not SAFE_KEY(key):
            sink.unsafe(values, key, path)
            continue
        if value is None or value == "":
            continue
        steps = (*around, key)
        here = f"{place}[{key}]"
        if type(value) not in accepts:
            sink.wrong(values, key, path, here)
        elif wraps[1:]:
            scalars(value, leaf, head, sink, path, here, steps)
        elif head is not None and sink.slots is not None:
            slot = head + _position(steps)
            sink.slots[slot] = value
            if leaf.render is Form.OMIT:
                sink.x.drop(values, key)
            else:
                sink.writes.append((values, key, slot, RENDERS[leaf.render]))


def _position(steps: tuple[str | int, ...]) -> str:
    """Return what tells one of many values from the others in the name of its slot."""
    if len(steps) == 1 and isinstance(steps[0], int):
        return str(steps[0])
    return sha256("/".join(map(str, steps)).encode()).hexdigest()[:_HASH_DIGITS]


def _becomes_token(leaf: Leaf) -> bool:
    return leaf.render is Form.TOKEN and not leaf.clear


def _holds_value(rule: Leaf) -> bool:
    return rule.slot is not None and not rule.wraps and rule.type is not Type.JSON


def _accepted(rule: Leaf | Branch) -> frozenset[type]:
    if rule.wraps:
        return _OBJECT if rule.wraps[0] == "{" else _LIST
    if isinstance(rule, Branch):
        return _OBJECT
    if rule.class_ is Class.ERRORS:
        return _LIST
    if rule.type is Type.JSON and rule.slot is None:
        return _ANYTHING
    return TYPES[rule.type]


NO_LAYOUT: Final = Layout([object], {})
"""The layout of no object: nothing in JSON has this type."""
