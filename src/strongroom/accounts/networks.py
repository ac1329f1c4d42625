"""Keeps the allow lists of listeners and principals, and answers from memory whether an address may come in [1.1].

A list without a line lets in this machine alone; once it has one, it says all. A change takes a second person, and its
terms stand in the log as an HMAC: a row that is edited, added or revived behind our back lets nobody in, and `drift`
names it. Addresses of strangers never reach the log but as pseudonyms.
"""

import json
import threading
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from strongroom.audit import AuditLog, Change, Event, EventType, Field, ObjKind, Outcome, Reason
from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.db.suspensions import suspended
from strongroom.errors import (
    Conflict,
    Denied,
    Malformed,
    NotFound,
    Tampered,
    Unauthenticated,
)
from strongroom.policy.leaving import has_ended
from strongroom.policy.limits import RANGES_PER_LIST
from strongroom.policy.network import (
    LISTENERS,
    NetworkScope,
    Range,
    parse_address,
    parse_range,
    permits,
)
from strongroom.terms import Caller, PrincipalId, PrincipalKind

_MAX_ANSWERS = 4096
_ADD, _REMOVE = "network.add", "network.remove"

_ranges = schema.network_range
_people = schema.principal

# A row edited to stand before anything else would otherwise stop all lists from being read.
_KNOWN = sa.select(_ranges).where(_ranges.c.scope.in_([scope.value for scope in NetworkScope]))


class WrongNetwork(Unauthenticated):
    """The proof was right, and came from an address that its principal may not act from.

    Whoever stole it learns no more than that it does not work; the event says why.
    """


@dataclass(frozen=True, slots=True)
class NetworkRange:
    """One line of an allow list, with who asked for it, who approved it, and who ended it."""

    id: int
    scope: NetworkScope
    target: str
    """The listener's or the principal's name."""
    cidr: str
    requested_by: PrincipalId
    requested_at: datetime
    approved_by: PrincipalId | None
    approved_at: datetime | None
    rejected_at: datetime | None
    removal_by: PrincipalId | None
    removal_at: datetime | None
    removed_by: PrincipalId | None
    removed_at: datetime | None

    @property
    def state(self) -> str:
        """`pending`, `active`, `leaving` (its removal is asked for), `rejected` or `removed`."""
        if self.removed_at is not None:
            return "removed"
        if self.rejected_at is not None:
            return "rejected"
        if self.approved_at is None:
            return "pending"
        return "active" if self.removal_at is None else "leaving"

    @property
    def in_effect(self) -> bool:
        """Whether it lets addresses in."""
        return self.state in ("active", "leaving")


@dataclass(frozen=True, slots=True)
class _Memory:
    """The lists as they were read, and the answers they gave; replaced as a whole."""

    lists: dict[tuple[NetworkScope, str], tuple[Range, ...]]
    answers: dict[tuple[str | int, str], bool]


