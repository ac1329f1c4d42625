"""Loads the model files and finds the operation a request means. What it does not know it does not match.

The operations of all models are read at once; what their documents hold is resolved with the first document of a
model, since most homes use a few models of Amazon's many. Must never guess: an unknown path, method or malformed id is
no match, and the gateway refuses it [1.3].
"""

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import resources
from typing import Any, Final

from strongroom.policy.catalogue.paths import FORMS, PARAMETER, Routes
from strongroom.policy.catalogue.rules import Branch, Class, Leaf, Render, Resolver, Type, leaf
from strongroom.policy.kinds import KEPT

_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_SUBJECT_KEYS: Final = frozenset({"kind", "at", "id", "facts"})
_SUBJECT_ID = re.compile(r"@self|@call|\{[A-Za-z]\w*\}|\{body(\.\w+)+\}|\w+(\.\w+)*")
_OPERATION_KEYS: Final = frozenset(
    {
        "method",
        "path",
        "closed",
        "grantless",
        "read_only",
        "restricted",
        "rdt_elements",
        "response",
        "body",
        "subject",
        "subjects",
        "parameters",
        "path_parameters",
        "headers",
    }
)
_DEFINITIONS = re.compile(r"^\[definitions\b", re.MULTILINE)
_OPERATIONS = re.compile(r"^\[operations\b", re.MULTILINE)

_ALLOWED: Final = re.compile(
    r"(GET|POST|PUT|PATCH|DELETE) ((?:/(?:[A-Za-z0-9._-]{1,64}|\{[A-Za-z]{1,40}\})){1,20})"
)
"""A line of settings that lets an operation pass which the catalogue does not know."""

_LONGEST_NAME: Final = 80
_UNCLASSIFIED: Final = "unclassified"
_ANYTHING: Final = "business json"
_SELF: Final = "@self"
_CALL: Final = "@call"


@dataclass(frozen=True, slots=True)
class Subject:
    """Where the subjects of a kind sit in a response: at `payload.Orders[]`, told apart by `id`.

    `id` is a member (`AmazonOrderId`, `invoice.id`), a value of the request (`{orderId}`, `{body.orderId}`), `@self`
    for the selling partner, or `@call` where nothing identifies it. `facts` names the reader of dates and status
    (gateway/facts.py), empty where the view has none; of what is no order, from when on to count.
    """

    kind: str
    at: str
    id: str
    facts: str = ""

    @property
    def is_self(self) -> bool:
        """Whether it is the selling partner."""
        return self.id == _SELF

    @property
    def is_call(self) -> bool:
        """Whether the call alone identifies it."""
        return self.id == _CALL

    @property
    def asked(self) -> str:
        """The name of the request's value that identifies it; empty where a member does."""
        return self.id.strip("{}") if self.id.startswith("{") else ""


class _Documents:
    """The documents of one model: each operation's response and body, resolved when one of them is first wanted."""

    __slots__ = ("_definitions", "_made", "_model", "_wanted")

    def __init__(self, model: str, definitions: Callable[[], Mapping[str, Any]]) -> None:
        self._model = model
        self._definitions = definitions
        self._wanted: list[str] = []
        self._made: Mapping[str, Leaf | Branch] | None = None

    def want(self, rule: str) -> None:
        """Say that an operation has a document of this rule."""
        self._wanted.append(rule)

    def of(self, rule: str) -> Leaf | Branch:
        """Return a document's rule, resolved. Raises: ValueError where the model file makes no sense."""
        # Two threads that come at once read it twice; what they make is the same.
        made = self._made
        if made is None:
            definitions = self._definitions()
            resolver = Resolver(self._model, definitions)
            made = {wanted: resolver.rule(wanted, wanted) for wanted in self._wanted}
            if unused := definitions.keys() - resolver.used:
                raise ValueError(f"{self._model}: unused definitions {sorted(unused)}")
            self._made = made
        return made[rule]


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
    closed: bool
    """No app may call it; what it does is Strongroom's own business."""
    grantless: bool
    """Amazon takes the application's own token for it, which no app gets; Strongroom's own work does."""
    unclassified: bool
    """An operator allows it, and the catalogue knows nothing of what it carries."""
    read_only: bool
    """Safe to repeat."""
    parameters: Mapping[str, Leaf]
    """Query parameters."""
    path_parameters: Mapping[str, Leaf]
    headers: Mapping[str, Leaf]
    """Request headers that pass to Amazon, by their names in lower case."""
    subjects: tuple[Subject, ...]
    has_response: bool
    """Whether the answer has a body."""
    _response: str = field(repr=False)
    _body: str = field(repr=False)
    _documents: _Documents = field(repr=False, compare=False)

    @property
    def response(self) -> Leaf | Branch | None:
        """What the answer holds; None where it has no body."""
        return self._documents.of(self._response) if self._response else None

    @property
    def body(self) -> Leaf | Branch | None:
        """What the request holds; None where it has no body."""
        return self._documents.of(self._body) if self._body else None

    def fits(self, parameter: str, value: str) -> bool:
        """Say whether a path parameter may hold this value."""
        return FORMS[_form(self.path_parameters[parameter])](value)


