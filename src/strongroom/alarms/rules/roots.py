"""Whether the root key's provider still opens what it should [2.4]. Pure."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar

from strongroom.alarms.kinds import AlarmKind, Response, Severity, Signal
from strongroom.alarms.rules.cases import Case
from strongroom.alarms.rules.parameters import Parameters
from strongroom.alarms.seen import Seen
from strongroom.audit.entry import Outcome, Reason
from strongroom.audit.event_types import EventType


class RootUnreachable:
    """Each process asks its provider every minute, and tells when that begins to fail, and when keys are put away."""

    name: ClassVar[str] = "root_unreachable"
    kind: ClassVar[AlarmKind] = AlarmKind.ROOT_UNREACHABLE
    types: ClassVar[frozenset[EventType] | None] = frozenset({EventType.ROOT_PROBED})
    AWAY: ClassVar = Case(
        kind,
        "away",
        Severity.HIGH,
        Response.NOTIFY,
        "the provider does not open the root key: a restart would fail",
    )
    OTHER: ClassVar = Case(
        kind,
        "other",
        Severity.CRITICAL,
        Response.NOTIFY,
        "the provider answers, and does not know the master key as its own",
    )
    SHUT: ClassVar = Case(
        kind,
        "shut",
        Severity.CRITICAL,
        Response.NOTIFY,
        "it stayed away beyond `keystore.root_grace_minutes`: keys are put away, nothing is revealed",
    )
    cases: ClassVar[tuple[Case, ...]] = (AWAY, OTHER, SHUT)

    def __init__(self, parameters: Parameters) -> None:
        del parameters  # the grace is a setting of the home

    def feed(self, seen: Seen) -> Iterable[Signal]:
        """Tell of each failure; what came back tells itself."""
        if seen.outcome is not Outcome.FAILURE:
            return ()
        case = self.OTHER if seen.reason is Reason.TAMPERED else self.AWAY
        if seen.op == "shut":
            case = self.SHUT
        return (case.signal(seen.at, target=seen.node, evidence=(seen.seq,)),)

    def tick(self, now: datetime) -> Iterable[Signal]:  # noqa: ARG002 - as every rule
        """Tell nothing by time alone."""
        return ()

    def state(self) -> dict[str, Any]:
        """Return what has to be kept."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from it."""
