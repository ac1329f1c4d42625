"""Shows the log to who may read it: pages of entries, one entry with its proof; each look is an event [1.3, 2.6]."""

from dataclasses import dataclass
from datetime import datetime

from strongroom.audit import AuditLog, Event, EventType, ObjKind, Outcome
from strongroom.audit.browsing import Browsed, Wanted, browse
from strongroom.audit.proving import Proved
from strongroom.compliance.reading import LogReaders
from strongroom.db.engine import Database
from strongroom.terms import Caller


@dataclass(frozen=True, slots=True)
class Evidence:
    """An entry with its proof under the checkpoint of `size` entries, and the key that signs it."""

    proved: Proved
    size: int
    key: str


class LogPages:
    """Reads the log for people. What was looked at is recorded before it is returned."""

    def __init__(self, database: Database, audit: AuditLog, readers: LogReaders) -> None:
        self._database = database
        self._audit = audit
        self._readers = readers

    def browse(
        self,
        wanted: Wanted,
        caller: Caller,
        now: datetime,
        *,
        before: int | None = None,
        after: int | None = None,
        limit: int = 50,
    ) -> Browsed:
        """Return entries as `audit.browsing.browse` does. Raises: Denied; recorded."""
        grant = self._readers.admit(caller, "browse", now)
        with self._database.read() as tx:
            found = browse(tx, wanted, before=before, after=after, limit=limit)
        ref = str(found.entries[0].seq) if found.entries else "none"
        self._record(caller, EventType.LOG_READ, "browse", ref, len(found.entries), grant, now)
        return found

    def prove(self, seq: int, caller: Caller, now: datetime) -> Evidence:
        """Return an entry and its proof under the checkpoint before this is recorded.

        Raises:
            Denied: the caller may not; recorded.
            NotFound: there is no such entry.
            Tampered: it is not what was recorded.

        """
        grant = self._readers.admit(caller, "prove", now)
        with self._audit.prover() as prover:
            found = Evidence(prover.event(seq), prover.size, prover.vkey)
        self._record(caller, EventType.LOG_PROVED, "inclusion", str(seq), found.size, grant, now)
        return found

    # -- private ---------------------------------------------------------------------------------

    def _record(
        self,
        caller: Caller,
        type_: EventType,
        op: str,
        ref: str,
        count: int,
        grant: int,
        now: datetime,
    ) -> None:
        event = Event(
            type_,
            Outcome.SUCCESS,
            caller,
            op=op,
            obj_kind=ObjKind.EVENT,
            obj_ref=ref,
            n=count,
            decision=grant,
        )
        self._audit.record(event, now=now)
