"""Who is signed on, kept on our side: a cookie proves nothing that is not looked up here each time [1.2].

A session belongs to one person, one browser's device cookie and one kind of browser. It ends when it is idle, old,
ended by its person, or when somebody else's browser shows its cookie; its account's end is read with it. Its cookie's
value changes whenever its person proves something: one that leaked before opens nothing after.
"""

import re
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from strongroom.accounts.changes import Changes
from strongroom.accounts.sealing import Sealing
from strongroom.accounts.shown import plain
from strongroom.accounts.visits import MustChangePassword, NotProvedLately, Session, Visit
from strongroom.audit import EventType, ObjKind, Reason
from strongroom.db import schema
from strongroom.db.engine import Transaction
from strongroom.db.suspensions import suspended_until
from strongroom.errors import NotFound, Unauthenticated
from strongroom.policy.leaving import has_ended
from strongroom.policy.limits import SESSION_IDLE, SESSION_LONGEST, SESSION_SEEN_EVERY
from strongroom.terms import AuthMethod, Caller, PrincipalId, PrincipalKind

_LONGEST_COOKIE: Final = 128
_PRINCIPAL: Final = re.compile(r"[1-9][0-9]{0,15}", re.ASCII)
_BY_PASSWORD: Final = "password"  # noqa: S105 - the name of a method

_table: Final = schema.login_session
_people: Final = schema.principal
_devices: Final = schema.login_device
_passwords: Final = schema.person_password


