"""Loads the model files and finds the operation a request means. What it does not know it does not match.

Must never guess: an unknown path, method or malformed id is no match, and the gateway refuses it [1.3].
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, Final

from strongroom.policy.catalogue.rules import Class, Leaf, Node, Resolver, leaf

_PARAMETER = re.compile(r"\{([A-Za-z]+)\}")
# What Amazon's ids are made of. No slash or per cent sign, and no dot but between words: a path cannot climb.
_IDENTIFIER: Final = r"[A-Za-z0-9_-]{1,64}(?:\.[A-Za-z0-9_-]{1,64}){0,9}"
_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_OPERATION_KEYS: Final = frozenset(
    {
        "method",
        "path",
        "read_only",
        "restricted",
        "rdt_elements",
        "response",
        "body",
        "subject",
        "parameters",
        "path_parameters",
    }
)


@dataclass(frozen=True, slots=True)
class Subject:
    """Where the subjects sit in a response: at `payload.Orders[]`, their id in the member `id`.

    `facts` names the reader of dates and status (gateway/facts.py), empty where the view has none.
    """

    kind: str
    at: str
    id: str
    facts: str = ""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of one model."""

    id: str
    """Model and operation: `ordersV0.getOrders`."""
    model: str
    name: str
    method: str
    template: str
    restricted: bool
    """Amazon gives its PII for a Restricted Data Token only."""
    rdt_elements: frozenset[str]
    """The `dataElements` such a token may name."""
    read_only: bool
    """Safe to repeat."""
    parameters: Mapping[str, Leaf]
    """Query parameters."""
    path_parameters: Mapping[str, Leaf]
    response: Node | None
    """None: the answer has no body."""
    body: Node | None
    subject: Subject | None


@dataclass(frozen=True, slots=True)
class Match:
    """An operation and the values of its path parameters."""

    operation: Operation
    path_parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All operations Strongroom knows."""

    operations: Mapping[str, Operation]
    _routes: tuple[tuple[str, re.Pattern[str], Operation], ...] = field(repr=False)

    @classmethod
    def load(cls) -> "Catalogue":
        """Return the catalogue of the package's own model files.

        Raises:
            ValueError: a file does not make sense; the service must not start.
        """
        folder = resources.files(__package__).joinpath("models")
        files = sorted(
            (f for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name
        )
        return cls.of(tomllib.loads(file.read_text(encoding="utf-8")) for file in files)

    @classmethod
    def of(cls, models: Iterable[Mapping[str, Any]]) -> "Catalogue":
        """Return the catalogue of these parsed model files."""
        operations: dict[str, Operation] = {}
        for model in models:
            resolver = Resolver(model["model"], model["definitions"])
            for name, entry in model["operations"].items():
                operation = _operation(model["model"], name, entry, resolver)
                operations[operation.id] = operation
            if unused := model["definitions"].keys() - resolver.used:
                raise ValueError(f"{model['model']}: unused definitions {sorted(unused)}")
        routes = tuple((o.method, _pattern(o.template), o) for o in operations.values())
        return cls(operations, routes)

    def match(self, method: str, path: str) -> Match | None:
        """Return the operation of a request line, None if there is none; `path` has no query and is not unquoted."""
        for known, pattern, operation in self._routes:
            if known == method and (found := pattern.fullmatch(path)):
                return Match(operation, found.groupdict())
        return None


def _pattern(template: str) -> re.Pattern[str]:
    parts = _PARAMETER.split(template)
    # split() puts the parameters' names at the odd places.
    made = (
        f"(?P<{part}>{_IDENTIFIER})" if i % 2 else re.escape(part) for i, part in enumerate(parts)
    )
    return re.compile("".join(made))


def _operation(model: str, name: str, entry: Mapping[str, Any], resolver: Resolver) -> Operation:
    where = f"{model}.{name}"
    if unknown := entry.keys() - _OPERATION_KEYS:
        raise ValueError(f"{where}: {sorted(unknown)}")
    path_parameters = _parameters(where, entry.get("path_parameters", {}))
    if (
        path_parameters.keys() != set(_PARAMETER.findall(entry["path"]))
        or entry["method"] not in _METHODS
    ):
        raise ValueError(f"{where}: path or method")
    response, body = entry.get("response"), entry.get("body")
    return Operation(
        id=where,
        model=model,
        name=name,
        method=entry["method"],
        template=entry["path"],
        restricted=entry.get("restricted", False),
        rdt_elements=frozenset(entry.get("rdt_elements", ())),
        read_only=entry.get("read_only", entry["method"] == "GET"),
        parameters=_parameters(where, entry.get("parameters", {})),
        path_parameters=path_parameters,
        response=resolver.node(response) if response else None,
        body=resolver.node(body) if body else None,
        subject=Subject(**entry["subject"]) if "subject" in entry else None,
    )


def _parameters(where: str, rules: Mapping[str, str]) -> dict[str, Leaf]:
    made = {name: leaf(f"{where}: {name}", rule) for name, rule in rules.items()}
    if any(rule.class_ in (Class.ERRORS, Class.LINK) or rule.slot for rule in made.values()):
        raise ValueError(f"{where}: a parameter has no slot")
    return made
