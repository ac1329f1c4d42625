"""Reads SARIF 2.1.0 of any tool: code, secrets, dependencies (OASIS, section numbers of its specification). Pure."""

from collections.abc import Iterator, Mapping, Sequence
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
from strongroom.errors import Malformed

VERSION: Final = "2.1.0"
_NO_FINDING: Final = frozenset({"pass", "notApplicable", "informational"})
_SECRETS: Final = ("gitleaks", "trufflehog", "detect-secrets", "secretlint", "ggshield")
_UNGRADED: Final = frozenset({"ruff"})
"""Linters that write one level at whatever they find."""
_KEPT: Final = 8


def matches(said: object) -> bool:
    """Tell whether a document is SARIF."""
    return isinstance(said, dict) and "runs" in said and "version" in said


def read(said: Mapping[str, Any], declared: Declared) -> Parsed:
    """Return the report. Raises: Malformed: another version, or runs of several tools."""
    if said.get("version") != VERSION:
        raise Malformed(f"this is another version of SARIF than {VERSION}")
    runs = rows(said.get("runs"))
    names = {text(_driver(run).get("name"), 60) for run in runs}
    if len(names) != 1 or "" in names:
        raise Malformed(
            "a report is of one tool", hint="import the runs of each tool by themselves"
        )
    tool = names.pop().lower()
    return Parsed(
        tool,
        declared.kind or (ScanKind.SECRETS if tool in _SECRETS else ScanKind.CODE),
        tuple(hit for run in runs for hit in _hits(run, tool, declared.root)),
        scanned_at=max(filter(None, map(_ended_at, runs)), default=None),
        commit=_commit(runs),
        looked_at=_looked_at(runs),
        left_out=_left_out(runs),
    )


def _driver(run: Mapping[str, Any]) -> Mapping[str, Any]:
    return part(part(run.get("tool")).get("driver"))


def _ended_at(run: Mapping[str, Any]) -> Any:  # noqa: ANN401 - an instant or none
    ended = [instant(one.get("endTimeUtc")) for one in rows(run.get("invocations"))]
    return max(filter(None, ended), default=None)


def _commit(runs: Sequence[Mapping[str, Any]]) -> str | None:
    """Return the revision that was scanned (3.14.13); None where the runs name none or several."""
    named = {
        text(one.get("revisionId"), 64)
        for run in runs
        for one in rows(run.get("versionControlProvenance"))
        if one.get("revisionId")
    }
    return named.pop() if len(named) == 1 else None


def _looked_at(runs: Sequence[Mapping[str, Any]]) -> int | None:
    """Return how much was looked at: files that are listed (3.14.15), or lines as bandit counts them; None: unsaid."""
    files = sum(len(rows(run.get("artifacts"))) for run in runs)
    counts = [
        part(part(part(run.get("properties")).get("metrics")).get("_totals")).get("loc")
        for run in runs
    ]
    lines = [count for count in counts if isinstance(count, int)]
    return files or (sum(lines) if lines else None)


def _left_out(runs: Sequence[Mapping[str, Any]]) -> str:
    """Return what the tool says of itself that went wrong (3.20.14, 3.20.21)."""
    if not runs:
        return "it has no run"
    calls = [call for run in runs for call in rows(run.get("invocations"))]
    if any(call.get("executionSuccessful") is False for call in calls):
        return "the scanner ended with an error"
    errors = sum(
        note.get("level") == "error"
        for call in calls
        for note in rows(call.get("toolExecutionNotifications"))
    )
    return f"the scanner names {errors} errors" if errors else ""


def _hits(run: Mapping[str, Any], tool: str, root: str) -> Iterator[Hit]:
    rules = {text(rule.get("id"), 100): rule for rule in rows(_driver(run).get("rules"))}
    listed = rows(_driver(run).get("rules"))
    for row in rows(run.get("results")):
        if text(row.get("kind")) in _NO_FINDING or row.get("baselineState") == "absent":
            continue
        number = row.get("ruleIndex")
        name = text(row.get("ruleId") or part(row.get("rule")).get("id"), 100)
        if not name and isinstance(number, int) and 0 <= number < len(listed):
            name = text(listed[number].get("id"), 100)
        # A rule may be named with a part of it: CA1000/1 is of CA1000 (3.27.5).
        rule = part(rules.get(name) or rules.get(name.rpartition("/")[0]))
        place = part((rows(row.get("locations")) or [{}])[0]).get("physicalLocation")
        region = part(part(place).get("region"))
        message = text(part(row.get("message")).get("text"))
        details = Details(
            name or "unnamed",
            message or text(part(rule.get("shortDescription")).get("text")),
            path=path_of(part(part(place).get("artifactLocation")).get("uri"), root),
            line=whole(region.get("startLine")),
        )
        yield Hit(
            details, _severity(row, rule, tool), _fingerprint(row, region, message), _excuse(row)
        )


def _severity(row: Mapping[str, Any], rule: Mapping[str, Any], tool: str) -> Severity:
    for holder in (row, rule):
        properties = part(holder.get("properties"))
        # What GitHub, Trivy and others write; bandit has a word of its own.
        found = severity_of_score(properties.get("security-severity")) or severity_of(
            properties.get("issue_severity")
        )
        if found is not None:
            return found
    if tool in _UNGRADED:
        return Severity.MEDIUM
    level = row.get("level") or part(rule.get("defaultConfiguration")).get("level")
    # Where nothing is said it is a warning (3.27.10).
    return severity_of(level or "warning") or UNSAID


def _fingerprint(row: Mapping[str, Any], region: Mapping[str, Any], message: str) -> str:
    """Return what the tool knows a result by (3.27.16 and on), else its source text, else what it says."""
    for name in ("fingerprints", "partialFingerprints"):
        given = part(row.get(name))
        if given:
            return " ".join(f"{key}={text(given[key], 200)}" for key in sorted(given)[:_KEPT])
    snippet = text(part(region.get("snippet")).get("text"), 2000)
    return snippet or message


def _excuse(row: Mapping[str, Any]) -> str | None:
    """Return why it is suppressed (3.27.23); None where it is not, or that waits for a review."""
    given = rows(row.get("suppressions"))
    if not given or any(one.get("status") in ("underReview", "rejected") for one in given):
        return None
    why = " ".join(filter(None, (text(one.get("justification")) for one in given)))
    return why or "suppressed where it was found"
