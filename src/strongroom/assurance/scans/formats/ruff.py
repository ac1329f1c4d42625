"""Reads ruff's JSON. It names neither its day nor what it looked at: whoever imports it does. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from strongroom.assurance.scans.parsed import Declared, Hit, Parsed, path_of
from strongroom.assurance.scans.reading import part, rows, text, whole
from strongroom.assurance.scans.scan import Details, ScanKind, Severity

_BROKEN: Final = frozenset({"", "invalid-syntax", "E902", "E999"})
"""What it says of a file that it could not read: no finding, but nothing was found there either."""


def matches(said: object) -> bool:
    """Tell whether a document is one of ruff's; its empty list is any linter's."""
    return isinstance(said, list) and all(
        isinstance(row, dict) and {"code", "filename", "location"} <= row.keys() for row in said
    )


def read(said: Sequence[object], declared: Declared) -> Parsed:
    """Return the report."""
    found = rows(said)
    broken = {text(row.get("filename")) for row in found if text(row.get("code")) in _BROKEN}
    return Parsed(
        "ruff",
        ScanKind.CODE,
        tuple(_hit(row, declared.root) for row in found if text(row.get("code")) not in _BROKEN),
        looked_at=declared.looked_at,
        left_out=f"{len(broken)} files could not be read" if broken else "",
    )


def _hit(row: Mapping[str, Any], root: str) -> Hit:
    message = text(row.get("message"))
    details = Details(
        text(row.get("code"), 100),
        message,
        path=path_of(row.get("filename"), root),
        line=whole(part(row.get("location")).get("row")),
    )
    # A linter's rules have no grades.
    return Hit(details, Severity.MEDIUM, message)
