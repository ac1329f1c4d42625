"""Reads a directory of reports with its list, `reports.json`, for a gate without a home: in CI, or of an app [2.7].

The list names each file, what kind of scan it is, and what the report itself leaves open. Nothing of it is believed
that a report contradicts, and no file outside the directory is opened.
"""

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from strongroom.assurance.releases import accepted as accepting
from strongroom.assurance.releases.gate import Asked, Report, Tried, commit_of, tests_of
from strongroom.assurance.scans import formats
from strongroom.assurance.scans.parsed import Declared, quality_of
from strongroom.assurance.scans.reading import MOST_BYTES, document, text
from strongroom.assurance.scans.scan import Quality, ScanKind
from strongroom.errors import Malformed, NotFound

LIST: Final = "reports.json"
FORMAT: Final = "strongroom-reports/v1"
ADVISORIES_FRESH_FOR: Final = timedelta(days=2)
_MOST_REPORTS: Final = 100
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)
_ENTRIES: Final = frozenset(
    {"file", "kind", "tool", "scanned_at", "advisories_at", "looked_at", "failed", "root"}
)


@dataclass(frozen=True, slots=True)
class Found:
    """What a directory says, to be judged."""

    reports: tuple[Report, ...]
    blockers: tuple[str, ...]
    tests: Tried | None


def read(
    directory: Path,
    commit: str,
    now: datetime,
    accepted: tuple[accepting.Accepted, ...] = (),
) -> Found:
    """Return the reports of a directory for a commit.

    Raises:
        NotFound: the directory or a file that its list names is not there.
        Malformed: the list is none, is of another commit, names a file elsewhere, or a report is none.

    """
    try:
        opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        raise NotFound("there is no such directory of reports") from None
    try:
        said = document(_content(opened, LIST))
        if not isinstance(said, dict) or said.get("format") != FORMAT:
            raise Malformed(f"{LIST} is no list of reports", hint=f'it has "format": "{FORMAT}"')
        if commit_of(str(said.get("commit"))) != commit:
            raise Malformed("the list of reports is of another commit")
        rows = said.get("reports")
        if not isinstance(rows, list) or len(rows) > _MOST_REPORTS:
            raise Malformed(f"{LIST} lists up to {_MOST_REPORTS} reports")
        reports, blockers = [], []
        for row in rows:
            report, stops = _report(opened, row, commit, accepted, now)
            reports.append(report)
            blockers += stops
        tests = said.get("tests")
        return Found(
            tuple(reports),
            tuple(blockers),
            None if tests is None else tests_of(document(_content(opened, tests))),
        )
    finally:
        os.close(opened)


def asked(found: Found, commit: str, committed_at: datetime) -> Asked:
    """Return the question for the gate."""
    return Asked(commit, committed_at, found.reports, found.blockers, found.tests)


def _report(
    directory: int,
    row: Any,  # noqa: ANN401 - JSON
    commit: str,
    accepted: tuple[accepting.Accepted, ...],
    now: datetime,
) -> tuple[Report, list[str]]:
    if not isinstance(row, dict) or not {"file", "kind"} <= row.keys() <= _ENTRIES:
        raise Malformed(f"a report in {LIST} has other entries than it may")
    kind = _kind(row["kind"])
    content = _content(directory, row["file"])
    declared = Declared(
        kind=kind,
        commit=commit,
        scanned_at=_instant(row, "scanned_at"),
        advisories_at=_instant(row, "advisories_at"),
        looked_at=_count(row),
        root=str(row.get("root", "")),
    )
    parsed = formats.read(content, declared)
    if parsed.kind is not kind:
        raise Malformed(f"a report of {parsed.tool} is of another kind than {LIST} says")
    advisories_at = parsed.advisories_at or declared.advisories_at
    looked_at = declared.looked_at if parsed.looked_at is None else parsed.looked_at
    quality, why = quality_of(parsed, advisories_at, looked_at, now - ADVISORIES_FRESH_FOR)
    if row.get("failed"):
        quality, why = Quality.SKIPPED, text(row["failed"], 200) or "it failed"
    report = Report(
        kind,
        parsed.tool,
        parsed.commit or commit,
        parsed.scanned_at or declared.scanned_at,
        quality,
        why,
        sha256(content).hexdigest(),
    )
    return report, accepting.blockers(parsed.tool, kind, parsed.hits, accepted, now)


def _content(directory: int, name: object) -> bytes:
    """Return a file of the directory itself. Raises: Malformed: another name, no plain file, or too large; NotFound."""
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        raise Malformed("a report lies in the directory itself, under a plain name")
    try:
        # Neither a link to elsewhere, nor a pipe that nobody writes to.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        opened = os.open(name, flags, dir_fd=directory)
    except FileNotFoundError:
        raise NotFound(f"the directory of reports has no {name}") from None
    except OSError:
        raise Malformed(f"{name} is no plain file") from None
    if not stat.S_ISREG(os.fstat(opened).st_mode):
        os.close(opened)
        raise Malformed(f"{name} is no plain file")
    with os.fdopen(opened, "rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise Malformed(f"a report has up to {MOST_BYTES // 1024 // 1024} MiB")
    return content


def _kind(name: object) -> ScanKind:
    found = next((kind for kind in ScanKind if kind.value == name), None)
    if found is None:
        raise Malformed(f"a report in {LIST} is of no kind that there is")
    return found


def _instant(row: Mapping[str, Any], name: str) -> datetime | None:
    if row.get(name) is None:
        return None
    try:
        found = datetime.fromisoformat(row[name])
    except (TypeError, ValueError):
        found = None
    if found is None or found.tzinfo is None:
        raise Malformed(f"{name} in {LIST} is no instant with its zone")
    return found


def _count(row: Mapping[str, Any]) -> int | None:
    found = row.get("looked_at")
    if found is not None and (type(found) is not int or not 0 <= found < 10**9):
        raise Malformed(f"looked_at in {LIST} is no count")
    return found
