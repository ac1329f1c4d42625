"""What people may ask of their own data: told whose a record is, taken out, corrected, erased; through the door [2.2].

Every method decides, records and commits before it opens; whoever answers the request has proved who asked. Of an order
that one person bought for another, each gets what is about them: names, addresses and messages of the other stay in.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from strongroom.audit.entry import Event, ObjKind, Outcome, Reason
from strongroom.audit.event_types import EventType
from strongroom.audit.log import AuditLog
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Conflict, Denied, Gone, Malformed, NotFound
from strongroom.policy.catalogue.slots import FIXED, SlotSpec, number_of
from strongroom.policy.grants import Allow, Decision, Deny, NotGranted
from strongroom.terms import (
    Action,
    Caller,
    Category,
    Plaintext,
    Purpose,
    RecordNumber,
    Scalar,
    SellerId,
)
from strongroom.vault import store
from strongroom.vault.batch import Batch
from strongroom.vault.box import SUBJECT_ID, RecordBox
from strongroom.vault.canaries import Canaries
from strongroom.vault.corrections import corrected, with_marks
from strongroom.vault.deciding import choose
from strongroom.vault.events import reveal_event
from strongroom.vault.grants import GrantStore
from strongroom.vault.holds import Hold, Holds
from strongroom.vault.keystore import Keystore
from strongroom.vault.naming import names_of, slot_spec
from strongroom.vault.opener import Opener
from strongroom.vault.searching import same
from strongroom.vault.store import RecordState, Row

PEOPLE: Final = frozenset({"buyer", "recipient"})
"""Who can ask: those an order is about. Sellers, carriers and staff ask elsewhere."""

LONGEST_VALUE: Final = 2000

Along = Callable[[Transaction], None]
"""Written in the same transaction."""

_PURPOSE: Final = Purpose.SUBJECT_REQUEST
_NAMES: Final = {n: s for n, s in FIXED.items() if s.category is Category.NAME}
_FIXED_FORM: Final = frozenset({Category.DOCUMENT, Category.UNCLASSIFIED, Category.TRACKING})


@dataclass(frozen=True, slots=True)
class Sought:
    """What somebody named to be found by. Prints as nothing."""

    email: str | None = field(default=None, repr=False)
    phone: str | None = field(default=None, repr=False)
    order: str | None = field(default=None, repr=False)
    name: str | None = field(default=None, repr=False)
    person: str | None = None
    """Who they say they are in it: buyer or recipient."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One value that is about who asks."""

    slot: str
    category: Category
    value: Plaintext
    corrected: bool


@dataclass(frozen=True, slots=True)
class TakenOut:
    """One record as its subject gets it. `withheld`: how many values are about somebody else."""

    record: RecordNumber
    seller: SellerId
    subject: str | None
    """The order's id; None where nothing is kept any more."""
    due_at: int | None
    values: tuple[Kept, ...]
    withheld: int


