"""Erases records before their day: one, an order's, a buyer's, or a whole selling partner's [1.7].

What is erased loses its DEK, its blob, its long values and its search tags, and keeps a tombstone: a number and a keyed
hash, by which it is known when it comes again and not stored again. A backup still has the wrapped DEK. Its key dies on
the day it was to die anyway; `final` replaces every period key that ever wrapped the DEK at once and moves the
neighbours, so that no copy of the data opens what was erased, and no older copy opens its neighbours either.

Every step is durable by itself: what a kill left, the next sweep or the same command finishes. A buyer is found by the
blind index and confirmed by decryption in here; no value leaves.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import sqlalchemy as sa

from strongroom.audit.entry import Change, Event, Field, ObjKind, Outcome, Reason
from strongroom.audit.event_types import EventType
from strongroom.audit.log import AuditLog
from strongroom.crypto.index import SubjectKey, subject_ref, tag
from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Conflict, Denied, Gone, Malformed, NotFound, Tampered, Unavailable
from strongroom.policy.catalogue.slots import FIXED
from strongroom.policy.grants import Allow, Deny, NotGranted, may_erase
from strongroom.terms import SYSTEM, Caller, PeriodId, PrincipalKind, RecordNumber, SellerId
from strongroom.vault import store
from strongroom.vault.agreed import proved
from strongroom.vault.batch import Batch
from strongroom.vault.box import RecordBox
from strongroom.vault.grants import GrantStore
from strongroom.vault.holds import Holds
from strongroom.vault.keystore import Keystore
from strongroom.vault.searching import normal_form, same
from strongroom.vault.store import RecordState, Row
from strongroom.vault.sweep import Sweeper, movable

_CHUNK: Final = 500
_NAMED: Final = 100
"""Records that one event names."""
_WAL_TRIES: Final = 50
_Progress = Callable[[int], None]
_table: Final = schema.erasing


class By(StrEnum):
    """How what is to be erased was named."""

    RECORD = "record"
    ORDER = "order"
    EMAIL = "email"
    PHONE = "phone"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose data is to be erased, as it was typed: never kept, never recorded."""

    by: By
    value: str
    sellers: tuple[SellerId, ...] = ()
    """Where to look; a record number says it by itself."""

    def __repr__(self) -> str:
        return f"<wanted by {self.by}>"


@dataclass(slots=True)
class Erased:
    """What one erasure did, or would do: records, and with `final` the keys replaced and the neighbours moved."""

    records: int = 0
    already: int = 0
    """That were erased before, and found again by their order or number."""
    held: int = 0
    """That a hold of a law keeps: they stay until their day, and go into its archive then."""
    replaced_periods: int = 0
    neighbours: int = 0


