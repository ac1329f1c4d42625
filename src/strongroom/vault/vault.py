"""The door: personal data enters by `put` and leaves only by `reveal`, `reveal_order` and `find`.

Every way out goes through the same four steps: decide, record, commit, and only then decrypt. A refusal is recorded in
the same way. There is no vault without a log, and no plaintext without its event [1.3, 2.6].
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache, partial

from strongroom.audit.entry import Event, ObjKind, Outcome, Reason
from strongroom.audit.event_types import EventType
from strongroom.audit.log import AuditLog
from strongroom.crypto import envelope
from strongroom.crypto.index import SubjectKey, subject_key, subject_ref
from strongroom.crypto.token import ForeignToken, ForgedToken, Mint
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Malformed, NotFound
from strongroom.policy.catalogue.slots import FIXED, OVERFLOW
from strongroom.policy.grants import Allow, Decision, Deny, DenyReason, NotGranted, readable
from strongroom.policy.purposes import may_serve
from strongroom.policy.sighting import Sighting
from strongroom.terms import (
    Action,
    Caller,
    Category,
    Environment,
    Plaintext,
    Purpose,
    RecordNumber,
    Scalar,
    SellerId,
)
from strongroom.vault import large, store, told
from strongroom.vault.archive import Archive, ArchivePlace
from strongroom.vault.batch import Batch
from strongroom.vault.box import SUBJECT_ID, RecordBox
from strongroom.vault.canaries import Canaries
from strongroom.vault.deciding import as_one, choose, choose_each, choose_for_search
from strongroom.vault.documents import DocumentStore
from strongroom.vault.erasing import Eraser
from strongroom.vault.events import (
    period_events,
    put_events,
    rejected_event,
    reveal_event,
    reveal_events,
    search_events,
    unknown_order_event,
    unknown_token_event,
)
from strongroom.vault.fields import Fields, Way, keys_of
from strongroom.vault.flock import MOST_GUESTS
from strongroom.vault.grants import GrantStore
from strongroom.vault.keystore import Keystore
from strongroom.vault.naming import names_of, slot_spec
from strongroom.vault.numbers import Numbers
from strongroom.vault.opener import Opener
from strongroom.vault.placed import Placed
from strongroom.vault.recent import RecentChanges, Recognised
from strongroom.vault.restrictions import unbarred
from strongroom.vault.rights import Rights
from strongroom.vault.rotating import Rewrapping
from strongroom.vault.searching import normal_form, one_of, same
from strongroom.vault.store import RecordState, Row
from strongroom.vault.sweep import Sweeper, SweepReport
from strongroom.vault.views import STATES, Described, Found, Revealed

_MAX_FOUND = 100
_RECORDS_AT_HAND = 20_000
"""Records whose minted tokens are kept: an order is pulled again and again while it is open."""


class Vault:
    """One home's personal data. What a method recorded is durable when it returns. Thread-safe."""

    def __init__(
        self,
        database: Database,
        keystore: Keystore,
        audit: AuditLog,
        *,
        environment: Environment,
        token_key: bytes,
        subject_key: bytes,
        copy_lifetime: timedelta,
        archive: ArchivePlace,
    ) -> None:
        self._database = database
        self._keystore = keystore
        self._audit = audit
        self._environment = environment
        self._copy_lifetime = copy_lifetime
        self._subject_key = subject_key
        self.withheld: Callable[[], bool] = bool
        """Whether nothing may be destroyed by the clock alone now; the clock's watch says so, once there is one."""
        self.canaries = Canaries(database, audit, subject_key=subject_key)
        self.archive = Archive(
            database,
            keystore,
            audit,
            self.canaries,
            self._box,
            environment=environment,
            subject_key=subject_key,
            place=archive,
        )
        self.documents = DocumentStore(database)
        self._mint = Mint(token_key, environment)
        self.made = self._mint.made
        self._tokens_of = lru_cache(_RECORDS_AT_HAND)(self._mint.record)
        self._opener = Opener(database, keystore, audit, self._box)
        self._boxes: dict[SellerId, RecordBox] = {}
        self._subject_keys: dict[SellerId, SubjectKey] = {}
        self._numbers = Numbers(database)
        self._fields = Fields()
        self._recent = RecentChanges()
        self._recognised = Recognised(envelope.new_key())
        subjects = self._subject_key_of
        self.eraser = Eraser(
            database,
            keystore,
            audit,
            self._box,
            subjects,
            copy_lifetime,
            self.archive.holds,
            one_person=archive.one_person,
        )
        self.rewrapping = Rewrapping(database, keystore, audit, self._box, copy_lifetime)
        self.rights = Rights(
            database,
            keystore,
            audit,
            box=self._box,
            opener=self._opener,
            canaries=self.canaries,
            copy_lifetime=copy_lifetime,
            holds=self.archive.holds,
        )

    def __repr__(self) -> str:
        return "<vault>"

    # -- in --------------------------------------------------------------------------------------------------------

    def put(  # noqa: PLR0913 - what was seen, by whom, when, in which call
        self,
        seller: SellerId,
        sightings: Sequence[Sighting],
        *,
        caller: Caller,
        op: str,
        now: datetime,
        drift: Iterable[tuple[str, str]] = (),
        req: str | None = None,
        src_ip: str | None = None,
        asked_at: datetime | None = None,
    ) -> list[Placed]:
        """Seal what one document showed, merge it with what is known, and return where each sighting's values went.

        One event is recorded with it, also where nothing was new. `drift` are (model path, kind) of what the catalogue
        did not know. All of it is durable on return, or none of it happened. `asked_at` is when Amazon was asked.

        Raises:
            Overtaken: a view without a date of its own differs from what its record became after `asked_at`.

        """
        drift = list(drift)
        recent, lives = self._recognised, self._copy_lifetime
        keeps = self.archive.holds.keeping()
        batch = Batch(
            seller,
            self._box(seller),
            self._keystore,
            lives,
            now,
            recent,
            keeps,
            withheld=self.withheld(),
        )
        overtaken = self._recent.overtaking(asked_at)
        refs = self._refs(seller, sightings)
        fresh = self._numbers.take(seller, len(sightings) + MOST_GUESTS)
        with self._database.write() as tx:
            store.lock_seller(tx, seller)
            rows = store.by_subject(tx, seller, list(dict.fromkeys(refs))) if refs else {}
            guests = self.canaries.ride(tx, seller, refs, sightings, rows, now)
            waiting = self.canaries.places(seller, guests, len(sightings))
            placed: list[Placed] = []
            for place, (ref, sighting) in enumerate(zip(refs, sightings, strict=True)):
                if waiting and place in waiting:
                    self.canaries.seat(batch, seller, waiting.pop(place), rows, fresh)
                row = rows.get(ref)
                if row is None:
                    row, names = batch.create(next(fresh), ref, sighting)
                    rows[ref] = row
                    tokens = self._mint.record(row.number)
                else:
                    names = batch.merge(row, sighting, late=overtaken(row.number))
                    # Seen again, so probably once more; keeping those of new orders too would scatter the heap.
                    tokens = self._tokens_of(row.number)
                gone = row.state != RecordState.LIVE
                placed.append(Placed(row.number, row.facts, tokens, names, gone=gone))
            batch.write(tx)
            pairs = zip(placed, sightings, strict=True)
            told.keep(tx, op, ((p.number, seen) for p, seen in pairs if not p.gone), now)
            if drift:
                store.count_drift(tx, op, drift, now)
            seen = [*sightings, *(guest.sighting for guest in guests)]
            late = self.canaries.mention(seller, batch.touched) if len(sightings) > 1 else 0
            keys = keys_of(one.slots for one in seen)
            noted = self._fields.keep(tx, Way.COLLECTED, op, keys, now)
            events = put_events(
                batch, keys, caller, op, seller, drift, req, src_ip, len(seen) + late
            )
            self._audit.append(tx, *events, now=now)
        batch.committed()
        self._fields.remember(Way.COLLECTED, op, noted, now)
        self._recent.note(batch.touched, now)
        self._numbers.give_back(seller, fresh)
        return placed

    def plant(self, caller: Caller, seller: SellerId, count: int, now: datetime) -> int:
        """Put so many canaries in at once, with no document; return how many.

        No event names their records until the next document of several orders comes: until then, whoever reads the
        whole database can tell them. What comes with documents by itself nobody can.
        """
        batch = Batch(seller, self._box(seller), self._keystore, self._copy_lifetime, now)
        fresh = self._numbers.take(seller, count)
        with self._database.write() as tx:
            store.lock_seller(tx, seller)
            guests = self.canaries.invent(tx, seller, count, now)
            rows = store.by_subject(tx, seller, [guest.ref for guest in guests])
            made = [
                self.canaries.seat(batch, seller, guest, rows, fresh)
                for guest in guests
                if guest.ref not in rows
            ]
            batch.write(tx)
            created = period_events(batch, caller, seller)
            planted = self.canaries.planted_event(caller, seller, len(made))
            self._audit.append(tx, *created, planted, now=now)
        self._numbers.give_back(seller, fresh)
        self.canaries.mention_later(seller, made)
        return len(made)

    def unknown(self, seller: SellerId, sightings: Sequence[Sighting]) -> list[Sighting]:
        """Return the sightings of subjects never seen before, whose age a view without dates cannot tell."""
        refs = self._refs(seller, sightings)
        with self._database.read() as tx:
            rows = store.by_subject(tx, seller, refs)
        return [sighting for ref, sighting in zip(refs, sightings, strict=True) if ref not in rows]

    # -- out -------------------------------------------------------------------------------------------------------

    def reveal(  # noqa: PLR0913 - who asks for what, what for, when, and within what bounds
        self,
        caller: Caller,
        token: str,
        *,
        purpose: Purpose,
        now: datetime,
        action: Action = Action.REVEAL,
        seller: SellerId | None = None,
        refuses: Callable[[SellerId, Category], DenyReason | None] | None = None,
        alone: bool = True,
        req: str | None = None,
        why: str | None = None,
    ) -> Revealed:
        """Return the latest value behind a token; `seller` refuses any other selling partner's, `refuses` still more.

        `alone`: nothing else is in the answer, so it may be long. `req` names the request in the log, `why` is the
        pseudonym of a stated reason; likewise below.

        Raises:
            Malformed: it is not a token.
            TooLong: it is a long value, and not asked for alone. Recorded as revealed.
            Denied: no grant covers it, or the token was not made here. Recorded.
            Gone: its day has come, or it was erased. Recorded.
            NotFound: the record has no such value (any more). Recorded.

        """
        try:
            parsed = self._mint.parse(token)
        except (ForgedToken, ForeignToken) as exc:
            reason = (
                Reason.FORGED_TOKEN if isinstance(exc, ForgedToken) else Reason.FOREIGN_ENVIRONMENT
            )
            self._audit.record(rejected_event(caller, reason, purpose, req), now=now)
            raise
        with self._database.write() as tx:
            row = store.by_number(tx, RecordNumber(parsed.number))
            spec = None if row is None else slot_spec(row, parsed.slot)
            if row is None or spec is None or parsed.slot == OVERFLOW:
                event = unknown_token_event(caller, parsed.number, purpose, req)
                self._audit.append(tx, event, now=now)
                row = None
                decision: Decision | None = None
            else:
                gone = self._opener.is_gone(row, now)
                barred = None if refuses is None else refuses(row.seller, spec.category)
                if not may_serve(purpose, spec.category, spec.subject):
                    barred = DenyReason.WRONG_PURPOSE
                if barred is not None or seller not in (None, row.seller):
                    decision = Deny(barred or DenyReason.WRONG_SELLER)
                else:
                    decision = choose(
                        tx,
                        GrantStore.of(tx, caller.principal),
                        action=action,
                        purpose=purpose,
                        category=spec.category,
                        seller=row.seller,
                        now=now,
                        records=() if gone else (row.number,),
                    )
                event = reveal_event(
                    caller, row, decision, purpose, (spec.category,), req, why, gone=gone
                )
                touched = self.canaries.touch(tx, caller, [] if gone else [row], purpose, req, now)
                self._audit.append(tx, event, *touched, now=now)
        if row is None or spec is None or decision is None:
            raise NotFound(f"no value is known for token {parsed.token}")
        self._opener.enforce(caller, decision, f"token {parsed.token}", row, now)
        slots = self._opener.open(caller, row, now)
        if not alone:
            large.refuse_long([slots.get(parsed.slot)], 0)
        value = self._opener.whole(caller, row, parsed.slot, slots.get(parsed.slot), now)
        if value is None:
            raise NotFound(
                f"the latest version of record {row.number} has no value for token {parsed.token}"
            )
        name = names_of(slots).get(parsed.slot, spec.name)
        shown, due = Plaintext(value), row.due_at
        return Revealed(parsed.token, name, spec.category, row.seller, row.number, shown, due)

    def reveal_order(
        self,
        caller: Caller,
        seller: SellerId,
        order: str,
        *,
        purpose: Purpose,
        now: datetime,
        categories: frozenset[Category] | None = None,
        req: str | None = None,
        why: str | None = None,
    ) -> list[Revealed]:
        """Return every value of an order that the caller's grants cover, or only of some categories.

        Raises:
            Denied: no grant covers any of the categories (or one of those asked for by name). Recorded.
            TooLong: they have more bytes than one answer may have. Recorded as revealed.
            Gone, NotFound: as `reveal`.

        """
        wanted = categories or frozenset(Category)
        with self._database.write() as tx:
            ref = self._ref(seller, "order", order)
            row = store.by_subject(tx, seller, [ref]).get(ref)
            grants = GrantStore.of(tx, caller.principal)
            ask = partial(choose_each, tx, grants, wanted, purpose, seller, now)
            decisions = ask()
            decision = as_one(decisions, all_of_them=categories is not None)
            if (
                row is not None
                and isinstance(decision, Allow)
                and not self._opener.is_gone(row, now)
            ):
                # It will be read: now it counts, and a budget may say no.
                decisions = ask(records=(row.number,))
                decision = as_one(decisions, all_of_them=categories is not None)
            covered = tuple(c for c, d in decisions.items() if isinstance(d, Allow))
            if row is None:
                event = unknown_order_event(caller, decision, seller, purpose, req)
                self._audit.append(tx, event, now=now)
            else:
                gone = self._opener.is_gone(row, now)
                if isinstance(decision, Allow):
                    events = reveal_events(caller, row, decisions, purpose, req, why, gone=gone)
                else:
                    asked = tuple(sorted(wanted))
                    events = [
                        reveal_event(caller, row, decision, purpose, asked, req, why, gone=gone)
                    ]
                touched = self.canaries.touch(tx, caller, [] if gone else [row], purpose, req, now)
                self._audit.append(tx, *events, *touched, now=now)
        if row is None:
            if isinstance(decision, Deny):
                raise NotGranted(
                    f"{caller.name} may not read this order: {decision.reason}", decision.reason
                )
            raise NotFound("no such order is known for this seller")
        self._opener.enforce(caller, decision, "this order", row, now)
        slots = self._opener.open(caller, row, now, order)
        long = {
            number: value
            for number, value in slots.items()
            if large.is_reference(value)
            and (spec := slot_spec(row, number)) is not None
            and spec.category in covered
        }
        large.refuse_long(long.values(), large.MOST_TOGETHER)
        for number, value in long.items():
            slots[number] = self._opener.whole(caller, row, number, value, now) or ""
        return [found for found in self._values(row, slots, purpose) if found.category in covered]

    def find(  # noqa: PLR0913 - as `reveal`
        self,
        caller: Caller,
        *,
        purpose: Purpose,
        now: datetime,
        sellers: Sequence[SellerId],
        email: str | None = None,
        phone: str | None = None,
        order: str | None = None,
        most: int = _MAX_FOUND,
        req: str | None = None,
        why: str | None = None,
    ) -> list[Found]:
        """Return the records with this e-mail, phone or order id, as tokens. At most `most`.

        An e-mail or phone needs a `search` grant for its category; an order id, which the caller can only have from
        Amazon, also goes with a `reveal` grant. Selling partners that no grant covers are left out.

        Raises:
            Malformed: not exactly one of the three was given, or it normalises to nothing.
            Denied: no selling partner is covered. Recorded.

        """
        kind, value = one_of(email=email, phone=phone, order=order)
        normal = normal_form(kind, value)
        if not normal:
            raise Malformed(f"the {kind} to look for is empty or has the wrong form")
        category = {"email": Category.EMAIL, "phone": Category.PHONE}.get(kind)
        with self._database.write() as tx:
            rows: dict[RecordNumber, Row] = {}
            used: dict[int, list[RecordNumber]] = {}
            decision: Decision | None = None
            grants = GrantStore.of(tx, caller.principal)
            for seller in sellers:
                ask = partial(choose_for_search, tx, grants, purpose, category, seller, now)
                verdict = ask()
                if isinstance(verdict, Allow):
                    room = most - len(rows)
                    candidates = self._candidates(tx, seller, (kind, normal), now, most)
                    candidates = unbarred(tx, caller.principal, candidates, purpose, now)
                    candidates = self.canaries.sift(tx, candidates, kind, value)[:room]
                    verdict = ask([row.number for row in candidates])
                    if isinstance(verdict, Allow):
                        rows.update((row.number, row) for row in candidates)
                        used.setdefault(verdict.grant, []).extend(row.number for row in candidates)
                if decision is None or isinstance(verdict, Allow):
                    decision = verdict
            denied = not isinstance(decision, Allow)
            events = search_events(caller, decision, used, purpose, category, req, why)
            found = [row for row in rows.values() if not self._opener.is_gone(row, now)]
            touched = self.canaries.touch(tx, caller, found, purpose, req, now)
            self._audit.append(tx, *events, *touched, now=now)
        if denied:
            why = decision.reason if isinstance(decision, Deny) else DenyReason.NO_GRANT
            raise NotGranted(f"{caller.name} may not search by {kind} for {purpose}: {why}", why)
        records = (self._found(caller, row, kind, value, now) for row in rows.values())
        return [record for record in records if record is not None][:most]

    def describe(
        self, caller: Caller, number: RecordNumber, *, now: datetime, req: str | None = None
    ) -> Described:
        """Return a record's state and, of the values that the caller's grants cover, the tokens; never a value.

        Raises:
            NotFound: there is no such record, or no grant covers its selling partner, and which of
                them is not told. Recorded.

        """
        with self._database.write() as tx:
            row = store.by_number(tx, number)
            grants = () if row is None else GrantStore.of(tx, caller.principal)
            categories = frozenset() if row is None else readable(grants, row.seller, now)
            reason = Reason.NO_GRANT if row is not None else Reason.NOT_FOUND
            event = Event(
                EventType.RECORD_SEARCHED,
                Outcome.SUCCESS if categories else Outcome.DENIED,
                caller,
                reason=None if categories else reason,
                obj_kind=ObjKind.RECORD,
                obj_ref=str(number),
                n=1 if categories else 0,
                seller=row.seller if row is not None and categories else None,
                req=req,
            )
            self._audit.append(tx, event, now=now)
        if row is None or not categories:
            raise NotFound("no such record is known")
        gone = self._opener.is_gone(row, now)
        state = "gone" if gone and row.state == RecordState.LIVE else STATES[row.state]
        values = [] if gone else self._values(row, self._opener.open(caller, row, now))
        tokens = {value.slot: value.token for value in values if value.category in categories}
        return Described(row.number, row.seller, state, row.due_at, tokens)

    # -- time ------------------------------------------------------------------------------------------------------

    def sweep(self, now: datetime, *, progress: Callable[[int], None] | None = None) -> SweepReport:
        """Destroy what is due, move what is undelivered, replace keys that would outlive a moved record [2.1].

        Resumable at every step: what one run left, the next one finishes. `progress` hears of records done.
        """
        # Another node may have changed them.
        self.archive.holds.refresh()
        self.eraser.resume(now, progress)
        report = Sweeper(
            self._database,
            self._keystore,
            self._audit,
            self._box,
            copy_lifetime=self._copy_lifetime,
            before_destroyed=self.archive.before_destroyed,
            keeps=self.archive.holds.keeping(),
        ).run(now, progress)
        self.archive.tend(now)
        return report

    # -- private ---------------------------------------------------------------------------------------------------

    def _box(self, seller: SellerId) -> RecordBox:
        box = self._boxes.get(seller)
        if box is None:
            box = self._boxes[seller] = RecordBox(
                envelope.RecordSealer(self._environment, seller),
                large.ValueSealer(self._environment, seller),
                self._keystore,
                self._subject_key_of(seller),
            )
        return box

    def _refs(self, seller: SellerId, sightings: Iterable[Sighting]) -> list[bytes]:
        key = self._subject_key_of(seller)
        return [subject_ref(key, sighting.kind, sighting.id) for sighting in sightings]

    def _ref(self, seller: SellerId, kind: str, id_: str) -> bytes:
        return subject_ref(self._subject_key_of(seller), kind, id_)

    def _subject_key_of(self, seller: SellerId) -> SubjectKey:
        key = self._subject_keys.get(seller)
        if key is None:
            key = self._subject_keys[seller] = subject_key(self._subject_key, seller)
        return key

    def _values(
        self, row: Row, slots: dict[int, Scalar], purpose: Purpose | None = None
    ) -> list[Revealed]:
        """Return the values; with `purpose` those that may serve it."""
        tokens = self._mint.record(row.number)
        names = names_of(slots)
        values = []
        for number, value in sorted(slots.items()):
            spec = slot_spec(row, number)
            if spec is not None and (
                purpose is None or may_serve(purpose, spec.category, spec.subject)
            ):
                token, name = tokens.token(number), names.get(number, spec.name)
                values.append(
                    Revealed(token, name, spec.category, row.seller, row.number, Plaintext(value))
                )
        return values

    def _candidates(
        self, tx: Transaction, seller: SellerId, wanted: tuple[str, str], now: datetime, most: int
    ) -> list[Row]:
        kind, normal = wanted
        if kind == "order":
            ref = self._ref(seller, "order", normal)
            return list(store.by_subject(tx, seller, [ref]).values())
        numbers = store.tagged(tx, self._keystore.search_tags(seller, kind, normal), most)
        return [
            row
            for row in store.by_numbers(tx, numbers)
            if row.seller == seller and not self._opener.is_gone(row, now)
        ]

    def _found(
        self, caller: Caller, row: Row, kind: str, wanted: str, now: datetime
    ) -> Found | None:
        """Confirm a candidate by its own values, inside the door, and give its tokens."""
        if self._opener.is_gone(row, now):
            return Found(row.number, row.seller, "gone", wanted if kind == "order" else None, {})
        slots = self._opener.open(caller, row, now, wanted.strip() if kind == "order" else None)
        if kind != "order":
            values = (slots.get(number) for number, spec in FIXED.items() if spec.search == kind)
            if not any(isinstance(value, str) and same(kind, value, wanted) for value in values):
                return None
        order = wanted if kind == "order" else slots.get(SUBJECT_ID)
        tokens = {value.slot: value.token for value in self._values(row, slots)}
        # Of what is no order, the kind stands before the id.
        known = isinstance(order, str) and ":" not in order
        return Found(row.number, row.seller, "live", str(order) if known else None, tokens)
