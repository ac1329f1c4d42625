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
    EventType.EVIDENCE_COLLECTED: Described(
        "1.6",
        "an item of evidence came into the store; `chg` has its first link of custody",
        "obj n bytes chg",
    ),
    EventType.EVIDENCE_VIEWED: Described(
        "1.6", "somebody opened it; `op` says what for", "op obj n chg"
    ),
    EventType.EVIDENCE_EXPORTED: Described(
        "1.6", "it left as a package; `op` says what for", "op obj n chg"
    ),
    EventType.EVIDENCE_RELEASED: Described(
        "1.6", "whoever holds it gives it to another person", "obj n chg"
    ),
    EventType.EVIDENCE_RECEIVED: Described("1.6", "that person has it", "obj n chg"),
    EventType.EVIDENCE_DECLINED: Described("1.6", "it stayed where it was", "obj n chg"),
    EventType.EVIDENCE_DISPOSED: Described(
        "1.6", "its bytes were removed, or the thing was destroyed", "obj n chg"
    ),
    EventType.EVIDENCE_STAMPED: Described(
        "1.6", "a timestamp authority said when it was there", "obj n"
    ),
    EventType.EVIDENCE_FAULTED: Described("1.6", "it is not what was collected", "obj"),
    EventType.EVIDENCE_CHECKED: Described(
        "1.6", "every item was hashed again and its chain held against the log", "n"
    ),
    EventType.INCIDENT_OPENED: Described(
        "1.6",
        "a case was opened; `op` is its type, `n` the second of 1970 from which its 24 hours count",
        "op obj n",
    ),
    EventType.INCIDENT_CLOCK_MOVED: Described(
        "1.6", "it was known earlier than was thought: the 24 hours count from `n`", "obj n"
    ),
    EventType.INCIDENT_CHANGED: Described(
        "1.6",
        "something was done in a case, or somebody was refused; `op` says what",
        "op obj n chg",
    ),
    EventType.INCIDENT_NOTIFIED: Described(
        "1.6",
        "Amazon was told, `n` seconds after the clock began; `chg` has the SHA-256 of what was sent",
        "op obj n chg",
    ),
    EventType.INCIDENT_TOLD: Described(
        "1.6", "a word about a case went out, or waits; `op` says to whom", "op obj n chg"
    ),
    EventType.INCIDENT_DUE: Described(
        "1.6", "Amazon has not heard yet; `op` says after how many hours", "op obj"
    ),
    EventType.INCIDENT_APPROVED: Described(
        "1.6", "another person approved the post-mortem, or its author was refused", "op obj"
    ),
    EventType.INCIDENT_CLOSED: Described(
        "1.6", "its lead closed a case; `op` says whether it was an incident", "op obj"
    ),
    EventType.INCIDENT_PRACTISED: Described(
        "1.6", "the plan was reviewed, exercised, tried or confirmed; `op` says which", "op obj"
    ),
    EventType.POLICY_DRAFTED: Described(
        "2.2",
        "a draft of a document (`op`) was written, or dropped; `n` is its number",
        "op obj n chg",
    ),
    EventType.POLICY_SUBMITTED: Described(
        "2.2", "it waits for another person's approval", "op obj n chg"
    ),
    EventType.POLICY_RETURNED: Described("2.2", "it was given back to be changed", "op obj n chg"),
    EventType.POLICY_APPROVED: Described(
        "2.2",
        "it holds from now on; `op` says where one person wrote and approved it",
        "op obj n chg",
    ),
    EventType.POLICY_ACKNOWLEDGED: Described(
        "2.2", "a person acknowledged exactly this text", "op obj n chg"
    ),
    EventType.POLICY_COMPARED: Described(
        "2.2", "the address where it is published was held against its text", "op obj n chg"
    ),
    EventType.PROCESSING_CONFIRMED: Described(
        "2.2",
        "the record of processing was confirmed as it is; `n` counts its fields",
        "n chg",
    ),
}
