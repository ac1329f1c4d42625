"""Clocks of Amazon's notices that end before what they ask for is done, or confirmed by everybody [1.7]. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Final

from strongroom.alarms.kinds import AlarmKind, Response, Severity, Signal
from strongroom.alarms.rules.cases import Case
from strongroom.alarms.rules.known import at_second
from strongroom.alarms.rules.parameters import Parameters
from strongroom.alarms.seen import Seen
from strongroom.audit.entry import Outcome
from strongroom.audit.event_types import EventType
from strongroom.policy.deletion import clocks

_LAST_STEP: Final = "files"


@dataclass(slots=True)
class _Open:
    """One notice that is not closed."""

    received: int
    event: int
    erased: bool = False
    waits_for: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)


class NoticeOverdue:
    """A notice whose 72 hours end soon or are over, whose 90 days are over, or whom somebody has not confirmed."""

    name: ClassVar[str] = "notice_overdue"
    kind: ClassVar[AlarmKind] = AlarmKind.NOTICE_OVERDUE
    types: ClassVar[frozenset[EventType] | None] = frozenset(
        {
            EventType.DELETION_REGISTERED,
            EventType.DELETION_STEPPED,
            EventType.DELETION_ASKED,
            EventType.DELETION_CONFIRMED,
            EventType.DELETION_CLOSED,
        }
    )
    SOON: ClassVar = Case(
        kind,
        "soon",
        Severity.HIGH,
        Response.NOTIFY,
        "within 24 hours the 72 of a notice are over, and it was not run to its end",
    )
    LATE: ClassVar = Case(
        kind,
        "late",
        Severity.CRITICAL,
        Response.NOTIFY,
        "the 72 hours of a notice are over, and it was not run to its end",
    )
    UNCONFIRMED: ClassVar = Case(
        kind,
        "unconfirmed",
        Severity.HIGH,
        Response.NOTIFY,
        "the 72 hours of a notice are over, and somebody who received the data has not confirmed its deletion",
    )
    LIVE: ClassVar = Case(
        kind,
        "live",
        Severity.CRITICAL,
        Response.NOTIFY,
        "the 90 days of a notice are over, and it is not closed",
    )
    cases: ClassVar[tuple[Case, ...]] = (SOON, LATE, UNCONFIRMED, LIVE)

    def __init__(self, parameters: Parameters) -> None:
        del parameters  # the numbers are the policy's
        self._open: dict[str, _Open] = {}

    def feed(self, seen: Seen) -> Iterable[Signal]:
        """Follow each notice; nothing is wrong because of an entry."""
        number, op = seen.obj_ref or "", seen.op or ""
        if seen.outcome is not Outcome.SUCCESS:
            return ()
        if seen.type is EventType.DELETION_REGISTERED:
            self._open[number] = _Open(seen.n or 0, seen.seq)
            return ()
        notice = self._open.get(number)
        if notice is None:
            return ()
        if seen.type is EventType.DELETION_CLOSED:
            del self._open[number]
        elif seen.type is EventType.DELETION_STEPPED and op == _LAST_STEP:
            notice.erased = True
        elif seen.type is EventType.DELETION_ASKED and op not in notice.waits_for:
            notice.waits_for.append(op)
        elif seen.type is EventType.DELETION_CONFIRMED and op in notice.waits_for:
            notice.waits_for.remove(op)
        return ()

    def tick(self, now: datetime) -> Iterable[Signal]:
        """Tell once of each clock that ended too early."""
        return list(self._ended(now))

    def state(self) -> dict[str, Any]:
        """Return what has to be kept."""
        return {"open": {number: asdict(notice) for number, notice in self._open.items()}}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from it."""
        self._open = {number: _Open(**notice) for number, notice in state["open"].items()}

    def _ended(self, now: datetime) -> Iterator[Signal]:
        for number, notice in self._open.items():
            ends = clocks(at_second(notice.received))
            late = now > ends.erase_by
            firing = (
                (self.SOON, not notice.erased and not late and now >= ends.warn_at),
                (self.LATE, not notice.erased and late),
                (self.UNCONFIRMED, bool(notice.waits_for) and late),
                (self.LIVE, now > ends.live_by),
            )
            for case, fires in firing:
                if fires and case.name not in notice.told:
                    notice.told.append(case.name)
                    yield case.signal(now, target=f"notice:{number}", evidence=(notice.event,))
