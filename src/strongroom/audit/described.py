"""How the catalogue describes an event, and the events of duties of the policy [2.2, 3]. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from strongroom.audit.event_types import EventType


@dataclass(frozen=True, slots=True)
class Described:
    """One type of event. `members` are those of docs/formats/audit-log.md that it may have beside what all have."""

    clause: str
    says: str
    members: str


DUTIES: Final[Mapping[EventType, Described]] = {
    EventType.DUTY_STATED: Described(
        "3",
        "a person stated that a duty (`op`) is kept; `n` items of evidence are with it",
        "op obj n chg",
    ),
    EventType.DUTY_WITHDRAWN: Described(
        "3", "a person said that what was stated of a duty (`op`) holds no longer", "op obj n chg"
    ),
    EventType.DUTY_EXCUSE_REQUESTED: Described(
        "3",
        "an exception from a duty (`op`) was asked for, or that it does not apply",
        "op obj chg",
    ),
    EventType.DUTY_EXCUSE_APPROVED: Described(
        "3", "another person approved it; in a home of one person the same", "op obj chg"
    ),
    EventType.DUTY_EXCUSE_ENDED: Described(
        "3", "it was rejected, or ended before its day", "op obj chg"
    ),
}
