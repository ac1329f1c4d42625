"""The holds of one home: placed, extended and released by two people, confirmed twice a year, ended by their day [2.1].

A hold keeps nothing readable and postpones no day: it says what is sealed into an archive before a key is destroyed
(archive.py). Orders and buyers are named by keyed hashes; there is no free text.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import sqlalchemy as sa

from strongroom.audit.entry import Event, ObjKind, Outcome
from strongroom.audit.event_types import EventType
from strongroom.audit.log import AuditLog
from strongroom.crypto.index import NORMALIZERS, subject_key, subject_ref
from strongroom.db import schema
from strongroom.db.engine import Database
from strongroom.errors import Conflict, Denied, Gone, Malformed, NotFound, Tampered
from strongroom.policy.catalogue.slots import FIXED
from strongroom.policy.holds import (
    Candidate,
    HoldReason,
    HoldTerms,
    check,
    check_until,
    countries_of,
    covers,
    ends_at,
)
from strongroom.policy.limits import HOLD_REVIEW
from strongroom.policy.retention import Progress
from strongroom.terms import (
    SYSTEM,
    Caller,
    Category,
    PrincipalKind,
    RecordNumber,
    Scalar,
    SellerId,
)
from strongroom.vault.agreed import Agreed, Agreement, Approval, ChangeKind
from strongroom.vault.batch import Keeps
from strongroom.vault.box import SUBJECT_ID, RecordBox
from strongroom.vault.store import RecordState, Row

HOLD_KINDS: Final = frozenset({ChangeKind.PLACE, ChangeKind.EXTEND, ChangeKind.RELEASE})
_NOBODY: Final = SellerId(0)
_SEARCHED: Final = {n: spec.search for n, spec in FIXED.items() if spec.search is not None}


@dataclass(frozen=True, slots=True)
class Hold:
    """One hold that two people agreed on; `until` is its last day, with every extension."""

    id: int
    terms: HoldTerms
    until: date
    placed_at: datetime
    released_at: datetime | None
    reviewed_at: datetime | None

    @property
    def ends_at(self) -> datetime:
        """The instant at which it is over, or was released."""
        over = ends_at(self.until)
        return over if self.released_at is None else min(over, self.released_at)

    def in_effect(self, now: datetime) -> bool:
        """Say whether it holds."""
        return now < self.ends_at

    @property
    def review_due_at(self) -> datetime:
        """When somebody has to confirm it next."""
        return (self.reviewed_at or self.placed_at) + HOLD_REVIEW


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose data a hold is of, as it is typed; None is everybody's. `order`, `email` and `phone` are never kept."""

    sellers: tuple[SellerId, ...] | None = None
    countries: tuple[str, ...] | None = None
    order: str | None = None
    email: str | None = None
    phone: str | None = None

    def __repr__(self) -> str:
        return "<scope>"


