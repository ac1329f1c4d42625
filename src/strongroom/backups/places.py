"""Whom backups are sealed to and where they go: lines that take a second person, as the log recorded them [2.4].

A line counts only while it says what the log says was approved: a recipient that somebody wrote into the database gets
nothing, and nothing is sent to a place that was put there so. Copies of the keystore have recipients and places of
their own, and never one place with backups: a key does not lie beside the data it opens.
"""

import json
import ssl
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from strongroom.anchors.bucket import Bucket, Credentials
from strongroom.audit import AuditLog, Change, Event, EventType, Field, ObjKind, Outcome, Reason
from strongroom.crypto import envelope
from strongroom.crypto.age import Recipients
from strongroom.crypto.derive import aad
from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.db.suspensions import suspended
from strongroom.errors import Conflict, Denied, Malformed, NotFound, Tampered
from strongroom.outbound import client_context
from strongroom.terms import Caller, Environment, PrincipalId, PrincipalKind

_LABEL: Final = "strongroom/backup-place/v1"
_ADD, _REMOVE = "add", "remove"
_MOST: Final = 16
_places: Final = schema.backup_place


class PlaceKind(StrEnum):
    """What a line is."""

    RECIPIENT = "recipient"
    """Who opens backups: a public key of age."""
    RECOVERY = "recovery"
    """Who opens copies of the keystore: another one."""
    TARGET = "target"
    """Where backups go beside the home: a directory or a bucket."""
    KEYS = "keys"
    """The directory that copies of the keystore go to."""


@dataclass(frozen=True, slots=True)
class Place:
    """One line, with who asked for it, who approved it, and who ended it."""

    id: int
    kind: PlaceKind
    value: str
    ca: str | None
    sealed: bytes | None = field(repr=False)
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
        """`pending`, `active`, `leaving`, `rejected` or `removed`."""
        if self.removed_at is not None:
            return "removed"
        if self.rejected_at is not None:
            return "rejected"
        if self.approved_at is None:
            return "pending"
        return "active" if self.removal_at is None else "leaving"


