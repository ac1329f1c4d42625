"""Whoever touches a canary: a record that stands for nobody, which no work leads to [2.6]. Pure."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar, Final

from strongroom.alarms.kinds import AlarmKind, Response, Severity, Signal
from strongroom.alarms.rules.cases import Case
from strongroom.alarms.rules.parameters import Parameters
from strongroom.alarms.seen import Seen
from strongroom.audit.event_types import EventType

_CHECK: Final = "canary.check"
_AGAIN: Final = "canary.again"


class CanaryTouched:
    """The first touch is enough. It remembers nothing."""

    name: ClassVar[str] = "canary_touched"
    kind: ClassVar[AlarmKind] = AlarmKind.CANARY_TOUCHED
    types: ClassVar[frozenset[EventType] | None] = frozenset({EventType.CANARY_TOUCHED})
    TOUCHED: ClassVar = Case(
        kind,
        "touched",
        Severity.CRITICAL,
        Response.FREEZE,
        "the first `canary.touched` of a record, by anybody, whatever its outcome",
    )
    CHECKED: ClassVar = Case(
        kind,
        "checked",
        Severity.LOW,
        Response.NOTIFY,
        "the monthly check touched one on purpose (`op` `canary.check`): its arrival proves the way",
    )
    AGAIN: ClassVar = Case(
        kind,
        "again",
        Severity.HIGH,
        Response.NOTIFY,
        "one that somebody else touched before, and that the log has named since (`op` `canary.again`)",
    )
    cases: ClassVar[tuple[Case, ...]] = (TOUCHED, AGAIN, CHECKED)

    def __init__(self, parameters: Parameters) -> None:
        del parameters  # there is no number to choose

    def feed(self, seen: Seen) -> Iterable[Signal]:
        """Tell of every touch."""
        if seen.type is not EventType.CANARY_TOUCHED:
            return ()
        # The operation is set by the door.
        case = {_CHECK: self.CHECKED, _AGAIN: self.AGAIN}.get(seen.op or "", self.TOUCHED)
        return (
            case.signal(
                seen.at,
                principal=seen.principal,
                target=seen.obj_ref,
                count=seen.n or 1,
                evidence=(seen.seq,),
            ),
        )

    def tick(self, now: datetime) -> Iterable[Signal]:
        """Nothing follows from time alone."""
        del now
        return ()

    def state(self) -> dict[str, Any]:
        """Return nothing: there is nothing to keep."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from nothing."""
        del state
