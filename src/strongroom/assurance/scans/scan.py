"""What a scan is, what it found, and what it is worth: the words of this room [2.5, 2.7]. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Final

from strongroom.terms import PrincipalId


class ScanKind(StrEnum):
    """What a scan looks at."""

    CODE = "code"
    DEPENDENCIES = "dependencies"
    SECRETS = "secrets"
    HOST = "host"
    WEB = "web"
    PENTEST = "pentest"


ASKS_ADVISORIES: Final = frozenset({ScanKind.DEPENDENCIES, ScanKind.HOST})
"""They compare with what is known of packages: worth as much as that was new."""


class Quality(StrEnum):
    """What a report is worth. Only a complete one says that something is good, or gone."""

    COMPLETE = "complete"
    SKIPPED = "skipped"
    """It left something out, or looked at nothing."""
    STALE = "stale"
    """What it knew was old, or nobody knows how old; or a newer report was there before."""


class Severity(IntEnum):
    """How grave a finding is; from 1, so that none of them is false."""

    INFO = 1
    LOW = 2
    MEDIUM = 3
    HIGH = 4
    CRITICAL = 5

    @property
    def word(self) -> str:
        """Return it as people write it."""
        return self.name.lower()


class State(StrEnum):
    """How a finding stands."""

    OPEN = "open"
    ACCEPTED = "accepted"
    """Somebody approved its risk until a day."""
    DISMISSED = "dismissed"
    """It is none: a false positive, or what is vulnerable is not used."""
    FIXED = "fixed"
    """It was absent from a complete scan."""


class ExcuseKind(StrEnum):
    """Why a finding needs no mending."""

    RISK = "risk"
    FALSE_POSITIVE = "false_positive"
    VEX = "vex"
    """A document of whoever makes the thing says so, with a justification."""
    REPORT = "report"
    """The scan's own report says so: it is suppressed where it was found."""


@dataclass(frozen=True, slots=True)
class Scan:
    """One report that was imported."""

    number: int
    tool: str
    kind: ScanKind
    target: str
    commit: str | None
    scanned_at: datetime
    imported_at: datetime
    imported_by: PrincipalId
    sha256: str
    size_bytes: int
    evidence: int | None
    """Its item of the evidence store; None where the report is larger than one may be."""
    quality: Quality
    why: str
    """Why it is worth no more; empty for one that is complete by its own word."""
    found: int
    created: int
    untouched: int
    closed: int
    reopened: int


@dataclass(frozen=True, slots=True)
class Target:
    """Something that is to be scanned, by its kind of scan."""

    id: int
    name: str
    kind: ScanKind
    declared_by: PrincipalId
    declared_at: datetime


@dataclass(frozen=True, slots=True)
class Details:
    """What a report says of one finding. All of it comes from outside: shown, never used as a path or a link."""

    rule: str
    title: str = ""
    package: str = ""
    version: str = ""
    path: str = ""
    line: int | None = None
    fixed_in: str = ""
    aliases: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        """Return where it is: a package, or a line of a file."""
        if self.package:
            return f"{self.package} {self.version}".strip()
        return self.path if self.line is None else f"{self.path}:{self.line}"


@dataclass(frozen=True, slots=True)
class Vulnerability:
    """One finding of the register."""

    id: int
    tool: str
    kind: ScanKind
    target: str
    severity: Severity
    state: State
    details: Details
    first_scan: int
    last_scan: int
    closed_scan: int | None
    seen_at: datetime
    due_at: datetime | None
    closed_at: datetime | None
    excused_until: datetime | None
    urgency: int

    def days_left(self, now: datetime) -> int | None:
        """Return the whole days until it has to be mended, negative past it; None where no day is set."""
        return None if self.due_at is None else (self.due_at - now) // timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Excuse:
    """Why a finding needs no mending, who asked, and who approved."""

    id: int
    vulnerability: int
    kind: ExcuseKind
    reason: str
    asked_by: PrincipalId
    asked_at: datetime
    ends_at: datetime | None
    approved_by: PrincipalId | None
    approved_at: datetime | None
    ended_by: PrincipalId | None
    ended_at: datetime | None

    def state(self, now: datetime) -> str:
        """Return `ended`, `pending`, `active` or `expired`."""
        if self.ended_at is not None:
            return "ended"
        if self.ends_at is not None and now >= self.ends_at:
            return "expired"
        return "pending" if self.approved_at is None else "active"


FixWithin = Mapping[Severity, int]
"""Days to mend a finding; a severity that is absent has none."""

NO_DAYS: Final[FixWithin] = MappingProxyType({})
_LAST_DAY: Final = 99_999
_NUMBERS: Final = 10**10
_EPOCH_ORDINAL: Final = 719_163
"""Of 1970-01-01."""


def due_at(severity: Severity, seen_at: datetime, within: FixWithin) -> datetime | None:
    """Return when a finding has to be mended; None where nothing asks for it [2.7]."""
    days = within.get(severity)
    return None if days is None else seen_at + timedelta(days=days)


def urgency(due: datetime | None, number: int) -> int:
    """Return the key of the list: the sooner a finding is due the greater, then the lower its number."""
    day = _LAST_DAY if due is None else due.date().toordinal() - _EPOCH_ORDINAL
    return (_LAST_DAY - day) * _NUMBERS + (_NUMBERS - 1 - number)