@dataclass(frozen=True, slots=True)
class Match:
    """An operation and the values of its path parameters, decoded."""

    operation: Operation
    path_parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All operations Strongroom knows."""

    operations: Mapping[str, Operation]
    _routes: Routes[Operation] = field(repr=False)

    @classmethod
    def load(cls) -> "Catalogue":
        """Return the catalogue of the package's own model files, their documents still unread.

        Raises:
            ValueError: a file's operations do not make sense; the service must not start.
        """
        return cls._read("models")

    @classmethod
    def notifications(cls) -> "Catalogue":
        """Return what notifications hold, by type, each as if it answered a call; no request means one.

        Raises:
            ValueError: a file does not make sense.

        """
        return cls._read("notifications")

    @classmethod
    def _read(cls, name: str) -> "Catalogue":
        folder = resources.files(__package__).joinpath(name)
        files = sorted(
            (f for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name
        )
        operations: dict[str, Operation] = {}
        for file in files:
            head, definitions = _halves(file.name, file.read_text(encoding="utf-8"))
            operations |= _operations(tomllib.loads(head), definitions)
        return cls._of(operations)

    @classmethod
    def of(cls, models: Iterable[Mapping[str, Any]]) -> "Catalogue":
        """Return the catalogue of these parsed model files, read to the end.

        Raises:
            ValueError: a file does not make sense.
        """
        operations: dict[str, Operation] = {}
        for model in models:
            operations |= _operations(model, partial(dict, model.get("definitions", {})))
        made = cls._of(operations)
        made.check()
        return made

    @classmethod
    def _of(cls, operations: dict[str, Operation]) -> "Catalogue":
        return cls(operations, Routes((o.method, o.template, o) for o in operations.values()))

    def allowing(self, lines: Iterable[str]) -> "Catalogue":
        """Return a catalogue that lets these operations pass too, such as `GET /new/v1/things/{thingId}`.

        Every string of their answers becomes a token, and no token may stand in their requests.

        Raises:
            ValueError: a line is not of this form, or the catalogue knows the operation.

        """
        allowed = {one.id: one for one in map(_unclassified, lines)}
        return self._of({**self.operations, **allowed})

    def check(self) -> None:
        """Read every document of every model. Raises: ValueError where a rule makes no sense."""
        for operation in self.operations.values():
            _ = operation.response, operation.body

    def match(self, method: str, path: str) -> Match | None:
        """Return the operation of a request line, None if there is none; `path` has no query and is not unquoted."""
        for operation, values in self._routes.find(method, path):
            named = dict(zip(PARAMETER.findall(operation.template), values, strict=True))
            if all(operation.fits(name, value) for name, value in named.items()):
                return Match(operation, named)
        return None


def _halves(name: str, text: str) -> tuple[str, Callable[[], Mapping[str, Any]]]:
    """Return the text of a file's operations, and what reads its definitions, which come after them."""
    found = _DEFINITIONS.search(text)
    start = found.start() if found else len(text)
    if _OPERATIONS.search(text, start):
        raise ValueError(f"{name}: an operation stands behind the definitions")

    def definitions() -> Mapping[str, Any]:
        read: Mapping[str, Any] = tomllib.loads(text[start:]).get("definitions", {})
        return read

    return text[:start], definitions


