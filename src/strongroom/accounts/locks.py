"""Sets and lifts locks: who may, what else ends, and what is recorded [1.2].

A lock is lifted by another person who may administer, or at the console, never by its own person, and each gets a
disposition before or with that. The rules about counts are in `policy/lockout.py`, what leads to a lock in `guard.py`.
"""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Final

from strongroom.accounts import counts, entries, lock_rows
from strongroom.accounts.changes import Changes, changing
from strongroom.accounts.counts import Scope
from strongroom.accounts.lock_rows import Lock
from strongroom.accounts.passwords import Passwords
from strongroom.accounts.sessions import people_signed_on
from strongroom.audit import AuditLog, Event, EventType, ObjKind, Outcome, Reason
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Conflict, Denied, Malformed
from strongroom.policy import lockout
from strongroom.policy.lockout import Disposition, LockReason
from strongroom.terms import SYSTEM, AuthMethod, Caller, PrincipalId, PrincipalKind

EndSessions = Callable[[Changes, PrincipalId, Reason], None]
"""Ends a person's living sessions, all of them, within the given transaction."""

_OF_PERSON: Final = (Scope.ROW, Scope.FACTORS, Scope.UNFINISHED, Scope.SEEN)


class Locks:
    """The locks of one home. Safe between threads; what a method changed is durable when it returns, with its event.

    `administrators` returns the people who may administer at an instant: they lift locks. In a home of `one_person`
    that person lifts their own at the console: there is nobody else.
    """

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        administrators: Callable[[datetime], Collection[PrincipalId]],
        *,
        one_person: bool,
    ) -> None:
        self._database = database
        self._audit = audit
        self._administrators = administrators
        self._one_person = one_person
        self._end_sessions: EndSessions | None = None

    def ends_sessions_with(self, end: EndSessions) -> None:
        """Have `end` called, inside its transaction, for a lock that says that somebody else is in."""
        self._end_sessions = end

    # -- setting, in the transaction of what led to it -------------------------------------------

    def set_person(
        self, change: Changes, principal: PrincipalId, reason: LockReason, src_ip: str | None
    ) -> None:
        """Lock a person who is not locked; end their sessions where the reason says that somebody else is in."""
        tx, now = change.tx, change.now
        # It holds the person's row: two reasons at once make one lock.
        name = lock_rows.name_of(tx, principal)
        known = lock_rows.of_person(tx, principal)
        hold = lockout.ends_by_itself_after(
            reason, last_administrator=self._is_last_administrator(tx, principal, now)
        )
        until = None if hold is None else now + hold
        if known is not None and known.until is not None and (until is None or known.until <= now):
            # One that would end by itself does not stand in for one that must not, nor an ended one for a new one.
            _expire(change, known, min(known.until, now))
            known = None
        if known is None:
            target = self._audit.pseudonym("name", lockout.folded(name))
            lock_rows.set_(
                change, reason, target=target, principal=principal, until=until, src_ip=src_ip
            )
        if reason in lockout.ENDS_SESSIONS:
            self._ended(change, principal, Reason(reason.value))

    def set_address(self, change: Changes, target: str, src_ip: str) -> None:
        """Shut an address out, where it is not already."""
        known = lock_rows.of_address(change.tx, target)
        if known is not None and known.holds(change.now):
            return
        if known is not None:
            _expire(change, known, known.until or change.now)
        hold = lockout.ends_by_itself_after(LockReason.SPRAYING, last_administrator=False)
        until = None if hold is None else change.now + hold
        lock_rows.set_(
            change,
            LockReason.SPRAYING,
            target=target,
            principal=None,
            until=until,
            src_ip=src_ip,
        )

    # -- deciding about them ---------------------------------------------------------------------

    def listed(self, now: datetime, *, every: bool) -> list[Lock]:
        """Return the locks that hold, or all there ever were, oldest first."""
        self.settle(now)
        with self._database.read() as tx:
            return lock_rows.listed(tx, every=every)

    def is_locked(self, principal: PrincipalId, now: datetime) -> bool:
        """Tell whether a lock holds a person."""
        with self._database.read() as tx:
            return _is_locked(tx, principal, now)

    def lift(
        self, id_: int, caller: Caller, now: datetime, disposition: Disposition | None = None
    ) -> Lock:
        """Let a person, or an address, in again, and say what it was; their counts begin anew.

        Raises:
            NotFound: no such lock.
            Malformed: it has no disposition yet, and none is given.
            Conflict: it does not hold any more.
            Denied: the caller is the locked person, is locked too, or neither administers nor sits at the console.

        """
        self.settle(now)
        refused: Reason | None
        with changing(self._database, self._audit, caller, now) as change:
            lock = lock_rows.one(change.tx, id_, to_change=True)
            refused = self._refusal(change.tx, lock, caller, now)
            if refused is not None:
                change.events.append(_denied(EventType.LOCK_LIFTED, caller, lock, refused))
            elif lock.lifted_at is not None:
                raise Conflict(f"lock {id_} holds nobody any more")
            else:
                lock_rows.lift(change, lock, _given(disposition or lock.disposition), now)
                counts.clear(change.tx, self._counted_of(lock))
                return lock_rows.one(change.tx, id_)
        raise _refuse(id_, refused)

    def dispose(self, id_: int, caller: Caller, now: datetime, disposition: Disposition) -> Lock:
        """Say what a lock was, whether it holds or not.

        Raises:
            NotFound: no such lock.
            Malformed: `expired`, which nobody gives.
            Conflict: somebody said it already.
            Denied: as `lift`.

        """
        self.settle(now)
        refused: Reason | None
        with changing(self._database, self._audit, caller, now) as change:
            lock = lock_rows.one(change.tx, id_, to_change=True)
            refused = self._refusal(change.tx, lock, caller, now)
            if refused is not None:
                change.events.append(_denied(EventType.LOCK_DISPOSED, caller, lock, refused))
            elif lock.disposition not in (None, Disposition.EXPIRED):
                raise Conflict(f"lock {id_} has its disposition")
            else:
                lock_rows.dispose(change, lock, _given(disposition))
                return lock_rows.one(change.tx, id_)
        raise _refuse(id_, refused)

    def sign_off(self, principal: PrincipalId | None, caller: Caller, now: datetime) -> int:
        """End every session of a person, or of everybody, without locking anybody out; return of how many people.

        Raises:
            Denied: the caller is locked, or neither administers nor sits at the console; recorded.

        """
        refused: Reason | None
        with changing(self._database, self._audit, caller, now) as change:
            refused = self._refusal_of(change.tx, caller, now)
            if refused is None:
                # Held: whoever is signing on now is done, and found, or is looked at again after this.
                if principal is None:
                    entries.hold_people(change.tx)
                else:
                    entries.hold(change.tx, principal)
                found = people_signed_on(change.tx)
                wanted = [one for one in found if principal in (None, one)]
                for person in wanted:
                    self._ended(change, person, Reason.REVOKED)
                return len(wanted)
            change.events.append(
                Event(
                    EventType.SESSION_ENDED,
                    Outcome.DENIED,
                    caller,
                    reason=refused,
                    obj_kind=None if principal is None else ObjKind.PRINCIPAL,
                    obj_ref=None if principal is None else str(principal),
                )
            )
        raise Denied("who may administer ends sessions of others, or the console")

    def settle(self, now: datetime) -> None:
        """Record the locks that have ended by themselves; what led to them counts no more."""
        with self._database.read() as tx:
            if not lock_rows.run_out(tx, now):
                return
        with changing(self._database, self._audit, SYSTEM, now) as change:
            for lock in lock_rows.run_out(change.tx, now):
                lock_rows.lift(change, lock, Disposition.EXPIRED, lock.until or now)
                counts.clear(change.tx, self._counted_of(lock))

    # -- private ---------------------------------------------------------------------------------

    def _is_last_administrator(
        self, tx: Transaction, principal: PrincipalId, now: datetime
    ) -> bool:
        """Tell whether nobody else who may administer can sign on now: locked ones lift nothing either.

        Nor does who was named and never came in by a link.
        """
        people = frozenset(self._administrators(now))
        others = people - {principal}
        free = (
            other
            for other in others
            if Passwords.has_one(tx, other) and not _is_locked(tx, other, now)
        )
        return principal in people and next(free, None) is None

    def _refusal(self, tx: Transaction, lock: Lock, caller: Caller, now: datetime) -> Reason | None:
        """Return why a caller may not decide about a lock."""
        if caller.kind is not PrincipalKind.PERSON:
            return Reason.NOT_AUTHORIZED
        at_console = caller.auth is AuthMethod.CONSOLE
        if caller.principal == lock.principal:
            return None if at_console and self._one_person else Reason.SELF_REVIEW
        return self._refusal_of(tx, caller, now)

    def _refusal_of(self, tx: Transaction, caller: Caller, now: datetime) -> Reason | None:
        """Return why a caller may not do to others what who administers may."""
        if caller.kind is not PrincipalKind.PERSON:
            return Reason.NOT_AUTHORIZED
        if caller.auth is AuthMethod.CONSOLE:
            return None
        if caller.principal not in self._administrators(now):
            return Reason.NOT_AUTHORIZED
        return Reason.LOCKED if _is_locked(tx, caller.principal, now) else None

    def _ended(self, change: Changes, principal: PrincipalId, why: Reason) -> None:
        if self._end_sessions is None:
            raise RuntimeError("nobody was given to end sessions")
        self._end_sessions(change, principal, why)

    def _counted_of(self, lock: Lock) -> list[tuple[Scope, str]]:
        """Return what has led to a lock: it begins anew once it is lifted."""
        if lock.principal is None:
            return [(Scope.SPRAY, lock.target), (Scope.ADDRESS, lock.target)]
        person = self._audit.pseudonym("principal", str(lock.principal))
        return [(Scope.NAME, lock.target), *((scope, person) for scope in _OF_PERSON)]