class Places:
    """The lines of one home. Changes are durable on return, with their event."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        key: bytes,
        environment: Environment,
        home: Path,
        *,
        one_person: bool,
    ) -> None:
        self._database = database
        self._audit = audit
        self._key = key
        self._environment = environment
        self._home = home
        self._one_person = one_person

    # -- asking ----------------------------------------------------------------------------------

    def listed(self) -> list[Place]:
        """Return all lines that are asked for or in effect."""
        with self._database.read() as tx:
            found = _rows(tx)
        return [one for one in found if one.state not in ("rejected", "removed")]

    def of(self, kind: PlaceKind) -> list[Place]:
        """Return the lines of a kind that have effect.

        Raises:
            Tampered: one says something else than the log recorded, or is gone without a word there.

        """
        given = self._given()
        found = {one.id: one for one in self.listed() if one.state in ("active", "leaving")}
        if given.keys() - found.keys():
            raise Tampered("a recipient or place of backups is gone without a word in the log")
        for one in found.values():
            if given.get(one.id) != self._seal(one):
                raise Tampered(f"{one.kind} {one.id} of backups is not what was approved")
        return [one for one in found.values() if one.kind is kind]

    def recipients(self, kind: PlaceKind) -> Recipients:
        """Return whom files are sealed to. Raises: Conflict: nobody; Tampered."""
        found = [one.value for one in self.of(kind)]
        if not found:
            raise Conflict(
                f"no {kind} of backups is in effect",
                hint=f"strongroom backup place add {kind} age1…, made with `age-keygen` elsewhere",
            )
        return Recipients(found)

    def credentials(self, place: Place) -> Credentials:
        """Return what a bucket wants to see of us. Raises: Tampered."""
        if place.sealed is None:
            raise Tampered(f"target {place.id} has no credentials")
        context = self._context(place.kind, place.value, place.ca)
        name = f"the credentials of target {place.id}"
        return Credentials.parse(
            envelope.open_(self._key, place.sealed, context=context, name=name).decode()
        )

    # -- changing --------------------------------------------------------------------------------

    def request_add(
        self,
        kind: PlaceKind,
        value: str,
        caller: Caller,
        now: datetime,
        *,
        ca: str | None = None,
        credentials: str | None = None,
    ) -> Place:
        """Ask for a line; it has effect at once only in a home that declared having one person.

        Raises:
            Malformed: it is no recipient, directory or bucket.
            Conflict: it is there already, or would have keys lie beside the data they open.
            Denied: no person asks, in a home of more than one; recorded.

        """
        value = self._checked(kind, value, ca, credentials)
        self._refuse_program(caller, now)
        sealed = None
        if credentials is not None:
            sealed = envelope.seal(
                self._key, credentials.encode(), context=self._context(kind, value, ca)
            )
        with self._database.write() as tx:
            there = [one for one in _rows(tx) if one.state in ("pending", "active", "leaving")]
            self._refuse_beside(kind, value, there)
            if len([one for one in there if one.kind is kind]) >= _MOST:
                raise Conflict(f"there are {_MOST} of them at most")
            at_once = self._one_person
            values = {
                "kind": kind.value,
                "value": value,
                "ca": ca,
                "sealed": sealed,
                "requested_by": caller.principal,
                "requested_at": now,
                "approved_by": caller.principal if at_once else None,
                "approved_at": now if at_once else None,
            }
            query = _places.insert().values(**values).returning(_places.c.id)
            place = _one(tx, tx.execute(query).scalar_one())
            self._record(tx, EventType.BACKUP_CHANGE_REQUESTED, _ADD, caller, place, now)
            if at_once:
                self._record(tx, EventType.BACKUP_CHANGE_APPROVED, _ADD, caller, place, now)
        return place

    def request_removal(self, id_: int, caller: Caller, now: datetime) -> Place:
        """Ask for a line's end; it keeps its effect until another person approves that.

        Raises:
            NotFound, Conflict: there is no such line, or it has no effect.
            Denied: no person asks, in a home of more than one; recorded.

        """
        self._refuse_program(caller, now)
        with self._database.write() as tx:
            place = _one(tx, id_)
            if place.state != "active":
                raise Conflict(f"{place.kind} {id_} is {place.state}")
            values: dict[str, object] = {"removal_by": caller.principal, "removal_at": now}
            if self._one_person:
                values |= {"removed_by": caller.principal, "removed_at": now, "sealed": None}
            place = _change(tx, place, values)
            self._record(tx, EventType.BACKUP_CHANGE_REQUESTED, _REMOVE, caller, place, now)
            if self._one_person:
                self._record(tx, EventType.BACKUP_CHANGE_APPROVED, _REMOVE, caller, place, now)
        return place

    def approve(self, id_: int, terms: str, caller: Caller, now: datetime) -> Place:
        """Let what was asked for take effect; `terms` are those that were shown.

        Raises:
            NotFound, Conflict: there is no such line, nothing is asked for, or the terms are others.
            Denied: who asked for it, or no person, approves; recorded.
            Tampered: it is not what was asked for.

        """
        with self._database.read() as tx:
            place = _one(tx, id_)
        op = _asked(place)
        asked = self._asked_for(id_, op)
        if asked is None or asked[0] != self._seal(place):
            raise Tampered(f"{place.kind} {id_} is not what was asked for")
        if terms != self.terms(place):
            raise Conflict("the terms are others", hint="read them again before you approve them")
        with self._database.write() as tx:
            place = _one(tx, id_)
            allowed = (
                caller.kind is PrincipalKind.PERSON
                and caller.principal != asked[1]
                and caller.principal not in suspended(tx, now)
            )
            if allowed:
                values: dict[str, object] = (
                    {"approved_by": caller.principal, "approved_at": now}
                    if op == _ADD
                    else {"removed_by": caller.principal, "removed_at": now, "sealed": None}
                )
                place = _change(tx, place, values)
            outcome = Outcome.SUCCESS if allowed else Outcome.DENIED
            self._record(tx, EventType.BACKUP_CHANGE_APPROVED, op, caller, place, now, outcome)
        if not allowed:
            raise Denied(f"{place.kind} {id_} needs another person's approval")
        return place

    def reject(self, id_: int, caller: Caller, now: datetime) -> Place:
        """Refuse what was asked for. Raises: NotFound, Conflict, Denied."""
        self._refuse_program(caller, now)
        with self._database.write() as tx:
            place = _one(tx, id_)
            op = _asked(place)
            values: dict[str, object] = (
                {"rejected_at": now} if op == _ADD else {"removal_by": None, "removal_at": None}
            )
            place = _change(tx, place, values)
            self._record(tx, EventType.BACKUP_CHANGE_REJECTED, op, caller, place, now)
        return place

    def terms(self, place: Place) -> str:
        """Return a short name for exactly what a line says, for who approves it."""
        return self._seal(place)[:16]

    # -- private ---------------------------------------------------------------------------------

    def _checked(self, kind: PlaceKind, value: str, ca: str | None, credentials: str | None) -> str:
        if kind in (PlaceKind.RECIPIENT, PlaceKind.RECOVERY):
            return Recipients([value]).names[0]
        if value.startswith("s3://") and kind is PlaceKind.TARGET:
            Bucket.parse(value)
            Credentials.parse(credentials or "")
            try:
                client_context(ca)
            except (ssl.SSLError, ValueError):
                raise Malformed("the file given as CA holds no certificate") from None
            return value
        path = Path(value)
        if not path.is_absolute() or credentials is not None or ca is not None:
            raise Malformed("a place is an absolute directory, or a bucket with its credentials")
        if not path.is_dir():
            raise Malformed("the directory of a place is not there", hint="make or mount it first")
        return str(path.resolve())

    def _refuse_beside(self, kind: PlaceKind, value: str, there: list[Place]) -> None:
        if any(one.kind is kind and one.value == value for one in there):
            raise Conflict(f"this {kind} is there already")
        if kind in (PlaceKind.RECIPIENT, PlaceKind.RECOVERY):
            other = {PlaceKind.RECIPIENT, PlaceKind.RECOVERY} - {kind}
            if any(one.kind in other and one.value == value for one in there):
                raise Conflict(
                    "one identity would open backups and keystore copies",
                    hint="make another one with `age-keygen` for the copies of the keystore",
                )
            return
        if value.startswith("s3://"):
            return
        others = [self._home.resolve()]
        others += [
            Path(one.value)
            for one in there
            if {one.kind, kind} == {PlaceKind.TARGET, PlaceKind.KEYS} and one.value.startswith("/")
        ]
        for other_path in others:
            refuse_beside(Path(value), other_path)

    def _given(self) -> dict[int, str]:
        """Return the seal of every line that has effect by what the log recorded."""
        given: dict[int, str] = {}
        for entry in self._audit.of_types([EventType.BACKUP_CHANGE_APPROVED]):
            if entry.outcome != Outcome.SUCCESS.value:
                continue
            id_ = int(entry.body["obj"]["ref"])
            if entry.body["op"].endswith(f".{_ADD}"):
                given[id_] = entry.body["chg"][0]["after"]
            else:
                given.pop(id_, None)
        return given

    def _asked_for(self, id_: int, op: str) -> tuple[str, int] | None:
        found = None
        for entry in self._audit.of_types([EventType.BACKUP_CHANGE_REQUESTED]):
            if (
                entry.outcome == Outcome.SUCCESS.value
                and entry.body["obj"]["ref"] == str(id_)
                and entry.body["op"].endswith(f".{op}")
            ):
                # Who asked is what the signed tree says, not what stands in a row.
                body = self._audit.proved(entry.seq)
                found = body["chg"][0]["after"], int(body["actor"]["id"])
        return found

    def _seal(self, place: Place) -> str:
        terms = {"id": place.id, "kind": place.kind, "value": place.value, "ca": place.ca}
        return self._audit.pseudonym("backup-place", json.dumps(terms, sort_keys=True))

    def _context(self, kind: PlaceKind, value: str, ca: str | None) -> bytes:
        return aad(_LABEL, self._environment, kind, value, ca or "")

    def _refuse_program(self, caller: Caller, now: datetime) -> None:
        if caller.kind is PrincipalKind.PERSON or self._one_person:
            return
        event = Event(
            EventType.BACKUP_CHANGE_REQUESTED,
            Outcome.DENIED,
            caller,
            reason=Reason.NOT_AUTHORIZED,
        )
        self._audit.record(event, now=now)
        raise Denied("people change where backups go, programs do not")

    def _record(
        self,
        tx: Transaction,
        type_: EventType,
        op: str,
        caller: Caller,
        place: Place,
        now: datetime,
        outcome: Outcome = Outcome.SUCCESS,
    ) -> None:
        event = Event(
            type_,
            outcome,
            caller,
            reason=None if outcome is Outcome.SUCCESS else Reason.NOT_AUTHORIZED,
            op=f"{place.kind}.{op}",
            obj_kind=ObjKind.BACKUP,
            obj_ref=str(place.id),
            changes=(Change(Field.TERMS, after=self._seal(place)),),
        )
        self._audit.append(tx, event, now=now)


def refuse_beside(path: Path, other: Path) -> None:
    """Refuse a directory that is, holds or lies in another one. Raises: Conflict."""
    path, other = path.resolve(), other.resolve()
    if path == other or path in other.parents or other in path.parents:
        raise Conflict(
            "keys would lie beside the data they open, or a backup beside its home",
            hint="home, backups and keystore copies each have a directory of their own [2.4]",
        )


def _asked(place: Place) -> str:
    match place.state:
        case "pending":
            return _ADD
        case "leaving":
            return _REMOVE
    raise Conflict(f"{place.kind} {place.id} is {place.state}")


def _change(tx: Transaction, place: Place, values: dict[str, object]) -> Place:
    """Write what changed of a line that nobody else has changed meanwhile. Raises: Conflict."""
    unchanged = [
        getattr(_places.c, name).is_not_distinct_from(getattr(place, name))
        for name in ("approved_at", "rejected_at", "removal_at", "removed_at")
    ]
    done = tx.execute(_places.update().where(_places.c.id == place.id, *unchanged).values(**values))
    if done.rowcount != 1:
        raise Conflict(f"{place.kind} {place.id} was changed meanwhile")
    return _one(tx, place.id)


def _rows(tx: Transaction) -> list[Place]:
    return [_of(row) for row in tx.execute(sa.select(_places).order_by(_places.c.id))]


def _one(tx: Transaction, id_: int) -> Place:
    row = tx.execute(sa.select(_places).where(_places.c.id == id_)).first()
    if row is None:
        raise NotFound(f"there is no line {id_} of backups")
    return _of(row)


def _of(row: sa.Row[tuple[object, ...]]) -> Place:
    try:
        kind = PlaceKind(row.kind)
    except ValueError:
        raise Tampered(f"line {row.id} of backups has no kind of ours") from None
    return Place(
        row.id,
        kind,
        row.value,
        row.ca,
        None if row.sealed is None else bytes(row.sealed),
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