class Networks:
    """The allow lists of one home. Safe between threads. Changes are durable on return, with their event.

    `permits_…` answer from memory, within microseconds; what a change left is read again before its method returns.
    """

    def __init__(self, database: Database, audit: AuditLog, *, one_person: bool) -> None:
        self._database = database
        self._audit = audit
        self._one_person = one_person
        self._lock = threading.Lock()
        self._memory: _Memory | None = None

    # -- asking ----------------------------------------------------------------------------------

    def permits_listener(self, name: str, address: str) -> bool:
        """Return whether a listener takes connections from an address; False for what is no address."""
        memory = self._memory or self._read()
        known = memory.answers.get((name, address))
        if known is None:
            known = _answer(memory, (name, address), NetworkScope.LISTENER, name)
        return known

    def permits_principal(self, principal: PrincipalId, name: str, address: str) -> bool:
        """Return whether a principal may act from an address; False for what is no address."""
        memory = self._memory or self._read()
        known = memory.answers.get((principal, address))
        if known is None:
            known = _answer(memory, (principal, address), NetworkScope.PRINCIPAL, name)
        return known

    def admit(self, caller: Caller, address: str) -> None:
        """Pass a caller whose list permits the address: ask it beside every proof of who somebody is, on each request.

        Raises:
            WrongNetwork: it does not; record it as `Reason.WRONG_NETWORK`, and answer as to a wrong proof.

        """
        if not self.permits_principal(caller.principal, caller.name, address):
            raise WrongNetwork("the proof does not hold from this address")

    def listed(self, *, ended: bool = False) -> list[NetworkRange]:
        """Return all lines in the order they were asked for; rejected and removed ones too where `ended`."""
        with self._database.read() as tx:
            found = _rows(tx)
        return [row for row in found if ended or row.state not in ("rejected", "removed")]

    def drift(self) -> list[int]:
        """Return the lines that say something else than the log recorded, or are gone without a word there.

        None of them lets anybody in.
        """
        with self._database.read() as tx:
            rows = {row.id: row for row in _rows(tx) if row.in_effect}
        given = self._given()
        sound = {id_ for id_, row in rows.items() if given.get(id_) == self._seal(row)}
        return sorted((rows.keys() | given.keys()) - sound)

    # -- changing --------------------------------------------------------------------------------

    def request_add(
        self, scope: NetworkScope, target: str, cidr: str, caller: Caller, now: datetime
    ) -> NetworkRange:
        """Ask for a line; it has effect at once only in a home that declared having one person.

        Raises:
            Malformed: no such listener, or not a network that a list may hold.
            NotFound: no living principal of this name.
            Conflict: the list has this line already, or as many as it may.
            Denied: no person asks, in a home of more than one; recorded.

        """
        range_ = parse_range(cidr)
        self._refuse_program(caller, EventType.NETWORK_CHANGE_REQUESTED, _ADD, now)
        with self._database.write() as tx:
            target = _target(tx, scope, target, now)
            before = [r for r in _rows(tx) if (r.scope, r.target) == (scope, target)]
            before = [row for row in before if row.in_effect or row.state == "pending"]
            if str(range_) in {row.cidr for row in before}:
                raise Conflict("the list has this network already")
            if len(before) >= RANGES_PER_LIST:
                raise Conflict(f"a list has {RANGES_PER_LIST} networks at most")
            at_once = self._one_person
            id_ = tx.execute(
                _ranges.insert()
                .values(
                    scope=scope.value,
                    target=target,
                    cidr=str(range_),
                    requested_by=caller.principal,
                    requested_at=now,
                    approved_by=caller.principal if at_once else None,
                    approved_at=now if at_once else None,
                )
                .returning(_ranges.c.id)
            ).scalar_one()
            row = _one(tx, id_)
            self._record(tx, EventType.NETWORK_CHANGE_REQUESTED, _ADD, caller, row, now)
            if at_once:
                self._record(tx, EventType.NETWORK_CHANGE_APPROVED, _ADD, caller, row, now)
        self._read()
        return row

    def request_removal(self, id_: int, caller: Caller, now: datetime) -> NetworkRange:
        """Ask for a line's end; it keeps its effect until another person approves that.

        Raises:
            NotFound: no such line.
            Conflict: it has no effect, or its end is asked for already.
            Denied: no person asks, in a home of more than one; recorded.

        """
        self._refuse_program(caller, EventType.NETWORK_CHANGE_REQUESTED, _REMOVE, now)
        with self._database.write() as tx:
            row = _one(tx, id_)
            if row.state != "active":
                raise Conflict(f"network {id_} is {row.state}")
            values: dict[str, object] = {"removal_by": caller.principal, "removal_at": now}
            if self._one_person:
                values |= {"removed_by": caller.principal, "removed_at": now}
            row = _change(tx, row, values)
            self._record(tx, EventType.NETWORK_CHANGE_REQUESTED, _REMOVE, caller, row, now)
            if self._one_person:
                self._record(tx, EventType.NETWORK_CHANGE_APPROVED, _REMOVE, caller, row, now)
        self._read()
        return row

    def approve(self, id_: int, caller: Caller, now: datetime) -> NetworkRange:
        """Let what was asked for, a line or its end, take effect.

        Raises:
            NotFound: no such line.
            Conflict: nothing is asked for.
            Denied: the approver is no person, suspended, asked for it, or is who the list stands before or answers for
                that app [1.3]; recorded.
            Tampered: the line, or who asked, is not what was recorded when they asked; recorded.

        """
        asked = self._asked_for(id_)
        with self._database.write() as tx:
            row = _one(tx, id_)
            op, asker = _asked(row)
            sound = asked.get(op) == (self._seal(row), asker)
            allowed = (
                caller.kind is PrincipalKind.PERSON
                and caller.principal not in _interested(tx, row, asker)
                and caller.principal not in suspended(tx, now)
            )
            if sound and allowed:
                values = (
                    {"approved_by": caller.principal, "approved_at": now}
                    if op == _ADD
                    else {"removed_by": caller.principal, "removed_at": now}
                )
                row = _change(tx, row, values)
            outcome = Outcome.SUCCESS if sound and allowed else Outcome.DENIED
            reason = Reason.NOT_AUTHORIZED if sound else Reason.TAMPERED
            self._record(
                tx, EventType.NETWORK_CHANGE_APPROVED, op, caller, row, now, outcome, reason
            )
        if not sound:
            raise Tampered(f"network {id_} is not what was asked for")
        if not allowed:
            raise Denied(
                f"network {id_} needs another person's approval",
                hint="who asked for it, gets it or answers for who gets it may not approve",
            )
        self._read()
        return row

    def reject(self, id_: int, caller: Caller, now: datetime) -> NetworkRange:
        """Refuse what was asked for; a line whose end was asked for stays.

        Raises:
            NotFound: no such line.
            Conflict: nothing is asked for.
            Denied: the caller is no person; recorded.

        """
        with self._database.write() as tx:
            row = _one(tx, id_)
            op, _asker = _asked(row)
            allowed = caller.kind is PrincipalKind.PERSON
            if allowed:
                values: dict[str, object] = (
                    {"rejected_at": now} if op == _ADD else {"removal_by": None, "removal_at": None}
                )
                row = _change(tx, row, values)
            outcome = Outcome.SUCCESS if allowed else Outcome.DENIED
            self._record(tx, EventType.NETWORK_CHANGE_REJECTED, op, caller, row, now, outcome)
        if not allowed:
            raise Denied("people reject changes, programs do not")
        self._read()
        return row

    # -- private ---------------------------------------------------------------------------------

    def _read(self) -> _Memory:
        """Read the lists anew: the lines that have effect and say what the log recorded of them."""
        with self._lock:
            with self._database.read() as tx:
                rows = [row for row in _rows(tx) if row.in_effect]
            given = self._given() if rows else {}
            lists: dict[tuple[NetworkScope, str], tuple[Range, ...]] = {}
            for row in rows:
                if given.get(row.id) == self._seal(row):
                    key = row.scope, row.target
                    lists[key] = (*lists.get(key, ()), parse_range(row.cidr))
            self._memory = _Memory(lists, {})
            return self._memory

    def _given(self) -> dict[int, str]:
        """Return the seal of every line that has effect by what the log recorded."""
        given: dict[int, str] = {}
        for entry in self._audit.of_types([EventType.NETWORK_CHANGE_APPROVED]):
            if entry.outcome != Outcome.SUCCESS.value:
                continue
            id_ = int(entry.body["obj"]["ref"])
            if entry.body["op"] == _ADD:
                given[id_] = entry.body["chg"][0]["after"]
            else:
                given.pop(id_, None)
        return given

    def _asked_for(self, id_: int) -> dict[str, tuple[str, int]]:
        """Return what was last asked for of a line, by the log: its seal and who asked, by kind of change."""
        asked: dict[str, tuple[str, int]] = {}
        for entry in self._audit.of_types([EventType.NETWORK_CHANGE_REQUESTED]):
            if entry.outcome == Outcome.SUCCESS.value and entry.body["obj"]["ref"] == str(id_):
                # Who asked is what the signed tree says, not what stands in a row.
                body = self._audit.proved(entry.seq)
                asked[body["op"]] = body["chg"][0]["after"], body["actor"]["id"]
        return asked

    def _seal(self, row: NetworkRange) -> str:
        """Return the pseudonym under which the log knows all that a line says."""
        terms = {"network": row.id, "scope": row.scope, "target": row.target, "cidr": row.cidr}
        return self._audit.pseudonym("network", json.dumps(terms, sort_keys=True))

    def _refuse_program(self, caller: Caller, type_: EventType, op: str, now: datetime) -> None:
        if caller.kind is PrincipalKind.PERSON or self._one_person:
            return
        event = Event(type_, Outcome.DENIED, caller, reason=Reason.NOT_AUTHORIZED, op=op)
        self._audit.record(event, now=now)
        raise Denied("people ask for networks, programs do not")

    def _record(
        self,
        tx: Transaction,
        type_: EventType,
        op: str,
        caller: Caller,
        row: NetworkRange,
        now: datetime,
        outcome: Outcome = Outcome.SUCCESS,
        reason: Reason = Reason.NOT_AUTHORIZED,
    ) -> None:
        event = Event(
            type_,
            outcome,
            caller,
            reason=None if outcome is Outcome.SUCCESS else reason,
            op=op,
            obj_kind=ObjKind.NETWORK,
            obj_ref=str(row.id),
            changes=(Change(Field.TERMS, after=self._seal(row)),),
        )
        self._audit.append(tx, event, now=now)


