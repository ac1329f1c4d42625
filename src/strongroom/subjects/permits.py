"""Leave to read what somebody had restricted: on a ground of the law, for one principal, by two people [2.2, 1.3]."""

from datetime import datetime, timedelta

from strongroom.audit.entry import Change, Field, Reason
from strongroom.audit.event_types import EventType
from strongroom.audit.log import AuditLog
from strongroom.crypto.derive import aad
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Conflict, Denied
from strongroom.policy.restricting import Ground, permit_ends
from strongroom.subjects import store
from strongroom.subjects.ledger import Ledger, refuse_programs
from strongroom.subjects.store import Permit
from strongroom.terms import Caller, PrincipalId


class Permits:
    """The exceptions of one home. What a method changed is durable on return, with its event."""

    def __init__(self, database: Database, audit: AuditLog, *, one_person: bool) -> None:
        self._database = database
        self._audit = audit
        self._ledger = Ledger(database, audit)
        self._one_person = one_person

    def ask(
        self,
        caller: Caller,
        number: int,
        principal: PrincipalId,
        ground: Ground,
        lifetime: timedelta,
        now: datetime,
    ) -> Permit:
        """Ask that a principal may read what a request restricts; another person approves.

        Raises:
            Denied: the caller is no person.
            Malformed: for too long. Conflict: the request restricts nothing.

        """
        refuse_programs(caller)
        ends = permit_ends(now, lifetime)
        with self._database.write() as tx:
            store.request(tx, number)
            if store.restricted_since(tx, number) is None:
                raise Conflict(f"request {number} restricts nothing")
            made = tx.execute(
                store.permits.insert()
                .values(
                    request_id=number,
                    principal_id=principal,
                    ground=ground.value,
                    asked_by=caller.principal,
                    asked_at=now,
                    expires_at=ends,
                )
                .returning(store.permits.c.id)
            )
            found = store.permit(tx, made.scalar_one())
            self._step(tx, caller, found, "asked", now)
            return found

    def approve(self, caller: Caller, permit: int, terms: str, now: datetime) -> Permit:
        """Let a permit count, as it was shown.

        Raises:
            Denied: to who asked for it or would have it, but in a home of one person. Recorded.
            Conflict: it is not pending, or other terms were shown.

        """
        refuse_programs(caller)
        with self._database.write() as tx:
            found = store.permit(tx, permit)
            parties = store.interested(tx, found)
            own = caller.principal in parties and not self._one_person
            if own:
                self._ledger.refused(
                    tx, caller, found.request, EventType.REQUEST_PERMITTED, now, Reason.SELF_REVIEW
                )
            else:
                if found.state(now) != "pending" or terms.lower() != self.terms(found):
                    raise Conflict(
                        "this permit is not what was shown under these terms",
                        hint="look at it again: strongroom request show",
                    )
                self._set(tx, permit, approved_by=caller.principal, approved_at=now)
                self._step(tx, caller, found, "approved", now)
                found = store.permit(tx, permit)
        if own:
            raise Denied("nobody approves what they asked for, or would have themselves")
        return found

    def reject(self, caller: Caller, permit: int, now: datetime) -> Permit:
        """End a permit, approved or not; any person may. Raises: Denied, Conflict."""
        refuse_programs(caller)
        with self._database.write() as tx:
            found = store.permit(tx, permit)
            if found.ended_at is not None:
                raise Conflict(f"permit {permit} has ended")
            self._set(tx, permit, ended_at=now)
            self._step(tx, caller, found, "rejected", now)
            return store.permit(tx, permit)

    def terms(self, permit: Permit) -> str:
        """Return what stands for all that a permit allows: an approval names it."""
        said = aad(
            permit.id,
            permit.request,
            permit.principal,
            permit.ground.value,
            permit.expires_at.isoformat(),
        )
        return self._audit.pseudonym("permit", said.hex())

    # -- private ---------------------------------------------------------------------------------------------------

    def _set(self, tx: Transaction, permit: int, **values: object) -> None:
        tx.execute(store.permits.update().where(store.permits.c.id == permit).values(**values))

    def _step(
        self, tx: Transaction, caller: Caller, permit: Permit, op: str, now: datetime
    ) -> None:
        self._ledger.step(
            tx,
            caller,
            permit.request,
            EventType.REQUEST_PERMITTED,
            now,
            op=op,
            detail=str(permit.id),
            n=permit.id,
            changes=(Change(Field.TERMS, after=self.terms(permit)),),
        )