class Eraser:
    """Erases in one home. What a method did is durable when it returns. Safe between threads."""

    def __init__(
        self,
        database: Database,
        keystore: Keystore,
        audit: AuditLog,
        box: Callable[[SellerId], RecordBox],
        subjects: Callable[[SellerId], SubjectKey],
        copy_lifetime: timedelta,
        holds: Holds,
        *,
        one_person: bool,
    ) -> None:
        self._one_person = one_person
        self._holds = holds
        self._database = database
        self._keystore = keystore
        self._audit = audit
        self._box = box
        self._subjects = subjects
        self._copy_lifetime = copy_lifetime
        self._back_up: Callable[[], None] | None = None

    def back_up_with(self, back_up: Callable[[], None]) -> None:
        """Have `back_up` called by a final erasure once the neighbours are moved, before their old keys go.

        Older backups end for the neighbours too: this one is what a restore would use from then on.
        """
        self._back_up = back_up

    def plan(
        self, caller: Caller, wanted: Wanted, *, final: bool, now: datetime, req: str | None = None
    ) -> Erased:
        """Return what `erase` would do. Recorded as a search, because it tells whether somebody is known here.

        Raises:
            Denied, Malformed, NotFound: as `erase`.

        """
        found = self._permitted(caller, wanted, None, now)
        report = Erased(already=sum(row.state == RecordState.ERASED for row in found))
        held = self._holds.among(found, self._box, now)
        doomed = [r for r in found if r.state != RecordState.ERASED and r.number not in held]
        report.records, report.held = len(doomed), len(held)
        if final:
            numbers = {row.number for row in doomed}
            periods = self._wrapping(doomed)
            report.replaced_periods = len(periods)
            with self._database.read() as tx:
                report.neighbours = store.count_others(tx, periods, numbers)
        event = Event(
            EventType.RECORD_SEARCHED,
            Outcome.SUCCESS,
            caller,
            op=f"erase.{wanted.by.value}",
            n=len(found),
            req=req,
        )
        self._audit.record(event, now=now)
        return report

    def erase(
        self,
        caller: Caller,
        wanted: Wanted,
        *,
        final: bool,
        now: datetime,
        why: str | None = None,
        req: str | None = None,
        progress: _Progress | None = None,
        without_backup: bool = False,
    ) -> Erased:
        """Erase a record, an order's, or all of a buyer's. `why` is the pseudonym of a stated reason.

        Raises:
            Denied: no grant lets the caller erase where it asked to. Recorded.
            Malformed: what names them has the wrong form.
            NotFound: no such record or order is known; of a buyer, whoever has no record.
            Unavailable: it is erased, but the database's log still has old pages: ask again.

        """
        found = self._permitted(caller, wanted, why, now)
        report = Erased(already=sum(row.state == RecordState.ERASED for row in found))
        self._holds.refresh()
        for seller in dict.fromkeys(row.seller for row in found):
            numbers = [row.number for row in found if row.seller == seller]
            for start in range(0, len(numbers), _NAMED):
                part = numbers[start : start + _NAMED]
                with self._database.write(alone=True) as tx:
                    grant = self._decide(tx, caller, seller, now)
                    made = self._event(wanted.by, caller, seller, grant, why, req)
                    done = self._erase(tx, seller, part, now, final=final, told=made)
                report.records += done.records
                report.held += done.held
            if final:
                if any(r.seller == seller and r.state == RecordState.ERASED for r in found):
                    # Of what was erased before, and not finally, nobody knows any more which keys open old copies.
                    self._replace_all(seller, now)
                self._replace(
                    report, seller, now, progress, None if without_backup else self._back_up
                )
        self._cut_wal()
        return report

    def _replace_all(self, seller: SellerId, now: datetime) -> None:
        with self._database.write() as tx:
            for period in movable(self._keystore, seller):
                store.ask_replacement(tx, period.id, int(now.timestamp()))

    # -- a whole selling partner -----------------------------------------------------------------------------------

    def plan_seller(self, caller: Caller, seller: SellerId, now: datetime) -> Erased:
        """Return what `erase_seller` would do. Raises: Denied, recorded."""
        self._refuse_ungranted([caller], seller, now)
        with self._database.read() as tx:
            counted = store.count_unerased(tx, seller)
        return Erased(counted, replaced_periods=len(movable(self._keystore, seller)))

    def erase_seller(
        self,
        caller: Caller,
        seller: SellerId,
        *,
        agreed: Caller | None,
        now: datetime,
        why: str | None = None,
        req: str | None = None,
        progress: _Progress | None = None,
    ) -> Erased:
        """Erase every record of a selling partner, and the keys that ever wrapped them; `agreed`: the second person.

        Raises:
            Denied: one of them has no grant to erase there, is a program, or both are the same; or nobody agreed, in a
                home of several people. Recorded.
            Unavailable: as `erase`.

        """
        people = [caller] if agreed is None else [caller, agreed]
        programs = any(person.kind is not PrincipalKind.PERSON for person in people)
        is_alone = len({person.principal for person in people}) < (1 if self._one_person else 2)
        if programs or is_alone:
            self._audit.record(_not_two(caller, seller), now=now)
            raise Denied(
                "to erase a whole selling partner takes a second person who may erase",
                hint="--approver NAME --approver-credential-file FILE",
            )
        self._refuse_ungranted(people, seller, now)
        with self._database.write() as tx:
            known = tx.execute(sa.select(_table).where(_table.c.seller_id == seller)).first()
            if known is None:
                values = {"seller_id": seller, "asked_by": caller.principal, "asked_at": now}
                tx.execute(_table.insert().values(values))
            events = [
                Event(
                    EventType.ERASURE_STARTED,
                    Outcome.SUCCESS,
                    person,
                    op="asked" if person is caller else "agreed",
                    obj_kind=ObjKind.SELLER,
                    obj_ref=str(seller),
                    changes=_stated(why),
                    req=req,
                    seller=seller,
                )
                for person in people
            ]
            self._audit.append(tx, *events, now=now)
        return self._finish_seller(seller, caller, now, progress)

    def resume(self, now: datetime, progress: _Progress | None = None) -> None:
        """Finish every erasure of a selling partner that was begun."""
        with self._database.read() as tx:
            begun = [SellerId(id_) for (id_,) in tx.execute(sa.select(_table.c.seller_id))]
        for seller in begun:
            if not self._was_asked(seller):
                self._audit.record(_not_two(SYSTEM, seller), now=now)
                raise Tampered(
                    "an erasure stands in the database that nobody asked for",
                    hint="strongroom audit verify; who may write to the database?",
                )
            self._finish_seller(seller, SYSTEM, now, progress)

    def _was_asked(self, seller: SellerId) -> bool:
        """Say whether the signed log holds that this selling partner's erasure was asked for, by enough people."""
        told = self._audit.of_types([EventType.ERASURE_STARTED, EventType.ERASURE_FINISHED])
        said: dict[str, int] = {}
        for entry in told:
            if not entry.body or entry.body.get("obj", {}).get("ref") != str(seller):
                continue
            body = proved(self._audit, entry.seq)
            if body["outcome"] != Outcome.SUCCESS.value:
                continue
            if body["type"] == EventType.ERASURE_FINISHED.value:
                said.clear()
            else:
                said[body["op"]] = body["actor"]["id"]
        enough = {"asked"} if self._one_person else {"asked", "agreed"}
        return enough <= said.keys() and len(set(said.values())) == len(said)

    def _finish_seller(
        self, seller: SellerId, caller: Caller, now: datetime, progress: _Progress | None
    ) -> Erased:
        report = Erased()
        event = self._event(None, caller, seller, None, None, None)
        self._holds.refresh()
        after: RecordNumber | None = None
        has_erased = False
        while True:
            with self._database.write(alone=True) as tx:
                store.lock_seller(tx, seller)
                numbers = store.unerased(tx, seller, after, _CHUNK)
                if not numbers and has_erased:
                    # Once more from the first: what a law keeps is passed by, and more may have come.
                    after, has_erased, report.held = None, False, 0
                    continue
                if not numbers:
                    # With the last look, so that what comes in between is not forgotten.
                    for period in movable(self._keystore, seller):
                        store.ask_replacement(tx, period.id, int(now.timestamp()))
                    tx.execute(_table.delete().where(_table.c.seller_id == seller))
                    done = Event(
                        EventType.ERASURE_FINISHED,
                        Outcome.SUCCESS,
                        caller,
                        op="final",
                        obj_kind=ObjKind.SELLER,
                        obj_ref=str(seller),
                        n=report.records,
                        seller=seller,
                    )
                    self._audit.append(tx, done, now=now)
                    break
                part = self._erase(tx, seller, numbers, now, final=True, told=event, opened=False)
            after, has_erased = numbers[-1], has_erased or part.records > 0
            report.records += part.records
            report.held += part.held
            if progress is not None:
                progress(len(numbers))
        self._replace(report, seller, now, progress)
        self._cut_wal()
        return report

    # -- private ---------------------------------------------------------------------------------------------------

    def _permitted(
        self, caller: Caller, wanted: Wanted, why: str | None, now: datetime
    ) -> list[Row]:
        """Return the records that are meant, once the caller may erase there. Raises: Denied, NotFound, Malformed."""
        if wanted.by is By.RECORD:
            with self._database.read() as tx:
                row = store.by_number(tx, _number(wanted.value))
            # Whoever may erase nowhere does not learn which numbers there are.
            if row is None:
                self._refuse_everywhere(caller, now)
                raise NotFound(f"there is no record {wanted.value}")
            self._refuse_ungranted([caller], row.seller, now, why)
            return [row]
        if not wanted.sellers:
            raise Malformed("no selling partner is named")
        normal = normal_form(wanted.by.value, wanted.value)
        if not normal:
            raise Malformed(f"the {wanted.by} to look for is empty or has the wrong form")
        for seller in wanted.sellers:
            self._refuse_ungranted([caller], seller, now, why)
        found = [row for s in wanted.sellers for row in self._found(s, wanted, normal)]
        if not found:
            raise NotFound(f"nothing is known of this {wanted.by} there")
        return found

    def _found(self, seller: SellerId, wanted: Wanted, normal: str) -> Iterator[Row]:
        if wanted.by is By.ORDER:
            ref = subject_ref(self._subjects(seller), "order", normal)
            with self._database.read() as tx:
                yield from store.by_subject(tx, seller, [ref]).values()
            return
        numbers: dict[RecordNumber, None] = {}
        for listed in self._keystore.periods(seller=seller, live=True):
            period = self._keystore.find_period(listed.id)
            if period is not None:
                wanted_tag = tag(period.search, wanted.by.value, normal)
                with self._database.read() as tx:
                    among = store.tagged_among(tx, period.id, [wanted_tag])
                    numbers.update((number, None) for _, number in among)
        with self._database.read() as tx:
            rows = store.by_numbers(tx, list(numbers))
        for row in rows:
            if row.seller == seller and self._is_of(row, wanted):
                yield row

    def _is_of(self, row: Row, wanted: Wanted) -> bool:
        """Confirm a candidate by its own values, inside the door."""
        box = self._box(row.seller)
        try:
            slots = box.open(row, box.dek(row))
        except (Gone, Tampered):
            return False
        kind = wanted.by.value
        values = (slots.get(number) for number, spec in FIXED.items() if spec.search == kind)
        return any(isinstance(value, str) and same(kind, value, wanted.value) for value in values)

    def _erase(
        self,
        tx: Transaction,
        seller: SellerId,
        numbers: Sequence[RecordNumber],
        now: datetime,
        *,
        final: bool,
        told: Callable[[Sequence[RecordNumber]], Event],
        opened: bool = True,
    ) -> Erased:
        """Erase records in the caller's transaction, but for what a law keeps; return how many of each there were.

        `opened` False: their tags go with all of their periods.
        """
        store.lock_seller(tx, seller)
        batch = Batch(seller, self._box(seller), self._keystore, self._copy_lifetime, now)
        found = [row for row in store.by_numbers(tx, numbers) if row.state != RecordState.ERASED]
        rows = [r for r in found if not self._holds.keeps(r, self._box(seller), now)]
        for row in rows:
            batch.erase(tx, row, final=final, tags=opened)
        batch.write(tx)
        done = [row.number for row in rows]
        parts = [done[start : start + _NAMED] for start in range(0, len(done), _NAMED)]
        self._audit.append(tx, *(told(part) for part in parts), now=now)
        return Erased(len(rows), held=len(found) - len(rows))

    def _replace(
        self,
        report: Erased,
        seller: SellerId,
        now: datetime,
        progress: _Progress | None,
        before: Callable[[], None] | None = None,
    ) -> None:
        """Take the same way as the sweep: what it leaves, the next sweep finishes."""
        sweeper = Sweeper(
            self._database,
            self._keystore,
            self._audit,
            self._box,
            copy_lifetime=self._copy_lifetime,
        )
        done = sweeper.replace(now, seller, progress, before)
        report.replaced_periods += done.replaced_periods
        report.neighbours += done.moved

    def _wrapping(self, rows: Sequence[Row]) -> list[PeriodId]:
        """Return the live periods whose keys open an old copy of these records."""
        ids = {id_ for row in rows for id_ in (*row.past, row.period) if id_ is not None}
        return sorted(id_ for id_ in ids if self._keystore.find_period(id_) is not None)

    def _decide(
        self, tx: Transaction, caller: Caller, seller: SellerId, now: datetime
    ) -> int | None:
        decision = may_erase(GrantStore.of(tx, caller.principal), seller, now)
        if isinstance(decision, Deny):
            raise NotGranted(f"{caller.name} may not erase there", decision.reason)
        return decision.grant

    def _refuse_ungranted(
        self, people: Sequence[Caller], seller: SellerId, now: datetime, why: str | None = None
    ) -> None:
        """Refuse whoever may not erase there, and record it. Raises: Denied."""
        with self._database.read() as tx:
            decisions = [
                (person, may_erase(GrantStore.of(tx, person.principal), seller, now))
                for person in people
            ]
        for person, decision in decisions:
            if isinstance(decision, Allow):
                continue
            event = Event(
                EventType.ERASURE_STARTED,
                Outcome.DENIED,
                person,
                reason=Reason(decision.reason.value),
                changes=_stated(why),
                seller=seller,
            )
            self._audit.record(event, now=now)
            raise NotGranted(
                f"{person.name} may not erase there: {decision.reason}", decision.reason
            )
        if len({person.principal for person in people}) != len(people):
            raise Conflict("who asks and who agrees are the same")

    def _refuse_everywhere(self, caller: Caller, now: datetime) -> None:
        with self._database.read() as tx:
            sellers = [SellerId(id_) for (id_,) in tx.execute(sa.select(schema.seller.c.id))]
            grants = GrantStore.of(tx, caller.principal)
        if not any(isinstance(may_erase(grants, seller, now), Allow) for seller in sellers):
            for seller in sellers[:1]:
                self._refuse_ungranted([caller], seller, now)

    def _event(
        self,
        by: By | None,
        caller: Caller,
        seller: SellerId,
        grant: int | None,
        why: str | None,
        req: str | None,
    ) -> Callable[[Sequence[RecordNumber]], Event]:
        def told(numbers: Sequence[RecordNumber]) -> Event:
            return Event(
                EventType.RECORD_ERASED,
                Outcome.SUCCESS,
                caller,
                op="seller" if by is None else by.value,
                n=len(numbers),
                changes=_stated(why),
                decision=grant,
                req=req,
                records=tuple(sorted(numbers)),
                seller=seller,
            )

        return told

    def _cut_wal(self) -> None:
        """Have the database's log hold no page with what was erased."""
        for _ in range(_WAL_TRIES):
            if self._database.truncate_wal():
                return
            time.sleep(0.02)
        raise Unavailable(
            "it is erased, but the database's log could not be cut: a reader holds it open",
            hint="close other programs on vault.db; the next sweep cuts it",
        )


def _stated(why: str | None) -> tuple[Change, ...]:
    return () if why is None else (Change(Field.REASON, after=why),)


def _number(value: str) -> RecordNumber:
    if not value.isascii() or not value.isdigit() or len(value) > 18:  # noqa: PLR2004 - 64 bits
        raise Malformed("a record's number has digits only")
    return RecordNumber(int(value))


def _not_two(caller: Caller, seller: SellerId) -> Event:
    return Event(
        EventType.ERASURE_STARTED,
        Outcome.DENIED,
        caller,
        reason=Reason.NOT_AUTHORIZED,
        obj_kind=ObjKind.SELLER,
        obj_ref=str(seller),
        seller=seller,
    )
