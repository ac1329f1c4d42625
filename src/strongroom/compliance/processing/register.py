"""The record of processing: one row for each field of personal data, as this installation handles it now [2.2-c].

Pure. Nothing is written by hand: where a field comes from is the catalogue's and real traffic's, what it may serve the
purposes', who uses it the grants', who is given it the destinations' and real disclosures', when it goes the retention
rules'.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from typing import Any, Final

import orjson

from strongroom.policy.catalogue import Catalogue
from strongroom.policy.catalogue.catalogue import Operation
from strongroom.policy.catalogue.listing import listed
from strongroom.policy.catalogue.reports import Reports
from strongroom.policy.catalogue.slots import DYNAMIC, FIXED, SlotSpec
from strongroom.policy.kinds import KEPT, ORDER
from strongroom.policy.purposes import serves
from strongroom.policy.retention import Progress
from strongroom.terms import Category, Purpose

STORED: Final = (
    "sealed with AES-256-GCM under a key of its record; the key under one of its day of disposal"
)
BY_DELIVERY: Final = (
    "key destroyed 30 days after delivery at the latest; at once on cancellation or erasure"
)
BY_FIRST: Final = "key destroyed 30 days after it was first seen"
BY_LAST: Final = "key destroyed 30 days after it was last of use"
NO_PURPOSE: Final = "none of Amazon's: opened for a person's request, an incident or Amazon alone"


@dataclass(frozen=True, slots=True)
class Sources:
    """What the catalogue says of one field: what may bring it, and by which rules it goes."""

    operations: frozenset[str] = frozenset()
    reports: frozenset[str] = frozenset()
    notifications: frozenset[str] = frozenset()
    disposed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Processed:
    """One field: how it is collected, processed, stored, used, shared and disposed of."""

    field: str
    category: Category
    person: str
    collected_by: tuple[str, ...]
    reports: tuple[str, ...]
    notifications: tuple[str, ...]
    seen_in: tuple[str, ...]
    """What really brought it."""
    purposes: tuple[str, ...]
    searchable: bool
    used_by: tuple[str, ...]
    """Who holds a grant to read it, each with the purpose."""
    shared_with: tuple[str, ...]
    """Third parties that may be given it."""
    disclosed_to: tuple[str, ...]
    """Third parties that were given it, each with the purpose."""
    disposed: str
    stored: str = STORED

    @property
    def is_seen(self) -> bool:
        """Whether it came, or went, in real traffic."""
        return bool(self.seen_in or self.disclosed_to)


@dataclass(frozen=True, slots=True)
class Traffic:
    """What really happened: for each field the operations that brought it, and who was given it for what."""

    brought: Mapping[str, frozenset[str]] = field(default_factory=dict)
    given: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Changed:
    """One field that is not what was confirmed."""

    field: str
    what: str


def record_of_processing(
    users: Iterable[tuple[str, Purpose, Iterable[Category]]],
    destinations: Mapping[str, frozenset[Category]],
    traffic: Traffic,
) -> list[Processed]:
    """Return one row for each field, by name; `users` are who may read now: name, purpose, categories."""
    readers: dict[Category, set[str]] = {}
    for name, purpose, categories in users:
        for category in categories:
            readers.setdefault(category, set()).add(f"{name} ({purpose.value})")
    known = sources()
    return [
        _row(spec, known.get(spec.name, Sources()), readers, destinations, traffic)
        for spec in sorted([*FIXED.values(), *DYNAMIC.values()], key=lambda spec: spec.name)
    ]


def missing(rows: Iterable[Processed], traffic: Traffic) -> list[str]:
    """Return the fields that were seen and that the record does not have."""
    return sorted({*traffic.brought, *traffic.given} - {row.field for row in rows})


def gaps(rows: Iterable[Processed]) -> list[str]:
    """Return what is wrong about fields that were seen: no purpose, or no way of disposal."""
    found = []
    for row in rows:
        if not row.is_seen:
            continue
        if row.category is Category.UNCLASSIFIED or not row.purposes:
            found.append(f"{row.field} has no purpose")
        if not row.disposed:
            found.append(f"{row.field} has no way of disposal")
    return found


def digest(rows: Iterable[Processed]) -> str:
    """Return the SHA-256 of a record: what is confirmed."""
    return sha256(content(rows)).hexdigest()


def content(rows: Iterable[Processed]) -> bytes:
    """Return a record as JSON, the same bytes for the same record."""
    return orjson.dumps(list(rows))


def changes(before: bytes, rows: Iterable[Processed]) -> list[Changed]:
    """Return how a record differs from the one that was confirmed."""
    old: dict[str, dict[str, Any]] = {row["field"]: row for row in orjson.loads(before)}
    new: dict[str, dict[str, Any]] = {row["field"]: row for row in orjson.loads(content(rows))}
    found = [Changed(name, "is new") for name in sorted(new.keys() - old.keys())]
    found += [Changed(name, "is gone") for name in sorted(old.keys() - new.keys())]
    for name in sorted(new.keys() & old.keys()):
        for column, value in new[name].items():
            before_ = old[name].get(column)
            if value == before_:
                continue
            if isinstance(value, list) and isinstance(before_, list):
                more, less = sorted(set(value) - set(before_)), sorted(set(before_) - set(value))
                parts = [f"+ {one}" for one in more] + [f"- {one}" for one in less]
                found.append(Changed(name, f"{_words(column)}: {', '.join(parts)}"))
            else:
                found.append(Changed(name, f"{_words(column)} changed"))
    return found


@cache
def sources() -> Mapping[str, Sources]:
    """Return what the catalogue says of each field, read once: it takes all of Amazon's models."""
    found: dict[str, dict[str, set[str]]] = {}

    def add(name: str, part: str, value: str) -> None:
        found.setdefault(name, {}).setdefault(part, set()).add(value)

    for part, catalogue in (
        ("operations", Catalogue.load()),
        ("notifications", Catalogue.notifications()),
    ):
        for operation in catalogue.operations.values():
            rules = _disposals(operation)
            for leaf in listed(operation):
                if leaf.slot:
                    add(leaf.slot, part, operation.id if part == "operations" else operation.name)
                    for rule in rules:
                        add(leaf.slot, "disposed", rule)
    for kind in Reports.load().kinds.values():
        for column in kind.columns.values():
            name = column.spec.name if column.spec else f"{column.kind}:*.{column.field}"
            if column.spec or column.kind:
                add(name, "reports", kind.name)
                add(name, "disposed", BY_DELIVERY)
    return {
        name: Sources(**{part: frozenset(values) for part, values in parts.items()})
        for name, parts in found.items()
    }


