"""Recurring work as data, when each falls due, and who hears of it how early: rules of the calendar. Pure.

Sources of the spans: the clauses that each work names [1.2, 1.4, 1.6, 2.2, 2.3, 2.6, 2.7].
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from importlib.resources import files
from typing import Final

from strongroom.compliance.overseen import Due, DutyId, Office

SOON: Final = timedelta(days=14)
"""How long before its day a due thing is told of."""

FURTHER: Final = timedelta(days=14)
"""How long after its day it goes on to who answers for the house."""

FIRST_WITHIN: Final = timedelta(days=30)
"""How long a new home has for work that it never did."""

AFTER_CHANGE: Final = timedelta(days=30)
"""How long after a major change a plan has to be looked at again [1.6]."""

MONTHS: Final = 12


class Stage(StrEnum):
    """How near a due thing is."""

    LATER = "later"
    SOON = "soon"
    OVERDUE = "overdue"
    ESCALATED = "escalated"


@dataclass(frozen=True, slots=True)
class Work:
    """One kind of recurring work."""

    name: str
    title: str
    office: Office
    days: int
    """0: as it happens."""
    later_days: int | None
    duty: DutyId
    path: str
    event: str | None
    ref: str | None
    after: str | None

    def period(self, *, current: bool) -> timedelta:
        """Return how often it is done; `current`: by the strictest number of the revisions that are known."""
        days = self.days
        if current and self.later_days is not None:
            days = min(days, self.later_days)
        return timedelta(days=days)


@lru_cache(1)
def works() -> Mapping[str, Work]:
    """Return all recurring work, by name."""
    text = files("strongroom.compliance").joinpath("cadence.toml").read_text(encoding="utf-8")
    return {
        name: Work(
            name,
            row["title"],
            Office(row["office"]),
            row["days"],
            row.get("later_days"),
            DutyId(row["duty"]),
            row.get("path", f"/cadence/{name}"),
            row.get("event"),
            row.get("ref"),
            row.get("after"),
        )
        for name, row in tomllib.loads(text).items()
    }


def next_due(
    period: timedelta, last: datetime | None, since: datetime, changed: datetime | None = None
) -> datetime:
    """Return when work is due: a period after it was done, or soon after the home began or a change came.

    A change counts only where it is younger than the last doing.
    """
    due = since + min(period, FIRST_WITHIN) if last is None else last + period
    if changed is not None and (last is None or changed > last):
        due = min(due, changed + AFTER_CHANGE)
    return due


def occurrences(due: datetime, period: timedelta, now: datetime) -> Iterator[datetime]:
    """Give when work falls due within a year from this month on, if each time it is done on its day."""
    end = month_start(now, MONTHS)
    at = due
    while at < end:
        yield at
        if not period:
            return
        # What is late is done now at the earliest; the next time follows that.
        at = max(at, now) + period


def month_start(now: datetime, months: int) -> datetime:
    """Return the first instant of a month, so many after that of `now`."""
    year, month = divmod(now.year * 12 + now.month - 1 + months, 12)
    return now.replace(year=year, month=month + 1, day=1, hour=0, minute=0, second=0, microsecond=0)


def stage(due: Due, now: datetime) -> Stage:
    """Return how near a due thing is. A clock in hours goes on to everybody as soon as it is over."""
    if now < due.due_at - SOON and due.began_at is None:
        return Stage.LATER
    if now < due.due_at:
        return Stage.SOON
    further = timedelta(0) if due.began_at is not None else FURTHER
    return Stage.OVERDUE if now < due.due_at + further else Stage.ESCALATED