class Holds:
    """The holds of one home. Changes are durable on return, with their event. Safe between threads."""

    def __init__(
        self, database: Database, audit: AuditLog, agreement: Agreement, subject_key_: bytes
    ) -> None:
        self._database = database
        self._audit = audit
        self._agreement = agreement
        # A buyer is one person whatever shop they bought in.
        self._key = subject_key(subject_key_, _NOBODY)
        self._kept: tuple[list[Hold] | None, Mapping[SellerId, frozenset[str]]] | None = None

    def __repr__(self) -> str:
        return "<holds>"

    # -- asking ----------------------------------------------------------------------------------

    def all(self) -> list[Hold]:
        """Return every hold there was, by number.

        Raises:
            Tampered: one that was not released is not what two people agreed on.

        """
        found, _released = self._read()
        reviewed = self._said(EventType.HOLD_REVIEWED)
        return [
            Hold(h.id, h.terms, h.until, h.placed_at, h.released_at, reviewed.get(h.id))
            for h in found.values()
        ]

    def over(self, now: datetime) -> frozenset[int]:
        """Return the numbers of the holds that are over: what was archived under them goes. Raises: Tampered."""
        found, released = self._read()
        ended = {hold.id for hold in found.values() if not hold.in_effect(now)}
        return frozenset(released | ended)

    def _read(self) -> tuple[dict[int, Hold], set[int]]:
        found: dict[int, Hold] = {}
        broken: set[int] = set()
        released: set[int] = set()
        for approval in self._agreement.approved(HOLD_KINDS):
            _take(approval, found, broken)
            if approval.kind is ChangeKind.RELEASE:
                released.add(approval.hold)
        if broken:
            numbers = ", ".join(map(str, sorted(broken)))
            raise Tampered(
                f"hold {numbers} is not what was agreed on",
                hint="release it, place it anew, and find out who writes to the database",
            )
        return found, released

    def one(self, id_: int) -> Hold:
        """Return a hold by its number. Raises: NotFound, Tampered."""
        for hold in self.all():
            if hold.id == id_:
                return hold
        raise NotFound(f"there is no hold {id_}")

    def in_effect(self, now: datetime) -> list[Hold]:
        """Return the holds that hold now. Raises: Tampered."""
        return [hold for hold in self.all() if hold.in_effect(now)]

    def keeping(self) -> Keeps:
        """Return what says whether a record that is about to be emptied between two sweeps waits for the next one.

        It waits unreadable, and where holds are not what was agreed on too: the sweep decides, and says so. What it
        answers asks no database, because it is asked within a transaction; it is as of the last change here, or sweep.
        """
        if self._kept is None:
            self.refresh()
        return self._keeps

    def keeps_nothing(self, now: datetime) -> bool:
        """Say whether no hold is in effect, so that no record need be opened to ask `keeping`."""
        if self._kept is None:
            self.refresh()
        known, _ = self._kept or (None, {})
        return known is not None and not any(hold.in_effect(now) for hold in known)

    def keeps(self, row: Row, box: RecordBox, now: datetime) -> bool:
        """Say whether a law keeps a record; asks no database, as `keeping` does not."""
        if row.state != RecordState.LIVE or row.blob is None or self.keeps_nothing(now):
            return False
        try:
            slots = box.open(row, box.dek(row))
        except (Gone, Tampered):
            return False
        return self.keeping()(row, slots, now)

    def among(
        self, rows: Iterable[Row], box: Callable[[SellerId], RecordBox], now: datetime
    ) -> dict[RecordNumber, list[Hold]]:
        """Return which of these records a law keeps, each with the holds that say so.

        Raises:
            Tampered: a hold is not what was agreed on, so nobody knows.

        """
        holds = self.in_effect(now)
        if not holds:
            return {}
        countries, found = self.countries(), {}
        for row in rows:
            if row.state != RecordState.LIVE or row.blob is None:
                continue
            opener = box(row.seller)
            try:
                slots = opener.open(row, opener.dek(row))
            except (Gone, Tampered):
                # Nothing of it could be archived either.
                continue
            if row.facts.status is not Progress.CANCELLED:
                mine = self.of(row, slots, holds, countries)
                if mine:
                    found[row.number] = mine
        return found

    def refresh(self) -> None:
        """Read the holds again, for `keeping`."""
        try:
            self._kept = self.all(), self.countries()
        except Tampered:
            self._kept = None, {}

    def _keeps(self, row: Row, slots: Mapping[int, Scalar], now: datetime) -> bool:
        known, countries = self._kept or (None, {})
        if row.facts.status is Progress.CANCELLED:
            return False
        if known is None:
            return True
        holds = [hold for hold in known if hold.in_effect(now)]
        return bool(holds) and bool(self.of(row, slots, holds, countries))

    def of(
        self,
        row: Row,
        slots: Mapping[int, Scalar],
        holds: Collection[Hold],
        countries: Mapping[SellerId, frozenset[str]],
    ) -> list[Hold]:
        """Return those of the holds that an opened record is under."""
        subject = str(slots.get(SUBJECT_ID, ""))
        buyers = frozenset(
            self._ref(kind, NORMALIZERS[kind](value))
            for number, kind in _SEARCHED.items()
            if isinstance(value := slots.get(number), str)
        )
        candidate = Candidate(
            row.seller,
            countries.get(row.seller, frozenset()),
            row.facts,
            subject,
            self._ref("order", subject),
            buyers,
        )
        return [hold for hold in holds if covers(hold.terms, candidate)]

    def countries(self) -> dict[SellerId, frozenset[str]]:
        """Return the countries that each selling partner sells in."""
        table = schema.seller
        with self._database.read() as tx:
            rows = tx.execute(sa.select(table.c.id, table.c.marketplaces)).all()
        return {SellerId(row.id): countries_of(tuple(row.marketplaces.split(","))) for row in rows}

    def shown(self, change: Agreed) -> str:
        """Return the digest that names all that a change says."""
        return self._agreement.terms(change)

    def waiting(self) -> list[Agreed]:
        """Return what waits for its second person."""
        return self._agreement.pending(HOLD_KINDS)

    # -- changing --------------------------------------------------------------------------------

    def place(  # noqa: PLR0913 - all that a hold says
        self,
        caller: Caller,
        now: datetime,
        *,
        law: str,
        reference: str,
        reason: HoldReason,
        categories: Collection[Category],
        scope: Scope,
        purchased: tuple[date, date],
        until: date,
    ) -> Agreed:
        """Ask for a hold; it holds once another person approved it.

        Raises:
            Malformed: no law of the register can mean it.
            Denied: no person asks; recorded.

        """
        terms = HoldTerms(
            law,
            reference,
            reason,
            tuple(sorted(set(categories))),
            None if scope.sellers is None else tuple(sorted(set(scope.sellers))),
            None if scope.countries is None else tuple(sorted(set(scope.countries))),
            None if scope.order is None else self._ref("order", scope.order.strip()),
            self._buyer(scope),
            *purchased,
            until,
        )
        check(terms, now)
        return self._ask(ChangeKind.PLACE, terms.plain(), caller, now)

    def extend(self, id_: int, until: date, caller: Caller, now: datetime) -> Agreed:
        """Ask that a hold end later. Raises: NotFound, Conflict: it is over; Malformed, Denied."""
        hold = self._holding(id_, now)
        self._check_longer(hold, until, now)
        terms = {"hold": id_, "until": until.isoformat()}
        return self._ask(ChangeKind.EXTEND, terms, caller, now)

    def release(self, id_: int, caller: Caller, now: datetime) -> Agreed:
        """Ask that a hold end at once, and its archives with it; also one that was edited. Raises: NotFound, Denied."""
        placed = self._agreement.approved([ChangeKind.PLACE])
        if all(approval.hold != id_ for approval in placed):
            raise NotFound(f"there is no hold {id_}")
        return self._ask(ChangeKind.RELEASE, {"hold": id_}, caller, now)

    def approve(self, id_: int, terms: str, caller: Caller, now: datetime) -> Agreed:
        """Let what was asked for take effect. Raises: as `Agreement.approve`; Malformed: its end has passed."""

        def still(change: Agreed) -> None:
            if change.kind is ChangeKind.PLACE:
                check(HoldTerms.of(change.terms), now)
            elif change.kind is ChangeKind.EXTEND:
                until = date.fromisoformat(change.terms["until"])
                self._check_longer(self._holding(change.hold, now), until, now)

        change = self._agreement.approve(id_, HOLD_KINDS, terms, caller, now, still=still)
        self.refresh()
        return change

    def reject(self, id_: int, caller: Caller, now: datetime) -> Agreed:
        """Refuse what was asked for. Raises: as `Agreement.reject`."""
        return self._agreement.reject(id_, HOLD_KINDS, caller, now)

    def review(self, id_: int, caller: Caller, now: datetime) -> Hold:
        """Confirm that the law still asks for a hold. Raises: NotFound, Conflict; Denied: no person confirms."""
        self._holding(id_, now)
        if caller.kind is not PrincipalKind.PERSON:
            raise Denied("people review holds, programs do not")
        self._audit.record(_event(EventType.HOLD_REVIEWED, id_, caller), now=now)
        return self.one(id_)

    def say_expired(self, now: datetime) -> list[Hold]:
        """Record the holds that ended by their day since the last time; return them. Raises: Tampered."""
        said = self._said(EventType.HOLD_EXPIRED)
        ended = [
            hold
            for hold in self.all()
            if hold.released_at is None and not hold.in_effect(now) and hold.id not in said
        ]
        if ended:
            events = (_event(EventType.HOLD_EXPIRED, hold.id, SYSTEM) for hold in ended)
            self._audit.record(*events, now=now)
        return ended

    # -- private ---------------------------------------------------------------------------------

    def _ask(
        self, kind: ChangeKind, terms: dict[str, Any], caller: Caller, now: datetime
    ) -> Agreed:
        change = self._agreement.request(kind, terms, caller, now)
        # One person's home needs nobody else: it has effect already.
        self.refresh()
        return change

    def _holding(self, id_: int, now: datetime) -> Hold:
        hold = self.one(id_)
        if not hold.in_effect(now):
            raise Conflict(f"hold {id_} is over")
        return hold

    def _check_longer(self, hold: Hold, until: date, now: datetime) -> None:
        check_until(hold.terms, until, now)
        if until <= hold.until:
            raise Malformed(f"hold {hold.id} ends on {hold.until.isoformat()} already")

    def _buyer(self, scope: Scope) -> str | None:
        if scope.email is not None and scope.phone is not None:
            raise Malformed("a buyer is named by e-mail or by phone")
        for kind, value in (("email", scope.email), ("phone", scope.phone)):
            if value is None:
                continue
            normal = NORMALIZERS[kind](value)
            if not normal:
                raise Malformed(f"this is no {kind}")
            return self._ref(kind, normal)
        return None

    def _ref(self, kind: str, value: str) -> str:
        return subject_ref(self._key, f"hold.{kind}", value).hex()

    def _said(self, type_: EventType) -> dict[int, datetime]:
        """Return when an event was last recorded of each hold."""
        return {
            int(entry.body["obj"]["ref"]): datetime.fromisoformat(entry.body["t"])
            for entry in self._audit.of_types([type_])
            if "obj" in entry.body
        }


def _take(approval: Approval, found: dict[int, Hold], broken: set[int]) -> None:
    change, number = approval.change, approval.hold
    hold = found.get(number)
    if approval.kind is ChangeKind.RELEASE:
        broken.discard(number)
        if hold is not None and hold.released_at is None:
            found[number] = Hold(hold.id, hold.terms, hold.until, hold.placed_at, approval.at, None)
    elif change is None:
        broken.add(number)
    elif approval.kind is ChangeKind.PLACE:
        terms = HoldTerms.of(change.terms)
        found[number] = Hold(number, terms, terms.until, approval.at, None, None)
    elif hold is not None:
        until = date.fromisoformat(change.terms["until"])
        found[number] = Hold(
            hold.id, hold.terms, until, hold.placed_at, hold.released_at, hold.reviewed_at
        )


def _event(type_: EventType, hold: int, caller: Caller) -> Event:
    return Event(type_, Outcome.SUCCESS, caller, obj_kind=ObjKind.HOLD, obj_ref=str(hold))
