"""Compares the catalogue with models of Amazon's: what has no rule, what matches nothing, what would not fit [2.2].

Pure: parsed models in, findings out. It proves the rule files against the models at hand; what the gateway meets it
judges by its rules alone.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from strongroom.policy.catalogue.catalogue import Operation
from strongroom.policy.catalogue.published import Free, Many, Object, Published, Scalar, Shape
from strongroom.policy.catalogue.rules import Branch, Class, Leaf, Node, Render, Type

# As long and of the same characters as what the gateway writes (docs/catalogue.md).
_TOKEN: Final = "SR" + "0123456789ABCDEFGH"
_SAMPLES: Final[Mapping[Render, str]] = {
    Render.TOKEN: _TOKEN,
    Render.EMAIL: f"{_TOKEN.lower()}@token.invalid",
    Render.IP: "fd00:1234:5678:9abc:def0:1234:5678:9abc",
    Render.URL: f"https://token.invalid/{_TOKEN}",
}


class Fault(StrEnum):
    """What can be wrong, in the order of a report."""

    MISSING = "missing operation"
    """The model has it, the catalogue does not."""
    EXTRA = "operation too many"
    UNCLASSIFIED = "unclassified"
    """A leaf or a parameter without a rule."""
    DEAD = "dead rule"
    """It matches nothing in the model."""
    TYPE = "wrong type"
    """The model says another type than the rule."""
    LENGTH = "does not fit"
    """What the gateway puts in the place of a value breaks a limit of the model's."""
    REQUIRED = "left out"
    """The gateway leaves out a member that the model requires."""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One fault: `ordersV0.getOrders`, `answer`, `payload.Orders[].OrderId`."""

    fault: Fault
    operation: str
    part: str
    """`answer`, `body`, `query`, `path`, `header`, or empty."""
    path: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check saw and found."""

    models: int
    operations: int
    leaves: int
    findings: tuple[Finding, ...]

    def count(self, fault: Fault) -> int:
        """Return how many findings are of this fault."""
        return sum(finding.fault is fault for finding in self.findings)


def check(stated: Iterable[Operation], published: Iterable[Published]) -> Checked:
    """Return what is wrong between the operations of the catalogue and those of models.

    Models that are not given are not missed: a folder may hold some of them.
    """
    known = {(o.model, o.method, o.template): o for o in stated}
    checker = _Checker()
    operations = list(published)
    models = {operation.model for operation in operations}
    for operation in operations:
        rule = known.pop((operation.model, operation.method, operation.path), None)
        if rule is None:
            checker.found(Fault.MISSING, operation.id, "", "")
        else:
            checker.operation(rule, operation)
    for left in known.values():
        if left.model in models:
            checker.found(Fault.EXTRA, left.id, "", "")
    checker.dead()
    found = tuple(sorted(set(checker.findings)))
    return Checked(len(models), len(operations), checker.leaves, found)


