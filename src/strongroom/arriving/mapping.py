"""The mapping file of an import: which column of a source holds which field of the vault. Pure.

A column is named as the source names it; in JSON by the members that lead to it, with dots between. A field is a
canonical slot (`recipient.name`), or one of an item or a parcel (`item.gift_message`), the same that the gateway
fills: so an order has the same tokens from both.
"""

import codecs
import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from strongroom.crypto.token import TOKEN_LENGTH, as_email
from strongroom.errors import Malformed
from strongroom.policy.catalogue.slots import DYNAMIC, FIXED, SlotSpec, number_of
from strongroom.policy.retention import Progress
from strongroom.policy.sighting import SlotKey
from strongroom.terms import Category

_ITEM: Final = "item"
_PACKAGE: Final = "package"
_LONGEST_EMAIL: Final = len(as_email("S" * TOKEN_LENGTH))
_TOP: Final = frozenset({"seller", "others", "ignore", "source", "order", "fields", "statuses"})
_TABLE: Final = frozenset({"url", "table", "key"})
_FILE: Final = frozenset({"file", "format", "encoding", "delimiter", "output"})
_ORDER: Final = frozenset(
    {"id", "item", "package", "status", "purchased", "shipped", "delivered", "updated"}
)
_PROGRESS: Final = {
    "pending": Progress.PENDING,
    "unshipped": Progress.UNSHIPPED,
    "partial": Progress.PARTIAL,
    "shipped": Progress.SHIPPED,
    "delivered": Progress.DELIVERED,
    "cancelled": Progress.CANCELLED,
}


class Format(StrEnum):
    """How a file is written."""

    CSV = "csv"
    JSON = "json"
    LINES = "jsonl"


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a database; its address holds no password."""

    url: str = field(repr=False)
    name: str
    key: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class File:
    """An export. `encoding` empty: UTF-8, with or without its mark."""

    path: str
    format: Format
    encoding: str
    delimiter: str
    output: str


@dataclass(frozen=True, slots=True)
class Target:
    """Where a column's values go."""

    spec: SlotSpec
    number: int | None = None
    """Of a fixed slot."""
    owner: str = ""
    """`item` or `package`, of a slot that each of these has."""
    name: str = ""

    @property
    def longest(self) -> int:
        """Return how many characters what is written in place of a value may take."""
        return _LONGEST_EMAIL if self.is_email else TOKEN_LENGTH

    @property
    def is_email(self) -> bool:
        """Say whether what is written must look like an e-mail address."""
        return self.spec.category is Category.EMAIL

    def slot(self, ident: str) -> SlotKey:
        """Return the slot, given the id of the item or parcel."""
        return f"{self.owner}:{ident}.{self.name}" if self.number is None else self.number


@dataclass(frozen=True, slots=True)
class Plan:
    """A mapping file, read. `facts` are columns by what they tell: item, status, purchased and so on."""

    seller: str
    source: Table | File
    order: str
    facts: Mapping[str, str]
    fields: Mapping[str, Target]
    statuses: Mapping[str, Progress]
    ignore: frozenset[str]
    others_stay: bool
    """Rows without an Amazon order's id belong to other channels, and stay."""

    @property
    def columns(self) -> list[str]:
        """Return every column that is named, once."""
        return list(dict.fromkeys([self.order, *self.facts.values(), *self.fields]))


def target_of(name: str) -> Target:
    """Return the field of a name. Raises: Malformed, with what was perhaps meant."""
    number = number_of(name)
    if number is not None:
        return Target(FIXED[number], number)
    owner, _, rest = name.partition(".")
    spec = DYNAMIC.get((owner, rest)) if owner in (_ITEM, _PACKAGE) else None
    if spec is not None:
        return Target(spec, None, owner, rest)
    near = difflib.get_close_matches(name, _names(), n=3)
    hint = f"perhaps {', '.join(near)}" if near else "docs/import.md lists the fields"
    raise Malformed(f"the mapping names a field that does not exist: {name}", hint=hint)


