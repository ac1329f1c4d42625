"""What somebody usually does, by hour of the week and by day, and how far from that they are [2.6].

Pure. Counts are kept as square roots: the spread of a count grows with its level, that of its root does not. Medians
and the median absolute deviation (MAD) take no notice of a few wild hours, so neither a holiday nor an attack moves
what is usual much. Everything is bounded, and `state` gives back exactly what `of` takes.
"""

import base64
import math
import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final, Self

HOURS_OF_WEEK: Final = 168
DAYS_OF_WEEK: Final = 7
_FINENESS: Final = 16  # roots are kept in sixteenths, so that a count up to 16 million fits 16 bits
_LARGEST: Final = 65_535
_TO_SIGMA: Final = 1.4826  # a normal distribution's standard deviation is so many MADs
_NOISE: Final = 0.5  # standard deviation of the root of a Poisson count, whatever its level
_BIT_COUNT: Final = 1 << 14
_MIX: Final = (
    0xFF51AFD7ED558CCD,
    0xC4CEB9FE1A85EC53,
)  # MurmurHash3's: neighbours must not share out evenly
_MASK: Final = (1 << 64) - 1
_SHIFT: Final = 64 - 14


def spread(values: Sequence[float]) -> tuple[float, float]:
    """Return the median and the MAD as a standard deviation. `values` is not empty."""
    middle = median(values)
    return middle, _TO_SIGMA * median(abs(value - middle) for value in values)


