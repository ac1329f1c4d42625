"""What is done at once about a principal that an alarm is about, and how it is undone [1.2, 2.6].

In the transaction that raises the alarm: it is kept together with what was done, or neither. The service itself is
never acted upon, and who alone could lift a suspension is let in again by the clock.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from strongroom.accounts import Suspended, entries
from strongroom.accounts.changes import Changes, changing
from strongroom.alarms.kinds import AlarmKind, Response
from strongroom.audit import AuditLog, Event, EventType, ObjKind, Outcome, Reason
from strongroom.db import schema, suspensions
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Conflict, Denied, NotFound
from strongroom.policy.limits import LAST_ADMINISTRATOR_LOCK, PROOF_LASTS, SLOWED_FOR
from strongroom.terms import SYSTEM, AuthMethod, Caller, PrincipalId, PrincipalKind

EndSessions = Callable[[Changes, PrincipalId, Reason], None]
"""Ends a person's living sessions, all of them, within the given transaction."""

_sessions: Final = schema.login_session


@dataclass(frozen=True, slots=True)
class Suspension:
    """A principal that is suspended now, as listed."""

    principal: PrincipalId
    name: str
    frozen: bool
    why: str
    since: datetime
    until: datetime | None


class Acting:
    """Acts, and lifts. Safe between threads.

    `administrators` returns the people who may administer at an instant, suspended ones left out.
    """

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        *,
        administrators: Callable[[datetime], Collection[PrincipalId]],
        end_sessions: EndSessions,
        one_person: bool,
    ) -> None:
        self._database = database
        self._audit = audit
        self._administrators = administrators
        self._end_sessions = end_sessions
        self._one_person = one_person

    def act(
        self, change: Changes, principal: PrincipalId | None, wanted: Response, kind: AlarmKind
    ) -> Response:
        """Do what an alarm asks for, within the caller's transaction; return what of it could be done.

        An app has no session that could be proved again: it is slowed instead.
        """
        if principal is None or principal == SYSTEM.principal or wanted is Response.NOTIFY:
            return Response.NOTIFY
        tx, now = change.tx, change.now
        # Before any other row of theirs, as whatever else locks somebody out does.
        entries.hold(tx, principal)
        row = tx.execute(
            sa.select(schema.principal.c.kind).where(schema.principal.c.id == principal)
        ).first()
        if row is None:
            return Response.NOTIFY
        if wanted is Response.STEP_UP and row.kind != PrincipalKind.PERSON:
            wanted = Response.THROTTLE
        match wanted:
            case Response.STEP_UP:
                stale = now - PROOF_LASTS - timedelta(microseconds=1)
                of_theirs = _sessions.c.principal_id == principal
                living = sa.and_(of_theirs, _sessions.c.ended_at.is_(None))
                tx.execute(sa.update(_sessions).where(living).values(proved_at=stale))
            case Response.THROTTLE:
                suspensions.slow(tx, principal, now + SLOWED_FOR)
            case _:
                self._suspend(change, principal, kind, frozen=wanted is Response.FREEZE)
        return wanted

    def lift(self, name: str, caller: Caller, now: datetime) -> int:
        """Let a suspended or slowed principal go on; return how many suspensions ended. Durable, with its event.

        Raises:
            NotFound: no principal of this name.
            Conflict: it is not suspended.
            Denied: the caller is that principal, is suspended itself, or neither administers nor sits at the console;
                recorded.

        """
        with changing(self._database, self._audit, caller, now) as change:
            found = entries.find(change.tx, name.lower())
            if found is None:
                raise NotFound("no person, app or node of this name")
            entries.hold(change.tx, found.id)
            refused = self._refusal(change.tx, found.id, caller, now)
            if refused is None:
                lifted = suspensions.lift(change.tx, [found.id], caller.principal, now)
                if lifted == 0:
                    raise Conflict(f"{found.name} is not suspended")
                change.record(EventType.PRINCIPAL_RESTORED, ObjKind.PRINCIPAL, found.id)
                return lifted
            change.events.append(
                Event(
                    EventType.PRINCIPAL_RESTORED,
                    Outcome.DENIED,
                    caller,
                    reason=refused,
                    obj_kind=ObjKind.PRINCIPAL,
                    obj_ref=str(found.id),
                )
            )
        raise Denied(
            f"{found.name} is let in again by somebody else",
            hint="another person who may administer lifts it, or the console",
        )

    def suspended(self, now: datetime) -> list[Suspension]:
        """Return who is suspended now, oldest first."""
        rows, people = schema.principal_suspension, schema.principal
        query = (
            sa.select(rows, people.c.name)
            .join(people, people.c.id == rows.c.principal_id)
            .where(
                rows.c.lifted_at.is_(None),
                sa.or_(rows.c.until.is_(None), rows.c.until > now),
            )
            .order_by(rows.c.since, rows.c.id)
        )
        with self._database.read() as tx:
            return [
                Suspension(
                    PrincipalId(row.principal_id),
                    row.name,
                    bool(row.frozen),
                    row.why,
                    row.since,
                    row.until,
                )
                for row in tx.execute(query)
            ]

    def admit_console(self, caller: Caller, now: datetime) -> None:
        """Refuse a frozen person at the console too, unless nobody else is there to lift it. Raises: Suspended."""
        with self._database.read() as tx:
            if not suspensions.is_frozen(tx, caller.principal, now):
                return
            if self._one_person or not self._others(tx, caller.principal, now):
                return
        event = Event(
            EventType.CREDENTIAL_CHECKED,
            Outcome.DENIED,
            caller,
            reason=Reason.SUSPENDED,
            obj_kind=ObjKind.PRINCIPAL,
            obj_ref=str(caller.principal),
        )
        with self._database.write() as tx:
            self._audit.append(tx, event, now=now)
        raise Suspended

    # -- private ---------------------------------------------------------------------------------

    def _suspend(
        self, change: Changes, principal: PrincipalId, kind: AlarmKind, *, frozen: bool
    ) -> None:
        tx, now = change.tx, change.now
        is_last = principal in self._administrators(now) and not self._others(tx, principal, now)
        until = now + LAST_ADMINISTRATOR_LOCK if is_last else None
        fresh = suspensions.suspend(
            tx, principal, why=kind.value, frozen=frozen, now=now, until=until
        )
        if frozen:
            # Even where it was frozen before: at the vault's door nobody ends sessions.
            self._end_sessions(change, principal, Reason.SUSPENDED)
        if fresh:
            change.record(
                EventType.PRINCIPAL_SUSPENDED,
                ObjKind.PRINCIPAL,
                principal,
                op=Response.FREEZE.value if frozen else Response.SUSPEND.value,
            )

    def _others(
        self, tx: Transaction, principal: PrincipalId, now: datetime
    ) -> frozenset[PrincipalId]:
        """Return who else could lift a suspension of this principal."""
        # What this very transaction suspended is not in the answer of `administrators`.
        out = suspensions.suspended(tx, now).keys()
        return frozenset(self._administrators(now)) - {principal} - out

    def _refusal(
        self, tx: Transaction, principal: PrincipalId, caller: Caller, now: datetime
    ) -> Reason | None:
        """Return why a caller may not lift it."""
        if caller.kind is not PrincipalKind.PERSON:
            return Reason.NOT_AUTHORIZED
        at_console = caller.auth is AuthMethod.CONSOLE
        if caller.principal == principal:
            alone = self._one_person or not self._others(tx, principal, now)
            return None if at_console and alone else Reason.SELF_REVIEW
        if caller.principal in suspensions.suspended(tx, now):
            return Reason.SUSPENDED
        if at_console or caller.principal in self._administrators(now):
            return None
        return Reason.NOT_AUTHORIZED
