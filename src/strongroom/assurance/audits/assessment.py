"""What an audit by Amazon is: what it asked for, what it found, and which steps each must have had [3]. Pure."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

from strongroom.assurance.stamps import Stamp
from strongroom.terms import PrincipalId

CERTIFIED_WITHIN: Final = timedelta(days=10)
"""From Amazon's written request to the certificate of compliance [3]."""
KEPT_AFTER: Final = timedelta(days=365)
"""How long after the agreement's end an audit may look at the books [3]."""
LONGEST_SEAT: Final = timedelta(days=30)
"""For how long an auditor is let in at once."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """One audit, from its announcement to its closing."""

    id: int
    title: str = field(repr=False)
    auditor: str = field(repr=False)
    """Who audits, as they present themselves."""
    opened: Stamp
    closed: Stamp | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """One request. `certificate` is Amazon's written request to certify compliance."""

    id: int
    assessment: int
    text: str = field(repr=False)
    due_at: datetime
    asked: Stamp
    certificate: bool = False
    owner: PrincipalId | None = None
    answer: str = field(default="", repr=False)
    evidence: int | None = None
    """The number of an item in the evidence store."""
    answered: Stamp | None = None
    accepted: Stamp | None = None

    @property
    def state(self) -> str:
        """Return `open`, `answered` or `accepted`."""
        if self.accepted is not None:
            return "accepted"
        return "open" if self.answered is None else "answered"


@dataclass(frozen=True, slots=True)
class Shown:
    """One piece of evidence that was submitted for a finding."""

    evidence: int
    by: PrincipalId
    at: datetime


@dataclass(frozen=True, slots=True)
class Deficiency:
    """One finding of an audit: agreed plan, then evidence, then Amazon's written approval."""

    id: int
    assessment: int
    text: str = field(repr=False)
    found: Stamp
    plan: str = field(default="", repr=False)
    agreed_until: datetime | None = None
    """The date agreed with Amazon."""
    planned: Stamp | None = None
    shown: tuple[Shown, ...] = ()
    approval: int | None = None
    """The item of evidence that is Amazon's approval in writing."""
    approved_on: date | None = None
    """The day that approval bears."""
    approved: Stamp | None = None

    @property
    def state(self) -> str:
        """Return `approved`, or the step it waits for: `plan`, `evidence`, `approval`."""
        if self.approved is not None:
            return "approved"
        if self.planned is None:
            return "plan"
        return "approval" if self.shown else "evidence"

    def is_late(self, now: datetime) -> bool:
        """Tell whether the agreed date has passed without an approval."""
        return self.approved is None and self.agreed_until is not None and now > self.agreed_until


@dataclass(frozen=True, slots=True)
class Seat:
    """An auditor's admission: one person, one audit, until an instant."""

    id: int
    assessment: int
    person: PrincipalId
    until_at: datetime
    admitted: Stamp
    ended: Stamp | None = None

    def holds(self, now: datetime) -> bool:
        """Tell whether it admits at an instant."""
        return self.ended is None and self.admitted.at <= now < self.until_at


def out_of_order(one: Deficiency) -> str | None:
    """Return what is wrong with the stamps of a finding that counts as approved; None where they are in order."""
    if one.planned is None or one.agreed_until is None:
        return "it has no agreed plan"
    if not one.shown:
        return "no evidence was submitted"
    if one.approved is None or one.approval is None or one.approved_on is None:
        return "Amazon did not approve it in writing"
    if one.approved_on < one.shown[-1].at.date():
        return "the approval is older than the last evidence"
    return None
