"""What a benchmark found, and how rounds of measurements become one figure. Pure.

A figure is the best of its rounds: whatever else the machine did can only have made the others slower. A round is long
enough to hold its share of what comes from time to time, such as a checkpoint of SQLite's log. Contestants take turns
round by round, so that a slow minute slows all of them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median


class Part(StrEnum):
    """What can be measured alone."""

    PAGES = "pages"
    RECORDS = "records"
    LOG = "log"
    REVEAL = "reveal"
    DOCUMENTS = "documents"
    DISPOSAL = "disposal"
    KEEPING = "keeping"


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of ours, with what it is held against."""

    part: Part
    work: str
    unit: str
    """A time, as `ms` or `s`, is the better the smaller it is; a rate, as `/s` or `MB/s`, the larger."""
    ours: float
    peer: str
    """What does the same work without our promises, or a part of it; empty where there is none."""
    theirs: float | None
    target: float | None
    """The figure ours must reach, in its unit; or, for `ratio_target`, nothing."""
    ratio_target: float | None = None
    """How much of the peer's rate ours must reach."""
    median: float | None = None
    """Of ours over all rounds: far from `ours` on a busy machine."""

    @property
    def ratio(self) -> float | None:
        """Ours over theirs."""
        return None if self.theirs is None else self.ours / self.theirs

    @property
    def met(self) -> bool | None:
        """Say whether the target was reached; None where there is none."""
        if self.ratio_target is not None:
            return self.ratio is not None and self.ratio >= self.ratio_target
        if self.target is None:
            return None
        return self.ours >= self.target if self.unit.endswith("/s") else self.ours <= self.target


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of one call, in each round."""

    rounds: Sequence[float]

    @property
    def best(self) -> float:
        """The best round's."""
        return min(self.rounds)

    @property
    def median(self) -> float:
        """The middle round's."""
        return median(self.rounds)


def take_turns(
    contestants: Mapping[str, Callable[[], float]], rounds: int, calls: int
) -> dict[str, Times]:
    """Return what a call of each contestant cost in every round of so many calls, by their own accounts.

    One more round goes before: it opens connections and fills caches.
    """
    found: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(rounds + 1):
        for name, work in contestants.items():
            cost = sum(work() for _ in range(calls)) / calls
            if turn:
                found[name].append(cost)
    return {name: Times(values) for name, values in found.items()}


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the value that so many percent of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) * percent // 100, len(ordered) - 1)]
