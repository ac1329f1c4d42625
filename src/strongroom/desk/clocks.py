"""How pages show a clock that runs: what is left of it in words, and how much of it has gone. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

_DAY: Final = timedelta(days=1)
_HOUR: Final = timedelta(hours=1)
_MINUTE: Final = timedelta(minutes=1)
_DAYS_FROM: Final = 2 * _DAY
_HEED: Final = 75


@dataclass(frozen=True, slots=True)
class Clock:
    """One clock of a policy or a law."""

    name: str
    due_at: datetime
    words: str
    share: int
    """How much of it has gone, of 100."""
    mark: str
    """`good` once it was stopped in time, `heed` near its end, `bad` when it is over."""


def clock(
    name: str, began_at: datetime, due_at: datetime, now: datetime, stopped_at: datetime | None
) -> Clock:
    """Return a clock as it stands, or as it stood when it was stopped."""
    at = stopped_at or now
    whole = max(due_at - began_at, timedelta(seconds=1))
    share = min(100, max(0, int(100 * ((at - began_at) / whole))))
    if at > due_at:
        words = f"{span(at - due_at)} over" if stopped_at is None else f"{span(at - due_at)} late"
        return Clock(name, due_at, words, 100, "bad")
    if stopped_at is not None:
        return Clock(name, due_at, f"done with {span(due_at - at)} left", share, "good")
    return Clock(name, due_at, f"{span(due_at - now)} left", share, "heed" * (share >= _HEED))


def span(length: timedelta) -> str:
    """Return a span in its largest unit: `3 days`, `1 hour`, `12 minutes`."""
    for unit, name, least in (
        (_DAY, "day", _DAYS_FROM),
        (_HOUR, "hour", _HOUR),
        (_MINUTE, "minute", timedelta()),
    ):
        if length >= least:
            count = length // unit
            return f"{count:,} {name}{'' if count == 1 else 's'}"
    return "0 minutes"
