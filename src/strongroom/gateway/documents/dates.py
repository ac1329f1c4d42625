"""Reads the instants that reports state, in the forms they come in; what is not certain counts as the earlier [2.1].

A date feeds the day on which personal data is destroyed, so a wrong guess must only ever destroy it sooner. No I/O.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from strongroom.gateway.facts import seconds
from strongroom.policy.retention import DAY, Progress, SightedFacts

FRESH_SECONDS: Final = DAY
"""A report older than this does not say that an order is still undelivered."""

_MANY: Final = 50_000
_WITH_ZONE: Final = len("2026-03-01T00:00:00+00:00")
_JAPAN_SECONDS: Final = 9 * 3600
_ISO: Final = re.compile(
    r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:[T ](\d{1,2}):(\d{2})(?::(\d{2}))?)?"
)
_NAMED: Final = re.compile(r"(\d{1,2})-([A-Za-z]{3})-(\d{4})")
_NUMBERED: Final = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})")
_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
_OPEN: Final = frozenset(
    {Progress.PENDING, Progress.UNSHIPPED, Progress.PARTIAL, Progress.UNDELIVERED}
)
_STATUSES: Final = {
    "pending": Progress.PENDING,
    "pending - waiting for pick up": Progress.UNSHIPPED,
    "unshipped": Progress.UNSHIPPED,
    "partiallyshipped": Progress.PARTIAL,
    "partially shipped": Progress.PARTIAL,
    "shipping": Progress.UNSHIPPED,
    "shipped": Progress.SHIPPED,
    "shipped - picked up": Progress.UNDELIVERED,
    "shipped - out for delivery": Progress.UNDELIVERED,
    "shipped - delivered to buyer": Progress.DELIVERED,
    "complete": Progress.SHIPPED,
    "cancelled": Progress.CANCELLED,
    "canceled": Progress.CANCELLED,
}
"""As reports write them; another one that begins with `shipped` says no more than that."""


class Instants:
    """Reads dates; a report repeats them, so each text is read once."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {"": 0}

    def read(self, text: str) -> int:
        """Return whole seconds since 1970, 0 for what is no date."""
        found = self._known.get(text)
        if found is None:
            if len(self._known) >= _MANY:
                self._known = {"": 0}
            found = self._known[text] = instant(text)
        return found


def instant(text: str) -> int:
    """Return an instant as whole seconds since 1970; 0 where the text is none."""
    text = text.strip()
    if len(text) == _WITH_ZONE and text.endswith("+00:00"):
        text = f"{text[:19]}Z"  # as `seconds` reads it soonest
    found = seconds(text) if len(text) > len("2026-01-01") else 0
    if found:
        return found
    if dated := _ISO.match(text):
        year, month, day, hour, minute, second = (int(part or 0) for part in dated.groups())
        # A time without its zone counts as UTC; Japan's is always the earlier one.
        early = _JAPAN_SECONDS if text.endswith("JST") else 0
        return max(_at(year, month, day, hour * 3600 + minute * 60 + second) - early, 0)
    if named := _NAMED.match(text):
        return _at(int(named[3]), _MONTHS.get(named[2].lower(), 0), int(named[1]))
    if numbered := _NUMBERED.match(text):
        one, other, year = map(int, numbered.groups())
        both = [at for at in (_at(year, one, other), _at(year, other, one)) if at]
        return min(both, default=0)
    return 0


def status_of(text: str) -> Progress:
    """Return what an order's status in a report says."""
    plain = text.strip().casefold()
    found = _STATUSES.get(plain)
    if found is None:
        found = Progress.SHIPPED if plain.startswith("shipped") else Progress.UNKNOWN
    return found


def facts(
    status: Progress,
    purchased_at: int,
    shipped_at: int,
    updated_at: int,
    *,
    fresh: bool,
) -> SightedFacts:
    """Return what a row says of its order; an old report does not say that it is still open."""
    if not fresh and status in _OPEN:
        status = Progress.UNKNOWN
    return SightedFacts(status, purchased_at, shipped_at, updated_at)


def _at(year: int, month: int, day: int, second: int = 0) -> int:
    try:
        moment = datetime(year, month, day, tzinfo=UTC) + timedelta(seconds=second)
    except (ValueError, OverflowError):
        return 0
    return max(int(moment.timestamp()), 0)
