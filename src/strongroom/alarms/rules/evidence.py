"""Whether the log can be believed: tampering, silence, the clock, and what those outside say of it [2.6]. Pure."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, ClassVar, Final

from strongroom.alarms.kinds import AlarmKind, Response, Severity, Signal
from strongroom.alarms.rules.cases import Case
from strongroom.alarms.rules.known import seconds
from strongroom.alarms.rules.parameters import Parameters
from strongroom.alarms.seen import Seen
from strongroom.audit.entry import Outcome, Reason
from strongroom.audit.event_types import EventType

_MOST_BOOTS: Final = 256
_MICROS: Final = 1_000_000


class LogTampered:
    """Whatever says that something stored, or the log, is not what was recorded. It remembers nothing."""

    name: ClassVar[str] = "log_tampered"
    kind: ClassVar[AlarmKind] = AlarmKind.LOG_TAMPERED
    types: ClassVar[frozenset[EventType] | None] = None
    LOG: ClassVar = Case(
        kind,
        "log",
        Severity.CRITICAL,
        Response.NOTIFY,
        "a verification of the log failed, or its database file, copy or head is not what was recorded",
    )
    RECORD: ClassVar = Case(
        kind,
        "stored",
        Severity.HIGH,
        Response.NOTIFY,
        "a record, grant, network or credential that is stored is not what was stored (reason `tampered`)",
    )
    EPOCH: ClassVar = Case(
        kind,
        "epoch",
        Severity.HIGH,
        Response.NOTIFY,
        "a new epoch of the log began: its database was set back, or restored",
    )
    cases: ClassVar[tuple[Case, ...]] = (LOG, RECORD, EPOCH)
    _BROKEN: ClassVar = frozenset({Reason.TAMPERED, Reason.FORKED, Reason.ROLLED_BACK})
    _OF_THE_LOG: ClassVar = frozenset(
        {EventType.LOG_VERIFIED, EventType.LOG_COPIED, EventType.SYSTEM_ERROR}
    )
    _ELSEWHERE: ClassVar = frozenset(
        # The first is for `WitnessRefused`; the others are told of alarms, not found.
        {
            EventType.LOG_ANCHOR_FAILED,
            EventType.ALARM_RAISED,
            EventType.ALARM_ACTED,
            EventType.ALARM_DRILLED,
        }
    )

    def __init__(self, parameters: Parameters) -> None:
        del parameters  # there is no number to choose

    def feed(self, seen: Seen) -> Iterable[Signal]:
        """Tell of every one."""
        if seen.type is EventType.LOG_EPOCH_STARTED:
            return (self._signal(self.EPOCH, seen),)
        if seen.reason is None and seen.outcome is Outcome.SUCCESS:
            return ()
        if seen.type is EventType.LOG_VERIFIED and seen.outcome is not Outcome.SUCCESS:
            return (self._signal(self.LOG, seen),)
        broken = seen.reason in self._BROKEN and seen.type not in self._ELSEWHERE
        if not broken and seen.type is not EventType.RECORD_TAMPERED:
            return ()
        return (self._signal(self.LOG if seen.type in self._OF_THE_LOG else self.RECORD, seen),)

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

    @staticmethod
    def _signal(case: Case, seen: Seen) -> Signal:
        # Whoever came upon it did not do it: nobody is concerned.
        target = seen.obj_ref if case is LogTampered.RECORD else None
        return case.signal(seen.at, target=target or seen.type.value, evidence=(seen.seq,))


class LogSilent:
    """What was not recorded: heartbeats of a run that goes on, an end, numbers between two entries."""

    name: ClassVar[str] = "log_silent"
    kind: ClassVar[AlarmKind] = AlarmKind.LOG_SILENT
    types: ClassVar[frozenset[EventType] | None] = None
    HEARTBEAT: ClassVar = Case(
        kind,
        "heartbeat",
        Severity.HIGH,
        Response.NOTIFY,
        "a node that serves has recorded no heartbeat for `silent_after`",
    )
    NO_END: ClassVar = Case(
        kind,
        "no_end",
        Severity.MEDIUM,
        Response.NOTIFY,
        "a node begins a new run and the one before, which served, recorded no end (`home.closed`)",
    )
    GAP: ClassVar = Case(
        kind,
        "gap",
        Severity.CRITICAL,
        Response.NOTIFY,
        "a number (`nseq`) is missing or comes twice among the entries of one node and run",
    )
    cases: ClassVar[tuple[Case, ...]] = (HEARTBEAT, NO_END, GAP)

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters
        self._runs: dict[str, list[int]] = {}
        """By node and boot, the quiet ones first: last number, its entry, last heartbeat or 0, told, unfed then."""
        self._last = -1
        self._unfed = 0
        """Entries that were not given to this rule: it knows no word for them, or began later."""

    def feed(self, seen: Seen) -> Iterable[Signal]:
        """Follow the numbers, heartbeats and ends of every run."""
        self._unfed += max(seen.seq - self._last - 1, 0)
        self._last = seen.seq
        key = f"{seen.node} {seen.boot}"
        run = self._runs.pop(key, None)
        signals: Iterable[Signal] = ()
        if run is None:
            signals = list(self._begun(seen))
            run = [seen.nseq, seen.seq, 0, 0, self._unfed]
            if len(self._runs) >= _MOST_BOOTS:
                del self._runs[next(iter(self._runs))]
        else:
            missing = seen.nseq - run[0] - 1
            if missing and not 0 < missing <= self._unfed - run[4]:
                signals = (self._signal(self.GAP, seen, (run[1], seen.seq), abs(missing)),)
            run[0], run[1], run[4] = seen.nseq, seen.seq, self._unfed
        self._runs[key] = run
        if seen.type is EventType.LOG_HEARTBEAT:
            run[2], run[3] = seconds(seen.at), 0
        elif seen.type is EventType.HOME_CLOSED:
            run[2] = 0
        return signals

    def tick(self, now: datetime) -> Iterable[Signal]:
        """Tell of each run whose heartbeat is overdue."""
        return list(self._overdue(now))

    def state(self) -> dict[str, Any]:
        """Return what has to be kept."""
        runs = [[key, *run] for key, run in self._runs.items()]
        return {"runs": runs, "last": self._last, "unfed": self._unfed}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from it."""
        self._runs = {key: run for key, *run in state["runs"]}
        self._last, self._unfed = state["last"], state["unfed"]

    def _begun(self, seen: Seen) -> Iterator[Signal]:
        if seen.nseq > self._unfed:
            yield self._signal(self.GAP, seen, (seen.seq,), seen.nseq)
        for key, run in self._runs.items():
            # Another run of the same node can only begin when the one before is over: it owned the home.
            if run[2] and key.startswith(f"{seen.node} "):
                run[2] = 0
                yield self._signal(self.NO_END, seen, (run[1], seen.seq), 1)

    def _overdue(self, now: datetime) -> Iterator[Signal]:
        oldest = seconds(now - self._parameters.silent_after)
        for key, run in self._runs.items():
            if run[2] and not run[3] and run[2] < oldest:
                run[3] = 1
                node, _, _ = key.partition(" ")
                yield self.HEARTBEAT.signal(now, target=node, evidence=(run[1],))

    @staticmethod
    def _signal(case: Case, seen: Seen, evidence: Iterable[int], count: int) -> Signal:
        return case.signal(seen.at, target=seen.node, count=count, evidence=evidence)


