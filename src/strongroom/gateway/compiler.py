"""Writes the source of a plan: straight-line Python that reads one operation's response.

Every object is guarded by a look-up of its layout (`shapes`), then its personal members move to their slots at once,
then its inner objects follow in line; a definition that contains itself becomes a function of its own. Names in the
code come from the catalogue's files alone, never from a document.
"""

from collections.abc import Sequence
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
    Subject,
    Type,
)
from strongroom.policy.catalogue.slots import SAFE_ID
from strongroom.policy.kinds import CALL, KEPT, ORDER
from strongroom.policy.sighting import Sighting

_FEW: Final = 3
_PASSING: Final = frozenset({Class.PUBLIC, Class.BUSINESS})
_TYPE_NAMES: Final = {Type.STRING: "str", Type.INTEGER: "int", Type.BOOLEAN: "bool"}
_NO_BODY: Final = Branch(Node("", ""))
_KINDS: Final = {"[": "list", "{": "dict"}
_ANY_CALL: Final = Subject(CALL, "", "@call")

_NAMES: Final[dict[str, Any]] = {
    "COUNTRIES": COUNTRY_CODES,
    "Cursor": extraction.Cursor,
    "Extraction": extraction.Extraction,
    "GONE": extraction.GONE,
    "KEPT": KEPT,
    "since": facts.since,
    "MAX_DEPTH": shapes.MAX_DEPTH,
    "Malformed": Malformed,
    "STRINGS": {str},
    "Sighting": Sighting,
    "Sink": shapes.Sink,
    "ident": extraction.ident,
    "inner": extraction.inner,
    "known_id": extraction.known_id,
    "neutral_list": neutral.neutral_list,
    "no_layout": shapes.NO_LAYOUT,
    "safe_id": SAFE_ID.fullmatch,
    "safe_key": shapes.SAFE_KEY,
    "scalars": shapes.scalars,
    "spare_empty": shapes.spare_empty,
    "whole": shapes.whole,
    "as_email": shapes.RENDERS[Render.EMAIL],
    "as_ip": shapes.RENDERS[Render.IP],
    "as_token": shapes.RENDERS[Render.TOKEN],
    "as_url": shapes.RENDERS[Render.URL],
}


def compile_plan(operation: Operation, *, clear: bool) -> tuple[str, dict[str, Any]]:
    """Return the source of `extract(document, call)` and the names it needs.

    Raises:
        ValueError: a rule makes no sense where it stands.

    """
    writer = _Writer(operation, clear=clear)
    writer.function()
    return "\n".join([*writer.walkers, *writer.lines]) + "\n", writer.names


@dataclass(frozen=True, slots=True)
class _Scope:
    """What is in force where an object is read."""

    path: str = ""
    """Where it stands in the model: `payload.Orders[].ShippingAddress`."""
    place: str = ""
    """Where it stands below its subject, as the inside of an f-string: `OrderItems[{d4}].BuyerInfo.`."""
    k: str = "0"
    """Which subject's variables: `slots0` is around all of them, `slots` without a number an argument."""
    inside: bool = False
    """Within a subject that the catalogue names; outside there is nowhere to store a personal value."""
    many: bool = False
    """One subject has many objects here."""
    walked: bool = False
    """Within a definition that contains itself."""
    ident: str = ""
    """The variable with the id that `*` means."""
    prefix: str = '""'
    """The variable with what precedes the fields of dynamic slots."""

    @property
    def sink(self) -> str:
        """The expression of where findings go on the slow path."""
        return f"Sink(x, MODEL, slots{self.k}, writes{self.k})"


