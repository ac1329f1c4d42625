"""Whether the time of the machine can be believed: readings and instants in, a judgement out. Pure [2.1, 2.6].

Dates of disposal follow the clock, so a clock that is set ahead would destroy what is not due. Within one run of a
process a steady clock, which nobody can set, tells; over a restart only what was written before can. Order in the log
never rests on the clock.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from strongroom.policy.limits import CLOCK_AHEAD, CLOCK_JUMP, CLOCK_SILENCE


@dataclass(frozen=True, slots=True)
class Reading:
    """Both clocks at one instant; `steady` counts from anywhere and is never set."""

    wall: datetime
    steady: timedelta


def ahead(start: Reading, now: Reading) -> timedelta:
    """Return how far the wall clock has run ahead of the steady one since `start`; below zero: behind."""
    return (now.wall - start.wall) - (now.steady - start.steady)


def jump(before: Reading, now: Reading) -> timedelta | None:
    """Return how far the wall clock was set between two readings; None where it was merely kept."""
    moved = ahead(before, now)
    return moved if abs(moved) > CLOCK_JUMP else None


def is_ahead(start: Reading, now: Reading) -> bool:
    """Tell whether the wall clock has run so far ahead that nothing is destroyed by it."""
    return ahead(start, now) > CLOCK_AHEAD


def leap(written: Iterable[datetime], now: datetime) -> timedelta | None:
    """Return how far the clock leapt ahead of what was written last before, if it has not come back since.

    `written` are the instants of entries in the order of the log. None: no silence was longer than can be believed.
    """
    last: datetime | None = None
    before: datetime | None = None
    for at in (*written, now):
        if before is not None and at - before <= CLOCK_SILENCE:
            before = None
        elif before is None and last is not None and at - last > CLOCK_SILENCE:
            before = last
        last = at
    return None if before is None else now - before