def _answer(memory: _Memory, key: tuple[str | int, str], scope: NetworkScope, target: str) -> bool:
    try:
        address = parse_address(key[1])
    except Malformed:
        return False
    found = permits(address, memory.lists.get((scope, target), ()))
    if len(memory.answers) >= _MAX_ANSWERS:
        memory.answers.clear()
    memory.answers[key] = found
    return found


def _target(tx: Transaction, scope: NetworkScope, target: str, now: datetime) -> str:
    """Return the name a list stands under. Raises: Malformed, NotFound."""
    if scope is NetworkScope.LISTENER:
        if target not in LISTENERS:
            raise Malformed("no such listener", hint=f"one of {', '.join(LISTENERS)}")
        return target
    query = sa.select(_people.c.name, _people.c.ended_at).where(_people.c.name == target.lower())
    row = tx.execute(query).first()
    if row is None or has_ended(row.ended_at, now):
        raise NotFound("no living person, app or node of this name")
    name: str = row.name
    return name


def _asked(row: NetworkRange) -> tuple[str, PrincipalId | None]:
    """Return which change waits, and who asked for it. Raises: Conflict."""
    match row.state:
        case "pending":
            return _ADD, row.requested_by
        case "leaving":
            return _REMOVE, row.removal_by
    raise Conflict(f"network {row.id} is {row.state}")


