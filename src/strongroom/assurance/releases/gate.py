"""Whether a commit may be released: its code, dependencies and secrets scanned, nothing open, tested [2.7]. Pure.

A scan that skipped something, or that knew old advisories, says nothing good: its condition is unknown, and a release
with an unknown condition is refused.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from strongroom.assurance.scans.scan import Quality, ScanKind
from strongroom.compliance.overseen import Verdict
from strongroom.errors import Malformed

NEEDED: Final = (ScanKind.CODE, ScanKind.DEPENDENCIES, ScanKind.SECRETS)
"""The kinds of scan that each release has [2.7]."""

FRESH_FOR: Final = timedelta(days=7)
"""How old a scan of the commit may be at its release: what is known of packages changes every day."""

AHEAD: Final = timedelta(minutes=5)
"""By how much another machine's clock may be ahead of ours."""

_COMMIT: Final = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})")
_SHOWN: Final = 5
_MOST: Final = 10**9

_GREEN: Final = {
    ScanKind.CODE: "scan the code of this commit, such as with bandit, and bring the report",
    ScanKind.DEPENDENCIES: "scan what it depends on where advisories can be reached, such as with pip-audit",
    ScanKind.SECRETS: "scan its files for secrets, such as with detect-secrets",
}


@dataclass(frozen=True, slots=True)
class Report:
    """One scan as the gate sees it."""

    kind: ScanKind
    tool: str
    commit: str | None
    scanned_at: datetime | None
    quality: Quality
    why: str
    sha256: str
    number: int | None = None
    """Of the register; None for a file."""


@dataclass(frozen=True, slots=True)
class Tried:
    """How the tests of a commit ended."""

    commit: str
    finished_at: datetime
    passed: int
    failed: int


@dataclass(frozen=True, slots=True)
class Asked:
    """All that a judgement depends on."""

    commit: str
    committed_at: datetime
    reports: Sequence[Report]
    blockers: Sequence[str]
    """Open findings that stop a release, each as tool, rule and place."""
    tests: Tried | None


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of a release, why it stands as it does, and what turns it green."""

    name: str
    verdict: Verdict
    why: str
    remedy: str = ""


def commit_of(text: str) -> str:
    """Return a commit by its full hash. Raises: Malformed: it is none."""
    if _COMMIT.fullmatch(text) is None:
        raise Malformed(
            "a commit is named by its full hash", hint="such as `git rev-parse HEAD` gives"
        )
    return text


def judge(asked: Asked, now: datetime, fresh_for: timedelta = FRESH_FOR) -> list[Condition]:
    """Return every condition; the commit may be released when each of them passes."""
    return [
        *(_scanned(kind, asked, now, fresh_for) for kind in NEEDED),
        _unblocked(asked),
        _tested(asked, now),
    ]


def allows(conditions: Iterable[Condition]) -> bool:
    """Tell whether a release may be made."""
    return all(one.verdict is Verdict.PASS for one in conditions)


def tests_of(said: Any) -> Tried:  # noqa: ANN401 - JSON
    """Return what a report of tests says. Raises: Malformed."""
    try:
        tried = Tried(
            commit_of(said["commit"]),
            datetime.fromisoformat(said["finished_at"]),
            said["passed"],
            said["failed"],
        )
        known = said["format"] == "strongroom-tests/v1" and tried.finished_at.tzinfo is not None
    except (KeyError, TypeError, ValueError):
        known = False
    if not known or not all(
        type(n) is int and 0 <= n < _MOST for n in (tried.passed, tried.failed)
    ):
        raise Malformed(
            "the report of tests is none",
            hint='it has "format": "strongroom-tests/v1", commit, finished_at, passed and failed',
        )
    return tried


def _scanned(kind: ScanKind, asked: Asked, now: datetime, fresh_for: timedelta) -> Condition:
    """Return whether a kind of scan is there, of this commit, not older than it, complete and fresh."""
    remedy = _GREEN[kind]
    of_kind = [one for one in asked.reports if one.kind is kind]
    newest: dict[str, Report] = {}
    for one in of_kind:
        before = newest.get(one.tool)
        if before is None or _at(one) >= _at(before):
            newest[one.tool] = one
    faults = []
    for one in newest.values():
        fault = _fault(one, asked, now, fresh_for)
        if fault is None:
            why = f"{one.tool} scanned this commit {_at(one):%Y-%m-%d %H:%M}, report {one.sha256[:12]}"
            return Condition(kind.value, Verdict.PASS, why)
        faults.append((fault, f"{one.tool}: {fault[1]}"))
    if not faults:
        why = f"no report of {kind.value} for this commit"
        return Condition(kind.value, Verdict.FAIL, why, remedy)
    unknown = any(verdict is Verdict.UNKNOWN for (verdict, _), _ in faults)
    verdict = Verdict.UNKNOWN if unknown else Verdict.FAIL
    return Condition(kind.value, verdict, "; ".join(said for _, said in faults), remedy)


def _at(one: Report) -> datetime:
    return one.scanned_at or datetime.min.replace(tzinfo=UTC)


def _fault(
    one: Report, asked: Asked, now: datetime, fresh_for: timedelta
) -> tuple[Verdict, str] | None:
    """Return why a report does not count, and whether that is bad or merely nothing known; None where it counts."""
    at, bad, doubt = one.scanned_at, None, None
    if one.commit != asked.commit:
        bad = "the report is of another commit"
    elif at is None:
        doubt = "nothing says when it was scanned"
    elif at > now + AHEAD:
        bad = "the report is from the future"
    elif at < asked.committed_at:
        bad = "the report is older than the commit"
    elif now - at > fresh_for:
        bad = f"the scan is older than {fresh_for.days} days"
    elif one.quality is not Quality.COMPLETE:
        doubt = f"the scan is {one.quality.value}: {one.why or 'it says no more'}"
    if bad is not None:
        return Verdict.FAIL, bad
    return None if doubt is None else (Verdict.UNKNOWN, doubt)


def _unblocked(asked: Asked) -> Condition:
    if not asked.blockers:
        return Condition("blockers", Verdict.PASS, "no open finding stops it")
    more = len(asked.blockers) - _SHOWN
    listed = ", ".join(asked.blockers[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
    return Condition(
        "blockers",
        Verdict.FAIL,
        f"{len(asked.blockers)} open findings stop it: {listed}",
        "mend them and scan again, or have their risk accepted until a day",
    )


def _tested(asked: Asked, now: datetime) -> Condition:
    tests, remedy = asked.tests, "run the tests of this commit and bring their report"
    if tests is None:
        return Condition("tests", Verdict.FAIL, "no report of tests for this commit", remedy)
    if tests.commit != asked.commit:
        return Condition("tests", Verdict.FAIL, "the report of tests is of another commit", remedy)
    if not asked.committed_at <= tests.finished_at <= now + AHEAD:
        why = "the report of tests is older than the commit, or from the future"
        return Condition("tests", Verdict.FAIL, why, remedy)
    if tests.failed or not tests.passed:
        why = f"{tests.passed} tests passed and {tests.failed} failed"
        return Condition("tests", Verdict.FAIL, why, "mend what fails and run them again")
    return Condition("tests", Verdict.PASS, f"{tests.passed} tests passed, none failed")
