"""Answers what people ask about their own data: opened, proved, found, acted on, replied to, closed in time [2.2].

One person handles a request, and nobody else acts on it. Nothing is done before who asked has proved who they are. What
they named to be found by is sealed while the request is open and removed when it closes; the rest of a row is numbers,
days and words of ours. Every step is recorded with what it changed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from strongroom.audit.entry import Reason
from strongroom.audit.event_types import EventType
from strongroom.audit.log import AuditLog
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Conflict, Malformed, NotFound
from strongroom.policy.grants import Deny, NotGranted
from strongroom.policy.laws import IdentityCheck, Outcome, Refusal, RequestKind, law_named
from strongroom.subjects import store
from strongroom.subjects.due import watch
from strongroom.subjects.ledger import Ledger, not_the_handler, refuse_programs
from strongroom.subjects.recipients import given, keep
from strongroom.subjects.sought import SoughtBox, check
from strongroom.subjects.store import (
    FoundRecord,
    Permit,
    Recipient,
    Step,
    SubjectRequest,
)
from strongroom.terms import (
    Caller,
    Environment,
    PrincipalId,
    PrincipalKind,
    Purpose,
    RecordNumber,
    SellerId,
)
from strongroom.vault import Vault
from strongroom.vault.rights import Sought

MOST_RECORDS: Final = 1000
_FUTURE: Final = timedelta(minutes=5)
_TAKES_OUT: Final = (RequestKind.ACCESS, RequestKind.PORTABILITY)
_STOPS: Final = (RequestKind.RESTRICT, RequestKind.OBJECT)
_TELLS: Final = (RequestKind.RECTIFY, RequestKind.ERASE, RequestKind.RESTRICT)
_DONE: Final = (Outcome.GRANTED, Outcome.PARTLY)


@dataclass(frozen=True, slots=True)
class Shown:
    """All that is known of one request."""

    request: SubjectRequest
    records: list[FoundRecord]
    steps: list[Step]
    recipients: list[Recipient]
    permits: list[Permit]
    restricted_since: datetime | None


class Requests:
    """The subject requests of one home. What a method changed is durable on return, with its event. Thread-safe."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        vault: Vault,
        key: bytes,
        environment: Environment,
        *,
        administrators: Callable[[datetime], frozenset[PrincipalId]],
        most_days: int = 0,
    ) -> None:
        self._database = database
        self._audit = audit
        self._vault = vault
        self._box = SoughtBox(key, environment)
        self._administrators = administrators
        self._ledger = Ledger(database, audit)
        self._most_days = most_days

    def __repr__(self) -> str:
        return "<subject requests>"

    # -- taking in -------------------------------------------------------------------------------------------------

    def open(
        self,
        caller: Caller,
        kind: RequestKind,
        law: str,
        sought: Sought,
        *,
        received_at: datetime,
        now: datetime,
    ) -> SubjectRequest:
        """Take a request in; whoever does handles it until somebody else is assigned.

        Raises:
            Denied: the caller is no person.
            Malformed: the law gives no such right, nothing is named to be found by, or the day is to come.

        """
        refuse_programs(caller)
        by = law_named(law, kind)
        if received_at > now + _FUTURE:
            raise Malformed("a request was received in the past")
        check(sought)
        with self._database.write() as tx:
            inserted = tx.execute(
                store.requests.insert()
                .values(
                    kind=kind.value,
                    law=by.name,
                    received_at=received_at,
                    due_at=by.due(received_at, self._most_days),
                    opened_by=caller.principal,
                    opened_at=now,
                    handler_id=caller.principal,
                )
                .returning(store.requests.c.id)
            )
            number: int = inserted.scalar_one()
            self._set(tx, number, sought=self._box.seal(number, sought))
            self._ledger.step(tx, caller, number, EventType.REQUEST_OPENED, now, op=kind.value)
            return store.request(tx, number)

    def assign(self, caller: Caller, number: int, handler: PrincipalId, now: datetime) -> None:
        """Hand a request to another person. Raises: Denied to all but who handles it, and administrators."""
        with self._database.write() as tx:
            found = store.request(tx, number)
            allowed = caller.principal == found.handler or (
                caller.kind is PrincipalKind.PERSON
                and caller.principal in self._administrators(now)
            )
            if allowed:
                self._set(tx, number, handler_id=handler)
                detail = str(handler)
                self._ledger.step(
                    tx, caller, number, EventType.REQUEST_ASSIGNED, now, n=handler, detail=detail
                )
            else:
                self._ledger.refused(tx, caller, number, EventType.REQUEST_ASSIGNED, now)
        if not allowed:
            raise not_the_handler(number)

    def verify(
        self, caller: Caller, number: int, method: IdentityCheck, now: datetime
    ) -> SubjectRequest:
        """Record that who asked proved to be who they say, and how. Raises: Denied, Conflict."""
        with self._ledger.acting(caller, number, EventType.REQUEST_VERIFIED, now, proved=False) as (
            tx,
            _,
        ):
            self._set(
                tx,
                number,
                verified_at=now,
                verified_by=caller.principal,
                verified_method=method.value,
            )
            self._ledger.step(tx, caller, number, EventType.REQUEST_VERIFIED, now, op=method.value)
            return store.request(tx, number)

    def find(
        self,
        caller: Caller,
        number: int,
        sellers: Sequence[SellerId],
        now: datetime,
        *,
        req: str | None = None,
    ) -> list[FoundRecord]:
        """Find their records by what they named, and keep them with the request by number.

        It may be done again: what was found stays found.

        Raises:
            Denied: the caller does not handle it, or no grant covers the search. Recorded.

        """
        self._ledger.enter(caller, number, EventType.REQUEST_SEARCHED, now, proved=False)
        with self._database.read() as tx:
            sealed = store.sought_of(tx, number)
        if sealed is None:
            raise Conflict(f"request {number} is closed")
        sought = self._box.open(number, sealed)
        numbers: dict[RecordNumber, SellerId] = {}
        for kind in ("email", "phone", "order"):
            value = getattr(sought, kind)
            if value is not None:
                found = self._vault.find(
                    caller,
                    purpose=Purpose.SUBJECT_REQUEST,
                    now=now,
                    sellers=sellers,
                    most=MOST_RECORDS + 1,
                    req=req,
                    **{kind: value},
                )
                numbers.update((one.record, one.seller) for one in found)
        if len(numbers) > MOST_RECORDS:
            # A part would look like the whole.
            raise Conflict(
                f"more than {MOST_RECORDS} records carry what was named",
                hint="open a request for each of their orders",
            )
        whose = self._vault.rights.whose(caller, list(numbers), sought, now)
        with self._ledger.acting(caller, number, EventType.REQUEST_SEARCHED, now, proved=False) as (
            tx,
            _,
        ):
            known = {one.record for one in store.records_of(tx, number)}
            rows = [
                {
                    "request_id": number,
                    "record_number": record,
                    "seller_id": numbers[record],
                    "person": " ".join(sorted(people)),
                    "found_at": now,
                }
                for record, people in whose.items()
                if record not in known
            ]
            if rows:
                tx.execute(store.records.insert(), rows)
            self._set(tx, number, searched_at=now)
            self._ledger.step(
                tx, caller, number, EventType.REQUEST_SEARCHED, now, records=list(whose),
                detail=str(len(whose)),
            )  # fmt: skip
            return store.records_of(tx, number)

    # -- reading ---------------------------------------------------------------------------------------------------

    def all(self) -> list[SubjectRequest]:
        """Return every request, those first that are due first."""
        with self._database.read() as tx:
            return store.listed(tx)

    def show(self, number: int) -> Shown:
        """Return all that is known of one. Raises: NotFound."""
        with self._database.read() as tx:
            return Shown(
                store.request(tx, number),
                store.records_of(tx, number),
                store.steps_of(tx, number),
                store.recipients_of(tx, number),
                store.permits_of(tx, number),
                store.restricted_since(tx, number),
            )

    # -- acting ----------------------------------------------------------------------------------------------------

    def begin_export(self, caller: Caller, number: int, now: datetime) -> list[FoundRecord]:
        """Return the records that this person may take out for the subject now. Raises: Denied, Conflict."""
        self._ledger.enter(caller, number, EventType.REQUEST_EXPORTED, now, kinds=_TAKES_OUT)
        return self._searched(number)

    def end_export(
        self,
        caller: Caller,
        number: int,
        now: datetime,
        *,
        form: str,
        size: int,
        records: Sequence[RecordNumber],
        req: str | None = None,
    ) -> None:
        """Record the sealed file before it leaves. Raises: Denied, Conflict."""
        with self._ledger.acting(
            caller, number, EventType.REQUEST_EXPORTED, now, kinds=_TAKES_OUT
        ) as (tx, _):
            self._ledger.step(
                tx, caller, number, EventType.REQUEST_EXPORTED, now, op=form, records=records,
                size=size, req=req,
            )  # fmt: skip

    def rectify(
        self,
        caller: Caller,
        number: int,
        record: RecordNumber,
        slot: str,
        value: str | None,
        now: datetime,
    ) -> None:
        """Put one value of theirs right; None lifts that again. Raises: as `Rights.correct`; Denied, Conflict."""
        self._ledger.enter(
            caller, number, EventType.REQUEST_RECTIFIED, now, kinds=(RequestKind.RECTIFY,)
        )
        found = self._one(number, record)
        others = given(self._database, self._audit, [record])

        def along(tx: Transaction) -> None:
            op = "corrected" if value is not None else "lifted"
            keep(tx, number, others)
            self._ledger.step(
                tx, caller, number, EventType.REQUEST_RECTIFIED, now, op=op, records=[record],
                detail=str(record),
            )  # fmt: skip

        self._vault.rights.correct(caller, record, slot, value, found.people, now=now, along=along)

    def erase(self, caller: Caller, number: int, now: datetime) -> tuple[int, set[RecordNumber]]:
        """Erase what was found, but for what a legal hold keeps; return how many were, and which are held.

        Each record is erased by itself: what a crash left, the same call finishes.

        Raises:
            Denied: the caller does not handle it, or no grant covers a selling partner. Recorded.
            Conflict: it asks for something else, or nothing was searched for.

        """
        self._ledger.enter(
            caller, number, EventType.REQUEST_ERASED, now, kinds=(RequestKind.ERASE,)
        )
        waiting = [one.record for one in self._searched(number) if one.erased_at is None]
        held = set(self._vault.rights.held(waiting, now))
        others = given(self._database, self._audit, waiting)
        with self._database.write() as tx:
            keep(tx, number, others)
            if held:
                self._ledger.step(
                    tx, caller, number, EventType.REQUEST_ERASED, now, op="held",
                    records=sorted(held), detail=str(len(held)),
                )  # fmt: skip
        doomed = [record for record in waiting if record not in held]
        for record in doomed:
            along = self._erased(caller, number, record, now)
            self._vault.rights.erase(caller, record, now=now, along=along)
        return len(doomed), held

    def stop(self, caller: Caller, number: int, now: datetime) -> int:
        """Restrict what was found, or stop its processing where they objected; return how many records.

        From the commit on nothing of them comes out of the vault by any way, but for this person's own requests and
        what `permit` allows.

        Raises:
            Denied: the caller does not handle it, or no grant covers a selling partner. Recorded.
            Conflict: it asks for something else, or nothing was searched for.

        """
        kind = EventType.REQUEST_RESTRICTED
        self._ledger.enter(caller, number, kind, now, kinds=_STOPS)
        found = self._searched(number)
        others = given(self._database, self._audit, [one.record for one in found])
        refused: Deny | None = None
        with self._ledger.acting(caller, number, kind, now, kinds=_STOPS) as (tx, request):
            sellers = sorted({one.seller for one in found})
            decision = self._vault.rights.may_rectify(tx, caller, sellers, now)
            if isinstance(decision, Deny):
                refused = decision
                self._ledger.refused(tx, caller, number, kind, now, Reason(decision.reason.value))
            elif store.restricted_since(tx, number) is not None:
                raise Conflict(f"request {number} restricts its records already")
            else:
                rows = [
                    {"record_number": one.record, "request_id": number, "since": now}
                    for one in found
                ]
                if rows:
                    tx.execute(store.restrictions.insert(), rows)
                keep(tx, number, others)
                self._ledger.step(
                    tx, caller, number, kind, now, op=request.kind.value,
                    records=[one.record for one in found], detail=str(len(found)),
                )  # fmt: skip
        if refused is not None:
            raise NotGranted(f"{caller.name} may not restrict these records", refused.reason)
        return len(found)

    def told(
        self, caller: Caller, number: int, kind: str, ref: int, *, possible: bool, now: datetime
    ) -> None:
        """Record that somebody who was given the data was told, or can't be (GDPR 19). Raises: Denied, NotFound."""
        with self._ledger.acting(caller, number, EventType.REQUEST_TOLD, now) as (tx, _):
            how = "told" if possible else "impossible"
            changed = tx.execute(
                store.recipients.update()
                .where(
                    store.recipients.c.request_id == number,
                    store.recipients.c.kind == kind,
                    store.recipients.c.ref_id == ref,
                )
                .values(told_at=now, told_by=caller.principal, how=how)
            )
            if changed.rowcount == 0:
                raise NotFound(f"request {number} lists no such {kind}")
            self._ledger.step(
                tx, caller, number, EventType.REQUEST_TOLD, now, op=f"{kind}.{how}", n=ref,
                detail=f"{kind} {ref}",
            )  # fmt: skip

    # -- ending ----------------------------------------------------------------------------------------------------

    def lift(self, caller: Caller, number: int, now: datetime) -> int:
        """End a restriction; only after a letter told them so (GDPR 18(3)). Return how many records are free again.

        Raises:
            Denied: the caller does not handle it, or no grant covers a selling partner.
            Conflict: nothing is restricted, or they were not told.

        """
        kind = EventType.REQUEST_LIFTED
        refused: Deny | None = None
        with self._ledger.acting(caller, number, kind, now, closed=True) as (tx, request):
            since = store.restricted_since(tx, number)
            if since is None:
                raise Conflict(f"request {number} restricts nothing")
            if request.lifting_told_at is None or request.lifting_told_at < since:
                raise Conflict(
                    "they were not told that the restriction is lifted",
                    hint=f"strongroom request reply {number} --lifting",
                )
            found = store.records_of(tx, number)
            sellers = sorted({one.seller for one in found})
            decision = self._vault.rights.may_rectify(tx, caller, sellers, now)
            if isinstance(decision, Deny):
                refused = decision
                self._ledger.refused(tx, caller, number, kind, now, Reason(decision.reason.value))
            else:
                gone = tx.execute(
                    store.restrictions.delete().where(store.restrictions.c.request_id == number)
                )
                count = gone.rowcount
                records = [one.record for one in found]
                self._ledger.step(tx, caller, number, kind, now, records=records, detail=str(count))
        if refused is not None:
            raise NotGranted(f"{caller.name} may not free these records", refused.reason)
        return count

    def reply(
        self,
        caller: Caller,
        number: int,
        outcome: Outcome,
        now: datetime,
        ground: Refusal | None = None,
    ) -> Shown:
        """Record a reply of this outcome, and return what its letter speaks of; a refusal says on which ground.

        Raises:
            Malformed: a refusal names no ground, or something else does.
            Denied: the caller does not handle it; or it grants what nobody proved to be theirs.
            Conflict: what it says was not done.

        """
        if (outcome is Outcome.REFUSED) != (ground is not None):
            raise Malformed(
                "a refusal, and nothing else, names a ground",
                hint=f"one of {', '.join(Refusal)}",
            )
        proved = outcome is not Outcome.IDENTITY_UNPROVED
        with self._ledger.acting(caller, number, EventType.REQUEST_REPLIED, now, proved=proved) as (
            tx,
            request,
        ):
            if outcome in _DONE or outcome is Outcome.NOTHING_FOUND:
                self._refuse_undone(tx, request, outcome)
            self._set(tx, number, replied_at=now, outcome=outcome.value)
            self._ledger.step(
                tx, caller, number, EventType.REQUEST_REPLIED, now, op=outcome.value,
                detail=None if ground is None else ground.value,
            )  # fmt: skip
        return self.show(number)

    def tell_lifting(self, caller: Caller, number: int, now: datetime) -> Shown:
        """Record that a letter tells them of the end of their restriction. Raises: Denied, Conflict."""
        with self._ledger.acting(caller, number, EventType.REQUEST_REPLIED, now, closed=True) as (
            tx,
            _,
        ):
            if store.restricted_since(tx, number) is None:
                raise Conflict(f"request {number} restricts nothing")
            self._set(tx, number, lifting_told_at=now)
            self._ledger.step(tx, caller, number, EventType.REQUEST_REPLIED, now, op="lifting")
        return self.show(number)

    def close(self, caller: Caller, number: int, now: datetime) -> SubjectRequest:
        """Close what was answered; what they named to be found by is removed. A restriction stays.

        Raises:
            Denied: the caller does not handle it.
            Conflict: no reply was written, or somebody who was given the data was not told.

        """
        with self._ledger.acting(caller, number, EventType.REQUEST_CLOSED, now, proved=False) as (
            tx,
            request,
        ):
            if request.outcome is None:
                raise Conflict(
                    f"request {number} has no reply", hint=f"strongroom request reply {number}"
                )
            untold = [one for one in store.recipients_of(tx, number) if one.told_at is None]
            if untold and request.law.told and request.kind in _TELLS and request.outcome in _DONE:
                raise Conflict(
                    f"{len(untold)} who were given the data wait to be told ({request.law.told})",
                    hint=f"strongroom request show {number} lists them",
                )
            self._set(tx, number, closed_at=now, closed_by=caller.principal, sought=None)
            self._ledger.step(
                tx, caller, number, EventType.REQUEST_CLOSED, now, op=request.outcome.value
            )
            return store.request(tx, number)

    def watch(self, now: datetime) -> list[tuple[int, str]]:
        """Record, once each, which requests are near their day and which are past it; return them."""
        return watch(self._database, self._audit, now)

    # -- private ---------------------------------------------------------------------------------------------------

    def _set(self, tx: Transaction, number: int, **values: object) -> None:
        tx.execute(store.requests.update().where(store.requests.c.id == number).values(**values))

    def _searched(self, number: int) -> list[FoundRecord]:
        """Return what was found. Raises: Conflict where nobody searched."""
        with self._database.read() as tx:
            if store.request(tx, number).searched_at is None:
                raise Conflict(
                    f"nothing was searched for request {number}",
                    hint=f"strongroom request find {number}",
                )
            return store.records_of(tx, number)

    def _one(self, number: int, record: RecordNumber) -> FoundRecord:
        found = next((one for one in self._searched(number) if one.record == record), None)
        if found is None:
            raise NotFound(f"request {number} has no record {record}")
        return found

    def _erased(
        self, caller: Caller, number: int, record: RecordNumber, now: datetime
    ) -> Callable[[Transaction], None]:
        def along(tx: Transaction) -> None:
            tx.execute(
                store.records.update()
                .where(
                    store.records.c.request_id == number, store.records.c.record_number == record
                )
                .values(erased_at=now)
            )
            self._ledger.step(
                tx, caller, number, EventType.REQUEST_ERASED, now, op="erased", records=[record],
                detail=str(record),
            )  # fmt: skip

        return along

    def _refuse_undone(self, tx: Transaction, request: SubjectRequest, outcome: Outcome) -> None:
        """Refuse a letter that says what was not done. Raises: Conflict."""
        found = store.records_of(tx, request.id)
        if request.searched_at is None:
            raise Conflict(f"nothing was searched for request {request.id}")
        if (outcome is Outcome.NOTHING_FOUND) == bool(found):
            raise Conflict(f"{len(found)} records were found for request {request.id}")
        wanted = _STEPS[request.kind]
        if outcome in _DONE and wanted not in {one.step for one in store.steps_of(tx, request.id)}:
            raise Conflict(f"request {request.id} was not {wanted}")
        left = [one for one in found if one.erased_at is None]
        if outcome is Outcome.GRANTED and request.kind is RequestKind.ERASE and left:
            raise Conflict(
                f"{len(left)} records of request {request.id} are not erased",
                hint="a hold keeps them: the outcome is partly",
            )


_STEPS: Final = {
    RequestKind.ACCESS: "exported",
    RequestKind.PORTABILITY: "exported",
    RequestKind.RECTIFY: "rectified",
    RequestKind.ERASE: "erased",
    RequestKind.RESTRICT: "restricted",
    RequestKind.OBJECT: "restricted",
}
"""The step without which nothing was granted."""
