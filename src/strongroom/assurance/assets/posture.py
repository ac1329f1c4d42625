"""How a device stands against each rule, from what a feed reported or somebody stated of it [1.1, 2.3]. Pure.

What nobody reported lately is unknown, and unknown is never a pass. A report of a feed goes before a statement: what
was measured is not talked away.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from strongroom.assurance.assets.kinds import Kind

REPORT_AGE: Final = timedelta(days=30)
"""A device that reported nothing for so long is unknown [1.1]."""

SIGNATURES_AGE: Final = timedelta(days=30)
PATCH_AGE: Final = timedelta(days=30)
SCAN_AGE: Final = timedelta(days=7)
STATED_FOR: Final = timedelta(days=90)
"""How long a statement about a device without a feed counts."""


class Check(StrEnum):
    """One column of the matrix."""

    PRESENT = "present"
    RUNNING = "running"
    SIGNATURES = "signatures"
    GUARDED = "guarded"
    """People cannot switch the protection off, as later revisions ask."""
    DISK = "disk"
    LOCK = "lock"
    PATCHES = "patches"
    SCAN = "scan"
    OWNER = "owner"


CHECKS: Final[Mapping[Check, str]] = {
    Check.PRESENT: "Anti-malware present",
    Check.RUNNING: "Anti-malware running",
    Check.SIGNATURES: "Signatures fresh",
    Check.GUARDED: "Users cannot switch it off",
    Check.DISK: "Disk encrypted",
    Check.LOCK: "Screen locks",
    Check.PATCHES: "Patched",
    Check.SCAN: "Scanned",
    Check.OWNER: "Owner",
}
MALWARE: Final = (Check.PRESENT, Check.RUNNING, Check.SIGNATURES, Check.GUARDED, Check.SCAN)
"""What duty 1.1-c is about."""

FLAGS: Final = (Check.PRESENT, Check.RUNNING, Check.GUARDED, Check.DISK, Check.LOCK)
"""Answered with yes or no."""

AGES: Final[Mapping[Check, timedelta]] = {
    Check.SIGNATURES: SIGNATURES_AGE,
    Check.PATCHES: PATCH_AGE,
    Check.SCAN: SCAN_AGE,
}
"""Answered with an instant, which may be so old."""

_ALL: Final = frozenset(Check)
_APPLIES: Final[Mapping[Kind, frozenset[Check]]] = {
    Kind.COMPUTER: _ALL,
    Kind.MOBILE: _ALL,
    Kind.SERVER: _ALL - {Check.LOCK, Check.GUARDED},
    Kind.PRINTER: frozenset({Check.PATCHES, Check.OWNER}),
    Kind.NETWORK: frozenset({Check.PATCHES, Check.OWNER}),
    Kind.MEDIUM: frozenset({Check.DISK, Check.OWNER}),
}


class State(StrEnum):
    """How one check of one device stands."""

    PASS = "pass"  # noqa: S105 - a state
    FAIL = "fail"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True, slots=True)
class Report:
    """What was reported or stated of a device at an instant. What is missing was not told."""

    at: datetime
    flags: Mapping[Check, bool]
    ages: Mapping[Check, datetime]
    expires_at: datetime | None = None
    """When a statement ends; None for a feed, whose reports age by themselves."""

    def counts(self, now: datetime) -> bool:
        """Whether it says anything about this instant."""
        return now < (self.at + REPORT_AGE if self.expires_at is None else self.expires_at)


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the matrix, and which kind of report it rests on."""

    state: State
    by: str = ""
    """`feed` or `statement`."""
    at: datetime | None = None
    """The instant that was reported for it, where it is one."""


def applies(kind: Kind, *, current: bool) -> frozenset[Check]:
    """Return what is looked at for this kind; `current` is the profile of the later revisions."""
    found = _APPLIES.get(kind, frozenset())
    return found if current else found - {Check.GUARDED}


def judged(
    kind: Kind,
    feed: Report | None,
    statement: Report | None,
    now: datetime,
    *,
    owned: bool,
    current: bool,
) -> dict[Check, Cell]:
    """Return a device's row of the matrix."""
    wanted = applies(kind, current=current)
    row = {}
    for check in Check:
        if check not in wanted:
            row[check] = Cell(State.NOT_APPLICABLE)
        elif check is Check.OWNER:
            row[check] = Cell(State.PASS if owned else State.FAIL)
        else:
            row[check] = _cell(check, feed, statement, now)
    return row


def worst(row: Mapping[Check, Cell]) -> State:
    """Return the state of a whole device."""
    states = {cell.state for cell in row.values()}
    return next(
        (state for state in (State.FAIL, State.UNKNOWN, State.PASS) if state in states),
        State.NOT_APPLICABLE,
    )


def _cell(check: Check, feed: Report | None, statement: Report | None, now: datetime) -> Cell:
    for by, report in (("feed", feed), ("statement", statement)):
        if report is None or not report.counts(now):
            continue
        if check in AGES:
            at = report.ages.get(check)
            if at is None:
                continue
            # A statement tells how old something was on its own day, and holds until it ends.
            told_at = now if report.expires_at is None else report.at
            return Cell(State.PASS if told_at - at < AGES[check] else State.FAIL, by, at)
        said = report.flags.get(check)
        if said is not None:
            return Cell(State.PASS if said else State.FAIL, by)
    return Cell(State.UNKNOWN)
