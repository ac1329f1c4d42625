"""Keeps where notices, the log and the relay's requests go: sealed, each asked for by one person, approved by another.

Whoever writes the log's destinations reads the log, so a change takes a second person [1.3], and its terms stand in
the log as an HMAC: a row that is edited, added or revived behind our back is sent nothing, and `drift` names it.
Addresses, templates, signing secrets and passwords are sealed [2.4].
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

import sqlalchemy as sa

from strongroom.audit import AuditLog, Change, Event, EventType, Field, ObjKind, Outcome, Reason
from strongroom.crypto.derive import aad, derive
from strongroom.crypto.envelope import open_, seal
from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.db.suspensions import suspended
from strongroom.errors import Conflict, Denied, Malformed, NotFound, Tampered
from strongroom.feeds.destinations import Destination, dump, load
from strongroom.feeds.names import canonical
from strongroom.terms import Caller, Environment, PrincipalId, PrincipalKind

_LABEL: Final = "strongroom/delivery/v1"
_PASSWORD: Final = "strongroom/delivery-password/v1"  # noqa: S105 - a name
_SHOWN_DIGITS: Final = 16
"""Of the pseudonym of a destination's terms; nobody can try candidates without the log's key."""

_ADD, _REMOVE = "add", "remove"
_REQUESTED, _APPROVED, _REJECTED = "requested", "approved", "rejected"

_table: Final = schema.delivery_target


class Role(StrEnum):
    """What a destination is for: notices to people, the log to a collector, or what the relay sends to others."""

    CHANNEL = "channel"
    FEED = "feed"
    PARTY = "destination"


MAX_OF_ROLE: Final = {Role.CHANNEL: 16, Role.FEED: 16, Role.PARTY: 64}

_SHOWS: Final = {
    Role.CHANNEL: "alarm channel list",
    Role.FEED: "feed list",
    Role.PARTY: "destination show {}",
}
"""The command that shows what is asked for, with its terms."""

_OBJECT: Final = {
    Role.CHANNEL: (ObjKind.CHANNEL, EventType.ALARM_CHANGED),
    Role.FEED: (ObjKind.FEED, EventType.ALARM_CHANGED),
    Role.PARTY: (ObjKind.DESTINATION, EventType.DESTINATION_CHANGED),
}


@dataclass(frozen=True, slots=True)
class Target:
    """One destination, with who asked for it, who approved it, and who ended it."""

    id: int
    role: Role
    name: str
    destination: Destination = field(repr=False)
    password: str | None = field(repr=False)
    requested_by: PrincipalId
    requested_at: datetime
    approved_by: PrincipalId | None
    approved_at: datetime | None
    rejected_at: datetime | None
    removal_by: PrincipalId | None
    removal_at: datetime | None
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
        """Whether anything is sent there."""
        return self.state in ("active", "leaving")


Told = Callable[[Transaction, Target, str, Caller, datetime], None]
"""Hears of each change in its transaction: the destination as it is then, and what was done (`add.approved`)."""


class Targets:
    """The destinations of one home. Safe between threads. Changes are durable on return, with their event."""

    def __init__(
        self,
        database: Database,
        key: bytes,
        audit: AuditLog,
        environment: Environment,
        *,
        one_person: bool,
    ) -> None:
        self._database = database
        self._key = derive(key, _LABEL, environment)
        self._audit = audit
        self._environment = environment
        self._one_person = one_person
        self._lock = threading.Lock()
        self._known: tuple[Target, ...] | None = None
        self._told: list[Told] = []

    def __repr__(self) -> str:
        return "<targets>"

    def tells(self, told: Told) -> None:
        """Have a room hear of changes in their transactions."""
        self._told.append(told)

    # -- asking ----------------------------------------------------------------------------------

    def in_effect(self, role: Role) -> tuple[Target, ...]:
        """Return the destinations that are sent something; from memory, read again after each change."""
        known = self._known
        if known is None:
            known = self._read()
        return tuple(target for target in known if target.role is role)

    def listed(self, role: Role) -> list[Target]:
        """Return what is asked for, in effect or leaving, in the order it was asked for.

        Raises:
            Tampered: what is sealed of one was altered.

        """
        with self._database.read() as tx:
            found = [row for row in self._rows(tx) if row.role is role]
        return [row for row in found if row.state not in ("rejected", "removed")]

    def by_name(self, role: Role, name: str) -> Target:
        """Return a destination that was not rejected or removed. Raises: NotFound."""
        with self._database.read() as tx:
            return self._named(tx, role, name)

    def drift(self) -> list[str]:
        """Return role and number of rows that say something else than the log recorded, or are gone without a word."""
        given = self._given()
        with self._database.read() as tx:
            rows = tx.execute(sa.select(_table).order_by(_table.c.id)).all()
        found = []
        for row in rows:
            try:
                target = self._of(row)
                sound = given.pop(row.id, None) == (
                    (target.role, self._seal(target)) if target.in_effect else None
                )
            except Tampered:
                given.pop(row.id, None)
                sound = False
            if not sound:
                found.append(f"{row.role} {row.id}")
        return found + [f"{role} {id_}" for id_, (role, _seal) in given.items()]

    # -- changing --------------------------------------------------------------------------------

    def request_add(
        self,
        role: Role,
        name: str,
        destination: Destination,
        caller: Caller,
        now: datetime,
        *,
        password: str | None = None,
    ) -> Target:
        """Ask for a destination; it has effect at once only in a home that declared having one person.

        Raises:
            Malformed: the name has another form.
            Conflict: the name is taken, or there are as many as may be.
            Denied: no person asks, in a home of more than one; recorded.

        """
        name = canonical(name)
        op = f"{role}.{_ADD}.{_REQUESTED}"
        self.refuse_program(caller, op, now)
        with self._database.write() as tx:
            standing = [
                row
                for row in self._rows(tx)
                if row.role is role and row.state not in ("rejected", "removed")
            ]
            if name in {row.name for row in standing}:
                raise Conflict(f"there is a {role} {name} already")
            if len(standing) >= MAX_OF_ROLE[role]:
                raise Conflict(f"there are {MAX_OF_ROLE[role]} at most")
            id_ = tx.execute(
                _table.insert()
                .values(
                    role=role.value,
                    name=name,
                    settings=b"",
                    requested_by=caller.principal,
                    requested_at=now,
                )
                .returning(_table.c.id)
            ).scalar_one()
            sealed = seal(self._key, dump(destination), context=self._context(id_, role, name))
            values: dict[str, object] = {"settings": sealed}
            if password is not None:
                values["password"] = self._sealed_password(id_, password)
            if self._one_person:
                values |= {"approved_by": caller.principal, "approved_at": now}
            tx.execute(_table.update().where(_table.c.id == id_).values(**values))
            target = self._one(tx, id_)
            self._done(tx, target, f"{_ADD}.{_REQUESTED}", caller, now)
            if self._one_person:
                self._done(tx, target, f"{_ADD}.{_APPROVED}", caller, now)
        self._read()
        return target

    def request_removal(self, role: Role, name: str, caller: Caller, now: datetime) -> Target:
        """Ask for a destination's end; it keeps its effect until another person approves that.

        Raises:
            NotFound: there is none.
            Conflict: it has no effect, or its end is asked for already.
            Denied: no person asks, in a home of more than one; recorded.

        """
        self.refuse_program(caller, f"{role}.{_REMOVE}.{_REQUESTED}", now)
        with self._database.write() as tx:
            target = self._named(tx, role, name)
            if target.state != "active":
                raise Conflict(f"{role} {target.name} is {target.state}")
            values: dict[str, object] = {"removal_by": caller.principal, "removal_at": now}
            if self._one_person:
                values |= {"removed_by": caller.principal, "removed_at": now}
            target = self._change(tx, target, values)
            self._done(tx, target, f"{_REMOVE}.{_REQUESTED}", caller, now)
            if self._one_person:
                self._done(tx, target, f"{_REMOVE}.{_APPROVED}", caller, now)
        self._read()
        return target

    def terms(self, target: Target) -> str:
        """Return what names all that was asked for, or approved, of a destination: a keyed digest of it, 16 digits."""
        return self._seal(target)[:_SHOWN_DIGITS]

    def approve(
        self, role: Role, name: str, caller: Caller, now: datetime, *, terms: str | None = None
    ) -> Target:
        """Let what was asked for, a destination or its end, take effect.

        `terms`, where given, are those that the approver was shown: whoever asked may have asked for others since.

        Raises:
            NotFound: there is none.
            Conflict: nothing is asked for, or other terms than those shown; nothing was approved.
            Denied: the approver is no person, asked for it, or is suspended [1.3]; recorded.
            Tampered: it is not what was recorded when somebody asked; recorded.

        """
        with self._database.write() as tx:
            target = self._named(tx, role, name)
            what, asker = _asked(target)
            if terms is not None and terms.lower() != self.terms(target):
                raise Conflict(
                    f"{role} {target.name} is not what was shown under these terms",
                    hint=f"read `strongroom {_SHOWS[role].format(target.name)}` again",
                )
            asked = self._asked_for(target.id)
            sound = asked.get(what) == (self._seal(target), asker)
            allowed = (
                caller.kind is PrincipalKind.PERSON
                and caller.principal != asker
                and caller.principal not in suspended(tx, now)
            )
            if sound and allowed:
                values: dict[str, object] = (
                    {"approved_by": caller.principal, "approved_at": now}
                    if what == _ADD
                    else {"removed_by": caller.principal, "removed_at": now}
                )
                target = self._change(tx, target, values)
                self._done(tx, target, f"{what}.{_APPROVED}", caller, now)
            else:
                reason = Reason.NOT_AUTHORIZED if sound else Reason.TAMPERED
                event = self._event(target, f"{what}.{_APPROVED}", caller, reason)
                self._audit.append(tx, event, now=now)
        if not sound:
            raise Tampered(f"{role} {target.name} is not what was asked for")
        if not allowed:
            raise Denied(
                f"{role} {target.name} needs another person's approval",
                hint="who asked for it may not approve",
            )
        self._read()
        return target

    def reject(self, role: Role, name: str, caller: Caller, now: datetime) -> Target:
        """Refuse what was asked for; a destination whose end was asked for stays.

        Raises:
            NotFound: there is none.
            Conflict: nothing is asked for.
            Denied: the caller is no person; recorded.

        """
        allowed = caller.kind is PrincipalKind.PERSON
        with self._database.write() as tx:
            target = self._named(tx, role, name)
            what, _asker = _asked(target)
            if allowed:
                values: dict[str, object] = (
                    {"rejected_at": now}
                    if what == _ADD
                    else {"removal_by": None, "removal_at": None}
                )
                target = self._change(tx, target, values)
                self._done(tx, target, f"{what}.{_REJECTED}", caller, now)
            else:
                event = self._event(target, f"{what}.{_REJECTED}", caller, Reason.NOT_AUTHORIZED)
                self._audit.append(tx, event, now=now)
        if not allowed:
            raise Denied("people reject changes, programs do not")
        self._read()
        return target

    def set_password(self, tx: Transaction, target: Target, password: str) -> Target:
        """Put another password in place of a mail server's; where it is used does not change. Call `forget` after."""
        values = {"password": self._sealed_password(target.id, password)}
        tx.execute(_table.update().where(_table.c.id == target.id).values(**values))
        return replace(target, password=password)

    def forget(self) -> None:
        """Read the destinations again at the next question."""
        self._known = None

    # -- private ---------------------------------------------------------------------------------

    def _read(self) -> tuple[Target, ...]:
        with self._lock:
            with self._database.read() as tx:
                rows = tx.execute(sa.select(_table).order_by(_table.c.id)).all()
            given = self._given() if rows else {}
            known = []
            for row in rows:
                try:
                    target = self._of(row)
                except Tampered:
                    # Nothing is sent to it; `drift` and the doctor name it.
                    continue
                if target.in_effect and given.get(target.id) == (target.role, self._seal(target)):
                    known.append(target)
            self._known = tuple(known)
            return self._known

    def _given(self) -> dict[int, tuple[Role, str]]:
        """Return role and seal of every destination that has effect by what the log recorded."""
        given: dict[int, tuple[Role, str]] = {}
        for role, op, id_, after, _seq in self._recorded():
            if op == f"{_ADD}.{_APPROVED}":
                given[id_] = role, after
            elif op == f"{_REMOVE}.{_APPROVED}":
                given.pop(id_, None)
        return given

    def _asked_for(self, id_: int) -> dict[str, tuple[str, int]]:
        """Return what was last asked for of a destination, by the log: its seal and who asked, by kind of change."""
        asked: dict[str, tuple[str, int]] = {}
        for _role, op, number, after, seq in self._recorded():
            what, _, stage = op.partition(".")
            if number == id_ and stage == _REQUESTED:
                # Who asked is what the signed tree says, not what stands in a row.
                asked[what] = after, self._audit.proved(seq)["actor"]["id"]
        return asked

    def _recorded(self) -> list[tuple[Role, str, int, str, int]]:
        """Return what succeeded of destinations, by the log: what, of which, its seal and the entry's number."""
        kinds = {kind.value: role for role, (kind, _type) in _OBJECT.items()}
        found = []
        for entry in self._audit.of_types([EventType.ALARM_CHANGED, EventType.DESTINATION_CHANGED]):
            body = entry.body
            obj, op = body.get("obj", {}), body.get("op", "")
            role = kinds.get(obj.get("kind"))
            if entry.outcome != Outcome.SUCCESS.value or role is None or "chg" not in body:
                continue
            done = op.removeprefix(f"{role}.")
            found.append((role, done, int(obj["ref"]), body["chg"][0]["after"], entry.seq))
        return found

    def _seal(self, target: Target) -> str:
        """Return the pseudonym under which the log knows all that was approved: everything but a password."""
        terms = aad(target.id, target.role, target.name, dump(target.destination))
        return self._audit.pseudonym("delivery", terms.hex())

    def _done(
        self, tx: Transaction, target: Target, done: str, caller: Caller, now: datetime
    ) -> None:
        for told in self._told:
            told(tx, target, done, caller, now)
        self._audit.append(tx, self._event(target, done, caller), now=now)

    def _event(
        self, target: Target, done: str, caller: Caller, reason: Reason | None = None
    ) -> Event:
        kind, type_ = _OBJECT[target.role]
        return Event(
            type_,
            Outcome.SUCCESS if reason is None else Outcome.DENIED,
            caller,
            reason=reason,
            op=f"{target.role}.{done}",
            obj_kind=kind,
            obj_ref=str(target.id),
            changes=(Change(Field.TERMS, after=self._seal(target)),),
        )

    def refuse_program(self, caller: Caller, op: str, now: datetime) -> None:
        """Refuse whoever is no person. Raises: Denied; recorded."""
        if caller.kind is PrincipalKind.PERSON or self._one_person:
            return
        _kind, type_ = _OBJECT[Role(op.partition(".")[0])]
        event = Event(type_, Outcome.DENIED, caller, reason=Reason.NOT_AUTHORIZED, op=op)
        with self._database.write() as tx:
            self._audit.append(tx, event, now=now)
        raise Denied("people ask for destinations, programs do not")

    def _change(self, tx: Transaction, target: Target, values: dict[str, object]) -> Target:
        """Write what changed of a row that nobody else has changed meanwhile. Raises: Conflict."""
        unchanged = [
            getattr(_table.c, name).is_not_distinct_from(getattr(target, name))
            for name in ("approved_at", "rejected_at", "removal_at", "removed_at")
        ]
        where = (_table.c.id == target.id, *unchanged)
        if tx.execute(_table.update().where(*where).values(**values)).rowcount != 1:
            raise Conflict(f"{target.role} {target.name} was changed meanwhile")
        return self._one(tx, target.id)

    def _named(self, tx: Transaction, role: Role, name: str) -> Target:
        try:
            wanted = canonical(name)
        except Malformed:
            wanted = ""
        query = sa.select(_table).where(
            _table.c.role == role.value,
            _table.c.name == wanted,
            _table.c.rejected_at.is_(None),
            _table.c.removed_at.is_(None),
        )
        row = tx.execute(query).first()
        if row is None:
            raise NotFound(f"there is no {role} of this name")
        return self._of(row)

    def _one(self, tx: Transaction, id_: int) -> Target:
        return self._of(tx.execute(sa.select(_table).where(_table.c.id == id_)).one())

    def _rows(self, tx: Transaction) -> list[Target]:
        return [self._of(row) for row in tx.execute(sa.select(_table).order_by(_table.c.id))]

    def _of(self, row: sa.Row[tuple[object, ...]]) -> Target:
        """Return a row as it was sealed. Raises: Tampered."""
        try:
            role = Role(row.role)
        except ValueError:
            raise Tampered(f"delivery {row.id} is not what was stored") from None
        name = f"{role} {row.id}"
        context = self._context(row.id, role, row.name)
        content = open_(self._key, bytes(row.settings), context=context, name=name)
        password = None
        if row.password is not None:
            context = aad(_PASSWORD, self._environment, row.id)
            password = open_(self._key, bytes(row.password), context=context, name=name).decode()
        return Target(
            row.id,
            role,
            row.name,
            load(content),
            password,
            row.requested_by,
            row.requested_at,
            row.approved_by,
            row.approved_at,
            row.rejected_at,
            row.removal_by,
            row.removal_at,
            row.removed_at,
        )

    def _context(self, id_: int, role: Role, name: str) -> bytes:
        return aad(_LABEL, self._environment, id_, role, name)

    def _sealed_password(self, id_: int, password: str) -> bytes:
        context = aad(_PASSWORD, self._environment, id_)
        return seal(self._key, password.encode(), context=context)


def _asked(target: Target) -> tuple[str, PrincipalId | None]:
    """Return which change waits, and who asked for it. Raises: Conflict."""
    match target.state:
        case "pending":
            return _ADD, target.requested_by
        case "leaving":
            return _REMOVE, target.removal_by
    raise Conflict(f"{target.role} {target.name} is {target.state}")
