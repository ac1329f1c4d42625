"""Keeps what two people agree on about holds and archives: each asked for by one, approved by another [1.3, 2.1].

What counts is what the log says: an entry names the whole of a change by an HMAC under the log's key, proved from the
signed tree. A row that was added, edited or revived behind our back has no such entry and no effect.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import orjson
import sqlalchemy as sa

from strongroom.audit.entry import Change, Event, Field, ObjKind, Outcome, Reason
from strongroom.audit.event_types import EventType
from strongroom.audit.log import AuditLog
from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.db.suspensions import suspended
from strongroom.errors import Conflict, Denied, Gone, NotFound, Tampered
from strongroom.terms import Caller, PrincipalId, PrincipalKind

_SHOWN_DIGITS: Final = 16
"""Of the pseudonym of a change's terms; nobody can try candidates without the log's key."""

_REQUESTED, _APPROVED, _REJECTED = "requested", "approved", "rejected"

_table: Final = schema.archive_change
_TYPES: Final = (EventType.HOLD_CHANGED, EventType.ARCHIVE_CHANGED)


class ChangeKind(StrEnum):
    """What takes a second person."""

    PLACE = "place"
    EXTEND = "extend"
    RELEASE = "release"
    RECIPIENTS = "recipients"


_OBJECT: Final = {
    ChangeKind.PLACE: (EventType.HOLD_CHANGED, ObjKind.HOLD),
    ChangeKind.EXTEND: (EventType.HOLD_CHANGED, ObjKind.HOLD),
    ChangeKind.RELEASE: (EventType.HOLD_CHANGED, ObjKind.HOLD),
    ChangeKind.RECIPIENTS: (EventType.ARCHIVE_CHANGED, ObjKind.ARCHIVE),
}


@dataclass(frozen=True, slots=True)
class Agreed:
    """One change, with who asked for it and who approved it."""

    id: int
    kind: ChangeKind
    terms: dict[str, Any]
    requested_by: PrincipalId
    requested_at: datetime
    approved_by: PrincipalId | None
    approved_at: datetime | None
    rejected_at: datetime | None

    @property
    def hold(self) -> int:
        """The number of the hold it is about: a hold has that of the change which placed it."""
        named = self.terms.get("hold")
        return named if isinstance(named, int) else self.id

    @property
    def state(self) -> str:
        """`pending`, `approved` or `rejected`."""
        if self.rejected_at is not None:
            return "rejected"
        return "pending" if self.approved_at is None else "approved"


@dataclass(frozen=True, slots=True)
class Approval:
    """What the log says was approved; `change` None: no row says the same any more."""

    id: int
    kind: ChangeKind
    hold: int
    change: Agreed | None
    at: datetime


class Agreement:
    """The agreed changes of one home. Changes are durable on return, with their event. Safe between threads."""

    def __init__(self, database: Database, audit: AuditLog, *, one_person: bool) -> None:
        self._database = database
        self._audit = audit
        self._one_person = one_person

    # -- asking ----------------------------------------------------------------------------------

    def approved(self, kinds: Collection[ChangeKind]) -> list[Approval]:
        """Return what was approved of these kinds, in that order, by the log.

        Raises:
            Tampered: an entry is not what was recorded, or somebody approved what nobody else asked for.

        """
        return [known for known in self._approvals() if known.kind in kinds]

    def pending(self, kinds: Collection[ChangeKind]) -> list[Agreed]:
        """Return what waits for its second person."""
        query = sa.select(_table).where(
            _table.c.kind.in_([kind.value for kind in kinds]),
            _table.c.approved_at.is_(None),
            _table.c.rejected_at.is_(None),
        )
        with self._database.read() as tx:
            return [_change(row) for row in tx.execute(query.order_by(_table.c.id))]

    def terms(self, change: Agreed) -> str:
        """Return what names all that a change says: a keyed digest of it, 16 digits."""
        return self._seal(change)[:_SHOWN_DIGITS]

    def drift(self) -> list[str]:
        """Return the approved changes whose rows say something else, and rows that claim what the log does not say."""
        approvals = self._approvals()
        known = {approval.id for approval in approvals}
        query = sa.select(_table.c.id).where(_table.c.approved_at.is_not(None))
        with self._database.read() as tx:
            claimed = set(tx.execute(query).scalars())
        lost = [f"{one.kind} {one.id}" for one in approvals if one.change is None]
        return lost + [f"change {id_}" for id_ in sorted(claimed - known)]

    # -- changing --------------------------------------------------------------------------------

    def request(
        self, kind: ChangeKind, terms: dict[str, Any], caller: Caller, now: datetime
    ) -> Agreed:
        """Ask for a change; it has effect at once only in a home that declared having one person.

        Raises:
            Denied: no person asks, in a home of more than one; recorded.

        """
        if caller.kind is not PrincipalKind.PERSON and not self._one_person:
            type_, _kind = _OBJECT[kind]
            op = f"{kind}.{_REQUESTED}"
            denied = Event(type_, Outcome.DENIED, caller, reason=Reason.NOT_AUTHORIZED, op=op)
            self._audit.record(denied, now=now)
            raise Denied("people ask for holds and recipients, programs do not")
        text = orjson.dumps(terms, option=orjson.OPT_SORT_KEYS).decode()
        values: dict[str, Any] = {
            "kind": kind.value,
            "terms": text,
            "requested_by": caller.principal,
            "requested_at": now,
        }
        if self._one_person:
            values |= {"approved_by": caller.principal, "approved_at": now}
        with self._database.write() as tx:
            id_ = tx.execute(_table.insert().values(**values).returning(_table.c.id)).scalar_one()
            change = _one(tx, id_)
            events = [self._event(change, _REQUESTED, caller)]
            if self._one_person:
                events.append(self._event(change, _APPROVED, caller))
            self._audit.append(tx, *events, now=now)
        return change

    def approve(
        self,
        id_: int,
        kinds: Collection[ChangeKind],
        terms: str,
        caller: Caller,
        now: datetime,
        *,
        still: Callable[[Agreed], None],
    ) -> Agreed:
        """Let what was asked for take effect; `terms` are those that the approver was shown.

        Raises:
            NotFound: nothing of this number and of these kinds was asked for.
            Conflict: it does not wait any more, or other terms than those shown; nothing was approved.
            Denied: the approver is no person, asked for it, or is suspended [1.3]; recorded.
            Tampered: it is not what was recorded when somebody asked; recorded.
            StrongroomError: what `still` raises where it may not be approved any more.

        """
        change = self._waiting(id_, kinds)
        if terms.lower() != self.terms(change):
            raise Conflict(f"{change.kind} {id_} is not what was shown under these terms")
        still(change)
        asker = self._asked_by(change)
        with self._database.write() as tx:
            allowed = (
                caller.kind is PrincipalKind.PERSON
                and caller.principal != asker
                and caller.principal not in suspended(tx, now)
            )
            if asker is not None and allowed:
                values = {"approved_by": caller.principal, "approved_at": now}
                change = self._decide(tx, change, values)
                self._audit.append(tx, self._event(change, _APPROVED, caller), now=now)
            else:
                reason = Reason.TAMPERED if asker is None else Reason.NOT_AUTHORIZED
                event = self._event(change, _APPROVED, caller, reason)
                self._audit.append(tx, event, now=now)
        if asker is None:
            raise Tampered(f"{change.kind} {id_} is not what was asked for")
        if not allowed:
            raise Denied(
                f"{change.kind} {id_} needs another person's approval",
                hint="who asked for it may not approve",
            )
        return change

    def reject(
        self, id_: int, kinds: Collection[ChangeKind], caller: Caller, now: datetime
    ) -> Agreed:
        """Refuse what was asked for. Raises: NotFound, Conflict; Denied: the caller is no person; recorded."""
        change = self._waiting(id_, kinds)
        allowed = caller.kind is PrincipalKind.PERSON
        with self._database.write() as tx:
            if allowed:
                change = self._decide(tx, change, {"rejected_at": now})
            reason = None if allowed else Reason.NOT_AUTHORIZED
            self._audit.append(tx, self._event(change, _REJECTED, caller, reason), now=now)
        if not allowed:
            raise Denied("people reject changes, programs do not")
        return change

    # -- private ---------------------------------------------------------------------------------

    def _approvals(self) -> tuple[Approval, ...]:
        entries = [
            entry
            for entry in self._audit.of_types(_TYPES)
            if entry.outcome == Outcome.SUCCESS and "chg" in entry.body
        ]
        with self._database.read() as tx:
            rows = {row.id: _change(row) for row in tx.execute(sa.select(_table))}
        asked: dict[str, int] = {}
        found = []
        for entry in entries:
            # What counts is what the signed tree holds: rows of the log can be added as well as any.
            body = proved(self._audit, entry.seq)
            kind, _, stage = body["op"].partition(".")
            seal = body["chg"][0]["after"]
            actor = body["actor"]["id"]
            if stage == _REQUESTED:
                asked[seal] = actor
            if stage != _APPROVED:
                continue
            if seal not in asked or (asked[seal] == actor and not self._one_person):
                raise Tampered(f"event {entry.seq} approves what no other person asked for")
            hold, _, number = body["obj"]["ref"].partition("/")
            change = rows.get(int(number))
            sound = change is not None and self._seal(change) == seal
            at = datetime.fromisoformat(body["t"])
            found.append(
                Approval(int(number), ChangeKind(kind), int(hold), change if sound else None, at)
            )
        return tuple(found)

    def _asked_by(self, change: Agreed) -> int | None:
        """Return who asked for exactly this, by the signed tree; None: nobody did."""
        seal, op = self._seal(change), f"{change.kind}.{_REQUESTED}"
        for entry in self._audit.of_types([_OBJECT[change.kind][0]]):
            body = entry.body
            if body.get("op") == op and body.get("chg", [{}])[0].get("after") == seal:
                return int(proved(self._audit, entry.seq)["actor"]["id"])
        return None

    def _waiting(self, id_: int, kinds: Collection[ChangeKind]) -> Agreed:
        with self._database.read() as tx:
            row = tx.execute(sa.select(_table).where(_table.c.id == id_)).first()
        change = None if row is None else _change(row)
        if change is None or change.kind not in kinds:
            raise NotFound(f"nothing of the number {id_} was asked for")
        if change.state != "pending":
            raise Conflict(f"{change.kind} {id_} is {change.state}")
        return change

    def _decide(self, tx: Transaction, change: Agreed, values: dict[str, Any]) -> Agreed:
        where = (
            _table.c.id == change.id,
            _table.c.approved_at.is_(None),
            _table.c.rejected_at.is_(None),
        )
        if tx.execute(_table.update().where(*where).values(**values)).rowcount != 1:
            raise Conflict(f"{change.kind} {change.id} was decided meanwhile")
        return _one(tx, change.id)

    def _event(
        self, change: Agreed, done: str, caller: Caller, reason: Reason | None = None
    ) -> Event:
        type_, kind = _OBJECT[change.kind]
        return Event(
            type_,
            Outcome.SUCCESS if reason is None else Outcome.DENIED,
            caller,
            reason=reason,
            op=f"{change.kind}.{done}",
            obj_kind=kind,
            obj_ref=f"{change.hold}/{change.id}",
            changes=(Change(Field.TERMS, after=self._seal(change)),),
        )

    def _seal(self, change: Agreed) -> str:
        """Return the pseudonym under which the log knows all that a change says."""
        said = {"id": change.id, "kind": change.kind.value, "terms": change.terms}
        text = orjson.dumps(said, option=orjson.OPT_SORT_KEYS).decode()
        return self._audit.pseudonym("archive", text)


def proved(audit: AuditLog, seq: int) -> dict[str, Any]:
    """Return the body of an entry that the signed tree holds. Raises: Tampered, also where it is of no tree."""
    try:
        return audit.proved(seq)
    except (NotFound, Gone):
        raise Tampered(f"event {seq} is not one that was recorded") from None


def _one(tx: Transaction, id_: int) -> Agreed:
    return _change(tx.execute(sa.select(_table).where(_table.c.id == id_)).one())


def _change(row: sa.Row[Any]) -> Agreed:
    # A row that says nothing readable equals nothing that anybody agreed on.
    try:
        kind, terms = ChangeKind(row.kind), orjson.loads(row.terms)
    except ValueError:
        kind, terms = ChangeKind.PLACE, {}
    return Agreed(
        row.id,
        kind,
        terms if isinstance(terms, dict) else {},
        PrincipalId(row.requested_by),
        row.requested_at,
        None if row.approved_by is None else PrincipalId(row.approved_by),
        row.approved_at,
        row.rejected_at,
    )