@dataclass(slots=True)
class _Checker:
    findings: list[Finding] = field(default_factory=list)
    leaves: int = 0
    _used: set[tuple[str, str, str]] = field(default_factory=set)
    """Model, definition and member of the rules that matched something somewhere."""
    _stated: dict[tuple[str, str, str], tuple[str, str, str]] = field(default_factory=dict)
    """The same of all rules, with where each stands first."""
    _part: tuple[str, str] = ("", "")

    def found(self, fault: Fault, operation: str, part: str, path: str, detail: str = "") -> None:
        self.findings.append(Finding(fault, operation, part, path, detail))

    def operation(self, rule: Operation, published: Published) -> None:
        parameters = (
            ("query", rule.parameters, published.query),
            ("path", rule.path_parameters, published.path_parameters),
            ("header", rule.headers, {n.lower(): s for n, s in published.headers.items()}),
        )
        for part, rules, shapes in parameters:
            self._part = (rule.id, part)
            for name in rules.keys() - shapes.keys():
                self._find(Fault.DEAD, name)
            for name, shape in shapes.items():
                self._rule(rule.model, rules.get(name), shape, name, ())
        self._part = (rule.id, "body")
        self._whole(rule.model, rule.body, () if published.body is None else (published.body,))
        self._part = (rule.id, "answer")
        self._whole(rule.model, rule.response, published.responses)

    def dead(self) -> None:
        """Find the rules that matched nothing, wherever their definition stands."""
        for key, (operation, part, path) in self._stated.items():
            if key not in self._used:
                self.found(Fault.DEAD, operation, part, path)

    def _find(self, fault: Fault, path: str, detail: str = "") -> None:
        self.found(fault, *self._part, path, detail)

    def _whole(self, model: str, rule: Leaf | Branch | None, shapes: tuple[Shape, ...]) -> None:
        if rule is not None and not shapes:
            self._find(Fault.DEAD, "")
        for shape in shapes:
            self._rule(model, rule, shape, "", ())

    def _rule(
        self,
        model: str,
        rule: Leaf | Branch | None,
        shape: Shape,
        path: str,
        within: tuple[tuple[Node, int], ...],
    ) -> None:
        if rule is None:
            for leaf in _leaves(shape, path):
                self.leaves += 1
                self._find(Fault.UNCLASSIFIED, leaf)
            return
        if isinstance(rule, Leaf) and (rule.type is Type.JSON or rule.class_ is Class.ERRORS):
            self.leaves += 1
            if isinstance(shape, Scalar):
                self._find(Fault.TYPE, path, f"{shape.type}, not {rule.type}")
            elif rule.type is Type.JSON and rule.class_ is not Class.PII:
                # What the model describes is not free of form: it may not pass unread.
                for leaf in _described(shape, path):
                    self._find(Fault.UNCLASSIFIED, leaf, "passes whole")
            return
        for wrap in rule.wraps:
            inner = _unwrapped(wrap, shape)
            if inner is None:
                self._find(Fault.TYPE, path, "a list" if wrap == "[" else "a map")
                return
            shape, path = inner, path + ("[]" if wrap == "[" else "{}")
        if isinstance(rule, Branch):
            self._object(model, rule.node, shape, path, within)
        else:
            self._leaf(rule, shape, path)

    def _leaf(self, rule: Leaf, shape: Shape, path: str) -> None:
        self.leaves += 1
        if not isinstance(shape, Scalar):
            self._find(Fault.TYPE, path, f"not {rule.type}")
            return
        if shape.type != rule.type:
            self._find(Fault.TYPE, path, f"{shape.type}, not {rule.type}")
        # A token of a request is put back before Amazon sees it.
        if rule.class_ is Class.PII and rule.slot is not None and not rule.clear:
            if rule.render is Render.OMIT:
                return
            text = str(rule.constant) if rule.render is Render.CONSTANT else _SAMPLES[rule.render]
            if reason := _breaks(text, shape):
                self._find(Fault.LENGTH, path, reason)

    def _object(
        self,
        model: str,
        node: Node,
        shape: Shape,
        path: str,
        within: tuple[tuple[Node, int], ...],
    ) -> None:
        here = (node, id(shape))
        if here in within:
            return
        if isinstance(shape, Free) and not node.members:
            # Nothing is said and nothing passes.
            self.leaves += 1
            return
        if not isinstance(shape, Object):
            self._find(Fault.TYPE, path, "no object")
            return
        for name, rule in node.members.items():
            key = (model, node.definition, name)
            self._stated.setdefault(key, (*self._part, f"{path}.{name}" if path else name))
            if name in shape.members:
                self._used.add(key)
            if name in shape.required and _left_out(rule) and self._part[1] == "answer":
                self._find(Fault.REQUIRED, f"{path}.{name}" if path else name)
        for name, member in shape.members.items():
            below = f"{path}.{name}" if path else name
            self._rule(model, node.members.get(name), member, below, (*within, here))
        for other in shape.others:
            for leaf in _leaves(other, f"{path}{{}}"):
                self._find(Fault.UNCLASSIFIED, leaf)


def _left_out(rule: Leaf | Branch) -> bool:
    return isinstance(rule, Leaf) and rule.slot is not None and rule.render is Render.OMIT


def _unwrapped(wrap: str, shape: Shape) -> Shape | None:
    """Return what a list or a map holds, None where the shape is neither."""
    if wrap == "[":
        return shape.items if isinstance(shape, Many) else None
    if not isinstance(shape, Object) or not shape.others:
        return None
    other = shape.others[0]
    # Some maps name a few of their members: one rule covers them where they hold the same.
    same = all(_alike(member, other) for member in shape.members.values())
    return other if same else None


def _alike(one: Shape, other: Shape) -> bool:
    return isinstance(one, Scalar) and isinstance(other, Scalar) and one.type == other.type


def _leaves(shape: Shape, path: str, within: tuple[int, ...] = ()) -> Iterator[str]:
    """Yield the paths of the leaves of a shape; one that contains itself is entered once."""
    if isinstance(shape, Many):
        yield from _leaves(shape.items, f"{path}[]", within)
    elif isinstance(shape, Object):
        if id(shape) in within:
            return
        for name, member in shape.members.items():
            below = f"{path}.{name}" if path else name
            yield from _leaves(member, below, (*within, id(shape)))
        for other in shape.others:
            yield from _leaves(other, f"{path}{{}}", (*within, id(shape)))
    else:
        yield path


def _described(shape: Shape, path: str) -> Iterator[str]:
    """Yield the leaves of a shape that the model says something of."""
    inner = shape
    while isinstance(inner, Many):
        inner = inner.items
    if not isinstance(inner, Free):
        yield from _leaves(shape, path)


def _breaks(text: str, shape: Scalar) -> str:
    """Return which limit of the model a text breaks, empty for none."""
    if shape.values and text not in shape.values:
        return "an enumeration"
    if shape.longest is not None and len(text) > shape.longest:
        return f"{shape.longest} characters at most"
    try:
        fits = shape.pattern is None or re.search(shape.pattern, text) is not None
    except re.error:
        return "a pattern nobody can read"
    return "" if fits else "a pattern"
