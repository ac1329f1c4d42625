"""Watches the clock by which things are destroyed: records each jump, and withholds what nobody could take back [2.1].

A clock set ahead by years would make everything due at once. So while the wall clock is implausibly ahead, of a steady
clock in this run or of the log's last entry over a restart, scheduled sweeps are withheld until it agrees again or two
people confirm it, in a home that was made for one that person. Values past their day are refused meanwhile: only their
destruction waits.
"""

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final, Never

from strongroom.audit import AuditLog, Event, EventType, Outcome, Reason
from strongroom.audit.reading import Entry
from strongroom.errors import Denied
from strongroom.policy.clock import Reading, ahead, is_ahead, jump, leap
from strongroom.terms import SYSTEM, Caller, PrincipalKind

_LOOKED_AT: Final = 5000
"""Of the last entries. Older leaps are known by the event that told of them."""

CONFIRM: Final = (
    "set the clock, or run `strongroom retention sweep --confirm-clock`; "
    "where there are several people two of them do"
)

ASKED_FOR: Final = timedelta(hours=24)
"""How long one person's word waits for another's."""

FORWARD, BACK = "clock.forward", "clock.back"
WITHHELD, AGREES, CONFIRMED = "clock.withheld", "clock.agrees", "clock.confirmed"
ASKED = "clock.asked"
_JUDGED: Final = (WITHHELD, AGREES, CONFIRMED)
_REASONS: Final = {
    Outcome.SUCCESS: None,
    Outcome.FAILURE: Reason.CLOCK_JUMP,
    Outcome.DENIED: Reason.NOT_AUTHORIZED,
}


class ClockWatch:
    """The watch of one process. Safe between threads.

    `steady` is None where somebody chose the time on purpose, as tests do: then nothing is withheld.
    """

    def __init__(
        self, audit: AuditLog, steady: Callable[[], timedelta] | None, *, one_person: bool
    ) -> None:
        self._audit = audit
        self._one_person = one_person
        self._steady = steady
        self._lock = threading.Lock()
        self._start: Reading | None = None
        self._last: Reading | None = None
        self._is_withheld = False

    def look(self, now: datetime) -> bool:
        """Record what happened to the clock since the last look; True while sweeps are withheld."""
        if self._steady is None:
            return False
        with self._lock:
            reading = Reading(now, self._steady())
            if self._start is None or self._last is None:
                self._begin(reading)
            else:
                self._go_on(self._start, self._last, reading)
            self._last = reading
            return self._is_withheld

    @property
    def is_withheld(self) -> bool:
        """What the last look found: asked with every answer that is stored, so it reads no clock."""
        return self._is_withheld

    def confirm(self, caller: Caller, now: datetime) -> bool:
        """Take down that a person says the clock is right; True once that is believed, and sweeps go on.

        The first person's word waits a day for another's, over restarts too: the log has it. Durable on return.

        Raises:
            Denied: no person says so, or the same one again; recorded.

        """
        with self._lock:
            if caller.kind is not PrincipalKind.PERSON:
                self._refuse(caller, now, "only a person can say that the clock is right")
            asked = None if self._one_person else self._asked(now)
            if asked == caller.principal:
                self._refuse(caller, now, f"another person than {caller.name} has to confirm it")
            if asked is None and not self._one_person:
                self._record(Outcome.SUCCESS, ASKED, None, now, caller)
                return False
            self._record(Outcome.SUCCESS, CONFIRMED, None, now, caller)
            if self._steady is not None:
                self._start = self._last = Reading(now, self._steady())
            self._is_withheld = False
            return True

    def _asked(self, now: datetime) -> int | None:
        """Return who said that the clock is right, since it was last judged and not long ago."""
        asked: Entry | None = None
        for entry in self._audit.of_types([EventType.CLOCK_JUMPED]):
            op = entry.body.get("op")
            if entry.outcome == Outcome.SUCCESS.value and op == ASKED:
                asked = entry
            elif op in (WITHHELD, AGREES, CONFIRMED, FORWARD, BACK):
                # Who asked looked at another clock.
                asked = None if entry.outcome != Outcome.DENIED.value else asked
        if asked is None:
            return None
        age = now - datetime.fromisoformat(asked.body["t"])
        who: int = asked.body["actor"]["id"]
        return who if timedelta() <= age <= ASKED_FOR else None

    def _refuse(self, caller: Caller, now: datetime, why: str) -> Never:
        self._record(Outcome.DENIED, CONFIRMED, None, now, caller)
        raise Denied(why, hint="two people look at the clock, each for themselves")

    def _begin(self, reading: Reading) -> None:
        self._start = reading
        told = self._last_judged()
        was_withheld = told is not None and told.body.get("op") == WITHHELD
        leapt = leap(self._written(), reading.wall)
        if leapt is not None:
            self._is_withheld = True
            if not was_withheld:
                self._record(Outcome.FAILURE, WITHHELD, leapt, reading.wall)
        elif told is not None and was_withheld:
            # The leap itself is too far back in the log to be seen; has the clock come back from it?
            since = datetime.fromisoformat(told.body["t"])
            leapt = timedelta(seconds=told.body["n"])
            self._is_withheld = reading.wall > since - leapt / 2
            if not self._is_withheld:
                self._record(Outcome.SUCCESS, AGREES, None, reading.wall)

    def _last_judged(self) -> Entry | None:
        """Return the last event that withheld or released: jumps in between say nothing about that."""
        found = None
        for entry in self._audit.of_types([EventType.CLOCK_JUMPED]):
            if entry.body.get("op") in _JUDGED and entry.outcome != Outcome.DENIED.value:
                found = entry
        return found

    def _go_on(self, start: Reading, last: Reading, reading: Reading) -> None:
        moved = jump(last, reading)
        if moved is not None:
            way = FORWARD if moved > timedelta() else BACK
            self._record(Outcome.FAILURE, way, abs(moved), reading.wall)
        if is_ahead(start, reading) and not self._is_withheld:
            self._is_withheld = True
            self._record(Outcome.FAILURE, WITHHELD, ahead(start, reading), reading.wall)
        elif self._is_withheld and not is_ahead(start, reading) and self._agrees(reading.wall):
            self._is_withheld = False
            self._start = reading
            self._record(Outcome.SUCCESS, AGREES, None, reading.wall)

    def _agrees(self, now: datetime) -> bool:
        return leap(self._written(), now) is None

    def _written(self) -> Iterator[datetime]:
        """Return the instants of the last entries, from the last on by which somebody confirmed the clock."""
        entries = self._audit.tail(_LOOKED_AT)
        first = 0
        for place, entry in enumerate(entries):
            is_word = (
                entry.type == EventType.CLOCK_JUMPED.value and entry.body.get("op") == CONFIRMED
            )
            if is_word and entry.outcome == Outcome.SUCCESS.value:
                first = place
        return (datetime.fromisoformat(entry.body["t"]) for entry in entries[first:] if entry.body)

    def _record(
        self,
        outcome: Outcome,
        op: str,
        moved: timedelta | None,
        now: datetime,
        caller: Caller = SYSTEM,
    ) -> None:
        event = Event(
            EventType.CLOCK_JUMPED,
            outcome,
            caller,
            reason=_REASONS[outcome],
            op=op,
            n=None if moved is None else int(moved.total_seconds()),
        )
        self._audit.record(event, now=now)
