"""Empties the vault of what a notice of Amazon's is about, and looks whether anything of it is left [1.7].

What is emptied loses its DEK, its blob, its long values and its search tags, and keeps a tombstone: a number and a
keyed hash, by which it is known when it comes again and not stored again. Every period key that ever wrapped one of the
DEKs is asked to be replaced at once: the sweep does it, and then no copy of the data opens what was emptied.

Values are looked at in here and never leave, except as `hand_over` gives them: under a grant to export, after an event.
Each step is durable by itself; what a kill left, the next call goes on with.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from strongroom.audit.entry import Change, Event, Field, ObjKind, Outcome, Reason
from strongroom.audit.event_types import EventType
from strongroom.audit.log import AuditLog
from strongroom.crypto import envelope
from strongroom.crypto.derive import aad
from strongroom.crypto.index import SubjectKey, subject_key, subject_ref, tag
from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Gone, Malformed, Tampered
from strongroom.policy.catalogue.slots import FIXED
from strongroom.policy.deletion import HeldBy, Scope, Selectors
from strongroom.policy.grants import Allow, Deny, NotGranted
from strongroom.terms import (
    Action,
    Caller,
    Category,
    Environment,
    Purpose,
    RecordNumber,
    Scalar,
    SellerId,
)
from strongroom.vault import large, store
from strongroom.vault.batch import Batch
from strongroom.vault.box import SUBJECT_ID, RecordBox
from strongroom.vault.deciding import choose, choose_for_search
from strongroom.vault.events import search_events
from strongroom.vault.grants import GrantStore
from strongroom.vault.keystore import Keystore
from strongroom.vault.large import ValueSealer
from strongroom.vault.naming import names_of, slot_spec
from strongroom.vault.needles import Needles
from strongroom.vault.searching import normal_form, same
from strongroom.vault.store import RecordState, Row

CHUNK: Final = 100
"""Records of one transaction, and of one event."""
_SELECTORS: Final = "strongroom/deletion-selectors/v1"

Held = Callable[[Sequence[RecordNumber], datetime], Mapping[RecordNumber, HeldBy]]
"""Says which of some records a law keeps."""

_r, _k = schema.record.c, schema.record_key.c
_emptied: Final = schema.deletion_record


@dataclass(frozen=True, slots=True)
class Within:
    """Records that a scope is about: those that hold data, and those whose data is gone already."""

    live: dict[SellerId, int] = field(default_factory=dict)
    gone: dict[SellerId, int] = field(default_factory=dict)
    held: dict[HeldBy, int] = field(default_factory=dict)
    values: int = 0
    """Long values beside them: labels, invoices and other documents."""


@dataclass(frozen=True, slots=True)
class Left:
    """What was found of emptied records; all zero where nothing is left."""

    rows: int = 0
    """Records that hold a blob, a DEK or a long value, or are not marked as erased."""
    tags: int = 0
    again: int = 0
    """Records in the scope that are not emptied and that no law keeps."""
    bytes_in: tuple[str, ...] = ()
    """Files in which bytes of them still lie."""
    opened: int = 0
    """Of the wrapped DEKs that were kept for trying, those that a key in the keystore opens."""
    tried: int = 0


class Clearing:
    """Empties one home's vault of what notices are about. Safe between threads."""

    def __init__(  # noqa: PLR0913 - wired once, by name
        self,
        database: Database,
        keystore: Keystore,
        audit: AuditLog,
        *,
        environment: Environment,
        subject_key: bytes,
        key: bytes,
        copy_lifetime: timedelta,
        held: Held,
        canaries: Callable[[Sequence[RecordNumber]], Iterable[RecordNumber]],
    ) -> None:
        self._database = database
        self._keystore = keystore
        self._audit = audit
        self._environment = environment
        self._subject_key = subject_key
        self._key = key
        self._needles = Needles(database, keystore, environment=environment, key=key)
        self._copy_lifetime = copy_lifetime
        self._held = held
        self._canaries = canaries
        self._boxes: dict[SellerId, RecordBox] = {}

    def __repr__(self) -> str:
        return "<clearing>"

    # -- what a notice names -----------------------------------------------------------------------------------------

    def seal_selectors(self, notice: int, selectors: Selectors) -> bytes:
        """Return the orders and buyers that a notice names, sealed for its row."""
        named = {
            "orders": selectors.orders,
            "emails": selectors.emails,
            "phones": selectors.phones,
        }
        context = aad(_SELECTORS, self._environment, notice)
        return envelope.seal(self._key, json.dumps(named).encode(), context=context)

    def open_selectors(self, notice: int, sealed: bytes | None) -> Selectors:
        """Return what `seal_selectors` sealed. Raises: Tampered."""
        if sealed is None:
            return Selectors()
        context = aad(_SELECTORS, self._environment, notice)
        named = json.loads(envelope.open_(self._key, sealed, context=context, name="a notice"))
        return Selectors(*(tuple(named[kind]) for kind in ("orders", "emails", "phones")))

    def check_selectors(self, selectors: Selectors) -> None:
        """Refuse what names nobody. Raises: Malformed."""
        for kind, values in (("email", selectors.emails), ("phone", selectors.phones)):
            if not all(normal_form(kind, value) for value in values):
                raise Malformed(f"a {kind} that the notice names has the wrong form")

    def admit(self, scope: Scope, selectors: Selectors, caller: Caller, now: datetime) -> None:
        """Refuse who may not search, where single orders or buyers are named: a count says whether they are known.

        Raises:
            Denied: no grant lets the caller search for it on Amazon's request. Recorded.

        """
        if not scope.names_subjects:
            return
        kinds = ((None, selectors.orders), (Category.EMAIL, selectors.emails))
        wanted = [kind for kind, named in (*kinds, (Category.PHONE, selectors.phones)) if named]
        for seller in scope.sellers or self._sellers():
            for kind in wanted:
                with self._database.write() as tx:
                    grants = GrantStore.of(tx, caller.principal)
                    purpose = Purpose.AMAZON_REQUEST
                    decision = choose_for_search(tx, grants, purpose, kind, seller, now)
                    used = {decision.grant: ()} if isinstance(decision, Allow) else {}
                    found = search_events(caller, decision, used, purpose, kind, None, None)
                    self._audit.append(tx, *found, now=now)
                if isinstance(decision, Deny):
                    raise NotGranted(
                        f"{caller.name} may not search here: {decision.reason}", decision.reason
                    )

    # -- what it is about --------------------------------------------------------------------------------------------

    def within(
        self, scope: Scope, selectors: Selectors, now: datetime
    ) -> tuple[Within, list[RecordNumber]]:
        """Count what a scope is about, and return the numbers of its records."""
        found, numbers = Within(), []
        values = 0
        for rows in self._rows(scope, selectors):
            live = [row for row in rows if row.state == RecordState.LIVE]
            for row in rows:
                counts = found.live if row.state == RecordState.LIVE else found.gone
                counts[row.seller] = counts.get(row.seller, 0) + 1
            kept = self._held([row.number for row in live], now)
            for why in kept.values():
                found.held[why] = found.held.get(why, 0) + 1
            numbers += [row.number for row in rows]
            with self._database.read() as tx:
                values += store_values(tx, [row.number for row in live])
        return Within(found.live, found.gone, found.held, values), numbers

    def _rows(self, scope: Scope, selectors: Selectors) -> Iterator[list[Row]]:
        """Give the records in a scope that are not erased, some at a time, by number."""
        named = self._named(scope, selectors) if scope.names_subjects else None
        after = -1
        while True:
            with self._database.read() as tx:
                numbers = _next(tx, scope, after, named)
                rows = store.by_numbers(tx, numbers)
            if not numbers:
                return
            after = numbers[-1]
            chosen = [row for row in rows if self._is_meant(row, scope)]
            if chosen:
                yield chosen

    def _is_meant(self, row: Row, scope: Scope) -> bool:
        if scope.categories is None or row.state != RecordState.LIVE or row.blob is None:
            return scope.categories is None
        try:
            slots = self._box(row.seller).open(row, self._box(row.seller).dek(row))
        except (Gone, Tampered):
            return True  # what does not open may be anything
        specs = (slot_spec(row, number) for number in slots)
        return any(spec is not None and spec.category in scope.categories for spec in specs)

    def _named(self, scope: Scope, selectors: Selectors) -> list[RecordNumber]:
        """Return the records of the orders and buyers that are named."""
        found: dict[RecordNumber, None] = {}
        for seller in scope.sellers or self._sellers():
            refs = [
                subject_ref(self._subject_key_of(seller), "order", normal_form("order", one))
                for one in selectors.orders
            ]
            with self._database.read() as tx:
                rows = store.by_subject(tx, seller, refs) if refs else {}
            found.update((row.number, None) for row in rows.values())
            for kind, values in (("email", selectors.emails), ("phone", selectors.phones)):
                for value in values:
                    found.update((number, None) for number in self._of(seller, kind, value))
        return sorted(found)

    def _of(self, seller: SellerId, kind: str, value: str) -> Iterator[RecordNumber]:
        """Give a buyer's records: candidates by their tags, confirmed by their own values."""
        normal, box = normal_form(kind, value), self._box(seller)
        for listed in self._keystore.periods(seller=seller, live=True):
            period = self._keystore.find_period(listed.id)
            if period is None:
                continue
            with self._database.read() as tx:
                wanted = [tag(period.search, kind, normal)]
                numbers = [number for _, number in store.tagged_among(tx, period.id, wanted)]
                rows = store.by_numbers(tx, numbers)
            for row in rows:
                try:
                    slots = box.open(row, box.dek(row))
                except (Gone, Tampered):
                    continue
                values = (slots.get(n) for n, spec in FIXED.items() if spec.search == kind)
                if any(isinstance(one, str) and same(kind, one, value) for one in values):
                    yield row.number

    # -- emptying ----------------------------------------------------------------------------------------------------

    def empty(
        self,
        notice: int,
        scope: Scope,
        selectors: Selectors,
        caller: Caller,
        now: datetime,
        progress: Callable[[int], None],
    ) -> None:
        """Erase every record in the scope that no law keeps; asked again, it goes on where it was ended."""
        # One look takes what was there when it began; what came meanwhile, the next one.
        while sum(
            self._empty(notice, rows, caller, now, progress)
            for rows in self._rows(scope, selectors)
        ):
            continue

    def emptied(self, notice: int) -> int:
        """Return how many records were erased for a notice."""
        query = sa.select(sa.func.count()).where(_emptied.c.notice_id == notice)
        with self._database.read() as tx:
            return tx.execute(query).scalar_one()

    def _empty(
        self,
        notice: int,
        rows: Sequence[Row],
        caller: Caller,
        now: datetime,
        progress: Callable[[int], None],
    ) -> int:
        kept = self._held([row.number for row in rows if row.state == RecordState.LIVE], now)
        done = 0
        for seller in dict.fromkeys(row.seller for row in rows):
            numbers = [r.number for r in rows if r.seller == seller and r.number not in kept]
            for start in range(0, len(numbers), CHUNK):
                done += self._erase(notice, seller, numbers[start : start + CHUNK], caller, now)
                progress(len(numbers[start : start + CHUNK]))
        return done

    def _erase(
        self,
        notice: int,
        seller: SellerId,
        numbers: Sequence[RecordNumber],
        caller: Caller,
        now: datetime,
    ) -> int:
        with self._database.write(alone=True) as tx:
            store.lock_seller(tx, seller)
            batch = Batch(seller, self._box(seller), self._keystore, self._copy_lifetime, now)
            # Asked once more: a hold may have been agreed on since the plan.
            held = self._held(numbers, now)
            found = store.by_numbers(tx, numbers)
            rows = [r for r in found if r.state != RecordState.ERASED and r.number not in held]
            self._needles.keep(tx, notice, rows)
            for row in rows:
                batch.erase(tx, row, final=True)
            batch.write(tx)
            for row in rows:
                tx.execute(_emptied.insert().values(notice_id=notice, record_number=row.number))
            if rows:
                event = Event(
                    EventType.RECORD_ERASED,
                    Outcome.SUCCESS,
                    caller,
                    op="notice",
                    obj_kind=ObjKind.NOTICE,
                    obj_ref=str(notice),
                    n=len(rows),
                    records=tuple(sorted(row.number for row in rows)),
                    seller=seller,
                )
                self._audit.append(tx, event, now=now)
        return len(rows)

    # -- looking afterwards ------------------------------------------------------------------------------------------

    def left(self, notice: int, scope: Scope, selectors: Selectors, now: datetime) -> Left:
        """Look for what was emptied: in the rows, in the files, and with every key that still exists."""
        rows, tags = self._rows_left(notice)
        again = 0
        for chunk in self._rows(scope, selectors):
            kept = self._held([row.number for row in chunk], now)
            again += sum(row.number not in kept for row in chunk)
        seen = self._needles.look(notice)
        return Left(rows, tags, again, seen.bytes_in, seen.opened, seen.tried)

    def forget_needles(self, notice: int) -> None:
        """Remove the bytes that were kept to look for, and what a notice named; durable on return."""
        with self._database.write(alone=True) as tx:
            self._needles.forget(tx, notice)
            tx.execute(
                schema.deletion_notice.update()
                .where(schema.deletion_notice.c.id == notice)
                .values(selectors=None)
            )

    def _rows_left(self, notice: int) -> tuple[int, int]:
        mine = sa.select(_emptied.c.record_number).where(_emptied.c.notice_id == notice)
        value, tags = schema.record_value.c, schema.search_tag.c
        holding = sa.or_(
            _r.state != int(RecordState.ERASED),
            _r.blob.is_not(None),
            _r.number.in_(sa.select(_k.record_number).where(_k.wrapped_dek.is_not(None))),
            _r.number.in_(sa.select(value.record_number)),
        )
        with self._database.read() as tx:
            rows = tx.execute(
                sa.select(sa.func.count()).where(_r.number.in_(mine), holding)
            ).scalar_one()
            tagged = tx.execute(
                sa.select(sa.func.count()).where(tags.record_number.in_(mine))
            ).scalar_one()
        return rows, tagged

    # -- handing over ------------------------------------------------------------------------------------------------

    def hand_over(
        self,
        scope: Scope,
        selectors: Selectors,
        caller: Caller,
        now: datetime,
        req: str,
        told: Callable[[Sequence[RecordNumber]], None],
    ) -> Iterator[bytes]:
        """Give every record in the scope as a line of JSON, each after its event; canaries are nobody's and left out.

        Raises:
            Denied: the caller has no grant to export all of it on Amazon's request. Recorded.
            Tampered: a record does not open. Recorded.

        """
        for rows in self._rows(scope, selectors):
            live = [row for row in rows if row.state == RecordState.LIVE]
            invented = set(self._canaries([row.number for row in live]))
            for seller in dict.fromkeys(row.seller for row in live):
                mine = [r for r in live if r.seller == seller and r.number not in invented]
                for start in range(0, len(mine), CHUNK):
                    part = mine[start : start + CHUNK]
                    self._admit(part, seller, caller, now, req)
                    told([row.number for row in part])
                    for row in part:
                        yield self._line(row)

    def _admit(
        self, rows: Sequence[Row], seller: SellerId, caller: Caller, now: datetime, req: str
    ) -> None:
        numbers = tuple(sorted(row.number for row in rows))
        with self._database.write() as tx:
            grants = GrantStore.of(tx, caller.principal)
            decisions = [
                choose(
                    tx,
                    grants,
                    action=Action.EXPORT,
                    purpose=Purpose.AMAZON_REQUEST,
                    category=category,
                    seller=seller,
                    now=now,
                    records=numbers,
                )
                for category in Category
            ]
            refused = next((one for one in decisions if isinstance(one, Deny)), None)
            allowed = next((one for one in decisions if isinstance(one, Allow)), None)
            event = Event(
                EventType.RECORD_REVEALED,
                Outcome.SUCCESS if refused is None else Outcome.DENIED,
                caller,
                reason=None if refused is None else Reason(refused.reason.value),
                purpose=Purpose.AMAZON_REQUEST,
                pii=tuple(Category),
                n=len(numbers),
                decision=None if refused is not None or allowed is None else allowed.grant,
                records=numbers,
                seller=seller,
                req=req,
                changes=(Change(Field.REASON, after=self._audit.pseudonym("reason", "notice")),),
            )
            self._audit.append(tx, event, now=now)
        if refused is not None:
            raise NotGranted(f"{caller.name} may not export this: {refused.reason}", refused.reason)

    def _line(self, row: Row) -> bytes:
        """Open one record and return all of it as a line; what is long is read from beside it."""
        box = self._box(row.seller)
        with self._database.read() as tx:
            latest = store.by_number(tx, row.number)
        if latest is None or latest.state != RecordState.LIVE or latest.blob is None:
            return b""
        slots = box.open(latest, box.dek(latest))
        names = names_of(slots)
        values: dict[str, Any] = {}
        for number, value in sorted(slots.items()):
            spec = slot_spec(latest, number)
            if spec is not None and number != SUBJECT_ID:
                name = names.get(number, spec.name)
                values[name] = self._whole(box, latest, number, value)
        line = {
            "seller": latest.seller,
            "record": latest.number,
            "subject": slots.get(SUBJECT_ID),
            "purchased_at": latest.facts.purchased_at or None,
            "values": values,
        }
        return json.dumps(line, ensure_ascii=False, sort_keys=True).encode() + b"\n"

    def _whole(self, box: RecordBox, row: Row, number: int, value: Scalar) -> Scalar:
        if not large.is_reference(value):
            return value
        with self._database.read() as tx:
            _latest, sealed = store.with_value(tx, row.number, number)
        return box.open_value(row, number, value, sealed)

    # -- private -----------------------------------------------------------------------------------------------------

    def _box(self, seller: SellerId) -> RecordBox:
        box = self._boxes.get(seller)
        if box is None:
            box = self._boxes[seller] = RecordBox(
                envelope.RecordSealer(self._environment, seller),
                ValueSealer(self._environment, seller),
                self._keystore,
                self._subject_key_of(seller),
            )
        return box

    def _sellers(self) -> list[SellerId]:
        with self._database.read() as tx:
            return [SellerId(id_) for (id_,) in tx.execute(sa.select(schema.seller.c.id))]

    def _subject_key_of(self, seller: SellerId) -> SubjectKey:
        return subject_key(self._subject_key, seller)


