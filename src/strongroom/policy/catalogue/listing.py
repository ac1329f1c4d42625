"""The leaves of an operation one by one: what each is, whose, and what it may serve [2.2]."""

from collections.abc import Iterator
from dataclasses import dataclass

from strongroom.policy.catalogue.catalogue import Operation
from strongroom.policy.catalogue.rules import Branch, Leaf
from strongroom.policy.purposes import serves
from strongroom.terms import Category, Purpose


@dataclass(frozen=True, slots=True)
class Listed:
    """One leaf: in which part of the call, where in the model, and what its rule says."""

    part: str
    """`answer`, `body`, `query`, `path` or `header`."""
    path: str
    class_: str
    type: str
    category: Category | None
    slot: str
    """Where it is kept; empty for what passes, and for a request's leaf, which may hold a token."""
    person: str
    """Whose it is; empty where only an answer tells."""
    purposes: tuple[Purpose, ...]


def listed(operation: Operation) -> Iterator[Listed]:
    """Yield every leaf of an operation; a definition within itself is listed once."""
    for part, rules in (
        ("path", operation.path_parameters),
        ("query", operation.parameters),
        ("header", operation.headers),
    ):
        for name, rule in rules.items():
            yield _listed(part, _wrapped(name, rule), rule)
    for part, document in (("body", operation.body), ("answer", operation.response)):
        if document is not None:
            yield from _leaves(part, "", document, ())


def _leaves(
    part: str, path: str, rule: Leaf | Branch, around: tuple[Branch, ...]
) -> Iterator[Listed]:
    path = _wrapped(path, rule)
    if isinstance(rule, Leaf):
        yield _listed(part, path, rule)
        return
    if any(one.node is rule.node for one in around):
        return
    for name, member in rule.node.members.items():
        yield from _leaves(part, f"{path}.{name}" if path else name, member, (*around, rule))


def _listed(part: str, path: str, rule: Leaf) -> Listed:
    person = rule.slot.spec.subject if rule.slot else ""
    purposes = sorted(serves(rule.category, person)) if rule.category else []
    return Listed(
        part,
        path,
        rule.class_.value,
        rule.type.value,
        rule.category,
        rule.slot.spec.name if rule.slot else "",
        person,
        tuple(purposes),
    )


def _wrapped(path: str, rule: Leaf | Branch) -> str:
    return path + rule.wraps.replace("[", "[]").replace("{", "{}")