class Distinct:
    """About how many different numbers were added: within 2 % up to 20,000, in 2 KiB (linear counting)."""

    __slots__ = ("_bits", "_zeros", "count")

    def __init__(self) -> None:
        self._bits = bytearray(_BIT_COUNT // 8)
        self._zeros = _BIT_COUNT
        self.count = 0.0

    def add(self, number: int) -> float:
        """Add one and return how many new ones it stands for; 0 where it was here."""
        mixed = number * _MIX[0] & _MASK
        place = ((mixed ^ mixed >> 33) * _MIX[1] & _MASK) >> _SHIFT
        bit = 1 << (place & 7)
        if self._bits[place >> 3] & bit:
            return 0.0
        self._bits[place >> 3] |= bit
        weight = _BIT_COUNT / self._zeros
        self._zeros = max(self._zeros - 1, 1)
        self.count += weight
        return weight

    def add_all(self, numbers: Iterable[int]) -> float:
        """Add some and return how many new ones they stand for."""
        new = 0.0
        for number in numbers:
            new += self.add(number)
        return new

    def state(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {"bits": _packed(bytes(self._bits)), "zeros": self._zeros, "count": self.count}

    @classmethod
    def of(cls, state: dict[str, Any]) -> Self:
        """Return what `state` gave."""
        made = cls()
        made._bits = bytearray(_unpacked(state["bits"]))
        made._zeros, made.count = state["zeros"], state["count"]
        return made


class Counts:
    """Counts by step (an hour or a day, numbered since 1970), the last `most` of them."""

    __slots__ = ("_packed", "_ring", "count", "first", "step")

    def __init__(self, most: int, step: int) -> None:
        self._ring = array("H", bytes(2 * most))
        self._packed: str | None = None
        self.first = step
        self.step = step
        self.count = 0.0
        """Of the step that runs."""

    def move(self, step: int) -> Iterator[tuple[int, float]]:
        """Go on to a step and yield those that ended, with their counts; a step in the past is the one that runs."""
        size = len(self._ring)
        if step - self.step > size:
            # Away for longer than is remembered: begin anew after what can be told.
            self.first = max(self.first, step - size)
        while self.step < step:
            ended, count = self.step, self.count
            self._ring[ended % size] = min(round(_FINENESS * math.sqrt(count)), _LARGEST)
            self._packed = None
            self.step, self.count = max(ended + 1, step - size), 0.0
            yield ended, count

    def root(self, step: int) -> float:
        """Return the square root of an ended step's count."""
        return self._ring[step % len(self._ring)] / _FINENESS

    def known(self, step: int) -> bool:
        """Tell whether a step has ended and is remembered."""
        return max(self.first, self.step - len(self._ring)) <= step < self.step

    def roots(self, start: int, stop: int) -> list[float]:
        """Return the roots of the steps from `start` to before `stop` that are known."""
        first = max(start, self.first, self.step - len(self._ring))
        return [self.root(step) for step in range(first, min(stop, self.step))]

    def state(self) -> dict[str, Any]:
        """Return it as JSON."""
        if self._packed is None:
            self._packed = _packed(self._ring.tobytes())
        return {
            "ring": self._packed,
            "first": self.first,
            "step": self.step,
            "count": self.count,
        }

    @classmethod
    def of(cls, state: dict[str, Any]) -> Self:
        """Return what `state` gave."""
        ring = _unpacked(state["ring"])
        made = cls(len(ring) // 2, state["step"])
        made._ring = array("H", ring)
        made.first, made.count = state["first"], state["count"]
        return made


@dataclass(frozen=True, slots=True)
class Hourly:
    """When an hour is unusual; the numbers are those of `rules.parameters`."""

    weeks: int
    least_days: int
    z: float
    floor: float
    over_busy: float
    never_over: float
    relative: float

    @property
    def most(self) -> int:
        """How many hours are remembered."""
        return (self.weeks + 1) * HOURS_OF_WEEK

    def knows(self, hours: Counts) -> bool:
        """Tell whether there is enough history to judge by."""
        return hours.step - hours.first >= self.least_days * 24

    def bound(self, busy: float) -> float:
        """Return a count up to which no hour is unusual; `limit` is never below it."""
        return max(self.floor, self.over_busy * busy)

    def limit(self, hours: Counts, busy: float) -> float:
        """Return the count above which the hour that runs is unusual.

        `busy` is what `busiest` said of the same hours. Ask only of who is known.
        """
        now = hours.step
        exact, wide = [], []
        for past in range(now - self.weeks * HOURS_OF_WEEK, now, HOURS_OF_WEEK):
            for near in (-1, 0, 1):
                if hours.known(past + near):
                    wide.append(hours.root(past + near))
                    if near == 0:
                        exact.append(wide[-1])
        # With its neighbours an hour has enough samples; without them a weekly batch of one hour is seen.
        if not wide:
            # Of this hour of the week nothing is known: the busiest of all hours say what is too much.
            return max(self.never_over * max(busy, self.floor), self.bound(busy))
        usual, sigma = max(self._spread(roots) for roots in (exact, wide) if roots)
        by_spread = (usual + self.z * sigma) ** 2
        if usual * usual < busy:
            # However wild this hour is: what is far above the busiest of all hours is told.
            by_spread = min(by_spread, self.never_over * max(busy, self.floor))
        return max(by_spread, usual * usual + self.floor, self.bound(busy))

    def _spread(self, roots: Sequence[float]) -> tuple[float, float]:
        usual, sigma = spread(roots)
        return usual, max(sigma, _NOISE, self.relative * usual)

    def busiest(self, hours: Counts) -> float:
        """Return the count that one hour in a hundred reaches."""
        roots = sorted(hours.roots(hours.step - self.weeks * HOURS_OF_WEEK, hours.step))
        return roots[-1 - len(roots) // 100] ** 2 if roots else 0.0


@dataclass(frozen=True, slots=True)
class Daily:
    """How days are added up into a drift (CUSUM); the numbers are those of `rules.parameters`."""

    days: int
    lag: int
    least_days: int
    slack: float
    limit: float
    most_of_a_day: float
    least_of_a_day: float
    relative: float

    @property
    def most(self) -> int:
        """How many days are remembered."""
        return self.days + self.lag + 1

    def surplus(self, days: Counts, day: int, count: float) -> tuple[float, float] | None:
        """Return by how many standard deviations, and by how many, an ended day was above its weekday's median.

        None while too little is known.

        The last `lag` days are no part of what is usual, or a drain would become it. Ask right after `day` ended.
        """
        stop = day - self.lag
        start = max(stop - self.days, days.first)
        if stop - start < self.least_days:
            return None
        by_weekday: dict[int, list[float]] = {}
        for step in range(start, stop):
            by_weekday.setdefault(step % DAYS_OF_WEEK, []).append(days.root(step))
        usual = {weekday: median(roots) for weekday, roots in by_weekday.items()}
        expected = usual.get(day % DAYS_OF_WEEK)
        if expected is None or (expected < 1 and count < 1):
            return None  # a day off, as ever: it says nothing
        # A median of n values leaves n - 1 of them free to differ: short histories would seem too regular.
        each = min(len(roots) for roots in by_weekday.values())
        residuals = [
            days.root(step) - usual[step % DAYS_OF_WEEK]
            for step in range(start, stop)
            if usual[step % DAYS_OF_WEEK] > 0
        ]
        sigma = spread(residuals)[1] if residuals else 0.0
        sigma *= math.sqrt(each / (each - 1)) if each > 1 else 2.0
        sigma = max(sigma, _NOISE, self.relative * expected)
        return (math.sqrt(count) - expected) / sigma, count - expected * expected

    def added(self, drift: float, surplus: float) -> float:
        """Return the drift after a day, never below nothing."""
        bounded = min(max(surplus - self.slack, self.least_of_a_day), self.most_of_a_day)
        return max(0.0, drift + bounded)


def _packed(data: bytes) -> str:
    return base64.b85encode(zlib.compress(data, 6)).decode()


def _unpacked(text: str) -> bytes:
    return zlib.decompress(base64.b85decode(text))
