"""Canary records: orders of nobody among real ones; whoever asks the door for one is told of and frozen [2.6].

Nothing marks one. Its order id follows from a key of the keystore and a running number, and its row holds the keyed
reference of that id, as every order's row does: only who has the key can tell. It comes into the vault with a document
of real orders, in their transaction and their event, with the slots and dates of one of them, and whatever is learnt of
that one later it learns too. What this file knows beyond the rows it keeps in memory and can find out again from the
key, the rows and the log: no table lists canaries (ADR 0139).
"""

import threading
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from strongroom.audit.entry import Event, ObjKind, Outcome, Reason
from strongroom.audit.event_types import EventType
from strongroom.audit.log import AuditLog
from strongroom.crypto.derive import derive
from strongroom.crypto.index import subject_key
from strongroom.db import schema, suspensions
from strongroom.db.engine import Database, Transaction
from strongroom.policy.limits import CANARY_EVERY, FEWEST_CANARIES
from strongroom.policy.retention import Progress
from strongroom.policy.sighting import Sighting
from strongroom.terms import SYSTEM, Caller, PrincipalKind, Purpose, RecordNumber, SellerId
from strongroom.vault import store
from strongroom.vault.batch import Batch
from strongroom.vault.flock import Canary, Flock, Guest
from strongroom.vault.invented import Inventor
from strongroom.vault.numbers import Taken
from strongroom.vault.store import RecordState, Row

CHECKER: Final = "canary-check"
"""The service that touches a canary on purpose. It holds no grant, and is frozen and let go again each time."""

CHECK_OP: Final = "canary.check"
ROTATE_OP: Final = "canary.rotate"
AGAIN_OP: Final = "canary.again"
"""One that was touched before: the log named it since, so this proves nothing."""
_WHY: Final = "canary_touched"
_LABEL: Final = "strongroom/canary/v1"
_AT_ONCE: Final = 64
"""Numbers looked up at a time; so many in a row without a row are the end of them."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What may be told of a selling partner's canaries: how many and how old, never which."""

    seller: SellerId
    live: int
    """Records whose day has not come, canaries among them."""
    wanted: int
    unburnt: int
    burnt: int
    missing: int
    """Canaries that the log says were planted and that no row is of: somebody removed them."""
    oldest: int | None
    """When the oldest was ordered, in seconds; likewise the newest."""
    newest: int | None


