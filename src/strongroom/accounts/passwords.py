"""Keeps people's passwords: hashed with Argon2id, judged by the policy, changed every quarter [1.4].

What is hashed is an HMAC of the password under a key of the keystore, bound to whose it is: a copy of the database
alone lets nobody guess, and a row moved to another person lets nobody in. Hashing takes memory and time on purpose, so
it never happens inside a write transaction, and few happen at once. ADR 0090 says why each number is what it is.
"""

import base64
import hmac
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from argon2.profiles import RFC_9106_LOW_MEMORY

from strongroom.accounts.changes import Changes
from strongroom.audit import AuditLog, Event, EventType, ObjKind, Outcome
from strongroom.crypto.derive import aad, derive
from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Conflict, Malformed, Throttled
from strongroom.policy.breached import is_breached
from strongroom.policy.limits import (
    CURRENT,
    LONGEST_PASSWORD,
    PASSWORD_HASH_WAIT,
    PASSWORD_HASHES_AT_ONCE,
    PasswordProfile,
)
from strongroom.policy.passwords import faults, normalized, rules
from strongroom.terms import SYSTEM, Environment, PrincipalId

_SALT_BYTES: Final = 16
_REHASHED: Final = "password.rehashed"

_table: Final = schema.person_password
_people: Final = schema.principal


class Verdict(StrEnum):
    """What a password that somebody typed is."""

    WRONG = "wrong"
    RIGHT = "right"
    EXPIRED = "expired"
    """Right, and older than the quarter: good for nothing but choosing another."""


