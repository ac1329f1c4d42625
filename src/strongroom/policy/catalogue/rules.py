"""The rules a model file states, resolved: for each member of each object what it is and where it goes.

A rule is one string, so that a model file reads like the model it describes (docs/catalogue.md):

    AmazonOrderId   = "business"                        a leaf that passes; string unless a type follows
    IsPrime         = "business boolean"
    Name            = "pii .name"                       a leaf that goes to a slot below the prefix in force
    BuyerEmail      = "pii buyer.email as email"        a leaf with its own slot and rendering
    Latitude        = "pii .latitude number"            PII that is no string is left out of the document
    CountryCode     = "pii .country_code clear"         kept, and passed as well while it has the slot's clear form
    ShippingAddress = "Address as recipient"            an object; its rules' leading dots mean `recipient.`
    OrderItems      = "[] OrderItem as item:{OrderItemId}"   a list; `{}` is the position, `*` the id around it
    SerialNumbers   = "[] pii .serial_number:{}"        a list of strings
    NextToken       = "cursor"                          opaque; the gateway puts its own in its place
    url             = "link"                            where Amazon keeps a document; likewise
    errors          = "errors"                          Amazon's list of errors, made neutral

No I/O; a file that does not make sense raises ValueError and the service does not start.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from strongroom.policy.catalogue.slots import DYNAMIC, SlotSpec, number_of, spec_of
from strongroom.terms import Category


class Class(StrEnum):
    """What a leaf is; the reader of a rule sees the difference of the first two, the gateway treats them alike."""

    PUBLIC = "public"
    """Anyone can see it at Amazon: a title, a marketplace."""
    BUSINESS = "business"
    """The seller's business, about nobody."""
    PII = "pii"
    CURSOR = "cursor"
    """Amazon's opaque place in a list."""
    LINK = "link"
    """Amazon's address of a document: who has it reads the document past the gateway."""
    ERRORS = "errors"


class Type(StrEnum):
    """What a leaf is in JSON."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    JSON = "json"
    """An object or a list kept whole in one slot."""


class Render(StrEnum):
    """What stands in the document where PII stood, so that a client's own checks still pass."""

    TOKEN = "token"  # noqa: S105 - a rendering
    EMAIL = "email"
    IP = "ip"
    URL = "url"
    OMIT = "omit"
    """Nothing: the member is left out."""
    CONSTANT = "constant"
    """A neutral value of the schema, for a number or an enumeration that is required."""


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a PII leaf goes: a fixed slot by number, or a field of the dynamic slot whose id is in force there."""

    spec: SlotSpec
    number: int | None
    kind: str = ""
    field: str = ""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A member that holds a scalar, or a list of them, or JSON kept whole."""

    class_: Class
    type: Type = Type.STRING
    many: bool = False
    category: Category | None = None
    slot: Slot | None = None
    render: Render = Render.TOKEN
    constant: str | int = 0
    clear: bool = False


@dataclass(frozen=True, slots=True)
class Branch:
    """A member that holds an object or a list of objects.

    `ident` says what the id of dynamic slots below is made of: a member's name in braces, `{}` for the position, `*`
    for the id around it; empty keeps the id around it.
    """

    node: "Node"
    many: bool = False
    ident: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """An object of one definition with one prefix in force; under another prefix it is another node."""

    definition: str
    prefix: str
    """`recipient` for fixed slots, `item:` for dynamic ones, empty where none is in force."""
    members: Mapping[str, Leaf | Branch] = field(default_factory=dict)


_BRANCH = re.compile(r"(\[\] )?([A-Z][A-Za-z0-9]*(?:/[a-z]+)?)(?: as (\S+))?")
_MEMBER = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_PREFIX = re.compile(r"([a-z_]+)(:)?(\S*)")
_IDENT = re.compile(r"\*|\{[A-Za-z]*\}|\*-\{[A-Za-z]*\}")
_SLOT = re.compile(r"(\.|[a-z_]+\.)([a-z][a-z0-9_]*)(:\{\})?")


