"""What happened, in a log that shows every later change of it [2.6]."""

from strongroom.audit.entry import MAX_RECORDS, Change, Event, Field, ObjKind, Outcome, Reason
from strongroom.audit.epochs import Earlier, stored_epoch
from strongroom.audit.event_types import EventType
from strongroom.audit.log import AuditLog, SignerMemory
from strongroom.audit.reading import Entry
from strongroom.audit.verify import VerifyReport

__all__ = [
    "MAX_RECORDS",
    "AuditLog",
    "Change",
    "Earlier",
    "Entry",
    "Event",
    "EventType",
    "Field",
    "ObjKind",
    "Outcome",
    "Reason",
    "SignerMemory",
    "VerifyReport",
    "stored_epoch",
]