def parse(text: str) -> Plan:
    """Return what a mapping file says. Raises: Malformed, naming the entry."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise Malformed("the mapping is not valid TOML") from None
    _only(data, _TOP, "the mapping")
    order = _texts(data, "order")
    _only(order, _ORDER, "[order]")
    facts = {name: column for name, column in order.items() if name != "id"}
    fields = {column: target_of(name) for column, name in _texts(data, "fields").items()}
    if not fields:
        raise Malformed("the mapping names no column under [fields]")
    others = data.get("others", "report")
    if others not in ("report", "stay"):
        raise Malformed("others is `report` or `stay`")
    found = Plan(
        _text(data, "seller"),
        _source(_table(data, "source")),
        _text(order, "id", "[order] "),
        facts,
        fields,
        {
            word.strip().casefold(): _progress(said)
            for word, said in _texts(data, "statuses").items()
        },
        frozenset(_list(data, "ignore")),
        others == "stay",
    )
    _refuse_contradictions(found)
    return found


def _refuse_contradictions(found: Plan) -> None:
    """Raises: Malformed where a column is named for two things."""
    keys = set(found.source.key) if isinstance(found.source, Table) else set()
    for column, target in found.fields.items():
        if column in keys or column == found.order or column in found.facts.values():
            raise Malformed(
                f"column {column} is to be replaced and to be kept", hint="name it once"
            )
        if target.owner and target.owner not in found.facts:
            raise Malformed(
                f"column {column} belongs to one {target.owner} of an order",
                hint=f"name the column of its id: [order] {target.owner} = …",
            )


def _source(data: Mapping[str, Any]) -> Table | File:
    if "url" in data:
        _only(data, _TABLE, "[source] with a url")
        key = data.get("key")
        keys = _list(data, "key") if isinstance(key, list) else [_text(data, "key", "[source] ")]
        if not keys:
            raise Malformed("[source] key is empty")
        return Table(
            _text(data, "url", "[source] "), _text(data, "table", "[source] "), tuple(keys)
        )
    _only(data, _FILE, "[source] with a file")
    path = _text(data, "file", "[source] ")
    stem, dot, suffix = path.rpartition(".")
    named = data.get("format", suffix.lower())
    forms = {form.value: form for form in Format}
    if named not in forms:
        raise Malformed("[source] format is csv, json or jsonl")
    encoding = data.get("encoding", "")
    delimiter = data.get("delimiter", ",")
    if not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter in '"\r\n':
        raise Malformed("[source] delimiter is one character")
    if encoding:
        encoding = _encoding(encoding)
    output = data.get("output", f"{stem}.tokens.{suffix}" if dot else f"{path}.tokens")
    if not isinstance(output, str) or not output:
        raise Malformed("[source] output is the name of a file")
    return File(path, forms[named], encoding, delimiter, output)


def _encoding(name: object) -> str:
    try:
        found = codecs.lookup(str(name))
        # Codecs like `zip` or `hex` are none of text.
        "a".encode(found.name)
    except (LookupError, UnicodeError):
        raise Malformed(
            "[source] encoding is none that is known", hint="utf-8, cp1252, …"
        ) from None
    return found.name


def _progress(said: str) -> Progress:
    if said not in _PROGRESS:
        raise Malformed(
            "a status under [statuses] means something unknown",
            hint=f"one of {', '.join(_PROGRESS)}",
        )
    return _PROGRESS[said]


def _names() -> list[str]:
    own = [f"{kind}.{name}" for kind, name in DYNAMIC if kind in (_ITEM, _PACKAGE)]
    return [spec.name for spec in FIXED.values()] + own


def _only(data: Mapping[str, Any], allowed: frozenset[str], where: str) -> None:
    if unknown := sorted(data.keys() - allowed):
        near = difflib.get_close_matches(unknown[0], allowed, n=1)
        hint = f"perhaps {near[0]}" if near else f"there are {', '.join(sorted(allowed))}"
        raise Malformed(f"{where} has an entry that means nothing: {unknown[0]}", hint=hint)


def _table(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = data.get(name, {})
    if not isinstance(found, dict):
        raise Malformed(f"[{name}] of the mapping is not a table")
    return found


def _texts(data: Mapping[str, Any], name: str) -> dict[str, str]:
    found = _table(data, name)
    for key, value in found.items():
        if not isinstance(value, str) or not value:
            raise Malformed(f"[{name}] {key} is not a text")
    return dict(found)


def _text(data: Mapping[str, Any], name: str, where: str = "") -> str:
    found = data.get(name)
    if not isinstance(found, str) or not found:
        raise Malformed(f"the mapping does not say {where}{name}")
    return found


def _list(data: Mapping[str, Any], name: str) -> list[str]:
    found = data.get(name, [])
    if not isinstance(found, list) or not all(isinstance(one, str) and one for one in found):
        raise Malformed(f"{name} of the mapping is not a list of names")
    return found
