"""Records failed proofs that were put off: once, and then once a minute with the number since [2.6].

Each event is a write to the disk. Without a bound anybody who reaches a listener could fill it. Beyond so many
addresses at a time the others share one count, without an address.
"""

import threading
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self

from strongroom.accounts.principals import ANONYMOUS
from strongroom.audit import AuditLog, Event, EventType, Outcome, Reason
from strongroom.policy.limits import STRANGERS_APART, TELL_STRANGERS_EVERY


@dataclass(frozen=True, slots=True)
class Refused:
    """One kind of refusal to one address. What is the same in all of these is told together."""

    type: EventType
    op: str | None
    reason: Reason | None
    src_ip: str | None
    outcome: Outcome = Outcome.DENIED

    @classmethod
    def of(cls, event: Event) -> Self:
        """Return what the event of one refusal has in common with its like."""
        return cls(event.type, event.op, event.reason, event.src_ip, event.outcome)

    def event(self, number: int) -> Event:
        """Return what the log hears of so many."""
        return Event(
            self.type,
            self.outcome,
            ANONYMOUS,
            reason=self.reason,
            op=self.op,
            n=number,
            src_ip=self.src_ip,
        )


@dataclass(slots=True)
class _Told:
    at: datetime
    untold: int = 0


class Telling:
    """What was refused to whom, and not yet told. Thread-safe; remembers a bounded number of kinds at a time."""

    def __init__(self, audit: AuditLog) -> None:
        self._audit = audit
        self._lock = threading.Lock()
        self._told: dict[Refused, _Told] = {}

    def refuse(self, refused: Refused, now: datetime) -> None:
        """Record a refusal, or count it to those that the next event of its kind tells.

        The first of a kind is durable on return, and so is each one when a minute has passed since the last event.
        """
        with self._lock:
            refused, number = self._count(refused, now)
        if number:
            self._audit.record(refused.event(number), now=now)

    def settle(self, now: datetime) -> None:
        """Record what was counted of kinds that have been quiet since."""
        with self._lock:
            quiet = [r for r, told in self._told.items() if now - told.at >= TELL_STRANGERS_EVERY]
            numbers: dict[Refused, int] = {}
            for refused in quiet:
                # A flood came from many addresses: what is left of it is one event, not thousands.
                nowhere = replace(refused, src_ip=None)
                untold = self._told.pop(refused).untold
                numbers[nowhere] = numbers.get(nowhere, 0) + untold
        events = [refused.event(number) for refused, number in numbers.items() if number]
        if events:
            self._audit.record(*events, now=now)

    def _count(self, refused: Refused, now: datetime) -> tuple[Refused, int]:
        """Return what to record now and the number, 0 while the last record is fresh."""
        if refused not in self._told and len(self._told) >= STRANGERS_APART:
            self._forget(now)
            if len(self._told) >= STRANGERS_APART:
                refused = replace(refused, src_ip=None)
        told = self._told.get(refused)
        if told is None:
            self._told[refused] = _Told(now)
            return refused, 1
        told.untold += 1
        if timedelta(0) <= now - told.at < TELL_STRANGERS_EVERY:
            return refused, 0
        number, told.untold, told.at = told.untold, 0, now
        return refused, number

    def _forget(self, now: datetime) -> None:
        quiet = [
            refused
            for refused, told in self._told.items()
            if now - told.at >= TELL_STRANGERS_EVERY and not told.untold
        ]
        for refused in quiet:
            del self._told[refused]