class Resolver:
    """Turns the definitions of one model file into nodes; a node is made once for each definition and prefix."""

    def __init__(self, model: str, definitions: Mapping[str, Mapping[str, str]]) -> None:
        self._model = model
        self._definitions = definitions
        self._nodes: dict[tuple[str, str], Node] = {}
        self._open: list[str] = []
        self.used: set[str] = set()

    def node(self, definition: str, prefix: str = "") -> Node:
        """Return the node of a definition; ValueError names a rule that does not make sense."""
        if known := self._nodes.get((definition, prefix)):
            return known
        if definition in self._open or definition not in self._definitions:
            raise ValueError(f"{self._model}: {definition} is missing or contains itself")
        if not all(map(_MEMBER.fullmatch, self._definitions[definition])):
            raise ValueError(f"{self._model}: {definition} has a member whose name is no word")
        self.used.add(definition)
        self._open.append(definition)
        members = {
            name: self._member(f"{self._model}: {definition}.{name}", rule, prefix)
            for name, rule in self._definitions[definition].items()
        }
        self._open.pop()
        made = self._nodes[definition, prefix] = Node(definition, prefix, members)
        return made

    def _member(self, where: str, rule: str, prefix: str) -> Leaf | Branch:
        found = _BRANCH.fullmatch(rule)
        if found is None:
            return leaf(where, rule, prefix)
        many, definition, own = found.groups()
        if own is None:
            return Branch(self.node(definition, prefix), bool(many))
        parts = _PREFIX.fullmatch(own)
        if (
            parts is None
            or (parts[2] and not _IDENT.fullmatch(parts[3]))
            or (parts[3] and not parts[2])
        ):
            raise ValueError(f"{where}: prefix {own}")
        kind = parts[1] + (parts[2] or "")
        return Branch(self.node(definition, kind), bool(many), parts[3])


def leaf(where: str, rule: str, prefix: str = "") -> Leaf:
    """Return the leaf a rule states; `where` names the rule in errors."""
    words = rule.split()
    many = words[:1] == ["[]"]
    words = words[many:]
    try:
        class_ = Class(words.pop(0))
        target = words.pop(0) if class_ is Class.PII else ""
        type_ = Type(words.pop(0)) if words and words[0] in _TYPES else Type.STRING
        clear = words[:1] == ["clear"]
        words = words[clear:]
        render, constant = _render(type_, words)
        slot, category = _target(target, prefix, many=many) if target else (None, None)
    except (IndexError, ValueError) as fault:
        raise ValueError(f"{where}: {rule}") from fault
    if clear and (slot is None or slot.spec.clear is None or render is not Render.TOKEN):
        raise ValueError(f"{where}: the slot has no clear form")
    if class_ is Class.LINK and (many or type_ is not Type.STRING):
        raise ValueError(f"{where}: a link is one string")
    if type_ is Type.JSON and (class_ is not Class.PII or many):
        raise ValueError(f"{where}: only PII is kept whole")
    return Leaf(class_, type_, many, category, slot, render, constant, clear)


_TYPES: Final = frozenset(Type)


def _render(type_: Type, words: list[str]) -> tuple[Render, str | int]:
    if not words:
        return (Render.TOKEN if type_ is Type.STRING else Render.OMIT), 0
    word, value = words
    if word != "as":
        raise ValueError(word)
    if type_ is Type.STRING and value in (Render.EMAIL, Render.IP, Render.URL):
        return Render(value), 0
    return Render.CONSTANT, int(value) if type_ in (Type.INTEGER, Type.NUMBER) else value


def _target(target: str, prefix: str, *, many: bool) -> tuple[Slot | None, Category]:
    # `@email`: a leaf of a request, where the category decides and no slot is written.
    if target.startswith("@"):
        return None, Category(target[1:])
    found = _SLOT.fullmatch(target)
    if found is None:
        raise ValueError(target)
    head, name, position = found.groups()
    kind = prefix.removesuffix(":") if head == "." else head.rstrip(".")
    dynamic = head == "." and prefix.endswith(":")
    # A list needs its positions in the slot's name, nothing else has any.
    if many is not (position is not None) or not kind or (many and not dynamic):
        raise ValueError(target)
    if dynamic:
        known = DYNAMIC.get((kind, name))
        if known is None:
            raise ValueError(target)
        return Slot(known, None, kind, name), known.category
    number = number_of(f"{kind}.{name}")
    if number is None:
        raise ValueError(target)
    spec = spec_of(f"{kind}.{name}")
    return Slot(spec, number), spec.category
