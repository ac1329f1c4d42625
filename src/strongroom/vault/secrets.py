"""Since when this installation's own secrets are what they are: LWA client secrets, database passwords, the passphrase.

Of a secret it keeps keyed digests, so that a change made outside (a new password in the settings) is seen at the next
start, and one that comes back is not taken for a new one [1.4]. The secrets themselves are never here.
"""

import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from strongroom.audit.entry import Event, ObjKind, Outcome
from strongroom.audit.event_types import EventType
from strongroom.audit.log import AuditLog
from strongroom.crypto.derive import KEY_BYTES, aad, derive
from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Conflict
from strongroom.policy.secrets import LWA, SecretAge, lifetime_of
from strongroom.terms import SYSTEM, Caller, Environment, SellerId

_REMEMBERED: Final = 10
"""Digests kept of one secret: the present one first."""

_table: Final = schema.system_secret


class SystemSecrets:
    """The ages of one home's secrets. Changes are durable on return, with their event. Safe between threads."""

    def __init__(
        self, database: Database, key: bytes, audit: AuditLog, environment: Environment
    ) -> None:
        self._database = database
        self._audit = audit
        self._key = derive(key, "strongroom/system-secret/v1", environment)
        self._used: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        return "<system secrets>"

    def observe(self, values: Mapping[str, bytes], made_at: datetime, now: datetime) -> None:
        """Take note of the secrets that are in use, by name: only these are listed.

        One seen for the first time counts as old as the home (`made_at`), and so does one that was replaced before and
        came back: nothing proves it younger.
        """
        self._used = frozenset(values)
        with self._database.read() as tx:
            known = {row.name: bytes(row.digests) for row in tx.execute(sa.select(_table))}
        for name, value in values.items():
            digest, before = self._digest(name, value), known.get(name, b"")
            if hmac.compare_digest(before[:KEY_BYTES], digest):
                continue
            is_new = bool(before) and digest not in _split(before)
            since = now if is_new else made_at
            with self._database.write() as tx:
                self._set(tx, SYSTEM, name, digest, since)
                if before:
                    self._audit.append(tx, _event(SYSTEM, name), now=now)

    def refuse_known(self, name: str, value: bytes) -> None:
        """Refuse a secret that stood under this name before. Raises: Conflict."""
        with self._database.read() as tx:
            row = tx.execute(sa.select(_table.c.digests).where(_table.c.name == name)).first()
        if row is not None and self._digest(name, value) in _split(bytes(row.digests)):
            raise Conflict("this secret was in use before", hint="make a new one [1.4]")

    def change(self, caller: Caller, name: str, value: bytes, now: datetime) -> None:
        """Record that a secret was replaced just now."""
        with self._database.write() as tx:
            event = self.change_in(tx, caller, name, value, now)
            self._audit.append(tx, event, now=now)

    def begin(
        self, tx: Transaction, caller: Caller, name: str, value: bytes, now: datetime
    ) -> None:
        """Take note, in the caller's transaction, of a secret that is in use from now on.

        One that stood under this name before is as old as it was.
        """
        row = tx.execute(sa.select(_table).where(_table.c.name == name)).first()
        digest = self._digest(name, value)
        known = row is not None and digest in _split(bytes(row.digests))
        self._set(tx, caller, name, digest, row.since if row is not None and known else now)
        self._used |= {name}

    def end(self, name: str) -> None:
        """Take note that a secret is no longer in use: it is listed no more, and known again if it comes back."""
        self._used -= {name}

    def change_in(
        self,
        tx: Transaction,
        caller: Caller,
        name: str,
        value: bytes,
        now: datetime,
        *,
        before: bytes | None = None,
    ) -> Event:
        """Do what `change` does in the caller's transaction; the event is the caller's to append.

        `before` is what it replaces, where that was never observed.
        """
        if before is not None:
            self._set(tx, caller, name, self._digest(name, before), now)
        self._set(tx, caller, name, self._digest(name, value), now)
        return _event(caller, name)

    def ages(self) -> list[SecretAge]:
        """Return every secret in use with its age: those of selling partners first."""
        seller = schema.seller.c
        with self._database.read() as tx:
            since = {row.name: row.since for row in tx.execute(sa.select(_table))}
            sellers = tx.execute(
                sa.select(seller.id, seller.name, seller.created_at).order_by(seller.name)
            ).all()
        found = [
            SecretAge(LWA + row.name, since.get(lwa_name(row.id), row.created_at), lifetime_of(LWA))
            for row in sellers
        ]
        return found + [
            SecretAge(name, since[name], lifetime_of(name))
            for name in sorted(self._used)
            if name in since
        ]

    def _digest(self, name: str, value: bytes) -> bytes:
        return hmac.digest(self._key, aad(name, value), "sha256")

    def _set(
        self, tx: Transaction, caller: Caller, name: str, digest: bytes, since: datetime
    ) -> None:
        row = tx.execute(sa.select(_table.c.digests).where(_table.c.name == name)).first()
        before = [] if row is None else [d for d in _split(bytes(row.digests)) if d != digest]
        digests = b"".join([digest, *before][:_REMEMBERED])
        values = {"since": since, "changed_by": caller.principal, "digests": digests}
        if row is None:
            tx.execute(_table.insert().values(name=name, **values))
        else:
            tx.execute(_table.update().where(_table.c.name == name).values(**values))


def lwa_name(seller: SellerId | int) -> str:
    """Return under which name a selling partner's client secret is kept."""
    return f"{LWA}{seller}"


def _split(digests: bytes) -> list[bytes]:
    return [digests[i : i + KEY_BYTES] for i in range(0, len(digests), KEY_BYTES)]


def _event(caller: Caller, name: str) -> Event:
    return Event(
        EventType.SECRET_ROTATED,
        Outcome.SUCCESS,
        caller,
        obj_kind=ObjKind.SECRET,
        obj_ref=name,
    )
