"""What a check is: one look at the open home, for the duties it speaks about, as often as it is worth [2.2, 3]."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from strongroom.app import System
from strongroom.compliance.overseen import DutyId, Finding, Verdict

MINUTES: Final = timedelta(minutes=5)
HOURLY: Final = timedelta(hours=1)
SIX_HOURS: Final = timedelta(hours=6)
DAILY: Final = timedelta(days=1)

_PATIENCE: Final = timedelta(minutes=30)

Look = Callable[[System, datetime], Finding]
"""Looks at the live thing. What it cannot see is `unknown`; it raises where looking itself failed."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check. It changes nothing that it looks at; what the rooms record of being asked, they record."""

    id: str
    duties: tuple[DutyId, ...]
    every: timedelta
    sees: str
    """What it looks at."""
    green: str
    """What turns it green."""
    look: Look

    @property
    def good_for(self) -> timedelta:
        """How long what it found may be believed: two rounds, and some time for a busy machine."""
        return 2 * self.every + _PATIENCE


def duties(*ids: str) -> tuple[DutyId, ...]:
    """Return these duties."""
    return tuple(DutyId(id_) for id_ in ids)


def passed(why: str, *proof: str) -> Finding:
    """Return that all is well."""
    return Finding(Verdict.PASS, why, proof)


def failed(why: str, remedy: str, *proof: str) -> Finding:
    """Return that a duty is not kept, and what to do."""
    return Finding(Verdict.FAIL, why, proof, remedy)


def unknown(why: str, remedy: str, *proof: str) -> Finding:
    """Return that it cannot be seen from here."""
    return Finding(Verdict.UNKNOWN, why, proof, remedy)


def some(numbers: Iterable[object], most: int = 10) -> str:
    """Return the first of many things, as text."""
    found = [str(number) for number in numbers]
    return ", ".join(found[:most]) + (", …" if len(found) > most else "")


def count(number: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def day(at: datetime) -> str:
    """Return an instant's day."""
    return f"{at:%Y-%m-%d}"
