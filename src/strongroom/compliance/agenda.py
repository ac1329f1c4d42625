"""What is due in the whole house, and who hears of it: for today, the calendar, feeds and mails [1.6].

Made of what each room tells, each time anew; nothing is stored. Due soon goes to the office's holder, or to the person
it names; overdue to the deputy too; overdue by a further fortnight to the security owner and the executive.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from strongroom.compliance.cadence import Stage, stage
from strongroom.compliance.offices import Offices, Part
from strongroom.compliance.overseen import Due, Office, Overseen
from strongroom.terms import PrincipalId

_TOP = (Office.SECURITY_OWNER, Office.EXECUTIVE)


@dataclass(frozen=True, slots=True)
class Item:
    """One due thing, and whom it concerns at this instant."""

    due: Due
    stage: Stage
    uid: str
    """Stays the same when its day moves."""
    whose: PrincipalId | None
    """Who does it; None where nobody fills its office."""
    hears: frozenset[PrincipalId]
    """Who is told of it now; nobody yet of what is due later."""


class Agenda:
    """What is due, from all rooms."""

    def __init__(
        self,
        rooms: Callable[[], Iterable[Overseen]],
        offices: Offices,
        at_once: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._rooms = rooms
        self._offices = offices
        self._at_once = at_once

    def items(self, now: datetime) -> list[Item]:
        """Return everything, what is due first on top."""
        with self._at_once():
            return self._items(now)

    def _items(self, now: datetime) -> list[Item]:
        filled: dict[tuple[Office, Part], PrincipalId] = {
            (seat.office, seat.part): seat.person
            for seat in self._offices.seats(now)
            if seat.person is not None and seat.fault is None
        }
        dues = sorted(
            (due for room in self._rooms() for due in room.dues(now)),
            key=lambda due: (due.due_at, due.path, due.what),
        )
        seen: dict[str, int] = {}
        items = []
        for due in dues:
            name = "|".join((due.what, due.path, due.duty or "", str(due.person or "")))
            again = seen[name] = seen.get(name, -1) + 1
            uid = hashlib.sha256(f"{name}|{again}".encode()).hexdigest()[:32]
            items.append(_item(due, uid, filled, now))
        return items

    def of(self, person: PrincipalId, now: datetime) -> list[Item]:
        """Return what a person has to do, or is told of now."""
        return [item for item in self.items(now) if person == item.whose or person in item.hears]


def _item(
    due: Due, uid: str, filled: Mapping[tuple[Office, Part], PrincipalId], now: datetime
) -> Item:
    near = stage(due, now)
    whose, deputy = due.person, None
    if due.office is not None:
        whose = whose or filled.get((due.office, Part.HOLDER))
        deputy = filled.get((due.office, Part.DEPUTY))
        # An office whose holder is gone is its deputy's.
        whose = whose or deputy
    hears: set[PrincipalId | None] = set()
    if near is not Stage.LATER:
        hears.add(whose)
    if near in (Stage.OVERDUE, Stage.ESCALATED):
        hears.add(deputy)
    if near is Stage.ESCALATED or (near is not Stage.LATER and whose is None):
        hears |= {filled.get((office, Part.HOLDER)) for office in _TOP}
    return Item(due, near, uid, whose, frozenset(one for one in hears if one is not None))
