"""Reads bandit's JSON. It says what it read and what it could not. Pure."""

import re
from collections.abc import Mapping
from typing import Any, Final

from strongroom.assurance.scans.parsed import UNSAID, Declared, Hit, Parsed, path_of, severity_of
from strongroom.assurance.scans.reading import instant, part, rows, text, whole
from strongroom.assurance.scans.scan import Details, ScanKind

_NUMBERED: Final = re.compile(r"([0-9]+)\s?(.*)")


def matches(said: object) -> bool:
    """Tell whether a document is one of bandit's."""
    return isinstance(said, dict) and {"results", "metrics", "generated_at"} <= said.keys()


def read(said: Mapping[str, Any], declared: Declared) -> Parsed:
    """Return the report."""
    errors = len(rows(said.get("errors")))
    lines = part(part(said.get("metrics")).get("_totals")).get("loc")
    return Parsed(
        "bandit",
        ScanKind.CODE,
        tuple(_hit(row, declared.root) for row in rows(said.get("results"))),
        scanned_at=instant(said.get("generated_at")),
        looked_at=lines if isinstance(lines, int) else None,
        left_out=f"{errors} files could not be read" if errors else "",
    )


def _hit(row: Mapping[str, Any], root: str) -> Hit:
    line = whole(row.get("line_number"))
    details = Details(
        text(row.get("test_id"), 100),
        text(row.get("issue_text")),
        path=path_of(row.get("filename"), root),
        line=line,
    )
    severity = severity_of(row.get("issue_severity")) or UNSAID
    return Hit(details, severity, _source(row.get("code"), line))


def _source(code: object, line: int | None) -> str:
    """Return the line that was flagged, of some that are shown with their numbers."""
    for shown in str(code or "").splitlines():
        found = _NUMBERED.fullmatch(shown.strip())
        if found is not None and int(found[1][:9]) == line:
            return text(found[2], 2000)
    return ""
