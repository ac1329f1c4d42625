"""Who may read the log: a person whom a grant to `audit` lets, and each attempt is an event itself [1.3, 2.6].

The log holds no personal data, but says who did what and when: whoever runs the installation does not
need it, and whoever wants to know whether they were seen must not have it. Verifying shows nothing of
it and is open to all who may give commands.
"""

from datetime import datetime

from strongroom.accounts import Guard
from strongroom.audit import AuditLog, Event, EventType, ObjKind, Outcome, Reason
from strongroom.db.engine import Database, Transaction
from strongroom.db.suspensions import suspended
from strongroom.errors import Denied
from strongroom.policy.grants import Allow, may_read_log
from strongroom.terms import Caller, PrincipalKind
from strongroom.vault import GrantStore


class LogReaders:
    """The door before the log's entries. Safe between threads."""

    def __init__(self, database: Database, audit: AuditLog, guard: Guard) -> None:
        self._database = database
        self._audit = audit
        self._guard = guard

    def admit(self, caller: Caller, op: str, now: datetime) -> int:
        """Return the grant that lets this caller read the log; `op` is what they want of it.

        Raises:
            Denied: none does, or the caller is no person, suspended or locked; recorded.

        """
        with self._database.read() as tx:
            found = _decide(tx, caller, now)
        if self._guard.is_locked(caller.principal, now):
            found = Reason.LOCKED
        if not isinstance(found, Reason):
            return found
        event = Event(
            EventType.LOG_READ,
            Outcome.DENIED,
            caller,
            reason=found,
            op=op,
            obj_kind=ObjKind.LOG,
            obj_ref="events",
        )
        with self._database.write() as tx:
            self._audit.append(tx, event, now=now)
        raise Denied(
            f"{caller.name} may not read the log: {found}",
            hint="`strongroom grant add --role auditor --all-sellers --days 90 --principal NAME` asks for it",
        )


def _decide(tx: Transaction, caller: Caller, now: datetime) -> int | Reason:
    if caller.kind is not PrincipalKind.PERSON:
        return Reason.NOT_AUTHORIZED
    if caller.principal in suspended(tx, now):
        return Reason.SUSPENDED
    decision = may_read_log(GrantStore.of(tx, caller.principal), now)
    return decision.grant if isinstance(decision, Allow) else Reason(decision.reason.value)
