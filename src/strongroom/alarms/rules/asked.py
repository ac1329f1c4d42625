"""People who ask about their own data: whose day is near or over, who reached for an answer not theirs. Pure.

The law counts days [2.2]; `subject.request.due` is recorded once when a day is near and once when it went by.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar, Final

from strongroom.alarms.kinds import AlarmKind, Response, Severity, Signal
from strongroom.alarms.rules.cases import Case
from strongroom.alarms.rules.parameters import Parameters
from strongroom.alarms.seen import Seen
from strongroom.audit.entry import Outcome
from strongroom.audit.event_types import EventType

_OVER: Final = "over"


class RequestDue:
    """A request of somebody about their own data that waits too long, or that somebody else tried to answer."""

    name: ClassVar[str] = "request_due"
    kind: ClassVar[AlarmKind] = AlarmKind.REQUEST_DUE
    types: ClassVar[frozenset[EventType] | None] = frozenset(
        {EventType.REQUEST_DUE, EventType.REQUEST_EXPORTED}
    )
    NEAR: ClassVar = Case(
        kind,
        "near",
        Severity.LOW,
        Response.NOTIFY,
        "a subject request is to be answered within seven days (`subject.request.due` with `op` `near`)",
    )
    OVER: ClassVar = Case(
        kind,
        "over",
        Severity.HIGH,
        Response.NOTIFY,
        "a subject request was not answered by its day (`subject.request.due` with `op` `over`)",
    )
    REFUSED: ClassVar = Case(
        kind,
        "refused",
        Severity.MEDIUM,
        Response.NOTIFY,
        "somebody was refused the copy of another person's data: it was not theirs to make, or nobody had proved "
        "anything (`subject.request.exported`, denied)",
    )
    cases: ClassVar[tuple[Case, ...]] = (NEAR, OVER, REFUSED)

    def __init__(self, parameters: Parameters) -> None:
        del parameters

    def feed(self, seen: Seen) -> Iterable[Signal]:
        """Tell of each."""
        if seen.type is EventType.REQUEST_DUE:
            case = self.OVER if seen.op == _OVER else self.NEAR
            return (case.signal(seen.at, target=seen.obj_ref, evidence=(seen.seq,)),)
        if seen.outcome is not Outcome.DENIED:
            return ()
        signal = self.REFUSED.signal(
            seen.at, principal=seen.principal, target=seen.obj_ref, evidence=(seen.seq,)
        )
        return (signal,)

    def tick(self, now: datetime) -> Iterable[Signal]:
        """Nothing follows from time alone: what is due is recorded."""
        del now
        return ()

    def state(self) -> dict[str, Any]:
        """Return what has to be kept: nothing."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from it."""
        del state
