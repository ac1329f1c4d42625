"""Reads CycloneDX JSON with vulnerabilities, and the word of its analysis on each (VEX). Pure.

A list of components alone is an inventory: nothing was compared, so it finds nothing and passes nothing. A document
without components only speaks of what other reports found.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote

from strongroom.assurance.scans.parsed import (
    UNSAID,
    Declared,
    Hit,
    Parsed,
    severity_of,
    severity_of_score,
)
from strongroom.assurance.scans.reading import instant, part, rows, text
from strongroom.assurance.scans.scan import Details, ScanKind, Severity

_NONE: Final = frozenset({"not_affected", "false_positive"})
_MENDED: Final = frozenset({"resolved", "resolved_with_pedigree"})
_DEEPEST: Final = 10


def matches(said: object) -> bool:
    """Tell whether a document is CycloneDX."""
    return isinstance(said, dict) and said.get("bomFormat") == "CycloneDX"


def read(said: Mapping[str, Any], declared: Declared) -> Parsed:
    """Return the report."""
    head = part(said.get("metadata"))
    subject = part(head.get("component"))
    components = dict(_components([*rows(said.get("components")), subject]))
    compared = "vulnerabilities" in said
    count = len(rows(said.get("components")))
    tool = _tool(head)
    return Parsed(
        tool,
        declared.kind or ScanKind.DEPENDENCIES,
        tuple(hit for row in rows(said.get("vulnerabilities")) for hit in _hits(row, components)),
        scanned_at=instant(head.get("timestamp")),
        target=text(subject.get("name"), 200),
        looked_at=count,
        left_out="" if compared else "it lists components and compares them with nothing",
        speaks_only=compared and not count,
    )


def _tool(head: Mapping[str, Any]) -> str:
    """Return who wrote it: a list up to version 1.4, an object with components since."""
    given = head.get("tools")
    named = rows(given if isinstance(given, list) else part(given).get("components"))
    return text(named[0].get("name"), 60) if named else "cyclonedx"


def _components(
    found: Sequence[Mapping[str, Any]], depth: int = 0
) -> Iterator[tuple[str, tuple[str, str]]]:
    for row in found:
        known = (text(row.get("name"), 200), text(row.get("version"), 100))
        for name in ("bom-ref", "purl"):
            if ref := text(row.get(name)):
                yield ref, known
        if depth < _DEEPEST:
            yield from _components(rows(row.get("components")), depth + 1)


def _hits(row: Mapping[str, Any], components: Mapping[str, tuple[str, str]]) -> Iterator[Hit]:
    analysis = part(row.get("analysis"))
    state = text(analysis.get("state"))
    if state in _MENDED:
        return
    ratings = [_rating(one) for one in rows(row.get("ratings"))]
    severity = max((one for one in ratings if one is not None), default=UNSAID)
    said = [text(analysis.get(name)) for name in ("justification", "detail")]
    excuse = ": ".join(filter(None, (state, *said))) if state in _NONE else None
    refs = [text(one.get("ref")) for one in rows(row.get("affects"))] or [""]
    for ref in refs:
        package, version = components.get(ref) or _of_purl(ref)
        details = Details(
            text(row.get("id"), 100) or "unnamed",
            text(row.get("description")),
            package=package,
            version=version,
            aliases=tuple(text(one.get("id"), 60) for one in rows(row.get("references"))[:20]),
        )
        yield Hit(details, severity, excused=excuse)


def _rating(row: Mapping[str, Any]) -> Severity | None:
    return severity_of(row.get("severity")) or severity_of_score(row.get("score"))


def _of_purl(ref: str) -> tuple[str, str]:
    """Return name and version of a package URL, or of a link to one in another document."""
    _, found, purl = unquote(ref).rpartition("pkg:")
    if not found:
        return ref, ""
    name, _, version = purl.partition("?")[0].partition("#")[0].rpartition("@")
    return (name or version).rpartition("/")[2], version if name else ""