class Rights:
    """The subjects' rights in one home. What a method did is durable when it returns. Thread-safe."""

    def __init__(
        self,
        database: Database,
        keystore: Keystore,
        audit: AuditLog,
        *,
        box: Callable[[SellerId], RecordBox],
        opener: Opener,
        canaries: Canaries,
        copy_lifetime: timedelta,
        holds: Holds,
    ) -> None:
        self._holds = holds
        self._database = database
        self._keystore = keystore
        self._audit = audit
        self._box = box
        self._opener = opener
        self._canaries = canaries
        self._copy_lifetime = copy_lifetime

    def __repr__(self) -> str:
        return "<rights>"

    def whose(
        self, caller: Caller, numbers: Sequence[RecordNumber], sought: Sought, now: datetime
    ) -> dict[RecordNumber, frozenset[str]]:
        """Return of records that a search gave who in them is sought; a record that is not theirs is left out.

        Of what is gone nobody can tell any more: it is returned with nobody. The search has been recorded.
        """
        with self._database.read() as tx:
            rows = store.by_numbers(tx, numbers)
        found: dict[RecordNumber, frozenset[str]] = {}
        for row in rows:
            if self._opener.is_gone(row, now):
                found[row.number] = frozenset()
                continue
            people = _people(self._opener.open(caller, row, now), sought)
            if people:
                found[row.number] = people
        return found

    def take_out(
        self,
        caller: Caller,
        number: RecordNumber,
        people: frozenset[str],
        *,
        now: datetime,
        req: str | None = None,
    ) -> TakenOut:
        """Return what a record holds about some of its people, for them.

        Raises:
            Denied: the caller may not export every category: half of an answer is none. Recorded.
            NotFound: there is no such record.

        """
        with self._database.write() as tx:
            row = _row(tx, number)
            gone = self._opener.is_gone(row, now)
            records = () if gone else (number,)
            decision = self._decide(tx, caller, row, Action.EXPORT, Category, now, records)
            every = tuple(sorted(Category))
            event = reveal_event(caller, row, decision, _PURPOSE, every, req, None, gone=gone)
            touched = self._canaries.touch(tx, caller, [] if gone else [row], _PURPOSE, req, now)
            self._audit.append(tx, event, *touched, now=now)
        _enforce(caller, decision, number)
        if gone:
            return TakenOut(number, row.seller, None, None, (), 0)
        slots = self._opener.open(caller, row, now)
        names, marks = names_of(slots), corrected(slots)
        values, withheld = [], 0
        for slot in sorted(slots):
            spec = slot_spec(row, slot)
            whose = frozenset[str]() if spec is None else _about(spec)
            if spec is None or not whose:
                continue
            if not (whose & people and (spec.subject != "unknown" or people == PEOPLE)):
                withheld += 1
                continue
            value = self._opener.whole(caller, row, slot, slots[slot], now)
            if value is not None:
                name = names.get(slot, spec.name)
                values.append(Kept(name, spec.category, Plaintext(value), slot in marks))
        subject = slots.get(SUBJECT_ID)
        return TakenOut(number, row.seller, str(subject), row.due_at, tuple(values), withheld)

    def correct(
        self,
        caller: Caller,
        number: RecordNumber,
        slot: str,
        value: str | None,
        people: frozenset[str],
        *,
        now: datetime,
        along: Along,
    ) -> None:
        """Put a value right; it stays so whatever Amazon goes on saying. None: Amazon's next word counts again.

        The token stays the same, and the record with it.

        Raises:
            Malformed: the value is empty or too long, or the slot is not one that can be corrected.
            Denied: no grant to rectify covers its category, or it is about somebody else. Recorded.
            Conflict: it is so already. Gone, NotFound: there is nothing to correct.

        """
        if value is not None and not 0 < len(value) <= LONGEST_VALUE:
            raise Malformed(f"a corrected value has 1 to {LONGEST_VALUE} characters")
        with self._database.write() as tx:
            row = self._locked(tx, number)
            if self._opener.is_gone(row, now):
                raise Gone(f"record {number}: its data was destroyed on its day")
            batch = self._batch(row.seller, now)
            place, spec = self._place(row, slot)
            decision = self._decide(tx, caller, row, Action.RECTIFY, [spec.category], now)
            refused = None if _about(spec) & people else Reason.NOT_AUTHORIZED
            if isinstance(decision, Allow) and refused is None:
                batch.change(row, lambda old: _corrected(old, place, value))
                batch.write(tx)
                along(tx)
            event = Event(
                EventType.RECORD_CORRECTED,
                Outcome.DENIED if refused or isinstance(decision, Deny) else Outcome.SUCCESS,
                caller,
                reason=Reason(decision.reason.value) if isinstance(decision, Deny) else refused,
                op="lifted" if value is None else "corrected",
                obj_kind=ObjKind.RECORD,
                obj_ref=str(number),
                purpose=_PURPOSE,
                pii=(spec.category,),
                n=1,
                decision=decision.grant if isinstance(decision, Allow) else None,
                seller=row.seller,
            )
            self._audit.append(tx, event, now=now)
        _enforce(caller, decision, number)
        if refused is not None:
            raise Denied("the value is about somebody else than who asks")

    def may_rectify(
        self, tx: Transaction, caller: Caller, sellers: Sequence[SellerId], now: datetime
    ) -> Decision:
        """Say whether the caller may correct, restrict and erase with all of these selling partners."""
        grants = GrantStore.of(tx, caller.principal)
        decision: Decision | None = None
        for seller in sellers:
            decision = choose(
                tx,
                grants,
                action=Action.RECTIFY,
                purpose=_PURPOSE,
                category=None,
                seller=seller,
                now=now,
            )
            if isinstance(decision, Deny):
                break
        return Allow(0) if decision is None else decision

    def held(
        self, numbers: Sequence[RecordNumber], now: datetime
    ) -> dict[RecordNumber, list[Hold]]:
        """Return which of these records a law keeps, each with the holds that say so. Raises: Tampered."""
        with self._database.read() as tx:
            rows = list(store.by_numbers(tx, numbers))
        return self._holds.among(rows, self._box, now)

    def erase(self, caller: Caller, number: RecordNumber, *, now: datetime, along: Along) -> None:
        """Erase a record for good: it is not stored again; the next sweep replaces the keys that ever wrapped it.

        Raises:
            Denied: no grant to rectify covers its selling partner. Recorded.
            NotFound: there is no such record.

        """
        with self._database.write(alone=True) as tx:
            row = self._locked(tx, number)
            decision = self.may_rectify(tx, caller, [row.seller], now)
            if isinstance(decision, Allow):
                if self._holds.keeps(row, self._box(row.seller), now):
                    raise Conflict(f"a law keeps record {number}", hint="strongroom hold list")
                if row.state != RecordState.ERASED:
                    self._empty(tx, row, now)
                along(tx)
            event = Event(
                EventType.RECORD_ERASED,
                Outcome.SUCCESS if isinstance(decision, Allow) else Outcome.DENIED,
                caller,
                reason=Reason(decision.reason.value) if isinstance(decision, Deny) else None,
                obj_kind=ObjKind.RECORD,
                obj_ref=str(number),
                n=1,
                seller=row.seller,
            )
            self._audit.append(tx, event, now=now)
        _enforce(caller, decision, number)

    # -- private ---------------------------------------------------------------------------------------------------

    def _empty(self, tx: Transaction, row: Row, now: datetime) -> None:
        batch = self._batch(row.seller, now)
        batch.erase(tx, row, final=True)
        batch.write(tx)

    def _locked(self, tx: Transaction, number: RecordNumber) -> Row:
        store.lock_seller(tx, _row(tx, number).seller)
        return _row(tx, number)

    def _batch(self, seller: SellerId, now: datetime) -> Batch:
        return Batch(seller, self._box(seller), self._keystore, self._copy_lifetime, now)

    def _place(self, row: Row, slot: str) -> tuple[int, SlotSpec]:
        """Return number and meaning of a slot that can be corrected. Raises: Malformed, NotFound."""
        number = number_of(slot)
        if number is None:
            box = self._box(row.seller)
            names = names_of(box.open(row, box.dek(row)))
            number = next((n for n, name in names.items() if name == slot), None)
        spec = None if number is None else slot_spec(row, number)
        if number is None or spec is None:
            raise NotFound(f"record {row.number} has no such value")
        if spec.category in _FIXED_FORM or not _about(spec):
            raise Malformed("a value of this kind cannot be corrected here")
        return number, spec

    def _decide(
        self,
        tx: Transaction,
        caller: Caller,
        row: Row,
        action: Action,
        categories: Sequence[Category] | type[Category],
        now: datetime,
        records: Sequence[RecordNumber] = (),
    ) -> Decision:
        """Return the first refusal about any of the categories, or the last permission."""
        grants = GrantStore.of(tx, caller.principal)
        decision: Decision = Allow(0)
        for category in categories:
            decision = choose(
                tx,
                grants,
                action=action,
                purpose=_PURPOSE,
                category=category,
                seller=row.seller,
                now=now,
                records=records,
            )
            if isinstance(decision, Deny):
                break
        return decision


