"""What is due of people: trainings that end, and what leaving lacks, with its 24 hours [1.1, 1.2]."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from strongroom.assurance.staff.member import Topic
from strongroom.assurance.staff.staff import Staff
from strongroom.compliance.overseen import Due, DutyId, Finding, Office

PATH: Final = "/staff"
JOINED_WITHIN: Final = timedelta(days=7)
"""How long somebody new has until what joining lacks is late."""
TOLD_BEFORE: Final = timedelta(days=60)
"""How long before its end a training is among what is due."""


@dataclass(frozen=True, slots=True)
class StaffOverseen:
    """The part of people in keeping duties. It tells of none by itself: accounts and reviews do."""

    staff: Staff

    def findings(self, now: datetime) -> Mapping[DutyId, Finding]:
        """Return nothing: duties about people are told by their accounts."""
        del now
        return {}

    def dues(self, now: datetime) -> Iterable[Due]:
        """Return what is to be done, each with its day."""
        for one in self.staff.listed(now):
            path = f"{PATH}/{one.person}"
            if one.leaving and one.left_by is not None:
                yield Due(
                    f"Finish the leaving of {one.name}", path, one.left_by,
                    office=Office.IT_ADMIN, began_at=one.ended_at,
                )  # fmt: skip
            for topic in Topic if not one.has_left else ():
                by = one.trained_until(topic) or one.added_at + JOINED_WITHIN
                words = topic.value.replace("_", " ")
                if by > now + TOLD_BEFORE:
                    continue
                yield Due(f"Train {one.name} in {words}", path, by, office=Office.IT_ADMIN)
