"""Which person a subject of an OpenID Connect provider is [1.2].

Somebody at the console says it; nobody registers by signing on. Of the provider's `sub` only two keyed digests are
stored: one by which the row is found, and one that holds it to its person, so that a row which was edited to be
another person's lets nobody in. Rows are ended, never removed.
"""

import hmac
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from strongroom.accounts import entries
from strongroom.accounts.changes import Changes, changing
from strongroom.audit import AuditLog, Change, EventType, Field, ObjKind, Reason
from strongroom.crypto.derive import aad, derive
from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Conflict, Denied, Malformed, NotFound
from strongroom.policy.leaving import has_ended
from strongroom.terms import AuthMethod, Caller, Environment, PrincipalId, PrincipalKind

_HALF_BYTES: Final = 16
_SUBJECT: Final = re.compile(r"[!-~](?:[ -~]{0,253}[!-~])?", re.ASCII)
"""OpenID Connect Core 2: `sub` is at most 255 ASCII characters."""

_table: Final = schema.person_identity
_people: Final = schema.principal


@dataclass(frozen=True, slots=True)
class Identity:
    """One link of a person to a provider's subject, as listed; the subject itself is not stored."""

    id: int
    principal: PrincipalId
    name: str
    issuer: str
    created_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Linked:
    """Whose a subject is, and by which link: that holds still when the session begins, or nothing does."""

    identity: int
    principal: PrincipalId