class Sessions:
    """The sessions of one home. Safe between threads; durable with the caller's transaction."""

    def __init__(self, sealing: Sealing, *, password_lifetime: timedelta) -> None:
        self._sealing = sealing
        self._password_lifetime = password_lifetime

    def start(
        self,
        change: Changes,
        person: Caller,
        device: int,
        visit: Visit,
        *,
        method: str,
        address_ref: str,
    ) -> tuple[Session, str]:
        """Return a new session and its cookie; never one that the browser brought along."""
        secret = self._sealing.token()
        id_: int = change.tx.execute(
            _table.insert()
            .values(
                principal_id=person.principal,
                digest=self._sealing.of_session(person.principal, secret),
                device_id=device,
                method=method,
                agent=visit.agent,
                address_ref=address_ref,
                created_at=change.now,
                seen_at=change.now,
                proved_at=change.now,
            )
            .returning(_table.c.id)
        ).scalar_one()
        change.record(EventType.SESSION_STARTED, ObjKind.SESSION, id_, src_ip=address_ref)
        return self.living(change.tx, person.principal, id_, change.now), _cookie(
            person.principal, secret
        )

    def find(self, tx: Transaction, cookie: str) -> sa.Row[tuple[object, ...]] | None:
        """Return the row of a cookie, with its person and device; None where nobody has it."""
        principal, _, secret = plain(cookie).partition(".")
        if len(cookie) > _LONGEST_COOKIE or not _PRINCIPAL.fullmatch(principal):
            return None
        owner = PrincipalId(int(principal))
        digest = self._sealing.of_session(owner, secret)
        return tx.execute(
            _select().where(_table.c.digest == digest, _table.c.principal_id == owner)
        ).first()

    def fault(self, row: sa.Row[tuple[object, ...]], visit: Visit, now: datetime) -> Reason | None:
        """Return why this visit may not go on with a session that nobody ended yet; None where it may."""
        owner = PrincipalId(row.principal_id)
        is_own = (
            visit.device is not None
            and self._sealing.of_device(owner, visit.device) == bytes(row.device_digest)
            and visit.agent == row.agent
            and row.device_ended_at is None
        )
        if has_ended(row.person_ended_at, now) or row.kind != PrincipalKind.PERSON:
            return Reason.PRINCIPAL_ENDED
        if _is_frozen(row, now):
            return Reason.SUSPENDED
        if not is_own:
            return Reason.WRONG_DEVICE
        # Both ways: what was written by a clock that was ahead would not end for as long as it was.
        if abs(now - row.created_at) >= SESSION_LONGEST:
            return Reason.TOO_OLD
        return Reason.IDLE if abs(now - row.seen_at) >= SESSION_IDLE else None

    def is_due(self, row: sa.Row[tuple[object, ...]], address_ref: str, now: datetime) -> bool:
        """Tell whether a request is worth writing down: a minute passed, or the address is another."""
        return bool(now - row.seen_at >= SESSION_SEEN_EVERY or row.address_ref != address_ref)

    def seen(self, tx: Transaction, id_: int, address_ref: str, now: datetime) -> bool:
        """Write down a request of a living session; False where it ended meanwhile."""
        done = tx.execute(
            _table.update()
            .where(_table.c.id == id_, _table.c.ended_at.is_(None))
            .values(seen_at=now, address_ref=address_ref)
        )
        return done.rowcount == 1

    def session_of(self, row: sa.Row[tuple[object, ...]], now: datetime) -> Session:
        """Return a row as its holder sees it."""
        is_old = row.password_at is not None and row.password_at + self._password_lifetime <= now
        return Session(
            row.id,
            Caller(
                PrincipalId(row.principal_id), PrincipalKind.PERSON, row.name, AuthMethod.SESSION
            ),
            row.device_id,
            row.method,
            row.agent,
            row.created_at,
            row.seen_at,
            row.proved_at,
            # A passkey or a provider never showed the password: its age says nothing about them.
            must_change_password=is_old and row.method.partition(".")[0] == _BY_PASSWORD,
        )

    def living(self, tx: Transaction, principal: PrincipalId, id_: int, now: datetime) -> Session:
        """Return a person's living session as it is now. Raises: Unauthenticated."""
        row = tx.execute(
            _select().where(
                _table.c.id == id_,
                _table.c.principal_id == principal,
                _table.c.ended_at.is_(None),
            )
        ).first()
        if row is None or has_ended(row.person_ended_at, now) or _is_frozen(row, now):
            raise Unauthenticated("the session has ended")
        return self.session_of(row, now)

    def hold(
        self, change: Changes, session: Session, *, proved: bool, limited: bool = False
    ) -> Session:
        """Return the session as it is now, and keep it from changing while the transaction lasts.

        `proved`: its person must have proved who they are lately. `limited`: also open to who must change the password.

        Raises:
            Unauthenticated: it ended since it was checked.
            NotProvedLately: see above.
            MustChangePassword: the password has to be changed first [1.4].

        """
        person = session.caller.principal
        # Always the person first: two transactions that lock in other orders could wait for each other.
        change.tx.execute(sa.select(_people.c.id).where(_people.c.id == person).with_for_update())
        change.tx.execute(sa.select(_table.c.id).where(_table.c.id == session.id).with_for_update())
        found = self.living(change.tx, person, session.id, change.now)
        if found.must_change_password and not limited:
            raise MustChangePassword(
                "the password is older than a quarter [1.4]", hint="change it first"
            )
        if proved and not found.proved_lately(change.now):
            raise NotProvedLately(
                "this needs a fresh proof of who is asking", hint="prove it again"
            )
        return found

    def rotate(self, change: Changes, session: Session) -> tuple[Session, str]:
        """Return the session, proved now, and its new cookie; the old one opens nothing from here on."""
        person, secret = session.caller.principal, self._sealing.token()
        change.tx.execute(
            _table.update()
            .where(_table.c.id == session.id, _table.c.ended_at.is_(None))
            .values(
                digest=self._sealing.of_session(person, secret),
                proved_at=change.now,
                seen_at=change.now,
            )
        )
        change.record(EventType.SESSION_PROVED, ObjKind.SESSION, session.id)
        return self.living(change.tx, person, session.id, change.now), _cookie(person, secret)

    def listed(
        self, tx: Transaction, principal: PrincipalId, current: int, now: datetime
    ) -> list[Session]:
        """Return this person's living sessions, the latest used first; `current` is marked."""
        query = (
            _select()
            .where(
                _table.c.principal_id == principal,
                _table.c.ended_at.is_(None),
                _table.c.created_at > now - SESSION_LONGEST,
                _table.c.seen_at > now - SESSION_IDLE,
            )
            .order_by(_table.c.seen_at.desc(), _table.c.id.desc())
        )
        return [
            replace(self.session_of(row, now), current=row.id == current)
            for row in tx.execute(query)
        ]

    def end_own(self, change: Changes, principal: PrincipalId, id_: int, why: Reason) -> None:
        """End one of this person's sessions. Raises: NotFound: it is not theirs, or not alive."""
        if not end_sessions(change, principal, why, only=(id_,)):
            raise NotFound("no such session")


