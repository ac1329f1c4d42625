"""How much one app may ask for: requests a second, and records a day [1.3, 2.6].

Requests are a token bucket in memory. Records are those the log says were revealed to the app since midnight UTC, so a
restart forgives nothing; revealing one of them again costs nothing, so a repeated request is counted once.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from strongroom.audit.event_types import EventType
from strongroom.audit.log import AuditLog
from strongroom.errors import Throttled
from strongroom.terms import PrincipalId

TELL_EVERY: Final = timedelta(seconds=1)
"""A flood of refusals is recorded once in this span, with their number: each event is a write to the disk."""


@dataclass(frozen=True, slots=True)
class ApiLimits:
    """What one app may do; `docs/settings.md` has the settings."""

    requests_per_second: float = 50
    burst: int = 200
    records_per_day: int = 10_000
    request_bytes: int = 64 * 1024
    drawings_per_second: float = 2
    """Pages with letters of the East take a second of a core each; `drawing_burst` of them may come together."""
    drawing_burst: int = 60
    relay_bytes: int = 1024 * 1024
    """A request that goes on to a destination of the relay: an invoice with its lines is longer than a question."""


class VolumeSpent(Throttled):
    """The day's records are used up; the log tells it from a flood."""


@dataclass(slots=True)
class _Bucket:
    tokens: float
    refilled_at: datetime

    def take(self, rate: float, burst: float, now: datetime) -> float:
        """Take one; return 0, or in how many seconds there is one."""
        passed = max((now - self.refilled_at).total_seconds(), 0.0)
        self.refilled_at = now
        self.tokens = min(self.tokens + passed * rate, burst)
        if self.tokens < 1:
            return (1 - self.tokens) / rate
        self.tokens -= 1
        return 0.0


@dataclass(slots=True)
class _Use:
    requests: _Bucket
    drawings: _Bucket
    day: datetime | None = None
    records: set[int] = field(default_factory=set)
    orders: dict[str, int] = field(default_factory=dict)
    in_flight: int = 0
    untold: int = 0
    told_at: datetime | None = None


class Allowances:
    """The use of every app. Thread-safe."""

    def __init__(self, limits: ApiLimits, audit: AuditLog) -> None:
        self._limits = limits
        self._audit = audit
        self._lock = threading.Lock()
        self._uses: dict[PrincipalId, _Use] = {}

    def admit(self, principal: PrincipalId, now: datetime) -> None:
        """Count one request. Raises: Throttled with when to come back."""
        limits = self._limits
        with self._lock:
            requests = self._use(principal, now).requests
            wait = requests.take(limits.requests_per_second, limits.burst, now)
        if wait:
            raise Throttled("too many requests", retry_after=wait)

    def draw(self, principal: PrincipalId, now: datetime) -> None:
        """Count one page that is drawn. Raises: Throttled with when to come back."""
        limits = self._limits
        with self._lock:
            drawings = self._use(principal, now).drawings
            wait = drawings.take(limits.drawings_per_second, limits.drawing_burst, now)
        if wait:
            raise Throttled("too many pages are drawn", retry_after=wait)

    @contextmanager
    def reveal(
        self,
        principal: PrincipalId,
        now: datetime,
        *,
        number: int | None = None,
        order: str | None = None,
    ) -> Iterator[Callable[[int], None]]:
        """Hold room for one record; call what is given with its number once it was revealed.

        A record that counts already needs no room. It is known by `number`, as the token says it (a forged one opens
        nothing), or by `order`, a pseudonym that was counted since this process began.

        Raises:
            VolumeSpent: the day's records are used up.

        """
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        self._open_day(principal, now, midnight)
        with self._lock:
            use = self._use(principal, now)
            if order is not None:
                number = use.orders.get(order)
            room = 0 if number in use.records else 1
            if room and len(use.records) + use.in_flight >= self._limits.records_per_day:
                wait = (midnight + timedelta(days=1) - now).total_seconds()
                raise VolumeSpent("the day's records are used up", retry_after=wait)
            use.in_flight += room
        revealed: list[int] = []
        try:
            yield revealed.append
        finally:
            with self._lock:
                use.in_flight -= room
                use.records.update(revealed)
                if order is not None:
                    use.orders.update((order, record) for record in revealed)

    def untold(self, principal: PrincipalId, now: datetime) -> int:
        """Count one refusal and return how many to record now; 0 while the last record is too fresh."""
        with self._lock:
            use = self._use(principal, now)
            use.untold += 1
            if use.told_at is not None and timedelta(0) <= now - use.told_at < TELL_EVERY:
                return 0
            count, use.untold, use.told_at = use.untold, 0, now
            return count

    def _open_day(self, principal: PrincipalId, now: datetime, midnight: datetime) -> None:
        with self._lock:
            if self._use(principal, now).day == midnight:
                return
        seen = self._audit.objects(EventType.RECORD_REVEALED, principal, midnight)
        with self._lock:
            use = self._use(principal, now)
            if use.day != midnight:
                use.day, use.records = midnight, {int(ref) for ref in seen}
                use.orders.clear()

    def _use(self, principal: PrincipalId, now: datetime) -> _Use:
        use = self._uses.get(principal)
        if use is None:
            use = self._uses[principal] = _Use(
                _Bucket(self._limits.burst, now), _Bucket(self._limits.drawing_burst, now)
            )
        return use
