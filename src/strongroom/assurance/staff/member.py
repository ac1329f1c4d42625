"""What is known of one person with access: training, what joining and leaving still lack, by when [1.1, 1.2]. Pure.

What the house sees by itself (documents acknowledged, grants ended) is never ticked by hand.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from strongroom.terms import PrincipalId

TRAINED_EVERY: Final = timedelta(days=365)
LEFT_WITHIN: Final = timedelta(hours=24)
"""From the account's end to the last step of leaving."""

JOINING: Final[Mapping[str, str]] = {
    "confidentiality": "agreement of confidentiality signed",
    "device": "device handed out, and in the inventory",
}
"""Steps that a person states when somebody joins."""

LEAVING: Final[Mapping[str, str]] = {
    "devices": "devices, keys and badges returned",
    "papers": "printed personal data returned or destroyed",
    "elsewhere": "access to systems outside of this house ended",
}
"""Steps that a person states when somebody leaves."""


class Topic(StrEnum):
    """What a training was about."""

    DATA_PROTECTION = "data_protection"
    IT_SECURITY = "it_security"


@dataclass(frozen=True, slots=True)
class Training:
    """One training of one person."""

    topic: Topic
    on: datetime
    evidence: int | None
    by: PrincipalId
    at: datetime

    @property
    def until(self) -> datetime:
        """Return how long it counts."""
        return self.on + TRAINED_EVERY


@dataclass(frozen=True, slots=True)
class Step:
    """One step of joining or leaving, as somebody stated it."""

    name: str
    by: PrincipalId
    at: datetime


@dataclass(frozen=True, slots=True)
class Member:
    """One person, as they stand at an instant."""

    person: PrincipalId
    name: str
    added_at: datetime
    ended_at: datetime | None
    trainings: tuple[Training, ...]
    """The newest first."""
    steps: tuple[Step, ...]
    unread: int
    """Documents of the house that the person has yet to acknowledge."""
    grants: int
    """Grants in force of somebody who has left."""
    now: datetime = field(repr=False)

    @property
    def has_left(self) -> bool:
        """Tell whether the account has ended."""
        return self.ended_at is not None and self.ended_at <= self.now

    def trained_until(self, topic: Topic) -> datetime | None:
        """Return until when the person counts as trained; None: never was."""
        return max((one.until for one in self.trainings if one.topic is topic), default=None)

    @property
    def untrained(self) -> list[Topic]:
        """Return the topics in which no training counts now."""
        return [
            topic
            for topic in Topic
            if (until := self.trained_until(topic)) is None or until <= self.now
        ]

    @property
    def joining(self) -> list[str]:
        """Return what joining still lacks, as words; nothing once the person has left."""
        if self.has_left:
            return []
        done = {step.name for step in self.steps}
        open_ = [words for name, words in JOINING.items() if name not in done]
        open_ += [f"training in {topic.value.replace('_', ' ')}" for topic in self.untrained]
        return open_ + ([f"{self.unread} documents to acknowledge"] if self.unread else [])

    @property
    def leaving(self) -> list[str]:
        """Return what leaving still lacks, as words; nothing while the person is there."""
        if not self.has_left:
            return []
        done = {step.name for step in self.steps}
        open_ = [words for name, words in LEAVING.items() if name not in done]
        return open_ + ([f"{self.grants} grants in force"] if self.grants else [])

    @property
    def left_by(self) -> datetime | None:
        """Return by when leaving is done; None while the person is there."""
        return self.ended_at + LEFT_WITHIN if self.has_left and self.ended_at else None

    @property
    def is_late(self) -> bool:
        """Tell whether something of leaving is open after its 24 hours."""
        return bool(self.leaving) and self.left_by is not None and self.now > self.left_by
