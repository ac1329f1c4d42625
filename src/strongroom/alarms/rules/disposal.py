"""Whether what is due is destroyed in time: sweeps that failed or did not come [2.1]. Pure."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar

from strongroom.alarms.kinds import AlarmKind, Response, Severity, Signal
from strongroom.alarms.rules.cases import Case
from strongroom.alarms.rules.known import seconds
from strongroom.alarms.rules.parameters import Parameters
from strongroom.alarms.seen import Seen
from strongroom.audit.entry import Outcome
from strongroom.audit.event_types import EventType

_SWEEP = "task.sweep"


class SweepLate:
    """A home that serves sweeps every hour; it does not where that fails, hangs, or is withheld from a wrong clock."""

    name: ClassVar[str] = "sweep_late"
    kind: ClassVar[AlarmKind] = AlarmKind.SWEEP_LATE
    types: ClassVar[frozenset[EventType] | None] = frozenset(
        {
            EventType.SYSTEM_ERROR,
            EventType.RETENTION_SWEEP_FINISHED,
            EventType.LOG_HEARTBEAT,
            EventType.HOME_CLOSED,
        }
    )
    FAILED: ClassVar = Case(
        kind,
        "failed",
        Severity.HIGH,
        Response.NOTIFY,
        "a sweep failed: keys that are due may be there",
    )
    LATE: ClassVar = Case(
        kind,
        "late",
        Severity.HIGH,
        Response.NOTIFY,
        "a home serves, and no sweep ended for `sweep_late_after`",
    )
    cases: ClassVar[tuple[Case, ...]] = (FAILED, LATE)

    def __init__(self, parameters: Parameters) -> None:
        self._late_after = parameters.sweep_late_after
        self._since, self._seq, self._is_told = 0, 0, False
        """The last sweep, or the first heartbeat of a home that has had none; 0: nobody serves."""

    def feed(self, seen: Seen) -> Iterable[Signal]:
        """Follow sweeps, and whether anybody serves."""
        match seen.type:
            case EventType.SYSTEM_ERROR if seen.op == _SWEEP:
                return (self.FAILED.signal(seen.at, target=seen.node, evidence=(seen.seq,)),)
            case EventType.RETENTION_SWEEP_FINISHED if seen.outcome is Outcome.SUCCESS:
                self._since, self._seq, self._is_told = seconds(seen.at), seen.seq, False
            case EventType.LOG_HEARTBEAT if not self._since:
                self._since, self._seq = seconds(seen.at), seen.seq
            case EventType.HOME_CLOSED:
                self._since, self._is_told = 0, False
        return ()

    def tick(self, now: datetime) -> Iterable[Signal]:
        """Tell once of each stretch without a sweep."""
        if not self._since or self._is_told:
            return ()
        if self._since >= seconds(now - self._late_after):
            return ()
        self._is_told = True
        return (self.LATE.signal(now, target="sweep", evidence=(self._seq,)),)

    def state(self) -> dict[str, Any]:
        """Return what has to be kept."""
        return {"since": self._since, "seq": self._seq, "told": self._is_told}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from it."""
        self._since, self._seq, self._is_told = state["since"], state["seq"], state["told"]
