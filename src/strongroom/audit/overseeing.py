"""The events of what people keep about compliance: a part of the catalogue [1.6, 2.2, 2.6]. Pure."""

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


OVERSEEING: Final[Mapping[EventType, Described]] = {
    EventType.OFFICE_APPOINTED: Described(
        "1.6",
        "a person was appointed to an office, or somebody was refused; `obj` is the office, `n` the person",
        "op obj n",
    ),
    EventType.OFFICE_ACCEPTED: Described(
        "1.6", "a person accepted an office, or was refused; `obj` is the office", "op obj"
    ),
    EventType.OFFICE_CONTACT_GIVEN: Described(
        "1.6", "a person said where they are reached", "obj chg"
    ),
    EventType.WORK_DONE: Described(
        "2.2", "a person stated that recurring work was done; `chg` is its evidence", "obj n chg"
    ),
    EventType.CALENDAR_CHANGED: Described(
        "1.2", "the password of a calendar feed was made or taken back", "op obj"
    ),
    EventType.CALENDAR_REFUSED: Described(
        "1.2", "a calendar feed was asked for with a password that is none; `n` counts", "n src"
    ),
    EventType.REGISTER_CHANGED: Described(
        "2.2", "an entry of a register was written or ended", "op obj chg"
    ),
    EventType.REGISTER_REVIEWED: Described(
        "2.2", "a person reviewed an entry of a register, or all of it", "op obj n chg"
    ),
    EventType.DIGEST_MAILED: Described(
        "1.6", "a person was told by mail what is due; `n` counts", "obj n"
    ),
}
