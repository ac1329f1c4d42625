"""The record of processing: one row for each field of personal data, as this installation handles it now [2.2-c].

Pure. Nothing is written by hand: where a field comes from is the catalogue's, what it may serve the purposes', who uses
it the grants', who is given it the destinations', when it goes the retention rules'.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from strongroom.policy.catalogue.catalogue import Operation
from strongroom.policy.catalogue.listing import listed
from strongroom.policy.catalogue.slots import DYNAMIC, FIXED, SlotSpec
from strongroom.policy.grants import READING, Grant
from strongroom.policy.purposes import serves
from strongroom.terms import Category

STORED = (
    "sealed with AES-256-GCM under a key of its record; the key under one of its day of disposal"
)
DISPOSED = "key destroyed 30 days after delivery at the latest; at once on cancellation or erasure"


@dataclass(frozen=True, slots=True)
class Processed:
    """One field: how it is collected, processed, stored, used, shared and disposed of."""

    field: str
    category: Category
    person: str
    collected_by: tuple[str, ...]
    purposes: tuple[str, ...]
    searchable: bool
    used_by: tuple[str, ...]
    shared_with: tuple[str, ...]
    stored: str = STORED
    disposed: str = DISPOSED


def record_of_processing(
    operations: Iterable[Operation],
    grants: Iterable[tuple[str, Grant]],
    destinations: Mapping[str, frozenset[Category]],
) -> list[Processed]:
    """Return one row for each field, by name; `grants` are those in effect with their principals' names."""
    sources: dict[str, set[str]] = {}
    for operation in operations:
        for leaf in listed(operation):
            if leaf.slot:
                sources.setdefault(leaf.slot, set()).add(operation.name)
    readers: dict[Category, set[str]] = {}
    for name, grant in grants:
        if grant.action in READING:
            for category in grant.categories:
                readers.setdefault(category, set()).add(name)
    return [
        Processed(
            spec.name,
            spec.category,
            spec.subject,
            tuple(sorted(sources.get(spec.name, ()))),
            tuple(sorted(purpose.value for purpose in serves(spec.category, spec.subject))),
            spec.search is not None,
            tuple(sorted(readers.get(spec.category, ()))),
            tuple(sorted(n for n, given in destinations.items() if spec.category in given)),
        )
        for spec in _specs()
    ]


def _specs() -> list[SlotSpec]:
    return sorted([*FIXED.values(), *DYNAMIC.values()], key=lambda spec: spec.name)
