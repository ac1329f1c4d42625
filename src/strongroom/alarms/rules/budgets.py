"""Budgets of records: those that refused somebody, and one that each principal's own history sets [1.3, 2.6].

Pure. This one covers what no baseline sees: the slow reader who takes a little all day and all night.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Self

from strongroom.alarms.baselines import Counts, Distinct
from strongroom.alarms.kinds import AlarmKind, Response, Severity, Signal
from strongroom.alarms.rules.cases import MOST_EVIDENCE, Case
from strongroom.alarms.rules.hourly import DAY, HOUR
from strongroom.alarms.rules.known import Known, seconds
from strongroom.alarms.rules.opened import OPENED, opened
from strongroom.alarms.rules.parameters import Parameters
from strongroom.alarms.seen import Seen
from strongroom.audit.entry import Reason
from strongroom.audit.event_types import EventType


@dataclass(slots=True)
class _Use:
    """What one principal opened today, in the last 24 hours, and on each of the days before."""

    days: Counts | None = None
    today: Distinct = field(default_factory=Distinct)
    hours: list[int] = field(default_factory=list)
    """The hours, of the last 24, in which it opened anything."""
    busiest: list[int] = field(default_factory=list)
    """How many hours of 24 it was active at most, by day: pairs of day and number, flat."""
    budget: float | None = None
    told: float = 0.0
    rested: bool = True
    refused: int = 0
    told_refused: int = 0
    evidence: deque[int] = field(default_factory=lambda: deque(maxlen=MOST_EVIDENCE))
    refusals: deque[int] = field(default_factory=lambda: deque(maxlen=MOST_EVIDENCE))

    def state(self) -> dict[str, Any]:
        return {
            "days": None if self.days is None else self.days.state(),
            "today": self.today.state(),
            "hours": self.hours,
            "busiest": self.busiest,
            "kept": [self.budget, self.told, self.rested, self.refused, self.told_refused],
            "evidence": [list(self.evidence), list(self.refusals)],
        }

    @classmethod
    def of(cls, state: dict[str, Any]) -> Self:
        made = cls(
            None if state["days"] is None else Counts.of(state["days"]),
            Distinct.of(state["today"]),
            list(state["hours"]),
            list(state["busiest"]),
        )
        made.budget, made.told, made.rested, made.refused, made.told_refused = state["kept"]
        for kept, found in zip((made.evidence, made.refusals), state["evidence"], strict=True):
            kept.extend(found)
        return made


class BudgetSpent:
    """Budgets: those that refused somebody, and one that each principal's own history sets, which suspends."""

    name: ClassVar[str] = "budget_spent"
    kind: ClassVar[AlarmKind] = AlarmKind.BUDGET_SPENT
    types: ClassVar[frozenset[EventType] | None] = OPENED | {EventType.API_REQUEST_REFUSED}
    REFUSED: ClassVar = Case(
        kind,
        "refused",
        Severity.MEDIUM,
        Response.NOTIFY,
        "a grant's budget or the API's records of the day refused a principal, told once a day",
    )
    GOES_ON: ClassVar = Case(
        kind,
        "goes_on",
        Severity.HIGH,
        Response.THROTTLE,
        "`refused_by_budget` such refusals of one principal in a day",
    )
    ADAPTIVE: ClassVar = Case(
        kind,
        "adaptive",
        Severity.HIGH,
        Response.SUSPEND,
        "different records of a day are above `budget_over_most` times the second largest day of `budget_days`, and "
        "above that day by `budget_floor`; or above `budget_ceiling`",
    )
    WITHOUT_REST: ClassVar = Case(
        kind,
        "without_rest",
        Severity.HIGH,
        Response.SUSPEND,
        "a principal never active in more than `rest_usual` hours of 24 opens records in `without_rest` of them",
    )
    FIRST: ClassVar = Case(
        kind,
        "first_days",
        Severity.MEDIUM,
        Response.NOTIFY,
        "a principal without `budget_least_days` of history opens more than `first_budget` different records in a day",
    )
    cases: ClassVar[tuple[Case, ...]] = (REFUSED, GOES_ON, ADAPTIVE, WITHOUT_REST, FIRST)

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters
        self._known = Known(parameters.principals_most, _Use, _Use.of)

    def feed(self, seen: Seen) -> Iterable[Signal]:
        """Count what was opened, and what a budget refused."""
        if seen.reason is Reason.BUDGET_SPENT or seen.reason is Reason.VOLUME_LIMITED:
            return self._refused(seen, self._use(seen))
        n, numbers = opened(seen)
        return self._opened(seen, self._use(seen), numbers) if n else ()

    def tick(self, now: datetime) -> Iterable[Signal]:
        """Forget who is gone."""
        oldest = seconds(now - self._parameters.forget_after)
        self._known.forget_until(lambda use: use.days.step * DAY if use.days else 0, oldest)
        return ()

    def state(self) -> dict[str, Any]:
        """Return what has to be kept."""
        return {"known": self._known.state(_Use.state)}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from it."""
        self._known.restore(state["known"])

    def _use(self, seen: Seen) -> _Use:
        day = seconds(seen.at) // DAY
        use = self._known.get(str(seen.principal))
        if use.days is None:
            use.days = Counts(self._parameters.budget_days + 1, day)
        elif day > use.days.step:
            for _ in use.days.move(day):
                pass
            use.today, use.told, use.refused, use.told_refused = Distinct(), 0.0, 0, 0
            use.evidence.clear()
            use.refusals.clear()
            use.budget = self._budget(use.days)
            self._forget_days(use, day)
        return use

    def _budget(self, days: Counts) -> float | None:
        p = self._parameters
        if days.step - days.first < p.budget_least_days:
            return None
        roots = sorted(days.roots(days.step - p.budget_days, days.step))
        most = roots[-2] ** 2
        return min(max(p.budget_over_most * most, most + p.budget_floor), p.budget_ceiling)

    def _refused(self, seen: Seen, use: _Use) -> Iterable[Signal]:
        limit = self._parameters.refused_by_budget
        use.refused += seen.n if seen.type is EventType.API_REQUEST_REFUSED and seen.n else 1
        use.refusals.append(seen.seq)
        many = use.refused >= limit
        # The first of a day is told, the one that makes them many, and then each doubling.
        at_least = max(limit, 2 * use.told_refused) if many else 0
        if use.told_refused and (
            not many or (use.told_refused >= limit and use.refused < at_least)
        ):
            return ()
        use.told_refused = use.refused
        case = self.GOES_ON if many else self.REFUSED
        return (
            case.signal(
                seen.at, principal=seen.principal, count=use.refused, evidence=use.refusals
            ),
        )

    def _opened(self, seen: Seen, use: _Use, numbers: Iterable[int]) -> Iterable[Signal]:
        p, days = self._parameters, use.days
        signals: list[Signal] = []
        if days is None:
            return signals
        days.count += use.today.add_all(numbers)
        use.evidence.append(seen.seq)
        limit = p.first_budget if use.budget is None else use.budget
        if days.count > limit and days.count >= 2 * use.told:
            use.told = days.count
            case = self.FIRST if use.budget is None else self.ADAPTIVE
            if days.count > p.budget_ceiling:
                case = self.ADAPTIVE
            signals.append(self._signal(case, seen, use, round(days.count)))
        hour = seconds(seen.at) // HOUR
        if not use.hours or hour > use.hours[-1]:
            signals += self._another_hour(seen, use, hour)
        return signals

    def _another_hour(self, seen: Seen, use: _Use, hour: int) -> Iterator[Signal]:
        p, day = self._parameters, hour // 24
        use.hours = [past for past in use.hours if past > hour - 24] + [hour]
        active = len(use.hours)
        if use.busiest[-2:-1] == [day]:
            use.busiest[-1] = max(use.busiest[-1], active)
        else:
            use.busiest += [day, active]
        if active < p.without_rest:
            use.rested = True
            return
        has_history = use.budget is not None
        before = max((n for d, n in _pairs(use.busiest) if d < day - 1), default=0)
        if has_history and use.rested and before <= p.rest_usual:
            use.rested = False
            yield self._signal(self.WITHOUT_REST, seen, use, active)

    def _forget_days(self, use: _Use, day: int) -> None:
        kept = [(d, n) for d, n in _pairs(use.busiest) if d > day - self._parameters.budget_days]
        use.busiest = [number for pair in kept for number in pair]

    @staticmethod
    def _signal(case: Case, seen: Seen, use: _Use, count: int) -> Signal:
        return case.signal(seen.at, principal=seen.principal, count=count, evidence=use.evidence)


def _pairs(flat: list[int]) -> list[tuple[int, int]]:
    return list(zip(flat[::2], flat[1::2], strict=True))
