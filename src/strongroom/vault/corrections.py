"""Corrections that a person had made in a record, and how they outlive what Amazon goes on saying [2.2].

Pure. A slot of the sealed record lists which of its values were corrected. A view of Amazon's changes such a value
only by saying the same: then it needs no mark any more. The tokens stay what they were.
"""

from collections.abc import Callable, Collection, Mapping

import orjson

from strongroom.policy.catalogue.slots import CORRECTED
from strongroom.terms import Scalar

Merge = Callable[[dict[int, Scalar], Mapping[int, Scalar]], dict[int, Scalar]]


def corrected(slots: Mapping[int, Scalar]) -> frozenset[int]:
    """Return the numbers of an opened record's corrected slots."""
    listed = slots.get(CORRECTED)
    return frozenset(orjson.loads(listed)) if isinstance(listed, str) else frozenset()


def with_marks(slots: Mapping[int, Scalar], numbers: Collection[int]) -> dict[int, Scalar]:
    """Return values with exactly these marked as corrected."""
    found = {number: value for number, value in slots.items() if number != CORRECTED}
    if numbers:
        found[CORRECTED] = orjson.dumps(sorted(numbers)).decode()
    return found


def merge_around(
    old: dict[int, Scalar], new: Mapping[int, Scalar], merge: Merge
) -> dict[int, Scalar]:
    """Merge a view into a record as `merge` does, but for what was corrected and the view still has otherwise."""
    standing = {n for n in corrected(old) if n in old and (n not in new or new[n] != old[n])}
    others = {number: value for number, value in new.items() if number not in standing}
    merged = merge(old, others)
    merged.update((number, old[number]) for number in standing)
    return with_marks(merged, standing)
