"""Which column of a file is what: those of known tools, which ship, and one's own as TOML or JSON [2.3]. Pure."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

import orjson

from strongroom.assurance.assets.kinds import Kind
from strongroom.assurance.assets.posture import AGES, FLAGS, Check
from strongroom.errors import Malformed

COLUMNS: Final = ("name", "serial", "kind", "place", "owner", "seen")
MOST_BYTES: Final = 64 * 1024
_MOST_WORDS: Final = 200
_LONGEST: Final = 120

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mapped:
    """How one kind of file is read. Names of columns and words are in lower case."""

    title: str
    form: str
    """`csv` or `fleet`."""
    otherwise: Kind
    columns: Mapping[str, Words]
    kinds: Mapping[str, Kind]
    flags: Mapping[Check, Words]
    days: Mapping[Check, Words]
    yes: frozenset[str]
    no: frozenset[str]
    policies: Mapping[Check, Words]


@lru_cache(maxsize=1)
def shipped() -> Mapping[str, Mapped]:
    """Return the mappings that ship, by name."""
    text = files(__package__).joinpath("mappings.toml").read_text("utf-8")
    return {name: mapping_of(row) for name, row in tomllib.loads(text).items()}


def read_mapping(content: bytes) -> Mapped:
    """Return a mapping that somebody wrote, as JSON or TOML. Raises: Malformed."""
    if len(content) > MOST_BYTES:
        raise Malformed(f"a mapping has up to {MOST_BYTES // 1024} KiB")
    try:
        is_json = content.lstrip()[:1] == b"{"
        row = orjson.loads(content) if is_json else tomllib.loads(content.decode("utf-8"))
    except (orjson.JSONDecodeError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError):
        raise Malformed("the mapping is neither JSON nor TOML") from None
    if not isinstance(row, dict):
        raise Malformed("the mapping is no table")
    return mapping_of(row)


def mapping_of(row: Mapping[str, Any]) -> Mapped:
    """Return the mapping of a table. Raises: Malformed."""
    known = {"title", "form", "otherwise", "columns", "kinds", "flags", "days", "yes", "no"}
    if not set(row) <= known | {"policies"}:
        raise Malformed(f"a mapping has only: {', '.join(sorted(known | {'policies'}))}")
    form = row.get("form", "csv")
    if form not in ("csv", "fleet"):
        raise Malformed("the form of a mapping is csv or fleet")
    columns = _lists(row.get("columns", {}), COLUMNS)
    if form == "csv" and "name" not in columns and "serial" not in columns:
        raise Malformed("a mapping names the column of names or of serial numbers")
    return Mapped(
        _text(row.get("title", "a mapping of one's own")),
        form,
        _kind(row.get("otherwise", Kind.COMPUTER.value)),
        columns,
        {_text(word).lower(): _kind(kind) for word, kind in _table(row.get("kinds", {})).items()},
        _checks(row.get("flags", {}), FLAGS),
        _checks(row.get("days", {}), tuple(AGES)),
        frozenset(_words(row.get("yes", ["true", "yes", "1"]))),
        frozenset(_words(row.get("no", ["false", "no", "0"]))),
        _checks(row.get("policies", {}), (*FLAGS, *AGES)),
    )


def _checks(given: object, known: tuple[Check, ...]) -> dict[Check, Words]:
    found = _lists(given, tuple(check.value for check in known))
    return {Check(name): words for name, words in found.items()}


def _lists(given: object, known: tuple[str, ...]) -> dict[str, Words]:
    table = _table(given)
    if not set(table) <= set(known):
        raise Malformed(f"a mapping has columns for: {', '.join(known)}")
    return {
        name: _words([words] if isinstance(words, str) else words) for name, words in table.items()
    }


def _table(given: object) -> dict[str, Any]:
    if not isinstance(given, dict) or len(given) > _MOST_WORDS:
        raise Malformed(f"a part of a mapping is a table of up to {_MOST_WORDS} rows")
    return given


def _words(given: object) -> Words:
    if not isinstance(given, list) or len(given) > _MOST_WORDS:
        raise Malformed(f"a mapping lists up to {_MOST_WORDS} words")
    return tuple(_text(word).lower() for word in given)


def _text(given: object) -> str:
    if not isinstance(given, str) or not 0 < len(given) <= _LONGEST:
        raise Malformed(f"a word of a mapping has between 1 and {_LONGEST} characters")
    return given


def _kind(given: object) -> Kind:
    found = next((kind for kind in Kind if kind.value == given), None)
    if found is None:
        raise Malformed(f"a kind of a mapping is one of: {', '.join(Kind)}")
    return found
