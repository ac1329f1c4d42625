"""When access must have been reviewed, who may decide about it, and what a reviewer is told of it [1.2].

The list of who has access is reviewed every 90 days. Cycles count from the population of the last
campaign, before the first one from the first grant ever approved. A grant that no review confirmed
by the end of its cycle stops counting on day 91, by comparison of instants where access is decided.
"""

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from strongroom.policy.limits import DORMANT_AFTER, REVIEW_EVERY, REVIEW_GRACE
from strongroom.terms import PrincipalId


class Mark(StrEnum):
    """What a reviewer should notice of a grant."""

    NEW = "new"
    """Not on the list that the last review left behind."""
    REMOVED = "removed"
    """On that list, and without effect now."""
    CHANGED = "changed"
    """On that list with other words: nobody may do that between reviews."""
    UNCHANGED = "unchanged"
    UNUSED = "unused"
    """Nothing was read under it since the last review."""
    ORPHANED = "orphaned"
    """Its principal has ended, or the person who answers for it."""
    DORMANT = "dormant"
    """Its principal did nothing at all for 30 days."""


class Verdict(StrEnum):
    """What a reviewer decides about one grant."""

    KEEP = "keep"
    CHANGE = "change"
    """Narrow it."""
    REVOKE = "revoke"


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of one grant when a campaign starts.

    `terms` says all that it allows, as one text; `before` what the last review left of it.
    """

    terms: str
    before: str | None
    effective: bool
    since: datetime
    reads: int
    orphaned: bool
    last_active_at: datetime | None


def first_review(cycles_from: datetime, approved_at: datetime) -> datetime:
    """Return by when a grant is reviewed first: the end of the cycle in which it was approved."""
    cycles = max(0, (approved_at - cycles_from) // REVIEW_EVERY)
    return cycles_from + (cycles + 1) * REVIEW_EVERY


def suspended_from(
    approved_at: datetime, reviewed_at: datetime | None, review_by: datetime | None
) -> datetime:
    """Return the instant from which a grant without a new review counts no more: day 91 [1.2].

    Never later than 91 days after it was last approved or confirmed, whatever `review_by` says.
    """
    latest = (reviewed_at or approved_at) + REVIEW_EVERY
    return (latest if review_by is None else min(review_by, latest)) + REVIEW_GRACE


def marks(seen: Seen, now: datetime) -> tuple[Mark, ...]:
    """Return a grant's marks: what became of it since the last review first."""
    if not seen.effective:
        found = [Mark.REMOVED]
    elif seen.before is None:
        found = [Mark.NEW]
    else:
        found = [Mark.UNCHANGED if seen.before == seen.terms else Mark.CHANGED]
    if seen.effective and seen.reads == 0:
        found.append(Mark.UNUSED)
    if seen.orphaned:
        found.append(Mark.ORPHANED)
    if seen.effective and now - max(seen.last_active_at or seen.since, seen.since) >= DORMANT_AFTER:
        found.append(Mark.DORMANT)
    return tuple(found)


def may_decide(
    reviewer: PrincipalId,
    subjects: Collection[PrincipalId],
    verdict: Verdict,
    *,
    by_another: bool = False,
) -> bool:
    """Tell whether a person may decide about a grant: never about access of their own, except to give it up.

    `by_another` is for what somebody else has to look at: then not even that.
    """
    return reviewer not in subjects or (verdict is Verdict.REVOKE and not by_another)


def population_hash(contents: Iterable[str]) -> str:
    """Return the SHA-256 of a population, one content a line, in the order of its items; hexadecimal."""
    digest = hashlib.sha256()
    for content in contents:
        digest.update(content.encode() + b"\n")
    return digest.hexdigest()
