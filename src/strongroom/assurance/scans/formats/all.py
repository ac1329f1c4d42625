"""Finds out which format a report has, and reads it. Pure."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from strongroom.assurance.scans.formats import (
    bandit,
    cyclonedx,
    pip_audit,
    ruff,
    sarif,
    table,
    trivy,
)
from strongroom.assurance.scans.parsed import Declared, Parsed
from strongroom.assurance.scans.reading import document
from strongroom.errors import Malformed

_Matches = Callable[[object], bool]
_Read = Callable[[Any, Declared], Parsed]

_JSON: Final[Mapping[str, tuple[_Matches, _Read]]] = {
    "sarif": (sarif.matches, sarif.read),
    "cyclonedx": (cyclonedx.matches, cyclonedx.read),
    "trivy": (trivy.matches, trivy.read),
    "pip-audit": (pip_audit.matches, pip_audit.read),
    "bandit": (bandit.matches, bandit.read),
    "ruff": (ruff.matches, ruff.read),
}
FORMATS: Final = (*_JSON, "csv")


def read(content: bytes, declared: Declared, format_: str | None = None) -> Parsed:
    """Return what a report says; its format is found out where `format_` does not name it.

    Raises:
        Malformed: it is none of these, or not as its format has it.

    """
    if format_ == "csv" or (format_ is None and declared.tool):
        return table.read(content, declared)
    if format_ is not None and format_ not in _JSON:
        raise Malformed(f"a report is one of {', '.join(FORMATS)}")
    said = document(content)
    for name, (matches, parse) in _JSON.items():
        if format_ in (None, name) and matches(said):
            return parse(said, declared)
    raise Malformed(
        "the report has none of the formats that are read here",
        hint=f"they are {', '.join(FORMATS)}",
    )