class Canaries:
    """The canaries of one home. Safe between threads."""

    def __init__(self, database: Database, audit: AuditLog, *, subject_key: bytes) -> None:
        self._database = database
        self._audit = audit
        self._subject_key = subject_key
        self._flocks: dict[SellerId, Flock] = {}
        self._touches: dict[SellerId, set[int]] | None = None
        self._rotations: dict[SellerId, int] = {}
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        return "<canaries>"

    # -- at the door -----------------------------------------------------------------------------------------------

    def touch(
        self,
        tx: Transaction,
        caller: Caller,
        rows: Iterable[Row],
        purpose: Purpose,
        req: str | None,
        now: datetime,
    ) -> list[Event]:
        """Freeze the caller if one of these rows is a canary; return what is to be recorded in this transaction.

        The answer stays what it would be, so that who asked learns nothing from it.
        """
        events: list[Event] = []
        for row in rows:
            flock = self._flocks.get(row.seller) or self._flock(tx, row.seller)
            canary = flock.alive.get(row.ref)
            if canary is not None:
                events += self._touched(tx, caller, row, canary, purpose, req, now)
        return events

    def sift(self, tx: Transaction, rows: Sequence[Row], kind: str, wanted: str) -> list[Row]:
        """Return the candidates of a search without canaries that share the value with real orders, or merely its tag.

        A search for what is a selling partner's own, or for a number that ends alike, must freeze nobody.
        """
        found = []
        for row in rows:
            flock = self._flocks.get(row.seller) or self._flock(tx, row.seller)
            canary = flock.alive.get(row.ref)
            if canary is None or kind == "order" or flock.is_its(canary, kind, wanted):
                found.append(row)
        return found

    def owners(self, numbers: Collection[int]) -> dict[int, SellerId]:
        """Return whose canaries these records are, without those that are none; for who may know, as the scanner."""
        self.load()
        with self._lock:
            return {
                canary.record: seller
                for seller, flock in self._flocks.items()
                for canary in flock.alive.values()
                if canary.record in numbers
            }

    # -- into the vault --------------------------------------------------------------------------------------------

    def ride(
        self,
        tx: Transaction,
        seller: SellerId,
        refs: Sequence[bytes],
        sightings: Sequence[Sighting],
        rows: dict[bytes, Row],
        now: datetime,
    ) -> list[Guest]:
        """Return what comes along with a document of real orders; adds the rows that are already there to `rows`.

        A document of one order takes nobody with it: that it wrote two records would tell.
        """
        flock = self._flocks.get(seller) or self._flock(tx, seller)
        if flock.twins:
            flock.follow(refs, sightings)
        if len(sightings) <= 1:
            return []
        unknown = [place for place, ref in enumerate(refs) if ref not in rows]
        fresh = [
            place
            for place in unknown
            if (sighting := sightings[place]).slots and sighting.kind == "order"
        ]
        with self._lock:
            guests = flock.guests(refs, sightings, fresh, int(now.timestamp()))
        if guests:
            rows.update(store.by_subject(tx, seller, [guest.ref for guest in guests]))
        return guests

    def places(self, seller: SellerId, guests: Sequence[Guest], length: int) -> dict[int, Guest]:
        """Return before which of a document's `length` sightings each guest is written; its number must not tell."""
        found: dict[int, Guest] = {}
        for guest in guests:
            place = self._flocks[seller].inventor.choose(guest.number, "place", length)
            while place in found:
                place = (place + 1) % length
            found[place] = guest
        return found

    def seat(
        self,
        batch: Batch,
        seller: SellerId,
        guest: Guest,
        rows: dict[bytes, Row],
        fresh: Taken,
    ) -> Row:
        """Write a canary as any order is written."""
        row = rows.get(guest.ref)
        if row is None:
            row, _names = batch.create(next(fresh), guest.ref, guest.sighting)
            rows[guest.ref] = row
        else:
            batch.merge(row, guest.sighting)
        self.settle(seller, guest, row)
        return row

    def settle(self, seller: SellerId, guest: Guest, row: Row) -> None:
        """Know a guest's row again; call it in the transaction that writes the row."""
        flock = self._flocks[seller]
        with self._lock:
            known = flock.alive.get(row.ref)
            if known is None:
                flock.planted += 1
                if row.state == RecordState.LIVE:
                    known = Canary(guest.number, row.number, 0, Progress.UNKNOWN)
                    flock.alive[row.ref] = known
                else:
                    flock.gone += 1
            if known is not None:
                known.purchased_at, known.status = row.facts.purchased_at, row.facts.status

    def invent(self, tx: Transaction, seller: SellerId, count: int, now: datetime) -> list[Guest]:
        """Return so many new canaries that are to be written at once."""
        flock = self._flocks.get(seller) or self._flock(tx, seller)
        with self._lock:
            return flock.invent(count, int(now.timestamp()))

    def mention_later(self, seller: SellerId, rows: Iterable[Row]) -> None:
        """Have the next document's event name records that no event has named yet, among its own."""
        self._flocks[seller].unmentioned.extend(row.number for row in rows)

    def mention(self, seller: SellerId, touched: list[RecordNumber]) -> int:
        """Put what `mention_later` left among the records that a document touched, once; return how many it were."""
        flock = self._flocks[seller]
        with self._lock:
            late, flock.unmentioned = flock.unmentioned, []
        late = [number for number in late if number not in touched]
        for number in late:
            touched.insert(flock.inventor.choose(number, "mention", len(touched) + 1), number)
        return len(late)

    # -- what there is ---------------------------------------------------------------------------------------------

    def load(self) -> None:
        """Look up the canaries of every selling partner, so that nobody has to wait for it at the door."""
        with self._database.read() as tx:
            for (seller,) in tx.execute(sa.select(schema.seller.c.id)):
                if seller not in self._flocks:
                    self._flock(tx, SellerId(seller))

    def standings(self, now: datetime) -> list[Standing]:
        """Return how many canaries each selling partner has, counted anew from the rows."""
        logged = self._logged()
        found = []
        with self._database.read() as tx:
            for (seller,) in tx.execute(sa.select(schema.seller.c.id).order_by(schema.seller.c.id)):
                flock = self._counted(tx, SellerId(seller))
                live = _live(tx, SellerId(seller), now)
                alive = list(flock.alive.values())
                bought = [c.purchased_at for c in alive if not c.burnt]
                found.append(
                    Standing(
                        SellerId(seller),
                        live,
                        max(FEWEST_CANARIES, live // CANARY_EVERY),
                        len(bought),
                        len(alive) - len(bought),
                        max(logged.get(SellerId(seller), 0) - flock.planted, 0),
                        min(bought, default=None),
                        max(bought, default=None),
                    )
                )
        return found

    def record(self, now: datetime) -> list[Standing]:
        """Record how many canaries came and went since it was last recorded; durable on return.

        Not when they came: beside the event of their document that would tell which they are.
        """
        standings = self.standings(now)
        told = {
            type_: self._logged(type_)
            for type_ in (EventType.CANARY_PLANTED, EventType.CANARY_RETIRED)
        }
        events = []
        for standing in standings:
            flock = self._flocks[standing.seller]
            for type_, total in (
                (EventType.CANARY_PLANTED, flock.planted),
                (EventType.CANARY_RETIRED, flock.gone),
            ):
                more = total - told[type_].get(standing.seller, 0)
                if more > 0:
                    events.append(_counted_event(type_, SYSTEM, standing.seller, more))
            if standing.missing:
                events.append(
                    Event(
                        EventType.RECORD_TAMPERED,
                        Outcome.ERROR,
                        SYSTEM,
                        reason=Reason.TAMPERED,
                        op="canary.missing",
                        n=standing.missing,
                        seller=standing.seller,
                    )
                )
        if events:
            with self._database.write() as tx:
                self._audit.append(tx, *events, now=now)
        return standings

    def planted_event(self, caller: Caller, seller: SellerId, count: int) -> Event:
        """Return the event of canaries planted at once: how many, and not which."""
        return _counted_event(EventType.CANARY_PLANTED, caller, seller, count)

    def rotate(self, tx: Transaction, caller: Caller, seller: SellerId) -> Event:
        """Count the selling partner's canaries no more, so that others take their place; they still tell.

        The event is the caller's to append, in this transaction.
        """
        flock = self._flocks.get(seller) or self._flock(tx, seller)
        with self._lock:
            self._burnt(tx, seller)
            self._rotations[seller] = flock.next
            for canary in flock.alive.values():
                canary.burnt = True
        return Event(
            EventType.CANARY_RETIRED,
            Outcome.SUCCESS,
            caller,
            op=ROTATE_OP,
            obj_kind=ObjKind.CANARY,
            obj_ref=str(flock.next),
            seller=seller,
        )

    def markers(self) -> dict[str, SellerId]:
        """Return what tells canaries anywhere outside, in clear: e-mail addresses and order ids. It stays in memory."""
        self.load()
        found: dict[str, SellerId] = {}
        with self._lock:
            for seller, flock in self._flocks.items():
                for canary in flock.alive.values():
                    found[flock.inventor.email(canary.number).partition("@")[0]] = seller
                    found[flock.inventor.order(canary.number)] = seller
        return found

    def generation(self) -> int:
        """Return a number that grows whenever `markers` has more to give."""
        return sum(flock.planted for flock in self._flocks.values())

    def among(self, tx: Transaction, seller: SellerId, refs: Iterable[bytes]) -> frozenset[bytes]:
        """Return those of the references that are canaries' whose day has not been swept: no law is about them."""
        return frozenset(refs) & self._flock(tx, seller).alive.keys()

    def order_to_touch(self, seller: SellerId) -> tuple[str, RecordNumber] | None:
        """Return order id and record of a canary to touch on purpose: the oldest one that nobody has touched."""
        with self._database.read() as tx:
            flock = self._counted(tx, seller)
        with self._lock:
            unburnt = [canary for canary in flock.alive.values() if not canary.burnt]
        if not unburnt:
            return None
        oldest = min(unburnt, key=lambda canary: canary.number)
        return flock.inventor.order(oldest.number), oldest.record

    # -- private ---------------------------------------------------------------------------------------------------

    def _touched(
        self,
        tx: Transaction,
        caller: Caller,
        row: Row,
        canary: Canary,
        purpose: Purpose,
        req: str | None,
        now: datetime,
    ) -> list[Event]:
        # Its number is in the log since the first touch: somebody else who follows it there is no thief.
        touched = self._burnt(tx, row.seller)[0]
        again = row.number in touched and not self._touched_by(tx, caller, row)
        checked = caller.kind is PrincipalKind.SERVICE and caller.name == CHECKER
        events = [
            Event(
                EventType.CANARY_TOUCHED,
                Outcome.FAILURE,
                caller,
                reason=Reason.CANARY,
                op=CHECK_OP if checked else AGAIN_OP if again else None,
                obj_kind=ObjKind.CANARY,
                # It tells which one it was; from now on everybody may know.
                obj_ref=str(row.number),
                purpose=purpose,
                n=1,
                records=(row.number,),
                seller=row.seller,
                req=req,
            )
        ]
        canary.burnt = True
        touched.add(row.number)
        frozen = (
            not again
            and caller.principal != SYSTEM.principal
            and suspensions.suspend(tx, caller.principal, why=_WHY, frozen=True, now=now)
        )
        if frozen:
            events.append(
                Event(
                    EventType.PRINCIPAL_SUSPENDED,
                    Outcome.SUCCESS,
                    SYSTEM,
                    reason=Reason.CANARY,
                    obj_kind=ObjKind.PRINCIPAL,
                    obj_ref=str(caller.principal),
                    req=req,
                )
            )
        return events

    def _touched_by(self, tx: Transaction, caller: Caller, row: Row) -> bool:
        """Tell whether the log has this caller among those who touched this record."""
        who = (caller.principal, str(row.number))
        touches = self._audit.of_types((EventType.CANARY_TOUCHED,), tx=tx)
        return any((e.body["actor"]["id"], e.body["obj"]["ref"]) == who for e in touches)

    def _flock(self, tx: Transaction, seller: SellerId) -> Flock:
        """Return a selling partner's canaries, looked up if this process does not know them yet."""
        with self._lock:
            flock = self._flocks.get(seller)
            return self._counted(tx, seller) if flock is None else flock

    def _counted(self, tx: Transaction, seller: SellerId) -> Flock:
        """Count a selling partner's canaries by their rows; what this process alone knows is kept."""
        with self._lock:
            flock = self._flocks.get(seller)
            if flock is None:
                region = schema.seller.c.region
                found = tx.execute(sa.select(region).where(schema.seller.c.id == seller)).scalar()
                key = derive(self._subject_key, _LABEL, seller)
                flock = Flock(Inventor(key, found or ""), subject_key(self._subject_key, seller))
            burnt, rotated = self._burnt(tx, seller)
            alive: dict[bytes, Canary] = {}
            planted = gone = 0
            start, last = 0, -1
            while start - last <= _AT_ONCE:
                refs = {flock.ref(number): number for number in range(start, start + _AT_ONCE)}
                for ref, row in store.by_subject(tx, seller, list(refs)).items():
                    number, facts = refs[ref], row.facts
                    last = max(last, number)
                    planted += 1
                    if row.state != RecordState.LIVE:
                        gone += 1
                        continue
                    alive[ref] = Canary(
                        number,
                        row.number,
                        facts.purchased_at,
                        facts.status,
                        burnt=row.number in burnt or number < rotated,
                    )
                start += _AT_ONCE
            flock.next = max(flock.next, last + 1)
            # In one step: the door looks into it meanwhile.
            flock.alive, flock.planted, flock.gone = alive, planted, gone
            self._flocks[seller] = flock
            return flock

    def _burnt(self, tx: Transaction, seller: SellerId) -> tuple[set[int], int]:
        """Return the records that were touched, and the number below which canaries were rotated.

        The log is read once; what happens from then on is added.
        """
        with self._lock:
            if self._touches is None:
                # Known once all of it was read: half of it would be believed for ever.
                self._touches, self._rotations = self._read_burnt(tx)
            return self._touches.setdefault(seller, set()), self._rotations.get(seller, 0)

    def _read_burnt(self, tx: Transaction) -> tuple[dict[SellerId, set[int]], dict[SellerId, int]]:
        touches: dict[SellerId, set[int]] = {}
        rotations: dict[SellerId, int] = {}
        types = (EventType.CANARY_TOUCHED, EventType.CANARY_RETIRED)
        for entry in self._audit.of_types(types, tx=tx):
            body = entry.body
            if "obj" not in body or "seller" not in body:
                continue
            number, of = int(body["obj"]["ref"]), SellerId(body["seller"])
            if entry.type == EventType.CANARY_TOUCHED.value:
                touches.setdefault(of, set()).add(number)
            elif body.get("op") == ROTATE_OP:
                rotations[of] = number
        return touches, rotations

    def _logged(self, type_: EventType = EventType.CANARY_PLANTED) -> dict[SellerId, int]:
        """Return the numbers that events of a type have told so far, by selling partner."""
        found: dict[SellerId, int] = {}
        for entry in self._audit.of_types((type_,)):
            seller = entry.body.get("seller")
            if seller is not None and entry.body.get("op") != ROTATE_OP:
                found[seller] = found.get(seller, 0) + entry.body.get("n", 0)
        return found


def _live(tx: Transaction, seller: SellerId, now: datetime) -> int:
    table = schema.record_key.c
    due = sa.or_(table.due_at.is_(None), table.due_at > int(now.timestamp()))
    count = sa.select(sa.func.count()).where(table.seller_id == seller, due)
    return tx.execute(count).scalar_one()


def _counted_event(type_: EventType, caller: Caller, seller: SellerId, count: int) -> Event:
    return Event(type_, Outcome.SUCCESS, caller, n=count, seller=seller)
