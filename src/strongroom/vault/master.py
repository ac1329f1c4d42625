"""The master key of a keystore: wrapped by the root, opened once, replaced while others use it [2.4].

Its rows are its history: what was replaced is an empty one. While a root gives way to another the master is there
twice, and either root opens the keystore; the newest row counts once its root has opened it. Private to this room, and
called under the keystore's own lock.
"""

import hmac
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from strongroom.crypto import envelope
from strongroom.crypto.derive import aad
from strongroom.crypto.root import RootProvider
from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Conflict, Misconfigured, Tampered, Unavailable
from strongroom.terms import Environment

_LABEL: Final = "strongroom/master/v1"
_LOCK: Final = 7302
_table: Final = schema.keystore_master


class MasterKey:
    """The master key of one home, as this process holds it."""

    def __init__(
        self, database: Database, provider: RootProvider, environment: Environment, home_id: str
    ) -> None:
        self.provider = provider
        self._database = database
        self._environment = environment
        self._context = aad(_LABEL, environment, home_id)
        self._key = b""
        self._row = 0
        self.is_shut = False

    def __repr__(self) -> str:
        return "<master key>"

    def create(self, now: datetime) -> None:
        """Make one, wrapped by the root; does nothing where there is one."""
        with self._database.write() as tx:
            if tx.execute(sa.select(_table.c.id)).first() is None:
                self._insert(tx, self.provider, envelope.new_key(), now)

    def open(self) -> None:
        """Unwrap it. Raises: Misconfigured; Unavailable where the provider does not answer."""
        with self._database.read() as tx:
            self._load(tx)
        self.is_shut = False

    def within(self, tx: Transaction, *, alone: bool = False) -> bytes:
        """Return the key to wrap with in this transaction, whoever replaced it; `alone` is for who replaces it.

        Raises:
            Misconfigured: it is not open, or another root wraps it by now.

        """
        if tx.dialect.name == "postgresql":
            # Another node may be about to replace it: what this one then wraps under the old one would be lost.
            shared = "" if alone else "_shared"
            tx.execute(sa.text(f"SELECT pg_advisory_xact_lock{shared}({_LOCK})"))
        if self._key:
            self._follow(tx)
        return self._opened()

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Unwrap a key that it wraps, also where another node has replaced it. Raises: Tampered."""
        try:
            return envelope.unwrap(self._opened(), wrapped, context=context)
        except Tampered:
            with self._database.read() as tx:
                if not self._follow(tx):
                    raise
            return envelope.unwrap(self._opened(), wrapped, context=context)

    def probe(self) -> bytes:
        """Have the provider unwrap it once more, and return what it gave; takes no lock and may wait for the provider.

        Raises:
            Tampered: the provider does not know it as its own.
            Misconfigured, Unavailable: as the provider's `unwrap`.

        """
        with self._database.read() as tx:
            rows = _live(tx)
        provider = self.provider
        ours = [row for row in rows if row.root_uri == provider.uri] or rows
        if not ours:
            raise Misconfigured("the keystore holds no master key")
        return provider.unwrap(ours[0].wrapped, self._context)

    def shut(self) -> None:
        """Forget the key; `open` brings it back."""
        self._key, self._row, self.is_shut = b"", 0, True

    def is_open_with(self, key: bytes) -> bool:
        """Tell whether this is the key at hand, or the one that the newest row holds by now."""
        if hmac.compare_digest(self._key, key):
            return True
        # It may have been replaced while the provider was asked.
        with self._database.read() as tx:
            return self._follow(tx)

    # -- another root ----------------------------------------------------------------------------------------------

    def admit(self, successor: RootProvider, now: datetime) -> None:
        """Wrap it under another root as well; durable on return."""
        with self._database.write() as tx:
            row = self._insert(tx, successor, self.within(tx, alone=True), now)
        self._row = row

    def retire(self) -> list[bytes]:
        """Empty every row before the newest, and return what was in them: once the root at hand opens the newest."""
        with self._database.write() as tx:
            self.within(tx, alone=True)
            newest, *older = _live(tx)
            if not older or not self._opens(newest.wrapped):
                return []
            ids = [row.id for row in older]
            tx.execute(_table.update().where(_table.c.id.in_(ids)).values(wrapped=b""))
        return [bytes(row.wrapped) for row in older]

    def roots(self) -> tuple[str, ...]:
        """Return the addresses of the roots that wrap it, the newest last."""
        with self._database.read() as tx:
            return tuple(row.root_uri for row in reversed(_live(tx)))

    # -- another master --------------------------------------------------------------------------------------------

    def only(self, tx: Transaction) -> bytes:
        """Return the key, in the transaction that is to replace it. Raises: Conflict where two roots wrap it."""
        key = self.within(tx, alone=True)
        if len(_live(tx)) > 1:
            raise Conflict(
                "the root key is about to be changed",
                hint="finish that first: put the new root into the settings and restart",
            )
        return key

    def put(self, tx: Transaction, fresh: bytes, now: datetime) -> tuple[int, bytes]:
        """Put another key in its place; return its row, and the wrapped bytes of the one before."""
        (before,) = _live(tx)
        row = self._insert(tx, self.provider, fresh, now)
        tx.execute(_table.update().where(_table.c.id == before.id).values(wrapped=b""))
        return row, bytes(before.wrapped)

    def take(self, fresh: bytes, row: int) -> None:
        """Use what `put` wrote, now that it is durable."""
        self._key, self._row = fresh, row

    # -- private ---------------------------------------------------------------------------------------------------

    def _opened(self) -> bytes:
        if self.is_shut:
            raise Unavailable(
                "the keys are put away: the root key's provider has not answered for too long",
                hint="they come back by themselves once it answers (docs/keys.md)",
            )
        if not self._key:
            raise Misconfigured("the keystore is not open")
        return self._key

    def _insert(self, tx: Transaction, root: RootProvider, key: bytes, now: datetime) -> int:
        wrapped = root.wrap(key, self._context)
        values = {"root_uri": root.uri, "wrapped": wrapped, "created_at": now}
        made = tx.execute(_table.insert().values(values)).inserted_primary_key
        return int(made[0]) if made else 0

    def _follow(self, tx: Transaction) -> bool:
        """Read it again where there is a newer row; say whether there was."""
        newest = tx.execute(sa.select(sa.func.max(_table.c.id))).scalar() or 0
        if newest == self._row:
            return False
        self._load(tx)
        return True

    def _load(self, tx: Transaction) -> None:
        live = _live(tx)
        if not live:
            raise Misconfigured(
                "the keystore holds no master key",
                hint="restore keys.db from its own copy; a new one opens no record",
            )
        # Its own address first: a root that lies elsewhere may cost a call.
        for row in sorted(live, key=lambda row: row.root_uri != self.provider.uri):
            try:
                self._key = self.provider.unwrap(row.wrapped, self._context)
            except Tampered:
                continue
            self._row = max(row.id for row in live)
            return
        raise Misconfigured(
            f"the root key does not open this keystore as a home of environment {self._environment}",
            hint="was it made for the other environment, or copied from another home?",
        )

    def _opens(self, wrapped: bytes) -> bool:
        try:
            self.provider.unwrap(wrapped, self._context)
        except Tampered:
            return False
        return True


def _live(tx: Transaction) -> list[sa.Row[Any]]:
    """Return the rows that still hold the key, newest first."""
    rows = tx.execute(sa.select(_table).order_by(_table.c.id.desc()))
    return [row for row in rows if row.wrapped]