def _interested(tx: Transaction, row: NetworkRange, asker: PrincipalId | None) -> set[int]:
    """Return who asked, who the list stands before, and the people who answer for them."""
    query = sa.select(_people.c.id, _people.c.owner_id).where(_people.c.id == asker)
    found = tx.execute(query).all()
    if row.scope is NetworkScope.PRINCIPAL:
        query = sa.select(_people.c.id, _people.c.owner_id).where(_people.c.name == row.target)
        found = [*found, *tx.execute(query)]
    return {id_ for pair in found for id_ in pair if id_ is not None}


def _change(tx: Transaction, row: NetworkRange, values: dict[str, object]) -> NetworkRange:
    """Write what changed of a line that nobody else has changed meanwhile. Raises: Conflict."""
    unchanged = [
        getattr(_ranges.c, name).is_not_distinct_from(getattr(row, name))
        for name in ("approved_at", "rejected_at", "removal_at", "removed_at")
    ]
    done = tx.execute(_ranges.update().where(_ranges.c.id == row.id, *unchanged).values(**values))
    if done.rowcount != 1:
        raise Conflict(f"network {row.id} was changed meanwhile")
    return _one(tx, row.id)


def _rows(tx: Transaction) -> list[NetworkRange]:
    return [_of(row) for row in tx.execute(_KNOWN.order_by(_ranges.c.id))]


def _one(tx: Transaction, id_: int) -> NetworkRange:
    row = tx.execute(_KNOWN.where(_ranges.c.id == id_)).first()
    if row is None:
        raise NotFound(f"there is no network {id_}")
    return _of(row)


def _of(row: sa.Row[tuple[object, ...]]) -> NetworkRange:
    return NetworkRange(
        row.id,
        NetworkScope(row.scope),
        row.target,
        row.cidr,
        row.requested_by,
        row.requested_at,
        row.approved_by,
        row.approved_at,
        row.rejected_at,
        row.removal_by,
        row.removal_at,
        row.removed_by,
        row.removed_at,
    )
