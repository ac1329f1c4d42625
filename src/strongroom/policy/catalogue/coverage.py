"""The page that says how much of Amazon's surface the catalogue classifies, counted from the rule files [2.2]."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from strongroom.policy.catalogue.catalogue import Catalogue, Operation
from strongroom.policy.catalogue.rules import Branch, Class, Leaf, Node

_TITLE: Final = """\
# What the catalogue covers

Generated from the rule files: `python -m strongroom.policy.catalogue.coverage`.
`strongroom catalogue check MODELS_DIR` compares them with Amazon's models.

A leaf is counted in each operation that has it. What contains itself is counted once.
"""
_CLASSES: Final = tuple(Class)


@dataclass(slots=True)
class _Count:
    operations: int = 0
    answers: Counter[Class] = field(default_factory=Counter)
    requests: Counter[Class] = field(default_factory=Counter)
    personal: Counter[str] = field(default_factory=Counter)
    """Of answers and requests, by category."""
    people: Counter[str] = field(default_factory=Counter)
    """Of answers, by whose it is."""

    def add(self, operation: Operation) -> None:
        self.operations += 1
        for leaf in _leaves(operation.response):
            self.answers[leaf.class_] += 1
            if leaf.slot is not None:
                self.people[leaf.slot.spec.subject] += 1
                self.personal[leaf.slot.spec.category] += 1
        parameters = (operation.parameters, operation.path_parameters, operation.headers)
        asked = [leaf for rules in parameters for leaf in rules.values()]
        for leaf in (*asked, *_leaves(operation.body)):
            self.requests[leaf.class_] += 1
            if leaf.category is not None:
                self.personal[leaf.category] += 1


def page(catalogue: Catalogue, notifications: Catalogue) -> str:
    """Return the page for this catalogue and what notifications hold."""
    models: dict[str, _Count] = {}
    total = _Count()
    for operation in catalogue.operations.values():
        models.setdefault(operation.model, _Count()).add(operation)
        total.add(operation)
    rows = sorted(models.items(), key=lambda item: item[0].lower())
    parts = (
        _TITLE,
        "## Models\n",
        _table(
            ("Model", "Operations", "Leaves of answers", "Leaves of requests", "Personal"),
            [_row(f"`{name}`", count) for name, count in rows] + [_row("All", total)],
        ),
        "## Classes\n",
        _table(
            ("Class", "Answers", "Requests"),
            [(name.value, total.answers[name], total.requests[name]) for name in _CLASSES],
        ),
        "## Personal data\n",
        _table(
            ("Category", "Leaves", "Models"),
            [
                (category, count, sum(category in model.personal for model in models.values()))
                for category, count in sorted(total.personal.items())
            ],
        ),
        _table(("Whose", "Leaves of answers"), sorted(total.people.items())),
        "## Notifications\n",
        _table(("Type", "Schema", "Leaves", "Personal"), _notified(notifications)),
    )
    return "\n".join(parts)


def _row(name: str, count: _Count) -> tuple[str | int, ...]:
    leaves = count.answers.total(), count.requests.total()
    return name, count.operations, *leaves, _said(count)


def _notified(notifications: Catalogue) -> Iterator[tuple[str | int, ...]]:
    for operation in notifications.operations.values():
        count = _Count()
        count.add(operation)
        yield f"`{operation.name}`", operation.model, count.answers.total(), _said(count)


def _said(count: _Count) -> str:
    said = (f"{category} {found}" for category, found in sorted(count.personal.items()))
    return ", ".join(said) or "none"


def _table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    columns = tuple(columns)
    lines = [columns, ("---",) * len(columns), *rows]
    return "".join("| " + " | ".join(map(str, line)) + " |\n" for line in lines)


def _leaves(rule: Leaf | Branch | None, within: tuple[Node, ...] = ()) -> Iterator[Leaf]:
    if isinstance(rule, Leaf):
        yield rule
    elif rule is not None and rule.node not in within:
        for member in rule.node.members.values():
            yield from _leaves(member, (*within, rule.node))


if __name__ == "__main__":
    print(page(Catalogue.load(), Catalogue.notifications()), end="")  # noqa: T201 - the page is its output
