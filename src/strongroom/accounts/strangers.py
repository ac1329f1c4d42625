"""Counts whom a listener turned away, and what the proxy refused, without letting a flood fill the log [1.1, 2.6].

The first refusal of an address is an event at once; those that follow within a minute are one number in the next.
Beyond so many addresses at a time the others share one count, without an address. Nothing here lets anybody in.
"""

import threading
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from strongroom.accounts.principals import ANONYMOUS
from strongroom.audit import AuditLog, Event, EventType, Outcome, Reason
from strongroom.policy.limits import STRANGERS_APART, STRANGERS_WINDOW

ELSEWHERE: Final = "proxy.elsewhere"
"""What stands for a listener's name where the proxy was asked for a host that is none of Amazon's."""

_Key = tuple[str, str | None]
"""A listener's name and an address; None for all addresses that are not told apart."""


@dataclass(slots=True)
class _Count:
    since: datetime
    untold: int = 0


class Strangers:
    """The refusals of one process. Safe between threads; counts that no event told yet end with the process."""

    def __init__(self, audit: AuditLog) -> None:
        self._audit = audit
        self._lock = threading.Lock()
        self._counts: dict[_Key, _Count] = {}

    def refused(self, listener: str, address: str | None, now: datetime) -> list[Event]:
        """Count one refusal and return the events to `record`: none while a minute runs."""
        with self._lock:
            told = self._over(now) if len(self._counts) >= STRANGERS_APART else []
            key: _Key = (listener, address)
            if key not in self._counts and len(self._counts) >= STRANGERS_APART:
                key = (listener, None)
            count = self._counts.get(key)
            if count is not None and now - count.since < STRANGERS_WINDOW:
                count.untold += 1
                return told
            self._counts[key] = _Count(now)
            return [*told, self._event(key, 1 + (0 if count is None else count.untold))]

    def over(self, now: datetime, *, last: bool = False) -> list[Event]:
        """Return the events of every minute that has passed; `last`: of those that run, too."""
        with self._lock:
            return self._over(now, last=last)

    def record(self, events: list[Event], now: datetime) -> None:
        """Append the events; durable on return."""
        if events:
            self._audit.record(*events, now=now)

    def _over(self, now: datetime, *, last: bool = False) -> list[Event]:
        told = []
        for key, count in list(self._counts.items()):
            if last or now - count.since >= STRANGERS_WINDOW:
                del self._counts[key]
                if count.untold:
                    told.append(self._event(key, count.untold))
        return told

    def _event(self, key: _Key, n: int) -> Event:
        listener, address = key
        return Event(
            EventType.EGRESS_REFUSED if listener == ELSEWHERE else EventType.NETWORK_REFUSED,
            Outcome.DENIED,
            ANONYMOUS,
            reason=Reason.WRONG_NETWORK,
            op=listener,
            n=n,
            src_ip=None if address is None else self._audit.pseudonym("ip", address),
        )
