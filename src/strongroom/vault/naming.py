"""What the numbers of a record's slots mean: beside the record for deciding, inside it, sealed, for being sure [1.3].

Beside the record a dynamic slot's name stands with its id as a keyed hash, so that who may read a value is decided
before it is opened. Whoever writes to the database alone can change that; the whole name inside the seal says so.
"""

from collections.abc import Callable, Mapping
from typing import Final

import orjson

from strongroom.errors import Tampered
from strongroom.policy.catalogue.slots import (
    FIRST_DYNAMIC,
    FIXED,
    LAST_DYNAMIC,
    OVERFLOW,
    SlotSpec,
    spec_of,
)
from strongroom.terms import Scalar
from strongroom.vault.store import Row

SLOT_NAMES: Final = OVERFLOW
"""The slot that holds, sealed, the names of the record's dynamic slots by number; no token reveals it."""


def slot_spec(row: Row, number: int) -> SlotSpec | None:
    """Return what a record's slot means; None where the record never had it."""
    if number < FIRST_DYNAMIC:
        return FIXED.get(number)
    index = number - FIRST_DYNAMIC
    return spec_of(row.names[index]) if index < len(row.names) else None


def names_of(slots: Mapping[int, Scalar]) -> dict[int, str]:
    """Return the whole names of an opened record's dynamic slots, by number."""
    sealed = slots.get(SLOT_NAMES)
    return (
        {int(number): name for number, name in orjson.loads(sealed).items()}
        if isinstance(sealed, str)
        else {}
    )


def with_names(row: Row, old: Mapping[int, Scalar], names: Mapping[str, int]) -> str:
    """Return the sealed text of slot names with these added: a JSON object from number to name.

    Raises:
        Tampered: a number has another name already; the row's names were changed.

    """
    known = names_of(old)
    for name, number in names.items():
        if number != OVERFLOW and known.setdefault(number, name) != name:
            raise _other_names(row)
    return orjson.dumps(known, option=orjson.OPT_NON_STR_KEYS).decode()


def refuse_other_names(
    row: Row, slots: Mapping[int, Scalar], outside_name: Callable[[str], str]
) -> None:
    """Refuse an opened record of which a dynamic slot stands under another name, or none, than the sealed one.

    Raises:
        Tampered: one does; who may read it was decided by a name that nobody wrote with it.

    """
    dynamic = [number for number in slots if FIRST_DYNAMIC <= number <= LAST_DYNAMIC]
    if not dynamic:
        return
    names, last = names_of(slots), FIRST_DYNAMIC + len(row.names)
    for number in dynamic:
        sealed = names.get(number)
        if sealed is None or number >= last:
            raise _other_names(row)
        if outside_name(sealed) != row.names[number - FIRST_DYNAMIC]:
            raise _other_names(row)


def _other_names(row: Row) -> Tampered:
    return Tampered(f"the names of record {row.number} are not those that were sealed")
