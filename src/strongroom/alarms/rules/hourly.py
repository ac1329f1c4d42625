"""Counts of one principal by the hour, beside its own baseline, as rates and volumes share them [2.6]. Pure."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final, Self

from strongroom.alarms.baselines import Counts, Hourly
from strongroom.alarms.rules.cases import MOST_EVIDENCE

HOUR: Final = 3600
DAY: Final = 86_400


@dataclass(slots=True)
class _Measure:
    """One count by the hour, and above what it is unusual."""

    hours: Counts
    limit: float = 0.0
    busy: float = 0.0
    busy_at: int = 0
    limited_at: int = 0
    told: float = 0.0

    def add(self, hour: int, n: float, baseline: Hourly) -> bool:
        """Count; tell whether this hour is above what is usual, at first and each time it doubled since."""
        hours = self.hours
        if hour > hours.step:
            for _ in hours.move(hour):
                pass
            self.told = 0.0
        hours.count += n
        day = hours.step // 24
        if self.busy_at != day:
            self.busy_at, self.busy = day, baseline.busiest(hours)
        # Never unusual below this; so medians are asked for seldom.
        if hours.count <= baseline.bound(self.busy) or not baseline.knows(hours):
            return False
        if self.limited_at != hours.step:
            self.limited_at, self.limit = hours.step, baseline.limit(hours, self.busy)
        return self._tells(self.limit)

    def is_first(self, limit: float, baseline: Hourly) -> bool:
        """Tell the same for who has no baseline, against a fixed number."""
        return not baseline.knows(self.hours) and self._tells(limit)

    def _tells(self, limit: float) -> bool:
        count = self.hours.count
        if count <= limit or count < 2 * self.told:
            return False
        self.told = count
        return True

    def state(self) -> dict[str, Any]:
        return {
            "hours": self.hours.state(),
            "limit": self.limit,
            "busy": [self.busy, self.busy_at],
            "limited_at": self.limited_at,
            "told": self.told,
        }

    @classmethod
    def of(cls, state: dict[str, Any]) -> Self:
        busy, busy_at = state["busy"]
        hours = Counts.of(state["hours"])
        return cls(hours, state["limit"], busy, busy_at, state["limited_at"], state["told"])


@dataclass(slots=True)
class Rate:
    """What a principal does by the hour, with a number of entries as evidence."""

    measure: _Measure | None = None
    last: str | None = None
    evidence: deque[int] = field(default_factory=lambda: deque(maxlen=MOST_EVIDENCE))

    def add(self, hour: int, n: float, seq: int, baseline: Hourly) -> bool:
        """Count `n` more and tell whether the hour is unusual."""
        if self.measure is None:
            self.measure = _Measure(Counts(baseline.most, hour))
        if hour > self.measure.hours.step:
            self.evidence.clear()
        self.evidence.append(seq)
        return self.measure.add(hour, n, baseline)

    def is_first(self, limit: float, baseline: Hourly) -> bool:
        """Tell whether an hour of who has no baseline is above a fixed number."""
        return self.measure is not None and self.measure.is_first(limit, baseline)

    @property
    def count(self) -> int:
        """Of the hour that runs."""
        return 0 if self.measure is None else round(self.measure.hours.count)

    @property
    def step(self) -> int:
        """The hour that runs."""
        return 0 if self.measure is None else self.measure.hours.step

    def state(self) -> dict[str, Any]:
        """Return it as JSON."""
        measure = None if self.measure is None else self.measure.state()
        return {"measure": measure, "last": self.last, "evidence": list(self.evidence)}

    @classmethod
    def of(cls, state: dict[str, Any]) -> Self:
        """Return what `state` gave."""
        measure = None if state["measure"] is None else _Measure.of(state["measure"])
        return cls(measure, state["last"], deque(state["evidence"], maxlen=MOST_EVIDENCE))