def _expire(change: Changes, lock: Lock, at: datetime) -> None:
    """Record a lock's end as the service's own doing, whoever caused the transaction."""
    own = Changes(change.tx, SYSTEM, change.now)
    lock_rows.lift(own, lock, Disposition.EXPIRED, at)
    change.events += own.events


def _is_locked(tx: Transaction, principal: PrincipalId, now: datetime) -> bool:
    lock = lock_rows.of_person(tx, principal)
    return lock is not None and lock.holds(now)


def _denied(type_: EventType, caller: Caller, lock: Lock, reason: Reason) -> Event:
    return Event(
        type_,
        Outcome.DENIED,
        caller,
        reason=reason,
        obj_kind=ObjKind.LOCK,
        obj_ref=str(lock.id),
    )


def _refuse(id_: int, reason: Reason) -> Denied:
    if reason is Reason.SELF_REVIEW:
        return Denied(f"lock {id_} is your own", hint="another person who may administer lifts it")
    return Denied(f"lock {id_} is lifted by another person who may administer, or at the console")


def _given(disposition: Disposition | None) -> Disposition:
    if disposition is None or disposition is Disposition.EXPIRED:
        raise Malformed(
            "a lock needs a disposition",
            hint="one of "
            + ", ".join(d.value for d in Disposition if d is not Disposition.EXPIRED),
        )
    return disposition