@dataclass(frozen=True, slots=True)
class Checked:
    """The verdict, and until when a right password is good."""

    verdict: Verdict
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A password that may be stored: judged, not used before, hashed."""

    name: str
    hash: str = field(repr=False)
    after: int | None
    """The row it follows: stored only while that is still the newest one."""


class Passwords:
    """The passwords of one home's people. Safe between threads."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        key: bytes,
        environment: Environment,
        profile: PasswordProfile,
        *,
        hasher: PasswordHasher | None = None,
        entropy: Callable[[int], bytes] = secrets.token_bytes,
        wait_seconds: float = PASSWORD_HASH_WAIT.total_seconds(),
    ) -> None:
        self._database = database
        self._audit = audit
        self._key = derive(key, "strongroom/password/v1", environment)
        self._profile = profile
        self._hasher = hasher or PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
        self._entropy = entropy
        self._wait_seconds = wait_seconds
        self._places = threading.BoundedSemaphore(PASSWORD_HASHES_AT_ONCE)
        self._nobodys = _unknown_hash(self._hasher, entropy)

    def __repr__(self) -> str:
        return "<passwords>"

    @property
    def profile(self) -> PasswordProfile:
        """Return the rules that hold here."""
        return self._profile

    def rules(self) -> list[str]:
        """Return what is asked of a password, a line each, for who chooses one."""
        return rules(self._profile)

    def check(self, principal: PrincipalId | None, password: str, now: datetime) -> Checked:
        """Judge a password that somebody typed for this person; None where nobody has the typed name.

        Takes as long for a person unknown or without a password as for a wrong one. Whether the account lives, and
        what is recorded, is the caller's. A right password whose hash was made with weaker parameters is hashed anew.

        Raises:
            Throttled: too many passwords are being checked at this moment.

        """
        # Looked up for nobody too: what is asked of the database takes time as well.
        name, row = self._current(PrincipalId(0) if principal is None else principal)
        is_right = self._verifies(self._nobodys if row is None else row.hash, name, password)
        if row is None or not is_right:
            return Checked(Verdict.WRONG)
        if self._hasher.check_needs_rehash(row.hash):
            self._rehash(row.id, row.hash, name, password, now)
        expires_at: datetime = row.created_at + self._profile.lifetime
        return Checked(Verdict.RIGHT if now < expires_at else Verdict.EXPIRED, expires_at)

    def due_at(self, principal: PrincipalId) -> datetime | None:
        """Return when a person's password is due to change; None where there is none."""
        _, row = self._current(principal)
        return None if row is None else row.created_at + self._profile.lifetime

    def set_at(self, principal: PrincipalId) -> datetime | None:
        """Return when a person's password was chosen; None where there is none."""
        _, row = self._current(principal)
        return None if row is None else row.created_at

    def prepare(
        self,
        principal: PrincipalId | None,
        password: str,
        *,
        name: str,
        now: datetime,
        by_link: bool = False,
    ) -> Prepared:
        """Return a new password for this person, ready to be stored; call it outside any transaction: it takes long.

        `principal` is None for who becomes a person in the same transaction, under `name`. The minimum age does not
        hold for a password that is chosen `by_link`, because whoever needs a link has lost the one before.

        Raises:
            Malformed: all that is wrong with it, never the password itself; or it is one of the last ones [1.4].
            Conflict: the present one is younger than the minimum age.
            Throttled: too many passwords are being checked at this moment.

        """
        found = faults(password, name=name, profile=self._profile, is_common=is_breached)
        if found:
            raise Malformed(f"the password will not do: {'; '.join(found)}")
        after = (
            None
            if principal is None
            else self._refuse_reuse(principal, name, password, now, by_link=by_link)
        )
        with self._place():
            hashed = self._hasher.hash(self._bound(name, password), salt=self._entropy(_SALT_BYTES))
        return Prepared(name, hashed, after)

    def store(self, change: Changes, principal: PrincipalId, prepared: Prepared) -> None:
        """Make this the person's password, and the one before it history; recorded with the change.

        Raises:
            Conflict: another one was stored since it was prepared.

        """
        tx = change.tx
        row = tx.execute(
            sa.select(_people.c.name).where(_people.c.id == principal).with_for_update()
        ).one()
        newest = tx.execute(
            sa.select(sa.func.max(_table.c.id)).where(_table.c.principal_id == principal)
        ).scalar()
        if newest != prepared.after or row.name != prepared.name:
            raise Conflict("the password was changed elsewhere meanwhile", hint="try again")
        self.end(change, principal)
        tx.execute(
            _table.insert().values(
                principal_id=principal, hash=prepared.hash, created_at=change.now
            )
        )
        self._forget(change, principal)
        change.record(EventType.PASSWORD_CHANGED, ObjKind.PRINCIPAL, principal)

    def end(self, change: Changes, principal: PrincipalId) -> None:
        """End a person's password; it stays as history. Recorded by what the caller does it for."""
        change.tx.execute(
            _table.update()
            .where(_table.c.principal_id == principal, _table.c.ended_at.is_(None))
            .values(ended_at=change.now)
        )

    @staticmethod
    def any_ever(tx: Transaction) -> bool:
        """Tell whether anybody of this home ever had a password."""
        return tx.execute(sa.select(_table.c.id).limit(1)).first() is not None

    @staticmethod
    def has_one(tx: Transaction, principal: PrincipalId) -> bool:
        """Tell whether a person has a password: who came in by a link, the only way in, has one."""
        query = sa.select(_table.c.id).where(
            _table.c.principal_id == principal, _table.c.ended_at.is_(None)
        )
        return tx.execute(query.limit(1)).first() is not None

    # -- private ---------------------------------------------------------------------------------

    def _current(self, principal: PrincipalId) -> tuple[str, sa.Row[tuple[object, ...]] | None]:
        """Return a person's name, and the row of the present password."""
        query = (
            sa.select(_people.c.name, _table)
            .outerjoin(
                _table, (_table.c.principal_id == _people.c.id) & _table.c.ended_at.is_(None)
            )
            .where(_people.c.id == principal)
            .order_by(_table.c.id.desc())
        )
        with self._database.read() as tx:
            row = tx.execute(query).first()
        if row is None:
            return "", None
        return row.name, None if row.hash is None else row

    def _refuse_reuse(
        self, principal: PrincipalId, name: str, password: str, now: datetime, *, by_link: bool
    ) -> int | None:
        """Refuse a password that comes back or comes too soon, and return the newest row's number."""
        query = (
            sa.select(_table)
            .where(_table.c.principal_id == principal)
            .order_by(_table.c.id.desc())
            # Even where no history is asked for, a change to the same password changes nothing.
            .limit(max(self._profile.history, 1))
        )
        with self._database.read() as tx:
            rows = tx.execute(query).all()
        if not rows:
            return None
        newest = rows[0]
        if not by_link and newest.ended_at is None:
            allowed_at = newest.created_at + self._profile.minimum_age
            if now < allowed_at:
                raise Conflict(
                    f"the password may change again at {allowed_at:%Y-%m-%d %H:%M} UTC",
                    hint="if somebody else knows it, ask for a link: that ends it at once",
                )
        if any(self._verifies(row.hash, name, password) for row in rows):
            raise Malformed("the password will not do: it was used before")
        id_: int = newest.id
        return id_

    def _rehash(self, id_: int, before: str, name: str, password: str, now: datetime) -> None:
        """Replace a hash of weaker parameters; neither age nor history of the password change."""
        with self._place():
            after = self._hasher.hash(self._bound(name, password), salt=self._entropy(_SALT_BYTES))
        event = Event(
            EventType.PASSWORD_CHANGED,
            Outcome.SUCCESS,
            SYSTEM,
            op=_REHASHED,
            obj_kind=ObjKind.CREDENTIAL,
            obj_ref=str(id_),
        )
        with self._database.write() as tx:
            replaced = tx.execute(
                _table.update()
                .where(_table.c.id == id_, _table.c.hash == before)
                .values(hash=after)
            )
            if replaced.rowcount:
                self._audit.append(tx, event, now=now)

    @staticmethod
    def _forget(change: Changes, principal: PrincipalId) -> None:
        """Remove what no profile remembers any more: an old hash only helps whoever steals it."""
        kept = (
            sa.select(_table.c.id)
            .where(_table.c.principal_id == principal)
            .order_by(_table.c.id.desc())
            .limit(CURRENT.history)
        )
        change.tx.execute(
            _table.delete().where(_table.c.principal_id == principal, _table.c.id.not_in(kept))
        )

    def _verifies(self, hash_: str, name: str, password: str) -> bool:
        with self._place():
            try:
                return self._hasher.verify(hash_, self._bound(name, password))
            except (Argon2Error, InvalidHashError):
                return False

    def _bound(self, name: str, password: str) -> bytes:
        """Return what is hashed: 32 bytes that only this home makes of this person's password."""
        # A bounded part: Unicode's normal form of a hostile text is slow work. No right password is longer.
        text = normalized(password[: LONGEST_PASSWORD + 1])
        # Lone surrogates stay what they are, so that no replacement makes two texts one.
        message = aad(name, text.encode(errors="surrogatepass"))
        return hmac.digest(self._key, message, "sha256")

    @contextmanager
    def _place(self) -> Iterator[None]:
        """Hold one of the few places to hash in; each takes its parameters' memory."""
        if not self._places.acquire(timeout=self._wait_seconds):
            raise Throttled("too many passwords are being checked", retry_after=self._wait_seconds)
        try:
            yield
        finally:
            self._places.release()


def _unknown_hash(hasher: PasswordHasher, entropy: Callable[[int], bytes]) -> str:
    """Return a hash that no password has, so that checking one for nobody costs what checking for somebody does."""
    salt, digest = (
        base64.b64encode(entropy(size)).decode().rstrip("=")
        for size in (_SALT_BYTES, hasher.hash_len)
    )
    parameters = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v=19${parameters}${salt}${digest}"
