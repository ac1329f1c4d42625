"""Roles: named bundles that are expanded to grants when one is asked for, and never consulted again [1.3].

A grant carries the name and digest of the role it came from, and all it allows in its own row. So a
role that is edited later gives nobody more: who should have more asks for it, and is approved.
"""

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from typing import Any, Final, TypeVar

import orjson

from strongroom.errors import Malformed
from strongroom.policy.grants import READING, check_purpose
from strongroom.terms import Action, Category, Purpose

_M = TypeVar("_M", bound=StrEnum)
_NAME: Final = re.compile(r"[a-z][a-z0-9-]{1,40}")
_MAX_LINES: Final = 20
_LINE: Final = frozenset({"action", "purpose", "categories", "budget"})


@dataclass(frozen=True, slots=True)
class Line:
    """What one grant of a role will say."""

    action: Action
    purpose: Purpose
    categories: frozenset[Category]
    budget: int | None

    def plain(self) -> dict[str, Any]:
        """Return the line as JSON."""
        return {
            "action": self.action.value,
            "purpose": self.purpose.value,
            "categories": sorted(category.value for category in self.categories),
            "budget": self.budget,
        }


@dataclass(frozen=True, slots=True)
class Role:
    """A bundle. Its `stamp` names it with the digest of what it says."""

    name: str
    title: str
    lines: tuple[Line, ...]

    @property
    def content(self) -> str:
        """What it says, as canonical JSON."""
        document = {"title": self.title, "lines": [line.plain() for line in self.lines]}
        return orjson.dumps(document, option=orjson.OPT_SORT_KEYS).decode()

    @property
    def stamp(self) -> str:
        """Name and digest, as a grant keeps them."""
        return f"{self.name}@{hashlib.sha256(self.content.encode()).hexdigest()[:16]}"


def parse(name: str, document: Mapping[str, Any]) -> Role:
    """Return a role from its document: `title`, and `lines` of action, purpose, categories and budget.

    Raises:
        Malformed: anything is missing, unknown or of another type; or it mixes administering with
            reading, which are for two roles.

    """
    if not _NAME.fullmatch(name):
        raise Malformed("a role's name is 2 to 41 of a-z, 0-9 and '-', and begins with a letter")
    lines = document.get("lines")
    title = document.get("title", "")
    if document.keys() - {"title", "lines"} or not isinstance(title, str):
        raise Malformed(f"role {name} has a title and lines, and nothing else")
    if not isinstance(lines, list) or not 0 < len(lines) <= _MAX_LINES:
        raise Malformed(f"role {name} needs 1 to {_MAX_LINES} lines")
    made = Role(name, title, tuple(_line(name, line) for line in lines))
    actions = {line.action for line in made.lines}
    if Action.ADMINISTER in actions and actions & set(READING):
        raise Malformed(
            f"role {name} administers and reads", hint="operators read nothing: make two roles"
        )
    return made


def built_in() -> dict[str, Role]:
    """Return the roles that every home begins with, by name."""
    text = files("strongroom.policy").joinpath("roles.toml").read_text(encoding="utf-8")
    return {name: parse(name, document) for name, document in tomllib.loads(text).items()}


def _line(name: str, line: object) -> Line:
    if (
        not isinstance(line, Mapping)
        or line.keys() - _LINE
        or not line.keys() >= _LINE - {"budget"}
    ):
        raise Malformed(f"role {name}: a line has action, purpose, categories and perhaps budget")
    categories, budget = line["categories"], line.get("budget")
    if not isinstance(categories, list) or not categories:
        raise Malformed(f"role {name}: a line needs at least one category")
    if (
        not isinstance(budget, int | None)
        or isinstance(budget, bool)
        or (budget is not None and budget < 1)
    ):
        raise Malformed(f"role {name}: a budget is a number of records a day")
    made = Line(
        _member(Action, line["action"], name),
        _member(Purpose, line["purpose"], name),
        frozenset(_member(Category, category, name) for category in categories),
        budget,
    )
    check_purpose(made.action, made.purpose, made.categories)
    return made


def _member(kind: type[_M], value: object, name: str) -> _M:
    try:
        return kind(str(value))
    except ValueError:
        raise Malformed(f"role {name}: no such {kind.__name__.lower()}") from None
