"""Findings whose risk a repository accepts, in a file of its own: by whom, why, and until when [2.7]. Pure.

A comment beside the code has no approver and no end; what a scanner was told to leave out counts for nothing here.
"""

import tomllib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from strongroom.assurance.scans.parsed import Hit
from strongroom.assurance.scans.scan import ScanKind, Severity
from strongroom.errors import Malformed

MOST_BYTES: Final = 256 * 1024
LONGEST: Final = timedelta(days=366)
_NAMES: Final = frozenset({"tool", "rule", "where", "reason", "approver", "until"})


@dataclass(frozen=True, slots=True)
class Accepted:
    """One accepted finding. `where` is the file, without its line, or the package."""

    tool: str
    rule: str
    where: str
    reason: str
    approver: str
    until: date


def read(content: bytes) -> tuple[Accepted, ...]:
    """Return the entries of a file. Raises: Malformed: it is none, or an entry lacks something."""
    if len(content) > MOST_BYTES:
        raise Malformed(f"the file of accepted findings has up to {MOST_BYTES // 1024} KiB")
    try:
        rows = tomllib.loads(content.decode()).get("accepted", [])
    except (ValueError, RecursionError):
        raise Malformed("the file of accepted findings is no TOML") from None
    if not isinstance(rows, list):
        raise Malformed("the file of accepted findings is a list of [[accepted]]")
    return tuple(_entry(row) for row in rows)


def blockers(
    tool: str, kind: ScanKind, hits: tuple[Hit, ...], accepted: tuple[Accepted, ...], now: datetime
) -> list[str]:
    """Return which findings stop a release: critical, high and secrets that nobody accepted, or no longer."""
    holds = {
        (one.tool, one.rule, one.where)
        for one in accepted
        if datetime.combine(one.until, datetime.min.time(), UTC) + timedelta(days=1) > now
        and one.until - now.date() <= LONGEST
    }
    return [
        f"{tool} {hit.details.rule} {hit.details.where}".rstrip()
        for hit in hits
        if (hit.severity >= Severity.HIGH or kind is ScanKind.SECRETS)
        and (tool, hit.details.rule, hit.details.package or hit.details.path) not in holds
    ]


def _entry(row: Any) -> Accepted:  # noqa: ANN401 - TOML
    if not isinstance(row, dict) or row.keys() != _NAMES:
        raise Malformed(
            "an accepted finding has other entries than it needs",
            hint=f"it has {', '.join(sorted(_NAMES))}",
        )
    until, texts = row["until"], [row[name] for name in sorted(_NAMES - {"until"})]
    if type(until) is not date or not all(isinstance(t, str) and t.strip() for t in texts):
        raise Malformed("an accepted finding has texts, and a day until which it holds")
    return Accepted(row["tool"], row["rule"], row["where"], row["reason"], row["approver"], until)