class Identities:
    """The links of one home. Safe between threads, one object for each database. Durable on return, with the event.

    `ended` hears in the same transaction whose link ended: who signed on by it is signed out.
    """

    def __init__(
        self,
        database: Database,
        key: bytes,
        audit: AuditLog,
        environment: Environment,
        *,
        ended: Callable[[Changes, PrincipalId], None] = lambda _change, _principal: None,
    ) -> None:
        self._database = database
        self._audit = audit
        self._key = derive(key, "strongroom/identity/v1", environment)
        self._ended = ended
        # PostgreSQL lets two transactions look and find nothing, and then both insert.
        self._linking = threading.Lock()

    def __repr__(self) -> str:
        return "<identities>"

    def link(
        self, name: str, issuer: str, subject: str, *, caller: Caller, now: datetime
    ) -> Identity:
        """Say that a provider's subject is this person.

        Raises:
            Malformed: the subject's form.
            Denied: not from the console: whoever links decides who may sign on as whom [1.3].
            NotFound: no person of this name.
            Conflict: the account has ended, the subject is somebody's already, or the person has one there.

        """
        _refuse_all_but_console(caller)
        if not _SUBJECT.fullmatch(subject):
            raise Malformed("a subject is 1 to 255 printable ASCII characters")
        place = self._place(issuer, subject)
        with self._linking, changing(self._database, self._audit, caller, now) as change:
            row = change.tx.execute(
                sa.select(_people).where(
                    _people.c.name == name.lower(), _people.c.kind == PrincipalKind.PERSON.value
                )
            ).first()
            if row is None:
                raise NotFound("no person of this name")
            if has_ended(row.ended_at, now):
                raise Conflict(f"the account {row.name} has ended")
            if _living(change.tx, issuer, place):
                raise Conflict("this subject is linked already", hint="one subject, one person")
            known = sa.select(_table.c.id).where(
                _table.c.principal_id == row.id,
                _table.c.issuer == issuer,
                _table.c.ended_at.is_(None),
            )
            if change.tx.execute(known).first() is not None:
                raise Conflict(
                    f"{row.name} has a subject there already", hint="unlink that one first"
                )
            id_: int = change.tx.execute(
                _table.insert()
                .values(
                    principal_id=row.id,
                    issuer=issuer,
                    subject_ref=place + self._bound(place, PrincipalId(row.id)),
                    created_at=now,
                )
                .returning(_table.c.id)
            ).scalar_one()
            told = Change(Field.CREDENTIALS, after=self._told(issuer, place))
            change.record(
                EventType.IDENTITY_LINKED, ObjKind.PRINCIPAL, row.id, changes=(told,), op="oidc"
            )
        return Identity(id_, PrincipalId(row.id), row.name, issuer, now, None)

    def unlink(self, id_: int, *, caller: Caller, now: datetime) -> Identity:
        """End a link: nobody signs on by it from now on.

        Raises:
            Denied: not from the console.
            NotFound: no such link.
            Conflict: it has ended already.

        """
        _refuse_all_but_console(caller)
        with changing(self._database, self._audit, caller, now) as change:
            row = change.tx.execute(_select().where(_table.c.id == id_)).first()
            if row is None:
                raise NotFound(f"no identity {id_}")
            # Before the link: who is signing on by it now is done, and found, or looks at it after this.
            entries.hold(change.tx, PrincipalId(row.principal_id))
            done = change.tx.execute(
                _table.update()
                .where(_table.c.id == id_, _table.c.ended_at.is_(None))
                .values(ended_at=now)
            )
            if not done.rowcount:
                raise Conflict(f"identity {id_} has ended already")
            self._ended(change, PrincipalId(row.principal_id))
            place = bytes(row.subject_ref)[:_HALF_BYTES]
            told = Change(Field.CREDENTIALS, before=self._told(row.issuer, place))
            change.record(
                EventType.IDENTITY_UNLINKED,
                ObjKind.PRINCIPAL,
                row.principal_id,
                changes=(told,),
                op="oidc",
            )
        return Identity(
            id_, PrincipalId(row.principal_id), row.name, row.issuer, row.created_at, now
        )

    def listed(self, name: str | None = None) -> list[Identity]:
        """Return every link, or one person's, oldest first; ended ones too. Raises: NotFound: no such person."""
        query = _select().order_by(_table.c.id)
        with self._database.read() as tx:
            if name is not None:
                person = tx.execute(
                    sa.select(_people.c.id).where(_people.c.name == name.lower())
                ).first()
                if person is None:
                    raise NotFound("no person of this name")
                query = query.where(_table.c.principal_id == person.id)
            return [_identity(row) for row in tx.execute(query)]

    def who(self, issuer: str, subject: str, now: datetime) -> Linked | Reason:
        """Return whose subject this is, living and linked; or why it is nobody's."""
        if not _SUBJECT.fullmatch(subject):
            return Reason.NOT_FOUND
        place = self._place(issuer, subject)
        with self._database.read() as tx:
            rows = _living(tx, issuer, place)
        if not rows:
            return Reason.NOT_FOUND
        row = rows[0]
        bound = self._bound(place, PrincipalId(row.principal_id))
        # Two rows can't be made by `link`: somebody else wrote one.
        if len(rows) > 1 or not hmac.compare_digest(bytes(row.subject_ref)[_HALF_BYTES:], bound):
            return Reason.TAMPERED
        if row.kind != PrincipalKind.PERSON or has_ended(row.principal_ended_at, now):
            return Reason.PRINCIPAL_ENDED
        return Linked(row.id, PrincipalId(row.principal_id))

    def _place(self, issuer: str, subject: str) -> bytes:
        return hmac.digest(self._key, aad("place", issuer, subject), "sha256")[:_HALF_BYTES]

    def _bound(self, place: bytes, principal: PrincipalId) -> bytes:
        message = aad("bound", place.hex(), str(principal))
        return hmac.digest(self._key, message, "sha256")[:_HALF_BYTES]

    def _told(self, issuer: str, place: bytes) -> str:
        return self._audit.pseudonym("identity", f"{issuer} {place.hex()}")


def is_linked(tx: Transaction, identity: int, principal: PrincipalId) -> bool:
    """Tell whether a link holds, and is still this person's."""
    query = sa.select(_table.c.id).where(
        _table.c.id == identity, _table.c.principal_id == principal, _table.c.ended_at.is_(None)
    )
    return tx.execute(query).first() is not None


def _refuse_all_but_console(caller: Caller) -> None:
    if caller.auth is not AuthMethod.CONSOLE:
        raise Denied("only the console of the home links people to a provider [1.3]")


def _living(tx: Transaction, issuer: str, place: bytes) -> list[sa.Row[tuple[object, ...]]]:
    query = _select().where(
        _table.c.issuer == issuer,
        _table.c.subject_ref.between(place + bytes(_HALF_BYTES), place + b"\xff" * _HALF_BYTES),
        _table.c.ended_at.is_(None),
    )
    return list(tx.execute(query))


def _select() -> sa.Select[tuple[object, ...]]:
    return sa.select(
        _table, _people.c.name, _people.c.kind, _people.c.ended_at.label("principal_ended_at")
    ).join(_people, _people.c.id == _table.c.principal_id)


def _identity(row: sa.Row[tuple[object, ...]]) -> Identity:
    return Identity(
        row.id, PrincipalId(row.principal_id), row.name, row.issuer, row.created_at, row.ended_at
    )
