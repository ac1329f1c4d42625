"""The page that says how much of Amazon's surface the catalogue classifies, counted from the rule files [2.2]."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from strongroom.policy.catalogue.catalogue import Catalogue, Operation
from strongroom.policy.catalogue.listing import listed
from strongroom.policy.catalogue.rules import Class

_TITLE: Final = """\
# What the catalogue covers

Generated from the rule files: `python -m strongroom.policy.catalogue.coverage`.
`strongroom catalogue check MODELS_DIR` compares them with Amazon's models.

A leaf is counted in each operation that has it. What contains itself is counted once.
"""


@dataclass(slots=True)
class _Count:
    operations: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    requests: Counter[str] = field(default_factory=Counter)
    personal: Counter[str] = field(default_factory=Counter)
    """Of answers and requests, by category."""
    people: Counter[str] = field(default_factory=Counter)
    """Of answers, by whose it is."""

    purposes: dict[str, set[str]] = field(default_factory=dict)
    """By category, what some leaf of it may serve."""

    def add(self, operation: Operation) -> None:
        self.operations += 1
        for leaf in listed(operation):
            (self.answers if leaf.part == "answer" else self.requests)[leaf.class_] += 1
            if leaf.person:
                self.people[leaf.person] += 1
            if leaf.category is not None:
                self.personal[leaf.category] += 1
                self.purposes.setdefault(leaf.category, set()).update(leaf.purposes)


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
            [(name, total.answers[name], total.requests[name]) for name in Class],
        ),
        "## Personal data\n",
        _table(
            ("Category", "Leaves", "Models", "May serve"),
            [
                (
                    category,
                    count,
                    sum(category in model.personal for model in models.values()),
                    ", ".join(sorted(total.purposes[category])) or "nothing",
                )
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


if __name__ == "__main__":
    print(page(Catalogue.load(), Catalogue.notifications()), end="")  # noqa: T201 - the page is its output