def _operations(
    model: Mapping[str, Any], definitions: Callable[[], Mapping[str, Any]]
) -> dict[str, Operation]:
    documents = _Documents(model["model"], definitions)
    made = (
        _operation(model["model"], name, entry, documents)
        for name, entry in model["operations"].items()
    )
    return {operation.id: operation for operation in made}


def _operation(model: str, name: str, entry: Mapping[str, Any], documents: _Documents) -> Operation:
    where = f"{model}.{name}"
    if unknown := entry.keys() - _OPERATION_KEYS:
        raise ValueError(f"{where}: {sorted(unknown)}")
    path_parameters = _parameters(where, entry.get("path_parameters", {}), forms=True)
    if (
        path_parameters.keys() != set(PARAMETER.findall(entry["path"]))
        or entry["method"] not in _METHODS
    ):
        raise ValueError(f"{where}: path or method")
    response, body = entry.get("response", ""), entry.get("body", "")
    for rule in (response, body):
        if rule:
            documents.want(rule)
    return Operation(
        id=where,
        model=model,
        name=name,
        method=entry["method"],
        template=entry["path"],
        restricted=entry.get("restricted", False),
        rdt_elements=frozenset(entry.get("rdt_elements", ())),
        closed=entry.get("closed", False),
        grantless=entry.get("grantless", False),
        unclassified=False,
        read_only=entry.get("read_only", entry["method"] == "GET"),
        parameters=_parameters(where, entry.get("parameters", {})),
        path_parameters=path_parameters,
        headers=_parameters(where, {k.lower(): v for k, v in entry.get("headers", {}).items()}),
        subjects=_subjects(where, entry),
        has_response=bool(response),
        _response=response,
        _body=body,
        _documents=documents,
    )


def _unclassified(line: str) -> Operation:
    found = _ALLOWED.fullmatch(line)
    if found is None:
        raise ValueError("not of the form `GET /new/v1/things/{thingId}`")
    method, path = found.groups()
    parameters = PARAMETER.findall(path)
    # By its words: a path has signs that the name of an event's operation has not.
    name = "-".join(re.findall(r"[A-Za-z0-9]+", f"{method}{path}"))[:_LONGEST_NAME]
    documents = _Documents(_UNCLASSIFIED, dict)
    documents.want(_ANYTHING)
    entry = {
        "method": method,
        "path": path,
        "path_parameters": dict.fromkeys(parameters, "business"),
        "response": _ANYTHING,
        "body": _ANYTHING,
    }
    made = _operation(_UNCLASSIFIED, name, entry, documents)
    return replace(made, unclassified=True)


def _subjects(where: str, entry: Mapping[str, Any]) -> tuple[Subject, ...]:
    if "subject" in entry and "subjects" in entry:
        raise ValueError(f"{where}: subject and subjects")
    given = [entry["subject"]] if "subject" in entry else entry.get("subjects", [])
    for one in given:
        sound = (
            one.keys() <= _SUBJECT_KEYS
            and one.get("kind") in KEPT
            and _SUBJECT_ID.fullmatch(one.get("id", ""))
        )
        if not sound:
            raise ValueError(f"{where}: subject {one}")
    subjects = tuple(Subject(**one) for one in given)
    if len({subject.at for subject in subjects}) != len(subjects):
        raise ValueError(f"{where}: two subjects at one place")
    return subjects


def _parameters(where: str, rules: Mapping[str, str], *, forms: bool = False) -> dict[str, Leaf]:
    made = {name: leaf(f"{where}: {name}", rule) for name, rule in rules.items()}
    for rule in made.values():
        form_named = rule.render is Render.CONSTANT
        if rule.class_ in (Class.ERRORS, Class.LINK) or rule.slot or rule.type is Type.JSON:
            raise ValueError(f"{where}: a parameter has no slot")
        if form_named and not (forms and rule.constant in FORMS):
            raise ValueError(f"{where}: no form {rule.constant}")
    return made


def _form(rule: Leaf) -> str:
    return str(rule.constant) if rule.render is Render.CONSTANT else "identifier"
