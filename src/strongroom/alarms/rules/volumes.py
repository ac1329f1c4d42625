"""How much personal data one principal opens: bursts by the hour, drains by the day [2.6].

Pure. What is opened is what the door recorded as `vault.record.revealed` and `vault.record.searched` with success:
records, and about how many different ones (subjects). Until a principal has a history only `first_volume` holds, which
tells and stops nobody.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Self

from strongroom.alarms.baselines import Counts, Daily, Distinct, Hourly
from strongroom.alarms.kinds import AlarmKind, Response, Severity, Signal
from strongroom.alarms.rules.cases import MOST_EVIDENCE, Case
from strongroom.alarms.rules.hourly import DAY, HOUR, Rate
from strongroom.alarms.rules.known import Known, at_second, seconds
from strongroom.alarms.rules.opened import OPENED, opened
from strongroom.alarms.rules.parameters import Parameters
from strongroom.alarms.seen import Seen
from strongroom.audit.event_types import EventType
from strongroom.terms import PrincipalId


@dataclass(slots=True)
class _Opening:
    """What one principal opens for one purpose, by the hour."""

    records: Rate = field(default_factory=Rate)
    subjects: Rate = field(default_factory=Rate)
    today: Distinct = field(default_factory=Distinct)
    day: int = 0

    def new(self, day: int, numbers: Iterable[int]) -> float:
        """Return how many of the records were not opened before on this day."""
        if day > self.day:
            self.today, self.day = Distinct(), day
        return self.today.add_all(numbers)

    def state(self) -> dict[str, Any]:
        return {
            "records": self.records.state(),
            "subjects": self.subjects.state(),
            "today": self.today.state(),
            "day": self.day,
        }

    @classmethod
    def of(cls, state: dict[str, Any]) -> Self:
        records, subjects = Rate.of(state["records"]), Rate.of(state["subjects"])
        return cls(records, subjects, Distinct.of(state["today"]), state["day"])


class RetrievalVolume:
    """Bursts: an hour's records or subjects of one principal and purpose beyond what that hour of the week has seen."""

    name: ClassVar[str] = "retrieval_volume"
    kind: ClassVar[AlarmKind] = AlarmKind.RETRIEVAL_VOLUME
    types: ClassVar[frozenset[EventType] | None] = OPENED
    BURST: ClassVar = Case(
        kind,
        "burst",
        Severity.HIGH,
        Response.THROTTLE,
        "records or subjects of an hour, by principal and purpose, are above the median of that hour of the week by "
        "`volume_z` deviations (or above `volume_never_over` times the principal's hour in a hundred), by "
        "`volume_floor`, and above `volume_over_busy` times the hour in a hundred",
    )
    FIRST: ClassVar = Case(
        kind,
        "first_days",
        Severity.MEDIUM,
        Response.NOTIFY,
        "a principal without `least_days` of history opens more than `first_volume` records in an hour",
    )
    cases: ClassVar[tuple[Case, ...]] = (BURST, FIRST)

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters
        self._baseline = Hourly(
            weeks=parameters.weeks,
            least_days=parameters.least_days,
            z=parameters.volume_z,
            floor=parameters.volume_floor,
            over_busy=parameters.volume_over_busy,
            never_over=parameters.volume_never_over,
            relative=parameters.volume_relative,
        )
        self._known = Known(parameters.principals_most, _Opening, _Opening.of)

    def feed(self, seen: Seen) -> Iterable[Signal]:
        """Count what was opened."""
        n, numbers = opened(seen)
        if not n:
            return ()
        at = seconds(seen.at)
        hour = at // HOUR
        purpose = seen.purpose or "none"
        opening = self._known.get(f"{seen.principal}/{purpose}")
        new = opening.new(at // DAY, numbers)
        many = opening.records.add(hour, n, seen.seq, self._baseline)
        different = new > 0 and opening.subjects.add(hour, new, seen.seq, self._baseline)
        if many or different:
            return (self._signal(self.BURST, seen, opening, purpose),)
        if opening.records.is_first(self._parameters.first_volume, self._baseline):
            return (self._signal(self.FIRST, seen, opening, purpose),)
        return ()

    def tick(self, now: datetime) -> Iterable[Signal]:
        """Forget who is gone."""
        oldest = seconds(now - self._parameters.forget_after)
        self._known.forget_until(lambda opening: opening.records.step * HOUR, oldest)
        return ()

    def state(self) -> dict[str, Any]:
        """Return what has to be kept."""
        return {"known": self._known.state(_Opening.state)}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from it."""
        self._known.restore(state["known"])

    def _signal(self, case: Case, seen: Seen, opening: _Opening, purpose: str) -> Signal:
        return case.signal(
            seen.at,
            principal=seen.principal,
            target=purpose,
            count=opening.records.count,
            evidence=opening.records.evidence,
        )


@dataclass(slots=True)
class _Drain:
    """The subjects that one principal opened for one purpose, by day, and what they drifted by."""

    days: Counts | None = None
    today: Distinct = field(default_factory=Distinct)
    drift: float = 0.0
    surplus: float = 0.0
    """Subjects above the usual since the drift was last nothing."""
    evidence: deque[int] = field(default_factory=lambda: deque(maxlen=MOST_EVIDENCE))
    rising: int = 0

    def state(self) -> dict[str, Any]:
        days = None if self.days is None else self.days.state()
        kept = [self.drift, self.surplus, self.rising]
        today = self.today.state()
        return {"days": days, "today": today, "kept": kept, "evidence": list(self.evidence)}

    @classmethod
    def of(cls, state: dict[str, Any]) -> Self:
        drift, surplus, rising = state["kept"]
        days = None if state["days"] is None else Counts.of(state["days"])
        evidence = deque(state["evidence"], maxlen=MOST_EVIDENCE)
        return cls(days, Distinct.of(state["today"]), drift, surplus, evidence, rising)


class SlowDrain:
    """Drains: day after day a little more than that weekday had, added up until it can be no chance (CUSUM)."""

    name: ClassVar[str] = "slow_drain"
    kind: ClassVar[AlarmKind] = AlarmKind.SLOW_DRAIN
    types: ClassVar[frozenset[EventType] | None] = OPENED
    DRAIN: ClassVar = Case(
        kind,
        "drain",
        Severity.HIGH,
        Response.NOTIFY,
        "subjects of a day, by principal and purpose, in deviations above their weekday's median less `drain_slack`, "
        "add up to `drain_limit`, with `drain_floor` subjects a day",
    )
    cases: ClassVar[tuple[Case, ...]] = (DRAIN,)

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters
        self._baseline = Daily(
            days=parameters.drain_days,
            lag=parameters.drain_lag,
            least_days=parameters.drain_least_days,
            slack=parameters.drain_slack,
            limit=parameters.drain_limit,
            most_of_a_day=parameters.drain_most_of_a_day,
            least_of_a_day=parameters.drain_least_of_a_day,
            relative=parameters.drain_relative,
        )
        self._known = Known(parameters.principals_most, _Drain, _Drain.of)
        self._ticked = 0

    def feed(self, seen: Seen) -> Iterable[Signal]:
        """Count what was opened; a day that ended is judged with the first entry after it."""
        n, numbers = opened(seen)
        if not n:
            return ()
        day = seconds(seen.at) // DAY
        key = f"{seen.principal}/{seen.purpose or 'none'}"
        drain = self._known.get(key)
        if drain.days is None:
            drain.days = Counts(self._baseline.most, day)
        found = list(self._ended(key, drain, drain.days, day)) if day > drain.days.step else ()
        drain.days.count += drain.today.add_all(numbers)
        drain.evidence.append(seen.seq)
        return found

    def tick(self, now: datetime) -> Iterable[Signal]:
        """Judge the day that ended, of everybody; forget who is gone."""
        day = seconds(now) // DAY
        if day <= self._ticked:
            return ()
        self._ticked = day
        oldest = day - self._parameters.forget_after.days
        signals: list[Signal] = []
        for key, drain in self._known:
            if drain.days is not None:
                signals += self._ended(key, drain, drain.days, day)
                if drain.days.first < oldest and not any(drain.days.roots(oldest, day)):
                    self._known.forget(key)
        return signals

    def state(self) -> dict[str, Any]:
        """Return what has to be kept."""
        return {"known": self._known.state(_Drain.state), "ticked": self._ticked}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from it."""
        self._known.restore(state["known"])
        self._ticked = state["ticked"]

    def _ended(self, key: str, drain: _Drain, days: Counts, day: int) -> Iterator[Signal]:
        for ended, count in days.move(day):
            drain.today = Distinct()
            surplus = self._baseline.surplus(days, ended, count)
            if surplus is None:
                continue
            drain.drift = self._baseline.added(drain.drift, surplus[0])
            if drain.drift <= 0:
                drain.rising, drain.surplus = 0, 0.0
                drain.evidence.clear()
                continue
            drain.rising += 1
            drain.surplus += surplus[1]
            enough = drain.surplus >= self._parameters.drain_floor * drain.rising
            if drain.drift > self._baseline.limit and enough:
                principal, _, purpose = key.partition("/")
                yield self.DRAIN.signal(
                    at_second((ended + 1) * DAY),
                    principal=PrincipalId(int(principal)),
                    target=purpose,
                    count=round(drain.surplus),
                    evidence=drain.evidence,
                )
                drain.drift, drain.rising, drain.surplus = 0.0, 0, 0.0