class _Writer:
    """Writes a plan's functions, line by line."""

    def __init__(self, operation: Operation, *, clear: bool) -> None:
        self.lines: list[str] = []
        self.walkers: list[str] = []
        """The functions of definitions that contain themselves."""
        self.names = dict(_NAMES)
        self._operation = operation
        self._subjects = {subject.at: subject for subject in operation.subjects}
        self._spines = [s.at + "." for s in operation.subjects if s.kind == ORDER]
        self._begun: set[str] = set()
        self._clear = clear
        self._indent = 0
        self._count = 0
        self._shapes: dict[Node, int] = {}
        self._used: set[int] = set()
        self._circular: set[Node] = set()
        self._walks: dict[tuple[Node, bool, bool], str] = {}

    def function(self) -> None:
        root = self._operation.response or _NO_BODY
        if isinstance(root, Branch):
            self._circular = _circular(root.node)
        self.names["MODEL"] = self._operation.model
        self._open(f"def extract(document, call):  # {self._operation.id}")
        self._line("x = Extraction(document)")
        # What the catalogue does not know is kept with the call that showed it; but orders stand for themselves.
        answers = self._operation.has_response
        kept = answers and not self._spines and "" not in self._subjects
        self._line(f"slots0, holes0, writes0 = {'{}' if kept else None}, [], []")
        first = len(self.lines)
        if isinstance(root, Branch) and not root.wraps:
            self._refuse_unless("document", "dict", "the response")
            self._object(root.node, "document", self._below(root, "document", "0", _Scope()))
        else:
            self._refuse_unless("document", _root_kind(root), "the response")
            self._line("root = x.holder")
            self._object(Node("the response", "", {"": root}), "root", _Scope())
        if kept:
            self._end(_ANY_CALL, "0", "x.anchor(call)", "")
        self._line("return x")
        self._close()
        self._begin_layouts(first)
        if missing := self._subjects.keys() - self._begun:
            raise ValueError(f"{self._operation.id}: no subject stands at {sorted(missing)}")

    def _begin_layouts(self, first: int) -> None:
        """Write, at the start of a function, the layout each node had last: most often the next one's too."""
        self.lines[first:first] = [f"    layout{n} = no_layout" for n in sorted(self._used)]

    # -- objects --

    def _object(self, node: Node, o: str, scope: _Scope) -> None:
        """Write what reads the object in the variable `o`, which is a dict."""
        subject = self._subjects.get(scope.path)
        if subject is not None and scope.walked:
            raise ValueError(f"{self._operation.id}: a subject within {node.definition}")
        k = scope.k
        if subject is not None:
            k = str(len(self._begun) + 1)
            self._begun.add(scope.path)
            own = not (subject.is_self or subject.asked)
            scope = replace(
                scope,
                k=k,
                inside=True,
                place="" if own else scope.place,
                many=not own and "[" in scope.place,
            )
            self._line(f"slots{k}, holes{k}, writes{k} = {{}}, [], []")
        circular = node in self._circular
        view = o if circular else self._guard(node, o, scope)
        if subject is not None:
            self._identify(subject, node, k, view, scope)
        if circular:
            self._walk(node, o, scope)
        else:
            self._members(node, o, view, scope)
        if subject is not None:
            self._end(subject, k, f"subject{k}", view)

    def _members(self, node: Node, o: str, view: str, scope: _Scope) -> None:
        self._leaves(node, o, view, scope)
        for name, rule in node.members.items():
            if isinstance(rule, Branch):
                self._branch(name, rule, o, view, scope)

    def _identify(self, subject: Subject, node: Node, k: str, view: str, scope: _Scope) -> None:
        """Write what finds the id of a subject."""
        if subject.is_self or subject.is_call:
            self._line(f"subject{k} = {repr('self') if subject.is_self else 'x.anchor(call)'}")
            return
        if subject.asked:
            value = f"call.named({subject.asked!r})"
        else:
            steps = subject.id.split(".")
            _find_leaf(self._operation.id, node, steps)
            value = f"{view}.get({subject.id!r})"
            if len(steps) > 1:
                value = f"inner({view}, {(*steps,)!r})"
        if subject.kind != ORDER:
            # Nothing is lost for want of an id: the values then stand by themselves.
            self._line(f"subject{k} = known_id({value}) or x.anchor(call)")
            return
        self._line(f"subject{k} = {value}")
        self._open(f"if type(subject{k}) is not str or not safe_id(subject{k}):")
        self._malformed(f"{scope.path} has no valid {subject.id}")
        self._close()

    def _end(self, subject: Subject, k: str, ident: str, view: str) -> None:
        """Write what hands over a subject's values."""
        self._open(f"if not all(slots{k}.values()):")
        self._line(f"spare_empty(slots{k}, holes{k}, writes{k})")
        self._close()
        said = f"KEPT[{subject.kind!r}]"
        if subject.kind == ORDER or subject.facts:
            self.names[f"read_facts{k}"] = facts.READERS[subject.facts]
        if subject.kind == ORDER:
            # Its dates count, whether or not the view shows anything personal.
            said = f"read_facts{k}({view})"
        else:
            if subject.facts:
                said = f"since({said}, read_facts{k}({view}))"
            self._open(f"if slots{k}:")
        self._line(f"x.sightings.append(Sighting({subject.kind!r}, {ident}, slots{k}, {said}))")
        self._line(f"x.changes.append((holes{k}, writes{k}))")
        if subject.kind != ORDER:
            self._close()

    def _guard(self, node: Node, o: str, scope: _Scope) -> str:
        """Write the look-up of a layout; return the variable with what of the object is as declared."""
        n, view, k = self._shape(node), self._new("v"), scope.k
        where = f"x, slots{k}, writes{k}, {scope.prefix}, {scope.path!r}, {_f(scope.place)}"
        self._line(f"# {scope.path or 'root'}: {node.definition or 'nothing'}")
        self._line(f"{view} = {o}")
        if plain := _plain_types(node):
            # Few members, none personal: count those that are as declared.
            right = " + ".join(f"(type({o}.get({n!r})) is {t})" for n, t in plain.items())
            self._open(f"if len({o}) != {right}:")
            self._line(f"{view}, _ = admit{n}({o}, {where})")
            self._close()
            return view
        self._used.add(n)
        self._line(f"signature = [*{o}, *map(type, {o}.values())]")
        self._open(f"if signature != layout{n}.signature:")
        self._line(f"layout{n} = known{n}((*signature,))")
        self._open(f"if layout{n} is None:")
        self._line(f"{view}, layout{n} = admit{n}({o}, {where})")
        self._close()
        self._close()
        return view

    def _walk(self, node: Node, o: str, scope: _Scope) -> None:
        """Write the call of the function that reads objects of a definition which contains itself."""
        key = node, scope.inside, bool(scope.ident)
        name = self._walks.get(key)
        if name is None:
            name = self._walks[key] = f"walk{len(self._walks)}"
            self._walker(name, node, scope)
        depth = "depth + 1" if scope.walked else "0"
        variables = f"slots{scope.k}, holes{scope.k}, writes{scope.k}"
        around = f"{scope.prefix}, {scope.ident or None}, {_f(scope.place)}"
        self._line(f"{name}(x, {o}, {variables}, {around}, {depth})")

    def _walker(self, name: str, node: Node, scope: _Scope) -> None:
        outer = self.lines, self._indent, self._used
        self.lines, self._indent, self._used = [], 0, set()
        self._open(f"def {name}(x, o, slots, holes, writes, prefix, around, at, depth):")
        first = len(self.lines)
        self._open("if depth > MAX_DEPTH:")
        self._malformed(f"{scope.path} is nested too deeply")
        self._close()
        within = _Scope(
            path=scope.path,
            place="{at}",
            k="",
            inside=scope.inside,
            many=True,
            walked=True,
            ident="around" if scope.ident else "",
            prefix="prefix",
        )
        self._members(node, "o", self._guard(node, "o", within), within)
        self._begin_layouts(first)
        self.walkers += self.lines
        self.lines, self._indent, self._used = outer

    def _branch(self, name: str, rule: Branch, o: str, view: str, scope: _Scope) -> None:
        path = shapes.joined(scope.path, name)
        inner = replace(scope, path=path, place=scope.place + name)
        if not scope.inside and any(
            at.startswith(f"{_wrapped(path, rule)}.") for at in self._spines
        ):
            # Read from the object itself: where the orders should be, another kind of value ends the request.
            self._spine(name, rule, o, inner)
            return
        child = self._new("o")
        self._line(f"{child} = {view}.get({name!r})")
        self._open(f"if {child}:" if rule.wraps else f"if {child} is not None:")
        if rule.wraps:
            self._each(rule, child, inner)
        else:
            below = self._below(rule, child, "0", inner)
            self._object(rule.node, child, replace(below, place=f"{inner.place}."))
        self._close()

    def _each(self, rule: Branch, listed: str, scope: _Scope) -> None:
        """Write the loops over the objects in lists and in objects with keys of any name."""
        positions: list[str] = []
        for level, wrap in enumerate(rule.wraps):
            position, child = self._new("i"), self._new("o")
            key = position
            scope = replace(scope, path=scope.path + ("[]" if wrap == "[" else "{}"))
            if wrap == "[":
                self._open(f"for {position}, {child} in enumerate({listed}):")
            else:
                key = self._new("n")
                self._open(f"for {key}, {child} in {listed}.items():")
                self._open(f"if not safe_key({key}):")
                self._line(f"{scope.sink}.unsafe({listed}, {key}, {scope.path!r})")
                self._line("continue")
                self._close()
                self._line(f"{position} = ident({key}, 0)")
            positions.append(position)
            place = f"{scope.place}[{{{position}}}]"
            wanted = _KINDS[rule.wraps[level + 1]] if level + 1 < len(rule.wraps) else "dict"
            self._open(f"if type({child}) is not {wanted}:")
            self._line(f"{scope.sink}.wrong({listed}, {key}, {scope.path!r}, {_f(place)})")
            self._line("continue")
            self._close()
            scope = replace(scope, place=place)
            listed = child
        if len(positions) > 1:
            position = self._new("i")
            self._line(f'{position} = f"{"-".join(f"{{{p}}}" for p in positions)}"')
        before = scope.place
        below = self._below(rule, listed, position, scope)
        if rule.ident and len(positions) == 1:
            # Positions begin anew on the next page of a list, ids do not.
            before = before.removesuffix(f"[{{{position}}}]") + f"[{{{below.ident}}}]"
        self._object(rule.node, listed, replace(below, place=f"{before}."))
        for _ in rule.wraps:
            self._close()

    def _spine(self, name: str, rule: Branch, o: str, scope: _Scope) -> None:
        child = self._new("o")
        scope = replace(scope, path=_wrapped(scope.path, rule), place=_wrapped(scope.place, rule))
        self._line(f"{child} = {o}.get({name!r})")
        self._open(f"if {child} is not None:")
        for wrap in rule.wraps:
            self._refuse_unless(child, _KINDS[wrap], scope.path)
            listed, child = child, self._new("o")
            self._open(f"for {child} in {listed}{'.values()' if wrap == '{' else ''}:")
        self._refuse_unless(child, "dict", scope.path)
        below = self._below(rule, child, "0", scope)
        self._object(rule.node, child, replace(below, place=f"{scope.place}."))
        for _ in f"{rule.wraps}.":
            self._close()

    def _below(self, rule: Branch, child: str, position: str, scope: _Scope) -> _Scope:
        """Write the id and the prefix of dynamic slots below a branch that has its own."""
        if not rule.ident:
            return scope
        if scope.many and rule.ident == "{}" and rule.wraps:
            raise ValueError(f"{self._operation.id}: {scope.path}: positions begin anew here")
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
            elif leaf.wraps:
                self._many(name, leaf, view, scope)
            elif leaf.type is Type.JSON and leaf.slot:
                self._open(f"if {view}.get({name!r}):")
                self._line(f"slots{scope.k}[{_key(leaf, scope)}] = whole({o}[{name!r}])")
                self._line(f"x.fixes.append(({o}, {name!r}, GONE))")
                self._close()

    def _move(
        self, node: Node, o: str, view: str, scope: _Scope, personal: dict[str, Leaf]
    ) -> None:
        """Write the move of all single personal values of an object to their slots."""
        single = {
            n: leaf for n, leaf in personal.items() if not leaf.wraps and leaf.type is not Type.JSON
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
            self._line(f"slots{scope.k}[{prefix} + slot] = {view}[member]")
            self._close()
            pairs = f"[(member, {prefix} + slot) for member, slot in {layout}.tokens]"
        else:
            self._line(f"slots{scope.k}[slot] = {view}[member]")
            self._close()
            pairs = f"{layout}.tokens"
        self._line(f"holes{scope.k}.append(({o}, {pairs}))")
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
            self._line(f"writes{scope.k}.append(({o}, {name!r}, {_key(leaf, scope)}, as_token))")
        elif leaf.clear or leaf.render is not Render.TOKEN:
            self._open(f"if {view}.get({name!r}):")
            self._line(
                f"writes{scope.k}.append(({o}, {name!r}, {_key(leaf, scope)}, as_{leaf.render}))"
            )
        else:
            return
        self._close()

    def _many(self, name: str, leaf: Leaf, view: str, scope: _Scope) -> None:
        values = self._new("l")
        path = shapes.joined(scope.path, name)
        head = "None"
        if leaf.slot:
            self._line(f"#   {_wrapped(name, leaf)} -> {leaf.slot.spec.name}")
            head = f'{scope.prefix} + "{leaf.slot.field}:"'
        elif leaf.type is Type.JSON and leaf.wraps == "[":
            return
        self._line(f"{values} = {view}.get({name!r})")
        if leaf.slot or leaf.wraps != "[" or leaf.type is not Type.STRING:
            self._open(f"if {values}:")
        else:
            self._open(f"if {values} and {{*map(type, {values})}} != STRINGS:")
        self.names[rule := f"rule_{len(self.names)}"] = leaf
        self._line(
            f"scalars({values}, {rule}, {head}, {scope.sink}, {path!r}, {_f(scope.place + name)})"
        )
        self._close()

    def _check(self, name: str, leaf: Leaf, scope: _Scope) -> None:
        where = f"{self._operation.id}: {shapes.joined(scope.path, name)}"
        if leaf.slot is None or not scope.inside:
            raise ValueError(f"{where}: personal data without a subject or a slot")
        if leaf.slot.number is not None and (scope.many or "[" in scope.place):
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


def _circular(root: Node) -> set[Node]:
    """Return the nodes that contain themselves, at any depth."""
    inner: dict[Node, set[Node]] = {}
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node not in inner:
            inner[node] = {r.node for r in node.members.values() if isinstance(r, Branch)}
            waiting += inner[node]
    found: set[Node] = set()
    for start, below in inner.items():
        seen: set[Node] = set()
        waiting = [*below]
        while waiting:
            node = waiting.pop()
            if node not in seen:
                seen.add(node)
                waiting += inner[node]
        if start in seen:
            found.add(start)
    return found


def _find_leaf(where: str, node: Node, steps: Sequence[str]) -> None:
    """Check that a subject's id is a member. Raises: ValueError where it is none."""
    rule: Leaf | Branch | None = Branch(node)
    for step in steps:
        rule = rule.node.members.get(step) if isinstance(rule, Branch) else None
    if not isinstance(rule, Leaf) or rule.wraps or rule.class_ not in _PASSING:
        raise ValueError(f"{where}: {node.definition} has no {'.'.join(steps)} for an id")


def _wrapped(path: str, rule: Leaf | Branch) -> str:
    """Return the model path of what a rule holds."""
    return path + "".join("[]" if wrap == "[" else "{}" for wrap in rule.wraps)


def _root_kind(root: Leaf | Branch) -> str:
    if root.wraps:
        return _KINDS[root.wraps[0]]
    return "str" if isinstance(root, Leaf) and root.type is Type.STRING else "dict"


def _plain_types(node: Node) -> dict[str, str]:
    """Return the types of a node that has a few business leaves and nothing else."""
    plain = {
        name: _TYPE_NAMES[rule.type]
        for name, rule in node.members.items()
        if isinstance(rule, Leaf)
        and rule.class_ in _PASSING
        and not rule.wraps
        and rule.type in _TYPE_NAMES
    }
    return plain if len(plain) == len(node.members) <= _FEW else {}


def _key(leaf: Leaf, scope: _Scope) -> str:
    """Return the expression of a leaf's slot."""
    key = shapes.key_of(leaf)
    return repr(key) if isinstance(key, int) else f"{scope.prefix} + {key!r}"


def _f(place: str) -> str:
    """Return a place as a literal; its names hold letters, digits, `_` and `-` only."""
    return f'f"{place}"' if "{" in place else f'"{place}"'