class ClockJumped:
    """The clock against the one nobody sets, from entry to entry of one run; and what the service itself noticed."""

    name: ClassVar[str] = "clock_jumped"
    kind: ClassVar[AlarmKind] = AlarmKind.CLOCK_JUMPED
    types: ClassVar[frozenset[EventType] | None] = None
    TOLD: ClassVar = Case(
        kind, "told", Severity.HIGH, Response.NOTIFY, "the service recorded `clock.jumped`"
    )
    SEEN: ClassVar = Case(
        kind,
        "seen",
        Severity.HIGH,
        Response.NOTIFY,
        "between two entries of one run `t` and `mono_ns` went on by spans that differ by more than `clock_slack`",
    )
    cases: ClassVar[tuple[Case, ...]] = (TOLD, SEEN)

    def __init__(self, parameters: Parameters) -> None:
        self._slack = int(parameters.clock_slack.total_seconds() * _MICROS)
        self._offsets: dict[str, tuple[int, int]] = {}
        """By node and boot: microseconds by which the clock is ahead of the other, and the entry that said so."""

    def feed(self, seen: Seen) -> Iterable[Signal]:
        """Compare with the entry before of the same run."""
        key = f"{seen.node} {seen.boot}"
        offset = int(seen.at.timestamp() * _MICROS) - seen.mono_ns // 1000
        before = self._offsets.pop(key, None)
        self._offsets[key] = (offset, seen.seq)
        if before is None and len(self._offsets) > _MOST_BOOTS:
            del self._offsets[next(iter(self._offsets))]
        if seen.type is EventType.CLOCK_JUMPED and seen.outcome is not Outcome.SUCCESS:
            return (self.TOLD.signal(seen.at, target=seen.node, evidence=(seen.seq,)),)
        if before is None or abs(offset - before[0]) <= self._slack:
            return ()
        jumped = abs(offset - before[0]) // _MICROS
        evidence = (before[1], seen.seq)
        return (self.SEEN.signal(seen.at, target=seen.node, count=jumped, evidence=evidence),)

    def tick(self, now: datetime) -> Iterable[Signal]:
        """Nothing follows from time alone."""
        del now
        return ()

    def state(self) -> dict[str, Any]:
        """Return what has to be kept."""
        return {"offsets": [[key, *offset] for key, offset in self._offsets.items()]}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from it."""
        self._offsets = {key: (offset, seq) for key, offset, seq in state["offsets"]}
