"""What every format of report is read into, and by what a finding is known again in the next report [2.7]. Pure.

A finding is its tool's rule, the package or file it is in, and a fingerprint of what was found there: line numbers are
no part of it, since lines move. Several alike in one file are told apart by their order.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Final

from strongroom.assurance.scans.reading import text
from strongroom.assurance.scans.scan import ASKS_ADVISORIES, Details, Quality, ScanKind, Severity

_CRITICAL, _HIGH, _MEDIUM = 9.0, 7.0, 4.0
_TOP: Final = 10.0
_WORDS: Final[Mapping[str, Severity]] = {
    "critical": Severity.CRITICAL,
    "blocker": Severity.CRITICAL,
    "high": Severity.HIGH,
    "important": Severity.HIGH,
    "error": Severity.HIGH,
    "medium": Severity.MEDIUM,
    "moderate": Severity.MEDIUM,
    "warning": Severity.MEDIUM,
    "low": Severity.LOW,
    "minor": Severity.LOW,
    "note": Severity.LOW,
    "negligible": Severity.INFO,
    "info": Severity.INFO,
    "informational": Severity.INFO,
    "none": Severity.INFO,
    "log": Severity.INFO,
}
UNSAID: Final = Severity.HIGH
"""A report that does not say how grave a finding is is read so that nobody waits."""
CVE: Final = re.compile(r"CVE-[0-9]{4}-[0-9]{4,10}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Hit:
    """One finding as a report has it."""

    details: Details
    severity: Severity
    fingerprint: str = ""
    """What was found there, without numbers of lines; empty where rule and place say all."""
    excused: str | None = None
    """Why the report itself takes it for none (VEX, suppressions); None where it does not."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A report that was read. `quality` and `why` are what the report itself lets one say."""

    tool: str
    kind: ScanKind
    hits: tuple[Hit, ...] = ()
    scanned_at: datetime | None = None
    target: str = ""
    commit: str | None = None
    advisories_at: datetime | None = None
    looked_at: int | None = None
    """How many files or packages; None where the report does not say."""
    left_out: str = ""
    """What it skipped, as a sentence; empty for nothing."""
    outdated: str = ""
    """Why its advisories are worth nothing whatever their day; empty for none."""
    speaks_only: bool = False
    """It scanned nothing and only says what findings of others are (VEX)."""


@dataclass(frozen=True, slots=True)
class Declared:
    """What whoever imports a report says where the report does not."""

    target: str = ""
    kind: ScanKind | None = None
    commit: str | None = None
    scanned_at: datetime | None = None
    advisories_at: datetime | None = None
    looked_at: int | None = None
    root: str = ""
    """Where the scanner had the files: taken off their paths, so that a finding is the same on the next machine."""
    tool: str = ""
    """For a table, which names none."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """For a table: our names and its own."""


def severity_of(word: object) -> Severity | None:
    """Return a severity by its word; None for one nobody knows."""
    return _WORDS.get(text(word, 40).lower())


def severity_of_score(score: object) -> Severity | None:
    """Return the severity of a CVSS base score; None where it is none."""
    try:
        number = float(text(score, 20))
    except ValueError:
        return None
    if not 0 <= number <= _TOP:
        return None
    if number >= _MEDIUM:
        graver = Severity.HIGH if number >= _HIGH else Severity.MEDIUM
        return Severity.CRITICAL if number >= _CRITICAL else graver
    return Severity.LOW if number > 0 else Severity.INFO


def path_of(said: object, root: str = "") -> str:
    """Return the path of a file as a report has it, to be shown; `root` is taken off."""
    path = text(said).removeprefix("file://").replace("\\", "/")
    if root:
        path = path.removeprefix(root.replace("\\", "/").rstrip("/") + "/")
    while path.startswith("./"):
        path = path[2:]
    return path


def identified(scope: Iterable[str], hits: Iterable[Hit]) -> Iterator[tuple[str, Hit]]:
    """Return each finding with what it is known by, in the order of files and lines; one that is twice there is once.

    `scope` is tool, kind and target: the same rule of another tool is another finding.
    """
    scope = tuple(scope)
    met: Counter[str] = Counter()
    seen: set[tuple[str, int | None]] = set()
    for hit in sorted(hits, key=lambda one: (one.details.path, one.details.line or 0)):
        details = hit.details
        place = f"package:{details.package.lower()}" if details.package else f"file:{details.path}"
        parts = (*scope, details.rule, place, hit.fingerprint)
        known = _digest(parts)
        if details.package or (known, details.line) in seen:
            if met[known]:
                continue
            number = 0
        else:
            number = met[known]
        met[known] += 1
        seen.add((known, details.line))
        yield _digest((*parts, str(number))), hit


def one_line(said: object) -> str:
    """Return a fingerprint of source text that survives another indentation."""
    return " ".join(text(said, 2000).split())


def quality_of(
    parsed: Parsed, advisories_at: datetime | None, looked_at: int | None, fresh_after: datetime
) -> tuple[Quality, str]:
    """Return what a report is worth, and why no more. `fresh_after`: older advisories are stale."""
    if parsed.left_out:
        return Quality.SKIPPED, parsed.left_out
    if not parsed.hits and not looked_at:
        said = "it looked at nothing" if looked_at == 0 else "it does not say what it looked at"
        return Quality.SKIPPED, said
    if parsed.outdated:
        return Quality.STALE, parsed.outdated
    if parsed.kind in ASKS_ADVISORIES:
        if advisories_at is None:
            return Quality.STALE, "nobody knows from which day its advisories are"
        if advisories_at < fresh_after:
            return Quality.STALE, f"its advisories are of {advisories_at.date().isoformat()}"
    return Quality.COMPLETE, ""


def _digest(parts: Iterable[str]) -> str:
    # Each with its length: no two lists of parts give the same bytes.
    joined = b"".join(len(p.encode()).to_bytes(4, "big") + p.encode() for p in parts)
    return sha256(b"strongroom/vulnerability/v1" + joined).hexdigest()
