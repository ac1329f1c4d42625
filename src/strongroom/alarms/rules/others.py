"""What others do for the log and for alarms, and no longer do: witnesses, copies, channels, feeds [1.6, 2.6]. Pure."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar, Final

from strongroom.alarms.kinds import AlarmKind, Response, Severity, Signal
from strongroom.alarms.rules.cases import Case
from strongroom.alarms.rules.known import Known
from strongroom.alarms.rules.parameters import Parameters
from strongroom.alarms.seen import Seen
from strongroom.audit.entry import Outcome, Reason
from strongroom.audit.event_types import EventType

_MOST: Final = 256
_EVIDENCE: Final = 20
_DEAD_LETTER: Final = "dead_letter"
_UNREACHED: Final = frozenset(
    {
        Reason.UNREACHABLE,
        Reason.UNAVAILABLE,
        Reason.UPSTREAM_ERROR,
        Reason.UPSTREAM_TIMEOUT,
        Reason.UPSTREAM_TLS,
        Reason.RATE_LIMITED,
        Reason.SILENT,
        Reason.INTERNAL,
    }
)


class _InARow:
    """Failures in a row of each of a bounded number of others, as the numbers of their entries."""

    def __init__(self) -> None:
        self.failed = Known[list[int]](_MOST, list, list)

    def add(self, whom: str, seq: int) -> list[int]:
        """Note a failure; return how many there were before this one, and the last entries."""
        row = self.failed.get(whom)
        if not row:
            row.append(0)
        row[0] += 1
        row.append(seq)
        del row[1:-_EVIDENCE]
        return row


class WitnessRefused:
    """A witness, a timestamping authority or a copy that does not take what the log is now."""

    name: ClassVar[str] = "witness_refused"
    kind: ClassVar[AlarmKind] = AlarmKind.WITNESS_REFUSED
    types: ClassVar[frozenset[EventType] | None] = frozenset(
        {
            EventType.LOG_ANCHOR_FAILED,
            EventType.LOG_WITNESSED,
            EventType.LOG_TIMESTAMPED,
            EventType.LOG_COPIED,
        }
    )
    CONTRADICTED: ClassVar = Case(
        kind,
        "contradicted",
        Severity.CRITICAL,
        Response.NOTIFY,
        "an anchor holds another history than ours (`forked`, `rolled_back`, `tampered`)",
    )
    REFUSED: ClassVar = Case(
        kind,
        "refused",
        Severity.HIGH,
        Response.NOTIFY,
        "an anchor was reached and refused, or fewer witnesses than needed signed (`unreached_quorum`)",
    )
    UNREACHABLE: ClassVar = Case(
        kind,
        "unreachable",
        Severity.MEDIUM,
        Response.NOTIFY,
        "an anchor could not be reached `anchor_failures` times in a row",
    )
    cases: ClassVar[tuple[Case, ...]] = (CONTRADICTED, REFUSED, UNREACHABLE)
    _CONTRADICTIONS: ClassVar = frozenset({Reason.FORKED, Reason.ROLLED_BACK, Reason.TAMPERED})

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters
        self._in_a_row = _InARow()

    def feed(self, seen: Seen) -> Iterable[Signal]:
        """Tell of a refusal at once, of an anchor that is away after some tries."""
        whom = seen.obj_ref or seen.op or "anchor"
        if seen.outcome is Outcome.SUCCESS and seen.type is not EventType.LOG_ANCHOR_FAILED:
            self._in_a_row.failed.forget(whom)
            return ()
        if seen.reason in self._CONTRADICTIONS:
            return (self.CONTRADICTED.signal(seen.at, target=whom, evidence=(seen.seq,)),)
        if seen.reason is not None and seen.reason not in _UNREACHED:
            return (self.REFUSED.signal(seen.at, target=whom, evidence=(seen.seq,)),)
        count, *evidence = self._in_a_row.add(whom, seen.seq)
        if not _tells(count, self._parameters.anchor_failures):
            return ()
        return (self.UNREACHABLE.signal(seen.at, target=whom, count=count, evidence=evidence),)

    def tick(self, now: datetime) -> Iterable[Signal]:
        """Nothing follows from time alone."""
        del now
        return ()

    def state(self) -> dict[str, Any]:
        """Return what has to be kept."""
        return {"failed": self._in_a_row.failed.state(list)}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from it."""
        self._in_a_row.failed.restore(state["failed"])


class ChannelDown:
    """A way by which alarms reach people that does not work: told on the others."""

    name: ClassVar[str] = "channel_down"
    kind: ClassVar[AlarmKind] = AlarmKind.CHANNEL_DOWN
    types: ClassVar[frozenset[EventType] | None] = frozenset(
        {
            EventType.NOTICE_FAILED,
            EventType.NOTICE_DELIVERED,
            EventType.FEED_STOPPED,
            EventType.FEED_RESUMED,
        }
    )
    DOWN: ClassVar = Case(
        kind,
        "down",
        Severity.HIGH,
        Response.NOTIFY,
        "a channel takes no notices after several tries (`notice.failed`): told at first, and each time the number "
        "doubled until one arrives",
    )
    GIVEN_UP: ClassVar = Case(
        kind,
        "given_up",
        Severity.HIGH,
        Response.NOTIFY,
        "a notice was given up after its last try (`notice.failed` with `op` `dead_letter`)",
    )
    FEED: ClassVar = Case(
        kind, "feed", Severity.MEDIUM, Response.NOTIFY, "a feed of the log stopped (`feed.stopped`)"
    )
    cases: ClassVar[tuple[Case, ...]] = (DOWN, GIVEN_UP, FEED)

    def __init__(self, parameters: Parameters) -> None:
        del parameters  # a channel has its own tries before it says that it is down
        self._in_a_row = _InARow()

    def feed(self, seen: Seen) -> Iterable[Signal]:
        """Tell of a channel or feed that does not work."""
        whom = seen.obj_ref or seen.op or "channel"
        if seen.type is EventType.FEED_STOPPED:
            return (self.FEED.signal(seen.at, target=whom, evidence=(seen.seq,)),)
        if seen.type is not EventType.NOTICE_FAILED:
            if seen.outcome is Outcome.SUCCESS:
                self._in_a_row.failed.forget(whom)
            return ()
        count, *evidence = self._in_a_row.add(whom, seen.seq)
        if seen.op == _DEAD_LETTER:
            return (self.GIVEN_UP.signal(seen.at, target=whom, count=count, evidence=evidence),)
        if not _tells(count, 1):
            return ()
        return (self.DOWN.signal(seen.at, target=whom, count=count, evidence=evidence),)

    def tick(self, now: datetime) -> Iterable[Signal]:
        """Nothing follows from time alone."""
        del now
        return ()

    def state(self) -> dict[str, Any]:
        """Return what has to be kept."""
        return {"failed": self._in_a_row.failed.state(list)}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from it."""
        self._in_a_row.failed.restore(state["failed"])


def _tells(count: int, limit: int) -> bool:
    """Tell whether to say so now: at the limit, and each time the count doubled since."""
    return count >= limit and count % limit == 0 and (count // limit).bit_count() == 1
