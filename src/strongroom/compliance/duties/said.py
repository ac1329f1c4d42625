"""What people said of duties: statements, exceptions, and that one does not apply, as values. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from strongroom.compliance.overseen import DutyId
from strongroom.terms import PrincipalId


@dataclass(frozen=True, slots=True)
class Item:
    """One thing of evidence that a statement refers to."""

    name: str
    digest: str
    """SHA-256."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What a person stated of a duty, or that a statement of it holds no longer."""

    id: int
    duty: DutyId
    withdraws: bool
    digest: str
    """SHA-256 of the text that was stated."""
    person: PrincipalId
    name: str
    active: bool
    """Whether the person is one today who may sign on."""
    made_at: datetime
    expires_at: datetime
    sound: bool
    """It is what the log recorded."""
    note: str = ""
    evidence: tuple[Item, ...] = ()


class ExcuseKind(StrEnum):
    """Why a duty needs not be kept for a while."""

    EXCEPTION = "exception"
    """It applies and is not kept, knowingly."""
    NOT_APPLICABLE = "not_applicable"
    """There is nothing here that it is about."""


@dataclass(frozen=True, slots=True)
class Excuse:
    """An exception, or that a duty does not apply; it counts between a second person's word and its end."""

    id: int
    duty: DutyId
    kind: ExcuseKind
    asked_by: PrincipalId
    asked_at: datetime
    ends_at: datetime
    approved_by: PrincipalId | None
    approved_at: datetime | None
    ended_by: PrincipalId | None
    """Who rejected it, or ended it before its day."""
    ended_at: datetime | None
    asker: str
    approver: str
    """Names; the second is empty while nobody approved."""
    sound: bool
    """Terms and both people are those that the log recorded."""
    one_person: bool
    """Its home has one person, so that asker and approver are the same."""
    reason: str = ""

    def state(self, now: datetime) -> str:
        """`pending`, `active`, `rejected`, `ended` or `expired`."""
        if self.ended_at is not None:
            return "rejected" if self.approved_at is None else "ended"
        if now >= self.ends_at:
            return "expired"
        return "pending" if self.approved_at is None else "active"

    def counts(self, now: datetime) -> bool:
        """Tell whether it excuses anybody at this instant."""
        return self.sound and self.state(now) == "active" and self.asked_at <= now
