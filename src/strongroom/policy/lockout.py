"""When tries are put off and when somebody is locked out: rules over counts, with the numbers of `limits` [1.2].

Tries are put off for a while by name, by address and for everybody together; ten failures in a row, five second
factors, or something no honest person does lock. Pure: counts and `now` in, an answer out.
"""

import ipaddress
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from strongroom.policy.limits import (
    CLIENT_FAILURES_IN_ALL,
    CLIENT_FAILURES_PER_ADDRESS,
    CLIENT_FAILURES_PER_ID,
    CONCURRENT_ADDRESSES,
    CONCURRENT_WINDOW,
    FAILURES_BEFORE_LOCK,
    FAILURES_IN_ALL,
    FAILURES_PER_ADDRESS,
    FAILURES_PER_NAME,
    LAST_ADMINISTRATOR_LOCK,
    SECOND_FACTOR_FAILURES_BEFORE_LOCK,
    SPRAYED_ACCOUNTS,
    SPRAYING_LOCK,
    SPRAYING_WINDOW,
    UNFINISHED_BEFORE_LOCK,
    UNFINISHED_WINDOW,
)

_SLICES: Final = 10
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_NAME: Final = 256
_NETWORK_OF_ONE: Final = 64


class LockReason(StrEnum):
    """Why somebody or some address is locked; each is also a reason of the log."""

    TOO_MANY_FAILURES = "too_many_failures"
    """Ten failed tries in a row."""
    WRONG_FACTOR = "wrong_factor"
    """Five wrong second factors in a row: whoever it is has the password, or a session."""
    FACTOR_FATIGUE = "factor_fatigue"
    """Right passwords without a second factor, again and again."""
    IMPOSSIBLE_CONCURRENCY = "impossible_concurrency"
    """One person acts from more addresses at once than a person has."""
    WRONG_DEVICE = "wrong_device"
    """Its owner says of a sign-on: that was not me."""
    SPRAYING = "spraying"
    """One address fails for many names."""


ENDS_SESSIONS: Final = frozenset({LockReason.IMPOSSIBLE_CONCURRENCY, LockReason.WRONG_DEVICE})
"""What says that somebody else is in already. The others come from outside: ending sessions for them would let any
stranger throw people out."""


class Disposition(StrEnum):
    """What a lock turned out to be; each gets one."""

    GUESSED_PASSWORD = "guessed_password"  # noqa: S105 - a name
    """Somebody guessed, and did not get in."""
    FORGOTTEN_PASSWORD = "forgotten_password"  # noqa: S105 - a name
    """Its person did not remember."""
    OWN_MISTAKE = "own_mistake"
    """Its person did something else that looked wrong: travelled, changed networks, left sign-ons unfinished."""
    STOLEN_CREDENTIALS = "stolen_credentials"
    """Somebody else has what lets this person in: an incident [1.6]."""
    TEST = "test"
    """A drill."""
    EXPIRED = "expired"
    """It ended by itself and nobody has said more; only the guard gives this one."""


@dataclass(frozen=True, slots=True)
class Budget:
    """So many within any span of this length."""

    most: int
    window: timedelta

    @property
    def slice(self) -> timedelta:
        """The span whose tries are counted together."""
        return self.window / _SLICES

    @property
    def longest_wait(self) -> timedelta:
        """How long anybody is put off at most."""
        return self.window + self.slice

    def slice_of(self, now: datetime) -> int:
        """Return the number of the slice that `now` is in."""
        return (now - _EPOCH) // self.slice

    def wait(self, counts: Mapping[int, int], now: datetime, in_flight: int = 0) -> float | None:
        """Return how many seconds to put the next try off, or None where it may come now.

        `counts` are tries by slice. A slice counts in whole until all of it is older than the window, so that no span
        of that length ever has more than `most`; `in_flight` are tries that may still fail.
        """
        live = sorted((n, count) for n, count in counts.items() if self._leaves_at(n) > now)
        left = sum(count for _, count in live) + in_flight
        if left < self.most:
            return None
        for number, count in live:
            left -= count
            if left < self.most:
                # Slices of a clock that was set back would not leave for long.
                return min(self._leaves_at(number) - now, self.longest_wait).total_seconds()
        return self.slice.total_seconds()

    def spent(self, counts: Mapping[int, int], now: datetime) -> bool:
        """Tell whether nothing is left."""
        return self.wait(counts, now) is not None

    def _leaves_at(self, number: int) -> datetime:
        return _EPOCH + (number + 1) * self.slice + self.window


NAME: Final = Budget(*FAILURES_PER_NAME)
ADDRESS: Final = Budget(*FAILURES_PER_ADDRESS)
EVERYBODY: Final = Budget(*FAILURES_IN_ALL)
UNFINISHED: Final = Budget(UNFINISHED_BEFORE_LOCK, UNFINISHED_WINDOW)
CLIENT_ID: Final = Budget(*CLIENT_FAILURES_PER_ID)
CLIENT_ADDRESS: Final = Budget(*CLIENT_FAILURES_PER_ADDRESS)
CLIENT_EVERYBODY: Final = Budget(*CLIENT_FAILURES_IN_ALL)


def after_failure(in_row: int, factors_in_row: int) -> LockReason | None:
    """Return why a person is to be locked after a failure; both numbers count it and those before it in a row."""
    if factors_in_row >= SECOND_FACTOR_FAILURES_BEFORE_LOCK:
        return LockReason.WRONG_FACTOR
    return LockReason.TOO_MANY_FAILURES if in_row >= FAILURES_BEFORE_LOCK else None


def is_spraying(failed_at: Iterable[datetime], now: datetime) -> bool:
    """Tell whether one address fails for many names; `failed_at` is the last failure of each name."""
    return sum(at > now - SPRAYING_WINDOW for at in failed_at) >= SPRAYED_ACCOUNTS


def is_impossible(seen_at: Iterable[datetime], now: datetime) -> bool:
    """Tell whether one person is in too many places; `seen_at` is when each of them was last acted from."""
    return sum(at > now - CONCURRENT_WINDOW for at in seen_at) > CONCURRENT_ADDRESSES


def ends_by_itself_after(reason: LockReason, *, last_administrator: bool) -> timedelta | None:
    """Return how long a lock holds, None until somebody lifts it.

    `last_administrator`: nobody else who could lift it can sign on. Such a lock ends by itself, or whoever guesses
    could shut everybody out. Not so where its owner reported somebody else's sign-on: that one stays out until a
    person at the console has looked.
    """
    if reason is LockReason.SPRAYING:
        return SPRAYING_LOCK
    if last_administrator and reason is not LockReason.WRONG_DEVICE:
        return LAST_ADMINISTRATOR_LOCK
    return None


def folded(name: str) -> str:
    """Return what all spellings of a typed name have in common, so that none of them has tries of its own."""
    text = name[:_LONGEST_NAME].encode(errors="replace").decode()
    return unicodedata.normalize("NFKC", text).strip().casefold()


def place(address: str) -> str:
    """Return what counts as one place: an IPv4 address, or the /64 of IPv6 that every household has all of."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is None:
            return str(ipaddress.ip_network((int(found), _NETWORK_OF_ONE), strict=False))
        found = found.ipv4_mapped
    return str(found)