def _row(
    spec: SlotSpec,
    source: Sources,
    readers: Mapping[Category, set[str]],
    destinations: Mapping[str, frozenset[Category]],
    traffic: Traffic,
) -> Processed:
    purposes = tuple(sorted(purpose.value for purpose in serves(spec.category, spec.subject)))
    return Processed(
        spec.name,
        spec.category,
        spec.subject,
        tuple(sorted(source.operations)),
        tuple(sorted(source.reports)),
        tuple(sorted(source.notifications)),
        tuple(sorted(traffic.brought.get(spec.name, ()))),
        purposes or (NO_PURPOSE,),
        spec.search is not None,
        tuple(sorted(readers.get(spec.category, ()))),
        tuple(sorted(n for n, given in destinations.items() if spec.category in given)),
        tuple(sorted(traffic.given.get(spec.name, ()))),
        "; ".join(sorted(source.disposed or {BY_DELIVERY})),
    )


def _disposals(operation: Operation) -> set[str]:
    """Return by which rules what an operation shows goes: those of the kinds of its subjects."""
    found = set()
    for subject in operation.subjects:
        if subject.kind == ORDER:
            found.add(BY_DELIVERY)
        else:
            first = KEPT[subject.kind].status is Progress.FIRST_SEEN
            found.add(BY_FIRST if first else BY_LAST)
    return found


def _words(column: str) -> str:
    return column.replace("_", " ")
