"""Whether what was lost could be brought back, and whether what was destroyed stays so: backups and copies of keys.

Pure [2.1, 2.4].
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar

from strongroom.alarms.kinds import AlarmKind, Response, Severity, Signal
from strongroom.alarms.rules.cases import Case
from strongroom.alarms.rules.parameters import Parameters
from strongroom.alarms.seen import Seen
from strongroom.audit.entry import Outcome
from strongroom.audit.event_types import EventType


class BackupMissing:
    """A backup or its drill that is late, failed or is not what was written; a copy of keys that outlives its time."""

    name: ClassVar[str] = "backup_missing"
    kind: ClassVar[AlarmKind] = AlarmKind.BACKUP_MISSING
    types: ClassVar[frozenset[EventType] | None] = frozenset(
        {
            EventType.BACKUP_OVERDUE,
            EventType.BACKUP_TAKEN,
            EventType.BACKUP_STORED,
            EventType.BACKUP_VERIFIED,
            EventType.BACKUP_DRILLED,
            EventType.KEYSTORE_COPY_DESTROYED,
        }
    )
    OVERDUE: ClassVar = Case(
        kind,
        "overdue",
        Severity.HIGH,
        Response.NOTIFY,
        "a backup, or the drill of one, is late (`backup.overdue`)",
    )
    FAILED: ClassVar = Case(
        kind,
        "failed",
        Severity.MEDIUM,
        Response.NOTIFY,
        "a backup could not be taken, or a target did not take it",
    )
    UNSOUND: ClassVar = Case(
        kind,
        "unsound",
        Severity.HIGH,
        Response.NOTIFY,
        "a backup is not what was written, or a drill could not restore it",
    )
    KEYS: ClassVar = Case(
        kind,
        "keys",
        Severity.CRITICAL,
        Response.NOTIFY,
        "a copy of the keystore outlives its time, or could not be destroyed: what is due may be readable by it",
    )
    cases: ClassVar[tuple[Case, ...]] = (OVERDUE, FAILED, UNSOUND, KEYS)
    _OF: ClassVar = {
        EventType.BACKUP_OVERDUE: OVERDUE,
        EventType.BACKUP_TAKEN: FAILED,
        EventType.BACKUP_STORED: FAILED,
        EventType.BACKUP_VERIFIED: UNSOUND,
        EventType.BACKUP_DRILLED: UNSOUND,
        EventType.KEYSTORE_COPY_DESTROYED: KEYS,
    }

    def __init__(self, parameters: Parameters) -> None:
        del parameters  # the settings of backups say what late is

    def feed(self, seen: Seen) -> Iterable[Signal]:
        """Tell of every one that did not succeed."""
        if seen.outcome is Outcome.SUCCESS:
            return ()
        target = seen.op or seen.obj_ref or "backup"
        return (self._OF[seen.type].signal(seen.at, target=target, evidence=(seen.seq,)),)

    def tick(self, now: datetime) -> Iterable[Signal]:
        """Nothing follows from time alone: `serve` records what is late."""
        del now
        return ()

    def state(self) -> dict[str, Any]:
        """Return nothing: there is nothing to keep."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from nothing."""
        del state