def store_values(tx: Transaction, numbers: Sequence[RecordNumber]) -> int:
    """Return how many long values lie beside these records."""
    found = 0
    for start in range(0, len(numbers), CHUNK):
        part = list(numbers[start : start + CHUNK])
        query = sa.select(sa.func.count()).where(schema.record_value.c.record_number.in_(part))
        found += tx.execute(query).scalar_one()
    return found


def _next(
    tx: Transaction, scope: Scope, after: int, named: Sequence[RecordNumber] | None
) -> list[RecordNumber]:
    """Return the next records of a scope that are not erased, by number, as far as rows alone tell."""
    if named is not None:
        part = [number for number in named if number > after][:CHUNK]
        if not part:
            return []
    query = sa.select(_r.number).where(_r.number > after, _r.state != int(RecordState.ERASED))
    if named is not None:
        query = query.where(_r.number.in_(part))
    if scope.sellers is not None:
        query = query.where(_r.seller_id.in_(scope.sellers))
    first, end = scope.purchased
    if first is not None or end is not None:
        query = query.join(schema.record_key, _k.record_number == _r.number)
        # Of what nobody knows when it was bought, nobody can say that it lies outside.
        undated = _k.purchased_at == 0
        query = query if first is None else query.where(undated | (_k.purchased_at >= first))
        query = query if end is None else query.where(_k.purchased_at < end)
    numbers = [RecordNumber(n) for (n,) in tx.execute(query.order_by(_r.number).limit(CHUNK))]
    if named is not None and not numbers:
        # None of these: go on with the next that are named.
        return _next(tx, scope, part[-1], named)
    return numbers
