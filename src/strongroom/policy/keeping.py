"""How long the log is kept, and what of it may be given up [2.6, 3].

Until the agreement's end is set nothing may; from twelve months after that day on, what is older than 90 days and lies
before every hold. The log is given up from its beginning alone, in whole tiles.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from strongroom.policy.limits import LOG_SHORTEST, LOG_YEARS_AFTER_AGREEMENT


@dataclass(frozen=True, slots=True)
class LogHold:
    """Entries from `first` to before `end` are kept: until an instant, or None for as long as nobody lifts it."""

    id: int
    first: int
    end: int
    until: datetime | None

    def holds(self, now: datetime) -> bool:
        """Return whether it is in effect."""
        return self.until is None or now < self.until


def kept_until(agreement_end: date) -> datetime:
    """Return the instant before which nothing of the log may be given up: twelve months after the last day."""
    year = agreement_end.year + LOG_YEARS_AFTER_AGREEMENT
    try:
        last = agreement_end.replace(year=year)
    except ValueError:  # 29 February
        last = date(year, 3, 1)
    return datetime.combine(last + timedelta(days=1), time(), UTC)


def prunable_before(agreement_end: date | None, now: datetime) -> datetime | None:
    """Return the instant before which entries may be given up, None where none may."""
    if agreement_end is None or now < kept_until(agreement_end):
        return None
    return now - LOG_SHORTEST


def first_held(holds: Iterable[LogHold], minimum: int, now: datetime) -> int | None:
    """Return the first entry, from the minimum index on, that a hold keeps."""
    return min(
        (max(hold.first, minimum) for hold in holds if hold.holds(now) and hold.end > minimum),
        default=None,
    )
