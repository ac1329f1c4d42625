"""Feeds entries of the log, and the passing of time, to rules; what one fails at does not hold up the others [2.6].

Pure, as the rules are: the watch keeps what comes out, a drill looks at it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from strongroom.alarms.kinds import AlarmKind, Response, Severity, Signal
from strongroom.alarms.rule import Rule
from strongroom.alarms.seen import Seen
from strongroom.audit.event_types import EventType

TICK_EVERY: Final = timedelta(minutes=1)

OWN: Final = frozenset(
    {
        EventType.ALARM_RAISED,
        EventType.ALARM_ACTED,
        EventType.ALARM_DRILLED,
        EventType.INVESTIGATION_OPENED,
        EventType.INVESTIGATION_ASSIGNED,
        EventType.INVESTIGATION_ESCALATED,
        EventType.INVESTIGATION_CLOSED,
        EventType.PRINCIPAL_SUSPENDED,
        EventType.PRINCIPAL_RESTORED,
    }
)
"""What alarms themselves record. Rules see it, or they would take its numbers for missing; but no alarm comes of it
unless the log itself is not sound, or one alarm would be the cause of the next for ever."""

_ABOUT_THE_LOG: Final = frozenset(
    {AlarmKind.LOG_TAMPERED, AlarmKind.LOG_SILENT, AlarmKind.CLOCK_JUMPED}
)


@dataclass(slots=True)
class Fed:
    """One rule, and up to where it has seen the log.

    What it says of entries before `live_from` is not raised: it is how it learns what is usual.
    """

    rule: Rule
    cursor: int = 0
    live_from: int = 0
    ticked_at: datetime | None = None
    faults: int = 0
    signals: list[Signal] = field(default_factory=list)

    def feed(self, entries: Sequence[Seen], end: int) -> None:
        """Give it the next entries, and with them the minutes that passed in between; `end` follows the last one."""
        for entry in entries:
            self._tick_at(entry.at, live=entry.seq >= self.live_from)
            if self.rule.types is None or entry.type in self.rule.types:
                self._take(partial(self.rule.feed, entry), entry.at, entry)
        self.cursor = end

    def tick(self, now: datetime) -> bool:
        """Tell it that it is `now`, where a minute passed; return whether it was told. Only with all entries seen."""
        return self._tick_at(now, live=self.cursor >= self.live_from)

    def taken(self) -> list[Signal]:
        """Return what it said since it was asked last."""
        found, self.signals = self.signals, []
        return found

    def _tick_at(self, at: datetime, *, live: bool) -> bool:
        # Both ways: a clock that was set back must not end the ticking.
        if self.ticked_at is not None and timedelta(0) <= at - self.ticked_at < TICK_EVERY:
            return False
        self.ticked_at = at
        self._take(partial(self.rule.tick, at), at, None, live=live)
        return True

    def _take(
        self,
        ask: Callable[[], Iterable[Signal]],
        at: datetime,
        entry: Seen | None,
        *,
        live: bool = True,
    ) -> None:
        try:
            found = list(ask())
        except Exception:  # noqa: BLE001 - whatever a rule fails at, the others go on and people hear of it
            self.faults += 1
            found = [fault_of(self.rule.name, at, entry)]
        if not live or (entry is not None and entry.seq < self.live_from):
            return
        if entry is not None and entry.type in OWN:
            found = [signal for signal in found if signal.kind in _ABOUT_THE_LOG]
        self.signals += found


def fault_of(rule: str, at: datetime, entry: Seen | None = None) -> Signal:
    """Return the sign that a rule does not work: alarms of its kind do not reach people."""
    return Signal(
        AlarmKind.CHANNEL_DOWN,
        Severity.HIGH,
        Response.NOTIFY,
        f"rule:{rule}",
        at,
        target=f"rule:{rule}",
        evidence=() if entry is None else (entry.seq,),
    )
