"""Reads what Amazon publishes: models (Swagger 2.0) and schemas of notifications, as shapes of what they hold.

Pure: text in, shapes out; who calls reads the files. They are foreign input: what makes no sense raises ValueError that
says where, never what else stands there. For `strongroom catalogue check` and tests; the gateway never reads a model.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

_METHODS: Final = ("get", "post", "put", "patch", "delete")
_SCALARS: Final = ("string", "integer", "number", "boolean")
_DEEP: Final = 64


@dataclass(frozen=True, slots=True)
class Scalar:
    """A string, number or boolean, and what a client may check it against."""

    type: str
    values: tuple[str, ...] = ()
    """The values of an enumeration."""
    longest: int | None = None
    pattern: str | None = None


@dataclass(frozen=True, slots=True)
class Free:
    """Anything at all: the model does not say."""


@dataclass(frozen=True, slots=True, eq=False)
class Many:
    """A list."""

    items: "Shape"


@dataclass(frozen=True, slots=True, eq=False)
class Object:
    """An object; one that contains itself is the same object again."""

    name: str
    """The definition's, empty for one written where it stands."""
    members: dict[str, "Shape"] = field(default_factory=dict)
    required: set[str] = field(default_factory=set)
    others: list["Shape"] = field(default_factory=list)
    """At most one: what members of any other name hold."""


Shape = Scalar | Free | Many | Object


@dataclass(frozen=True, slots=True)
class Published:
    """One operation."""

    model: str
    name: str
    method: str
    path: str
    query: Mapping[str, Shape]
    path_parameters: Mapping[str, Shape]
    headers: Mapping[str, Shape]
    body: Shape | None
    responses: tuple[Shape, ...]
    """Of its successful answers, each once; none where they have no body."""

    @property
    def id(self) -> str:
        """`ordersV0.getOrders`."""
        return f"{self.model}.{self.name}"


def read(name: str, text: str | bytes) -> list[Published]:
    """Return the operations of the model `name`, in its order; of a notification's schema the one that it is.

    Raises:
        ValueError: it is no model; the text names the model and the place.

    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(f"{name}: no JSON") from None
    try:
        reader = _Reader(name, document)
        return reader.notification() if "$schema" in document else reader.operations()
    except (KeyError, TypeError, AttributeError, RecursionError) as fault:
        raise ValueError(f"{name}: no Swagger model: {type(fault).__name__}") from None


class _Reader:
    def __init__(self, name: str, document: dict[str, Any]) -> None:
        self._name = name
        self._document = document
        self._objects: dict[str, Object] = {}

    def operations(self) -> list[Published]:
        made: list[Published] = []
        for path, methods in self._document["paths"].items():
            shared = methods.get("parameters", ())
            made += [
                self._operation(path, method, methods[method], shared)
                for method in _METHODS
                if method in methods
            ]
        return made

    def notification(self) -> list[Published]:
        """Return the one that the schema is: an answer to a call that nobody makes."""
        shape = self._shape(self._document, self._name)
        path = f"/{self._name}"
        return [Published(self._name, self._name, "GET", path, {}, {}, {}, None, (shape,))]

    def _operation(
        self, path: str, method: str, operation: dict[str, Any], shared: Iterable[dict[str, Any]]
    ) -> Published:
        where = f"{self._name}.{operation['operationId']}"
        places: dict[str, dict[str, Shape]] = {"query": {}, "path": {}, "header": {}}
        body = None
        for parameter in (*shared, *operation.get("parameters", ())):
            name, place = parameter["name"], parameter["in"]
            at = f"{where} {name}"
            if place == "body":
                body = self._shape(parameter["schema"], at)
            else:
                places[place][name] = self._shape(parameter, at)
        schemas: list[dict[str, Any]] = []
        for code, answer in operation["responses"].items():
            schema = answer.get("schema")
            if code.startswith("2") and schema is not None and schema not in schemas:
                schemas.append(schema)
        return Published(
            model=self._name,
            name=operation["operationId"],
            method=method.upper(),
            path=path,
            query=places["query"],
            path_parameters=places["path"],
            headers=places["header"],
            body=body,
            responses=tuple(self._shape(schema, f"{where} answer") for schema in schemas),
        )

    def _shape(self, schema: dict[str, Any], where: str, name: str = "", deep: int = 0) -> Shape:
        if deep > _DEEP:
            raise ValueError(f"{where}: nested too deeply")
        # One of Amazon's schemas has the sign wrong.
        if (reference := schema.get("$ref", schema.get("#ref"))) is not None:
            return self._referred(reference, where, deep)
        kind = _kind(schema)
        others = [part for part in _alternatives(schema) if _kind(part) != "null"]
        if others and kind is None and "properties" not in others[0]:
            return self._shape(others[0], where, deep=deep + 1)
        if kind in _SCALARS or (kind is None and "enum" in schema):
            return _scalar(kind or "string", schema)
        if kind == "array":
            items = schema.get("items", {})
            if isinstance(items, list):
                items = {"anyOf": items}
            return Many(self._shape(items, f"{where}[]", deep=deep + 1))
        made = Object(name)
        if name:
            self._objects[name] = made
        self._fill(made, schema, where, deep)
        return made if made.members or made.others else Free()

    def _referred(self, reference: str, where: str, deep: int) -> Shape:
        name = reference.removeprefix("#/definitions/")
        if (known := self._objects.get(name)) is not None:
            return known
        schema = self._document.get("definitions", {}).get(name)
        if schema is None:
            raise ValueError(f"{where}: refers to a definition that is not there")
        return self._shape(schema, name, name, deep + 1)

    def _fill(self, made: Object, schema: dict[str, Any], where: str, deep: int) -> None:
        for part in (*schema.get("allOf", ()), *_alternatives(schema)):
            whole = part
            while "$ref" in whole:
                whole = self._document["definitions"][whole["$ref"].rpartition("/")[2]]
                if (deep := deep + 1) > _DEEP:
                    raise ValueError(f"{where}: nested too deeply")
            self._fill(made, whole, where, deep + 1)
        made.required.update(schema.get("required", ()))
        for member, inner in schema.get("properties", {}).items():
            made.members[member] = self._shape(inner, f"{where}.{member}", deep=deep + 1)
        others = schema.get("additionalProperties", False)
        # What may come beside named members is said by none of Amazon's schemas that allow it: it is drift.
        if isinstance(others, dict) and others and not made.others:
            made.others.append(self._shape(others, f"{where}{{}}", deep=deep + 1))


def _kind(schema: Mapping[str, Any]) -> str | None:
    """Return the type of a schema; of several the first that is not null."""
    kind = schema.get("type")
    return next((k for k in kind if k != "null"), None) if isinstance(kind, list) else kind


def _scalar(kind: str, schema: Mapping[str, Any]) -> Scalar:
    values = tuple(str(value) for value in schema.get("enum", ()))
    longest, pattern = schema.get("maxLength"), schema.get("pattern")
    return Scalar(
        kind,
        values,
        longest if isinstance(longest, int) else None,
        pattern if isinstance(pattern, str) else None,
    )


def _alternatives(schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
