"""What every part of compliance tells of itself: findings about duties, and what falls due. Pure.

A room that serves a duty is asked for both by the board of clauses, by the pages of today and of the calendar, and by
the mails; it writes no status of its own anywhere [1.6, 2.2, 2.3, 2.7, 3].
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType, Protocol

from strongroom.terms import PrincipalId

DutyId = NewType("DutyId", str)
"""A duty of the policy by its clause and letter, such as `2.1-a`."""


class Verdict(StrEnum):
    """What one look found. `unknown` is never taken for good."""

    PASS = "pass"  # noqa: S105 - a verdict
    FAIL = "fail"
    UNKNOWN = "unknown"


class Office(StrEnum):
    """Parts that people have in keeping the policy; each has a holder and a deputy [1.6]."""

    EXECUTIVE = "executive"
    SECURITY_OWNER = "security_owner"
    PRIVACY_OWNER = "privacy_owner"
    INCIDENT_LEAD = "incident_lead"
    AMAZON_CONTACT = "amazon_contact"
    """Whom Amazon reaches about incidents at any hour."""
    APP_ADMIN = "app_admin"
    INFRA_ADMIN = "infra_admin"
    IT_ADMIN = "it_admin"
    DEV_LEAD = "dev_lead"
    WAREHOUSE_LEAD = "warehouse_lead"


@dataclass(frozen=True, slots=True)
class Finding:
    """One look at one duty. Texts name things, never a value of the vault."""

    verdict: Verdict
    why: str
    """What was seen, as a sentence."""
    proof: tuple[str, ...] = ()
    """What proves it: entries of the log, digests, numbers counted and where."""
    remedy: str = ""
    """What turns it green; empty for what passes."""
    seen_at: datetime | None = None
    """When it was looked at; None is now."""


@dataclass(frozen=True, slots=True)
class Due:
    """One thing that somebody has to do, or a clock that runs."""

    what: str
    path: str
    """The page of the desk where it is done."""
    due_at: datetime
    office: Office | None = None
    person: PrincipalId | None = None
    """Who has it by name; the office's holder otherwise."""
    duty: DutyId | None = None
    began_at: datetime | None = None
    """Since when its clock runs, where it is one that the policy or a law counts in hours or days."""


class Overseen(Protocol):
    """A room with a part in keeping duties."""

    def findings(self, now: datetime) -> Mapping[DutyId, Finding]:
        """Return what it sees of each duty it has a part in; cheap: a page waits for it."""

    def dues(self, now: datetime) -> Iterable[Due]:
        """Return what is to be done, past due or not."""
