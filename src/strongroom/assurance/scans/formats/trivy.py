"""Reads Trivy's JSON: vulnerabilities, misconfigurations and secrets of an image, a file system or a repository. Pure.

Its report names no day of its advisories; `trivy version --format json` does, and a report that carries that answer
beside it (`VulnerabilityDB`) is understood.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from strongroom.assurance.scans.parsed import (
    UNSAID,
    Declared,
    Hit,
    Parsed,
    path_of,
    severity_of,
    severity_of_score,
)
from strongroom.assurance.scans.reading import instant, part, rows, text, whole
from strongroom.assurance.scans.scan import Details, ScanKind, Severity

_LISTS: Final = ("Vulnerabilities", "Misconfigurations", "Secrets")


def matches(said: object) -> bool:
    """Tell whether a document is one of Trivy's."""
    return isinstance(said, dict) and {"SchemaVersion", "ArtifactName"} <= said.keys()


def read(said: Mapping[str, Any], declared: Declared) -> Parsed:
    """Return the report."""
    results = rows(said.get("Results"))
    system = part(part(said.get("Metadata")).get("OS"))
    database = part(said.get("VulnerabilityDB"))
    kind = declared.kind or _kind(results)
    return Parsed(
        "trivy",
        kind,
        tuple(hit for result in results for hit in _hits(result, declared.root)),
        scanned_at=instant(said.get("CreatedAt")),
        target=text(said.get("ArtifactName"), 200),
        advisories_at=instant(database.get("UpdatedAt")),
        looked_at=len(results),
        outdated="nobody writes advisories for its system any more" if system.get("EOSL") else "",
    )


def _kind(results: object) -> ScanKind:
    """Return what was looked for, by what there is: secrets alone, a system's packages, or a project's."""
    classes = {text(row.get("Class")) for row in rows(results)}
    if classes == {"secret"}:
        return ScanKind.SECRETS
    if classes == {"config"}:
        return ScanKind.CODE
    return ScanKind.HOST if "os-pkgs" in classes else ScanKind.DEPENDENCIES


def _hits(result: Mapping[str, Any], root: str) -> Iterator[Hit]:
    file = path_of(result.get("Target"), root)
    for row in rows(result.get("Vulnerabilities")):
        details = Details(
            text(row.get("VulnerabilityID"), 100),
            text(row.get("Title") or row.get("Description")),
            package=text(row.get("PkgName"), 200),
            version=text(row.get("InstalledVersion"), 100),
            path=file,
            fixed_in=text(row.get("FixedVersion"), 200),
        )
        # Which file of the artifact brings the package, but not the system's name, which changes with each release.
        place = file if text(result.get("Class")) == "lang-pkgs" else ""
        yield Hit(details, _severity(row), place)
    for row in rows(result.get("Misconfigurations")):
        if text(row.get("Status")) == "FAIL":
            where = part(row.get("CauseMetadata"))
            details = Details(
                text(row.get("ID"), 100),
                text(row.get("Title")),
                path=file,
                line=whole(where.get("StartLine")),
            )
            yield Hit(details, _severity(row), text(row.get("Message")))
    for row in rows(result.get("Secrets")):
        # `Match` shows the line, with the secret crossed out if all went well: it is left where it is.
        line = whole(row.get("StartLine"))
        details = Details(
            text(row.get("RuleID"), 100), text(row.get("Title")), path=file, line=line
        )
        yield Hit(details, _severity(row))


def _severity(row: Mapping[str, Any]) -> Severity:
    said = severity_of(row.get("Severity"))
    if said is not None:
        return said
    scores = [
        severity_of_score(one.get("V3Score") or one.get("V40Score"))
        for one in map(part, part(row.get("CVSS")).values())
    ]
    return max((one for one in scores if one is not None), default=UNSAID)