def _is_frozen(row: sa.Row[tuple[object, ...]], now: datetime) -> bool:
    """Tell whether the person of a session's row is frozen [2.6]."""
    return row.frozen_until is not None and now < row.frozen_until


def end_run_out(change: Changes) -> None:
    """End the sessions that went idle or too old, within a transaction: else an end in months says it was today."""
    now = change.now
    spans = (
        (Reason.TOO_OLD, _table.c.created_at, SESSION_LONGEST),
        (Reason.IDLE, _table.c.seen_at, SESSION_IDLE),
    )
    for why, since, longest in spans:
        is_over = (since <= now - longest) | (since >= now + longest)
        ended = change.tx.execute(
            _table.update()
            .where(_table.c.ended_at.is_(None), is_over)
            .values(ended_at=now, ended_why=why.value)
            .returning(_table.c.id)
        ).scalars()
        for id_ in sorted(ended):
            change.record(EventType.SESSION_ENDED, ObjKind.SESSION, id_, reason=why)


def end_sessions(
    change: Changes,
    principal: PrincipalId,
    why: Reason,
    *,
    but: int | None = None,
    only: Collection[int] | None = None,
    device: int | None = None,
) -> int:
    """End a person's living sessions, or some of them, within a transaction; return how many."""
    wanted = [_table.c.principal_id == principal, _table.c.ended_at.is_(None)]
    if but is not None:
        wanted.append(_table.c.id != but)
    if only is not None:
        wanted.append(_table.c.id.in_(only))
    if device is not None:
        wanted.append(_table.c.device_id == device)
    ended = change.tx.execute(
        _table.update()
        .where(*wanted)
        .values(ended_at=change.now, ended_why=why.value)
        .returning(_table.c.id)
    ).all()
    for row in sorted(ended):
        change.record(EventType.SESSION_ENDED, ObjKind.SESSION, row.id, reason=why)
    return len(ended)


def people_signed_on(tx: Transaction) -> list[PrincipalId]:
    """Return whoever has a session that nobody ended, idle ones too, by number: who changes them all locks in order."""
    query = sa.select(_table.c.principal_id).where(_table.c.ended_at.is_(None)).distinct()
    return sorted(PrincipalId(id_) for id_ in tx.execute(query).scalars())


def _select() -> sa.Select[tuple[object, ...]]:
    return _SESSIONS


def _cookie(principal: PrincipalId, secret: str) -> str:
    return f"{principal}.{secret}"


# Built once: each request of somebody signed on asks.
_SESSIONS: Final = (
    sa.select(
        _table,
        _people.c.name,
        _people.c.kind,
        _people.c.ended_at.label("person_ended_at"),
        suspended_until(_people.c.id, frozen=True).label("frozen_until"),
        _devices.c.digest.label("device_digest"),
        _devices.c.ended_at.label("device_ended_at"),
        _passwords.c.created_at.label("password_at"),
    )
    .join(_people, _people.c.id == _table.c.principal_id)
    .join(
        _devices,
        (_devices.c.id == _table.c.device_id) & (_devices.c.principal_id == _table.c.principal_id),
    )
    .outerjoin(
        _passwords,
        (_passwords.c.principal_id == _table.c.principal_id) & _passwords.c.ended_at.is_(None),
    )
)