def _row(tx: Transaction, number: RecordNumber) -> Row:
    row = store.by_number(tx, number)
    if row is None:
        raise NotFound(f"there is no record {number}")
    return row


def _enforce(caller: Caller, decision: Decision, number: RecordNumber) -> None:
    if isinstance(decision, Deny):
        reason = decision.reason
        raise NotGranted(f"{caller.name} may not do that with record {number}: {reason}", reason)


def _about(spec: SlotSpec) -> frozenset[str]:
    """Return which of the people a value is about."""
    if spec.subject == "unknown" or spec.name.endswith(".gift_message"):
        # What one wrote to the other is about both.
        return PEOPLE
    if spec.category is Category.TRACKING:
        return frozenset({"recipient"})
    return frozenset({spec.subject}) & PEOPLE


def _people(slots: Mapping[int, Scalar], sought: Sought) -> frozenset[str]:
    """Return who in an opened record is sought; nobody where a name that was given is nobody's there."""
    by_name: set[str] = {
        spec.subject
        for n, spec in _NAMES.items()
        if sought.name is not None and _same_name(slots.get(n), sought.name)
    }
    if sought.name is not None and not by_name & PEOPLE:
        return frozenset()
    found: set[str] = {
        spec.subject
        for n, spec in FIXED.items()
        for wanted in (_wanted(spec, sought),)
        if wanted is not None and _same_contact(spec, slots.get(n), wanted)
    }
    if sought.email is None and sought.phone is None:
        found = {*by_name, *([sought.person] if sought.person else [])}
    elif by_name:
        found &= by_name
    people = frozenset(found) & PEOPLE
    # Who bought for themselves is both.
    both = people and _is_one(slots)
    return PEOPLE if both else people


def _wanted(spec: SlotSpec, sought: Sought) -> str | None:
    return {"email": sought.email, "phone": sought.phone}.get(spec.search or "")


def _same_contact(spec: SlotSpec, stored: Scalar | None, wanted: str) -> bool:
    return isinstance(stored, str) and spec.search is not None and same(spec.search, stored, wanted)


def _is_one(slots: Mapping[int, Scalar]) -> bool:
    """Say whether buyer and recipient have one name."""
    names = {
        whose: {_folded(slots[n]) for n, s in _NAMES.items() if s.subject == whose and n in slots}
        for whose in PEOPLE
    }
    return bool(names["buyer"] & names["recipient"] - {""})


def _same_name(stored: Scalar | None, wanted: str) -> bool:
    return stored is not None and _folded(stored) == _folded(wanted) != ""


def _folded(name: Scalar) -> str:
    return " ".join(str(name).casefold().replace(",", " ").split())


def _corrected(old: dict[int, Scalar], slot: int, value: str | None) -> dict[int, Scalar]:
    marks = corrected(old)
    if value is None:
        if slot not in marks:
            raise Conflict("this value was not corrected")
        return with_marks(old, marks - {slot})
    if old.get(slot) == value:
        raise Conflict("the value is so already")
    return with_marks({**old, slot: value}, marks | {slot})
