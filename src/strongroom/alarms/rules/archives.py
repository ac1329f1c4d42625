"""What a law requires and could not be archived, and duties about holds and archives that are late [2.1]. Pure."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar

from strongroom.alarms.kinds import AlarmKind, Response, Severity, Signal
from strongroom.alarms.rules.cases import Case
from strongroom.alarms.rules.parameters import Parameters
from strongroom.alarms.seen import Seen
from strongroom.audit.event_types import EventType


class ArchiveAtRisk:
    """An archive that can't be written, data that went without one, or a review, drill or expiry that is late."""

    name: ClassVar[str] = "archive_at_risk"
    kind: ClassVar[AlarmKind] = AlarmKind.ARCHIVE_AT_RISK
    types: ClassVar[frozenset[EventType] | None] = frozenset({EventType.ARCHIVE_FAILED})
    LOST: ClassVar = Case(
        kind,
        "lost",
        Severity.CRITICAL,
        Response.NOTIFY,
        "held data was destroyed and no archive of it was written (`archive.failed` with `op` `lost`)",
    )
    UNREADY: ClassVar = Case(
        kind,
        "unready",
        Severity.HIGH,
        Response.NOTIFY,
        "held data is due within five days, or waits, and no archive could be written (`set_aside`, `unready`)",
    )
    LATE: ClassVar = Case(
        kind,
        "late",
        Severity.MEDIUM,
        Response.NOTIFY,
        "a hold was not reviewed, no archive was opened for 90 days, or one that expired is still there",
    )
    cases: ClassVar[tuple[Case, ...]] = (LOST, UNREADY, LATE)
    _CASES: ClassVar = {"lost": LOST, "set_aside": UNREADY, "unready": UNREADY}

    def __init__(self, parameters: Parameters) -> None:
        del parameters  # how often it is said is decided where it is recorded

    def feed(self, seen: Seen) -> Iterable[Signal]:
        """Tell of each at once."""
        op = seen.op or ""
        case = self._CASES.get(op, self.LATE)
        return (case.signal(seen.at, target=seen.obj_ref or op, evidence=(seen.seq,)),)

    def tick(self, now: datetime) -> Iterable[Signal]:
        """Nothing follows from time alone."""
        del now
        return ()

    def state(self) -> dict[str, Any]:
        """Return what has to be kept: nothing."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from it."""
        del state
