"""Writes the source of a plan: straight-line Python that reads one operation's response.

Every object is guarded by a look-up of its layout (`shapes`), then its personal members move to their slots at once,
then its inner objects follow in line. Names in the code come from the catalogue's files alone, never from a document.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

from strongroom.errors import Malformed
from strongroom.gateway import extraction, facts, neutral, shapes
from strongroom.policy.catalogue import (
    COUNTRY_CODES,
    Branch,
    Class,
    Leaf,
    Node,
    Operation,
    Render,
    Type,
)
from strongroom.policy.catalogue.slots import SAFE_ID
from strongroom.policy.sighting import Sighting

_FEW: Final = 3
_PASSING: Final = frozenset({Class.PUBLIC, Class.BUSINESS})
_TYPE_NAMES: Final = {Type.STRING: "str", Type.INTEGER: "int", Type.BOOLEAN: "bool"}
_NO_BODY: Final = Node("", "")

_NAMES: Final[dict[str, Any]] = {
    "COUNTRIES": COUNTRY_CODES,
    "Cursor": extraction.Cursor,
    "Extraction": extraction.Extraction,
    "GONE": extraction.GONE,
    "Malformed": Malformed,
    "STRINGS": {str},
    "Sighting": Sighting,
    "Sink": shapes.Sink,
    "ident": extraction.ident,
    "neutral_list": neutral.neutral_list,
    "no_layout": shapes.NO_LAYOUT,
    "safe_id": SAFE_ID.fullmatch,
    "scalars": shapes.scalars,
    "spare_empty": shapes.spare_empty,
    "whole": shapes.whole,
    "as_email": shapes.RENDERS[Render.EMAIL],
    "as_ip": shapes.RENDERS[Render.IP],
    "as_token": shapes.RENDERS[Render.TOKEN],
    "as_url": shapes.RENDERS[Render.URL],
}


def compile_plan(operation: Operation, *, clear: bool) -> tuple[str, dict[str, Any]]:
    """Return the source of `extract(document)` and the names it needs.

    Raises:
        ValueError: a rule makes no sense where it stands.

    """
    writer = _Writer(operation, clear=clear)
    writer.function()
    return "\n".join(writer.lines) + "\n", writer.names


@dataclass(frozen=True, slots=True)
class _Scope:
    """What is in force where an object is read."""

    path: str = ""
    """Where it stands in the model: `payload.Orders[].ShippingAddress`."""
    place: str = ""
    """Where it stands below its subject, as the inside of an f-string: `OrderItems[{d4}].BuyerInfo.`."""
    inside: bool = False
    """Within a subject; outside there is nowhere to store a value."""
    ident: str = ""
    """The variable with the id that `*` means."""
    prefix: str = '""'
    """The variable with what precedes the fields of dynamic slots."""


class _Writer:
    """Writes one function, line by line."""

    def __init__(self, operation: Operation, *, clear: bool) -> None:
        self.lines: list[str] = []
        self.names = dict(_NAMES)
        self._operation = operation
        self._subject = operation.subject
        self._clear = clear
        self._indent = 0
        self._count = 0
        self._shapes: dict[Node, int] = {}

    def function(self) -> None:
        reader = self._subject.facts if self._subject else ""
        self.names |= {"MODEL": self._operation.model, "read_facts": facts.READERS[reader]}
        self._open(f"def extract(document):  # {self._operation.id}")
        self._line("x = Extraction(document)")
        self._line("slots, writes = None, []")
        self._refuse_unless("document", "dict", "the response")
        first = len(self.lines)
        self._object(self._operation.response or _NO_BODY, "document", _Scope())
        self._line("return x")
        # The layout each node had last, most often the next one's too.
        self.lines[first:first] = [f"    layout{n} = no_layout" for n in self._shapes.values()]

    # -- objects --

    def _object(self, node: Node, o: str, scope: _Scope) -> None:
        """Write what reads the object in the variable `o`, which is a dict."""
        subject = self._subject
        begins = subject is not None and subject.at == scope.path
        if begins:
            scope = replace(scope, inside=True)
            self._line("slots, holes, writes = {}, [], []")
        view = self._guard(node, o, scope)
        if subject is not None and begins:
            self._line(f"subject = {view}.get({subject.id!r})")
            self._open("if subject is None or not safe_id(subject):")
            self._malformed(f"{scope.path} has no valid {subject.id}")
            self._close()
        self._leaves(node, o, view, scope)
        for name, rule in node.members.items():
            if isinstance(rule, Branch):
                self._branch(name, rule, o, view, scope)
        if subject is not None and begins:
            self._open("if not all(slots.values()):")
            self._line("spare_empty(slots, holes, writes)")
            self._close()
            sighting = f"Sighting({subject.kind!r}, subject, slots, read_facts({view}))"
            self._line(f"x.sightings.append({sighting})")
            self._line("x.changes.append((holes, writes))")
            self._line("slots, writes = None, []")

    def _guard(self, node: Node, o: str, scope: _Scope) -> str:
        """Write the look-up of a layout; return the variable with what of the object is as declared."""
        n, view = self._shape(node), self._new("v")
        where = f"x, slots, writes, {scope.prefix}, {scope.path!r}, {_f(scope.place)}"
        self._line(f"# {scope.path or 'root'}: {node.definition or 'nothing'}")
        self._line(f"{view} = {o}")
        if plain := _plain_types(node):
            # Few members, none personal: count those that are as declared.
            right = " + ".join(f"(type({o}.get({n!r})) is {t})" for n, t in plain.items())
            self._open(f"if len({o}) != {right}:")
            self._line(f"{view}, _ = admit{n}({o}, {where})")
            self._close()
            return view
        self._line(f"signature = [*{o}, *map(type, {o}.values())]")
        self._open(f"if signature != layout{n}.signature:")
        self._line(f"layout{n} = known{n}((*signature,))")
        self._open(f"if layout{n} is None:")
        self._line(f"{view}, layout{n} = admit{n}({o}, {where})")
        self._close()
        self._close()
        return view

    def _branch(self, name: str, rule: Branch, o: str, view: str, scope: _Scope) -> None:
        path = shapes.joined(scope.path, name) + ("[]" if rule.many else "")
        inner = replace(scope, path=path)
        if self._leads_to_subject(path):
            # Read from the object itself: where the subjects should be, another kind of value ends the request.
            self._spine(name, rule, o, inner)
            return
        child = self._new("o")
        if not rule.many:
            self._line(f"{child} = {view}.get({name!r})")
            self._open(f"if {child} is not None:")
            place = f"{scope.place}{name}."
            self._object(
                rule.node, child, self._below(rule, child, "0", replace(inner, place=place))
            )
            self._close()
            return
        listed, position = self._new("l"), self._new("i")
        self._line(f"{listed} = {view}.get({name!r})")
        self._open(f"if {listed}:")
        self._open(f"for {position}, {child} in enumerate({listed}):")
        place = f"{scope.place}{name}[{{{position}}}]"
        self._open(f"if type({child}) is not dict:")
        sink = "Sink(x, MODEL, slots, writes)"
        self._line(f"{sink}.wrong({listed}, {position}, {path!r}, {_f(place)})")
        self._line("continue")
        self._close()
        below = self._below(rule, child, position, inner)
        # Positions begin anew on the next page of a list, ids do not.
        which = below.ident if rule.ident else position
        place = f"{scope.place}{name}[{{{which}}}]."
        self._object(rule.node, child, replace(below, place=place))
        self._close()
        self._close()

    def _spine(self, name: str, rule: Branch, o: str, scope: _Scope) -> None:
        child = self._new("o")
        self._line(f"{child} = {o}.get({name!r})")
        self._open(f"if {child} is not None:")
        self._refuse_unless(child, "list" if rule.many else "dict", scope.path)
        if rule.many:
            listed, child = child, self._new("o")
            self._open(f"for {child} in {listed}:")
            self._refuse_unless(child, "dict", scope.path)
        self._object(rule.node, child, scope)
        if rule.many:
            self._close()
        self._close()

    def _leads_to_subject(self, path: str) -> bool:
        return self._subject is not None and f"{self._subject.at}.".startswith(f"{path}.")

    def _below(self, rule: Branch, child: str, position: str, scope: _Scope) -> _Scope:
        """Write the id and the prefix of dynamic slots below a branch that has its own."""
        if not rule.ident:
            return scope
        ident, prefix = self._new("d"), self._new("p")
        made = [self._part(part, child, position, scope) for part in rule.ident.split("-")]
        joined = made[0] if len(made) == 1 else f'ident(f"{{{made[0]}}}-{{{made[1]}}}", 0)'
        self._line(f"{ident} = {joined}")
        self._line(f'{prefix} = f"{rule.node.prefix}{{{ident}}}."')
        return replace(scope, ident=ident, prefix=prefix)

    def _part(self, part: str, child: str, position: str, scope: _Scope) -> str:
        if part == "*":
            if not scope.ident:
                raise ValueError(f"{self._operation.id}: {scope.path}: no id around it")
            return scope.ident
        member = part.strip("{}")
        return f"ident({child}.get({member!r}), {position})" if member else position

    # -- leaves --

    def _leaves(self, node: Node, o: str, view: str, scope: _Scope) -> None:
        leaves = {n: rule for n, rule in node.members.items() if isinstance(rule, Leaf)}
        personal = {n: leaf for n, leaf in leaves.items() if leaf.class_ is Class.PII}
        for name, leaf in personal.items():
            self._check(name, leaf, scope)
        self._move(node, o, view, scope, personal)
        for name, leaf in leaves.items():
            if leaf.class_ is Class.CURSOR:
                self._line(f"cursor = {view}.get({name!r})")
                self._open("if cursor:")
                self._line(f"x.cursors.append(Cursor({o}, {name!r}, cursor))")
                self._close()
            elif leaf.class_ is Class.LINK:
                self._line(f"link = {view}.get({name!r})")
                self._open("if link is not None:")
                self._line(f"x.links.append(Cursor({o}, {name!r}, link))")
                self._close()
            elif leaf.class_ is Class.ERRORS:
                self._open(f"if {view}.get({name!r}) is not None:")
                self._line(f"x.fixes.append(({o}, {name!r}, neutral_list()))")
                self._close()
            elif leaf.many:
                self._list(name, leaf, view, scope)
            elif leaf.type is Type.JSON:
                self._open(f"if {view}.get({name!r}):")
                self._line(f"slots[{_key(leaf, scope)}] = whole({o}[{name!r}])")
                self._line(f"x.fixes.append(({o}, {name!r}, GONE))")
                self._close()

    def _move(
        self, node: Node, o: str, view: str, scope: _Scope, personal: dict[str, Leaf]
    ) -> None:
        """Write the move of all single personal values of an object to their slots."""
        single = {
            n: leaf for n, leaf in personal.items() if not leaf.many and leaf.type is not Type.JSON
        }
        if not single:
            return
        for name, leaf in single.items():
            slot = leaf.slot.spec.name if leaf.slot else ""
            self._line(
                f"#   {name} -> {slot}{'' if leaf.render is Render.TOKEN else f', {leaf.render}'}"
            )
        layout, prefix = f"layout{self._shape(node)}", scope.prefix
        self._open(f"if {layout}.places:")
        self._open(f"for member, slot in {layout}.places:")
        if node.prefix.endswith(":"):
            self._line(f"slots[{prefix} + slot] = {view}[member]")
            self._close()
            pairs = f"[(member, {prefix} + slot) for member, slot in {layout}.tokens]"
        else:
            self._line(f"slots[slot] = {view}[member]")
            self._close()
            pairs = f"{layout}.tokens"
        self._line(f"holes.append(({o}, {pairs}))")
        for name, leaf in single.items():
            self._rendered(name, leaf, o, view, scope)
        self._close()

    def _rendered(self, name: str, leaf: Leaf, o: str, view: str, scope: _Scope) -> None:
        """Write what becomes of a member that no bare token replaces."""
        if leaf.render in (Render.OMIT, Render.CONSTANT):
            value = "GONE" if leaf.render is Render.OMIT else repr(leaf.constant)
            self._open(f"if {view}.get({name!r}) is not None:")
            self._line(f"x.fixes.append(({o}, {name!r}, {value}))")
        elif leaf.clear and self._clear:
            self._line(f"value = {view}.get({name!r})")
            self._open("if value and value not in COUNTRIES:")
            self._line(f"writes.append(({o}, {name!r}, {_key(leaf, scope)}, as_token))")
        elif leaf.clear or leaf.render is not Render.TOKEN:
            self._open(f"if {view}.get({name!r}):")
            self._line(f"writes.append(({o}, {name!r}, {_key(leaf, scope)}, as_{leaf.render}))")
        else:
            return
        self._close()

    def _list(self, name: str, leaf: Leaf, view: str, scope: _Scope) -> None:
        values = self._new("l")
        self._line(f"{values} = {view}.get({name!r})")
        names = "None"
        if leaf.slot:
            self._line(f"#   {name}[] -> {leaf.slot.spec.name}")
            self._open(f"if {values}:")
            names = f'({scope.prefix} + "{leaf.slot.field}:", "")'
        else:
            self._open(f"if {values} and {{*map(type, {values})}} != STRINGS:")
        self.names[rule := f"rule_{len(self.names)}"] = leaf
        sink = "Sink(x, MODEL, slots, writes)"
        path = shapes.joined(scope.path, name) + "[]"
        self._line(
            f"scalars({values}, {rule}, {names}, {sink}, {path!r}, {_f(scope.place + name)})"
        )
        self._close()

    def _check(self, name: str, leaf: Leaf, scope: _Scope) -> None:
        where = f"{self._operation.id}: {shapes.joined(scope.path, name)}"
        if leaf.slot is None or not scope.inside:
            raise ValueError(f"{where}: personal data without a subject or a slot")
        if leaf.slot.number is not None and "[" in scope.place:
            raise ValueError(f"{where}: one fixed slot for many values")

    # -- lines --

    def _shape(self, node: Node) -> int:
        n = self._shapes.get(node)
        if n is None:
            n = self._shapes[node] = len(self._shapes)
            shape = shapes.Shape(self._operation.model, node)
            self.names |= {
                f"known{n}": shape.layouts.get,
                f"admit{n}": shape.admit,
            }
        return n

    def _new(self, kind: str) -> str:
        self._count += 1
        return f"{kind}{self._count}"

    def _line(self, text: str) -> None:
        self.lines.append("    " * self._indent + text)

    def _open(self, text: str) -> None:
        self._line(text)
        self._indent += 1

    def _close(self) -> None:
        self._indent -= 1

    def _refuse_unless(self, variable: str, kind: str, what: str) -> None:
        self._open(f"if type({variable}) is not {kind}:")
        self._malformed(f"{what} is of the wrong type")
        self._close()

    def _malformed(self, message: str) -> None:
        self._line(f"raise Malformed({f'{self._operation.id}: {message}'!r})")


def _plain_types(node: Node) -> dict[str, str]:
    """Return the types of a node that has a few business leaves and nothing else."""
    plain = {
        name: _TYPE_NAMES[rule.type]
        for name, rule in node.members.items()
        if isinstance(rule, Leaf)
        and rule.class_ in _PASSING
        and not rule.many
        and rule.type in _TYPE_NAMES
    }
    return plain if len(plain) == len(node.members) <= _FEW else {}


def _key(leaf: Leaf, scope: _Scope) -> str:
    """Return the expression of a leaf's slot."""
    key = shapes.key_of(leaf)
    return repr(key) if isinstance(key, int) else f"{scope.prefix} + {key!r}"


def _f(place: str) -> str:
    """Return a place as a literal; its names hold letters and digits only."""
    return f'f"{place}"' if "{" in place else f'"{place}"'
