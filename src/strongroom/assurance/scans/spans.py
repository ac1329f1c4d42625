"""By when findings are mended, and how old scans may be: the strictest of the revisions in force [2.5, 2.7]. Pure."""

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from strongroom.assurance.scans.scan import FixWithin, Severity
from strongroom.compliance.duties.catalogue import Edition, duties, number
from strongroom.compliance.overseen import DutyId
from strongroom.policy.limits import FIX_WITHIN_DAYS

SCANNED: Final = DutyId("2.7-b")
MENDED: Final = DutyId("2.7-c")
REGULAR: Final = DutyId("2.7-d")
REPOSITORIES: Final = DutyId("2.5-b")
_YEARLY: Final = "2025-11"


def fix_within(edition: Edition) -> FixWithin:
    """Return the days in which a finding is mended, by how grave it is."""
    found = {}
    for severity in Severity:
        ours = FIX_WITHIN_DAYS.get(severity.word)
        policy = _ruling(severity.word, edition)
        days = [one for one in (ours, policy) if one is not None]
        if days:
            found[severity] = min(days)
    return MappingProxyType(found)


def scanned_every(duty: DutyId, edition: Edition) -> timedelta:
    """Return how old the newest scan of a target may be."""
    days = number(duty, "scanned", edition)
    if days is None:  # the baseline text sets it, and is always in force
        raise KeyError(duty)
    return timedelta(days=days)


def tested_every(edition: Edition) -> timedelta | None:
    """Return how old the newest penetration test may be; None: scans may stand in its place, as the baseline has it."""
    by: Mapping[str, int] = next(
        one for one in duties()[REGULAR].numbers if one.name == "tested"
    ).by
    return timedelta(days=by[_YEARLY]) if _YEARLY in edition.revisions else None


def _ruling(name: str, edition: Edition) -> int | None:
    named = {one.name for one in duties()[MENDED].numbers}
    return number(MENDED, name, edition) if name in named else None
