"""Keeps every key, apart from the data it opens [2.4]: the master key, the service keys, and the period keys.

A root key provider wraps the master; the master wraps the rest; a period key, one for each selling partner and day of
disposal, wraps the DEKs beside the records. Destroying a period key makes every record of that day unreadable in every
copy of the data there is. This file never lets a key reach the vault's database, and a destroyed key never comes back:
its bytes are looked for in the files before `destroy` says that it is done.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from strongroom.crypto import envelope
from strongroom.crypto.derive import aad
from strongroom.crypto.index import SearchKey, search_key, tag
from strongroom.crypto.root import RootProvider
from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.db.group import Failed
from strongroom.errors import Misconfigured, NotFound, Tampered, Unavailable
from strongroom.terms import Environment, PeriodId, SellerId
from strongroom.vault.master import MasterKey

_CHECKPOINT_TRIES: Final = 50
_MANY_DESTROYED: Final = 100_000
_SERVICE = "strongroom/service-key/v1"
_PERIOD = "strongroom/period-key/v1"


class PeriodKind(StrEnum):
    """A day's key lives until that day, a pending key for one pending window, a held key until its archive is there."""

    DAY = "day"
    PENDING = "pending"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class PeriodKey:
    """One live period key. `day` is the day of disposal, a held key's last or the pending window's first; from 1970."""

    id: PeriodId
    seller: SellerId
    kind: PeriodKind
    day: int
    generation: int
    cipher: envelope.PeriodCipher = field(repr=False)
    search: SearchKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class PeriodRow:
    """A period as listed: never its key."""

    id: PeriodId
    seller: SellerId
    kind: PeriodKind
    day: int
    generation: int
    created_at: datetime
    destroyed_at: datetime | None


@dataclass(frozen=True, slots=True)
class KeystoreInventory:
    """The keys above and beside the period keys. More than one root: a change is not finished, the last one is new."""

    root: str
    roots: tuple[str, ...]
    services: tuple[tuple[str, datetime], ...]


class SignerMemory:
    """What the signer of one log vouched for last, so that a log that was rolled back shows it."""

    def __init__(self, database: Database, origin: str) -> None:
        self._database = database
        self._origin = origin

    def last(self) -> tuple[int, bytes] | None:
        """Return the last (size, root) remembered."""
        table = schema.keystore_signer
        query = sa.select(table.c.size, table.c.root).where(table.c.origin == self._origin)
        with self._database.read() as tx:
            row = tx.execute(query).first()
        return None if row is None else (row.size, bytes(row.root))

    def remember(self, size: int, root: bytes) -> None:
        """Replace what `last` returns, durably; a smaller size is never remembered."""
        table = schema.keystore_signer
        here = table.c.origin == self._origin
        with self._database.write() as tx:
            changed = tx.execute(
                table.update().where(here, table.c.size <= size).values(size=size, root=root)
            )
            if changed.rowcount == 0 and tx.execute(sa.select(table).where(here)).first() is None:
                tx.execute(table.insert().values(origin=self._origin, size=size, root=root))

    def advance(self, known: tuple[int, bytes] | None, size: int, root: bytes) -> bool:
        """Replace what `last` returned before by this, durably; False where it is no longer what stands there."""
        table = schema.keystore_signer
        here = table.c.origin == self._origin
        with self._database.write() as tx:
            if known is None:
                if tx.execute(sa.select(table.c.size).where(here)).first() is not None:
                    return False
                tx.execute(table.insert().values(origin=self._origin, size=size, root=root))
                return True
            same = (table.c.size == known[0], table.c.root == known[1])
            changed = tx.execute(table.update().where(here, *same).values(size=size, root=root))
            return changed.rowcount == 1


class Keystore:
    """The keys of one home. Every method that changes something is durable when it returns. Safe between threads."""

    def __init__(
        self, database: Database, provider: RootProvider, environment: Environment, home_id: str
    ) -> None:
        self._database = database
        self._environment = environment
        self._home_id = home_id
        self._master = MasterKey(database, provider, environment, home_id)
        self._lock = threading.RLock()
        self._by_id: dict[PeriodId, PeriodKey] = {}
        self._by_place: dict[tuple[SellerId, PeriodKind, int], PeriodKey] = {}
        self._destroyed: set[PeriodId] = set()
        """Periods known to be destroyed: none comes back, and records remember those that wrapped them."""
        self._secrets: dict[str, bytes] = {}

    def __repr__(self) -> str:
        return "<keystore>"

    def on_unsound(self, stop: Callable[[Failed], None]) -> None:
        """Have `stop` called once nothing may be written any more: as the vault's database does."""
        self._database.on_unsound(stop)

    # -- master and service keys -----------------------------------------------------------------------------------

    def create_master(self, now: datetime) -> None:
        """Make the master key of a new home, wrapped by the root; does nothing where one exists."""
        self._master.create(now)

    def made_at(self) -> datetime:
        """Return when the first master key was made: when the home was. Raises: Misconfigured."""
        table = schema.keystore_master
        with self._database.read() as tx:
            row = tx.execute(sa.select(table.c.created_at).order_by(table.c.id)).first()
        if row is None:
            raise Misconfigured("the keystore holds no master key")
        made_at: datetime = row.created_at
        return made_at

    def switch_database(self, url: str) -> None:
        """Reach the keystore by another URL from now on. Raises: as `Database.switch`."""
        self._database.switch(url, schema.keystore.tables)

    def open(self) -> None:
        """Unwrap the master key: the one call to the root key provider that a start needs.

        While a root gives way to another, the master is there twice; this one opens its own.

        Raises:
            Misconfigured: there is no master key here, or the root does not belong to it.
            Unavailable: the provider does not answer.

        """
        with self._lock:
            self._master.open()

    def probe_root(self) -> None:
        """Have the root key's provider show that it still opens the master key; keys that are put away come back.

        The provider is asked outside of the keystore's lock: whoever reads does not wait for it.

        Raises:
            Tampered: it opens another key, or does not know ours.
            Misconfigured, Unavailable: as the provider's `unwrap`.

        """
        found = self._master.probe()
        with self._lock:
            if self._master.is_shut:
                self._master.open()
            elif not self._master.is_open_with(found):
                raise Tampered(
                    "the root key's provider opens another master key than the one in use"
                )

    def shut(self) -> None:
        """Forget the master key and every period key; what needs one is refused until `probe_root` succeeds.

        Keys can still be destroyed. Service keys that others hold stay with them: no record lies under one.
        """
        with self._lock:
            self._master.shut()
            self._by_id.clear()
            self._by_place.clear()

    # -- rotation --------------------------------------------------------------------------------------------------

    def admit_root(self, successor: RootProvider, now: datetime) -> None:
        """Wrap the master key under another root as well: from now on either opens the keystore."""
        with self._lock:
            self._master.admit(successor, now)

    def use_root(self, successor: RootProvider) -> None:
        """Take this root from now on; `admit_root` let it in before."""
        with self._lock:
            self._master.provider = successor

    def retire_roots(self) -> int:
        """Destroy the master key as every root before the newest wrapped it; return how many did.

        Nothing is destroyed before the newest root has shown that it opens the keystore.

        Raises:
            Unavailable, Tampered: as `destroy`.

        """
        with self._lock:
            doomed = self._master.retire()
            self.prove_clean(doomed)
        return len(doomed)

    def rotate_master(
        self, now: datetime, progress: Callable[[int, int], None] | None = None
    ) -> int:
        """Put a new master key in place of the one before; return how many keys it wraps now.

        All of it is one transaction: a kill leaves one master or the other, and every key under it.

        Raises:
            Conflict: a root is about to be changed: both would have to be at hand.
            Unavailable, Tampered: as `destroy`; the new master is in place.

        """
        with self._lock:
            with self._database.write(alone=True) as tx:
                before = self._master.only(tx)
                fresh = envelope.new_key()
                doomed = []
                keys = self._wrapped_keys(tx)
                for done, (table, here, wrapped, context) in enumerate(keys, 1):
                    key = envelope.unwrap(before, wrapped, context=context)
                    anew = envelope.wrap(fresh, key, context=context)
                    tx.execute(table.update().where(here).values(wrapped=anew))
                    doomed.append(wrapped)
                    if progress is not None:
                        progress(done, len(keys))
                put, old = self._master.put(tx, fresh, now)
                doomed.append(old)
            self._master.take(fresh, put)
            self.prove_clean(doomed)
        return len(keys)

    def renew_secret(self, name: str, now: datetime) -> None:
        """Put a new service key in place of one that nothing stored depends on; the next opening uses it.

        Raises:
            NotFound: there is no such key.
            Unavailable, Tampered: as `destroy`.

        """
        table = schema.keystore_secret
        with self._lock:
            with self._database.write() as tx:
                master = self._master.within(tx)
                row = tx.execute(sa.select(table.c.wrapped).where(table.c.name == name)).first()
                if row is None:
                    raise NotFound(f"there is no service key {name}")
                context = self._service_context(name)
                wrapped = envelope.wrap(master, envelope.new_key(), context=context)
                changed = {"wrapped": wrapped, "created_at": now}
                tx.execute(table.update().where(table.c.name == name).values(changed))
            self.prove_clean([bytes(row.wrapped)])

    def inventory(self) -> "KeystoreInventory":
        """Return what keys there are besides the period keys: never a key."""
        table = schema.keystore_secret
        with self._database.read() as tx:
            query = sa.select(table.c.name, table.c.created_at).order_by(table.c.name)
            services = [(row.name, row.created_at) for row in tx.execute(query)]
        return KeystoreInventory(self._master.provider.uri, self._master.roots(), tuple(services))

    def secret(self, name: str, now: datetime) -> bytes:
        """Return the 32-byte service key of this name; the first call makes it."""
        with self._lock:
            if name not in self._secrets:
                self._secrets[name] = self._load_secret(name, now)
            return self._secrets[name]

    def _load_secret(self, name: str, now: datetime) -> bytes:
        table = schema.keystore_secret
        context = self._service_context(name)
        query = sa.select(table.c.wrapped).where(table.c.name == name)
        with self._database.read() as tx:
            row = tx.execute(query).first()
        if row is None:
            try:
                with self._database.write() as tx:
                    wrapped = envelope.wrap(
                        self._master.within(tx), envelope.new_key(), context=context
                    )
                    tx.execute(table.insert().values(name=name, wrapped=wrapped, created_at=now))
            except (IntegrityError, Unavailable):
                pass  # another node was first: read its key
            with self._database.read() as tx:
                row = tx.execute(query).one()
        return self._master.unwrap(row.wrapped, context)

    # -- period keys -----------------------------------------------------------------------------------------------

    def period(
        self, seller: SellerId, kind: PeriodKind, day: int, now: datetime
    ) -> tuple[PeriodKey, bool]:
        """Return the live period key of this place, and whether this call made it."""
        place = (seller, kind, day)
        with self._lock:
            found = self._by_place.get(place)
            if found is not None:
                return found, False
            with self._database.write() as tx:
                found_row = tx.execute(self._newest(place)).first()
                made = found_row is None or found_row.wrapped is None
                if made:
                    generation = 1 if found_row is None else found_row.generation + 1
                    self._insert_period(tx, place, generation, now)
                row = tx.execute(self._newest(place)).one()
            return self._remember_period(row), made

    def replace(self, period: PeriodRow | PeriodKey, now: datetime) -> PeriodKey:
        """Make the next generation of a period, which from now on takes its records; the old key stays readable."""
        place = (period.seller, period.kind, period.day)
        with self._lock:
            with self._database.write() as tx:
                newest = tx.execute(self._newest(place)).one()
                if newest.generation <= period.generation:
                    self._insert_period(tx, place, period.generation + 1, now)
                row = tx.execute(self._newest(place)).one()
            self._by_place.pop(place, None)
            return self._remember_period(row)

    def find_period(self, id_: PeriodId) -> PeriodKey | None:
        """Return a period key by number; None once it is destroyed."""
        with self._lock:
            found = self._by_id.get(id_)
            if found is not None or id_ in self._destroyed:
                return found
            if id_ in self._destroyed:
                return None
            table = schema.keystore_period
            with self._database.read() as tx:
                row = tx.execute(sa.select(table).where(table.c.id == id_)).first()
            if row is None:
                return None
            if row.wrapped is None:
                # For good: a record that moved through many windows names them all.
                if len(self._destroyed) >= _MANY_DESTROYED:
                    self._destroyed.clear()
                self._destroyed.add(id_)
                return None
            return self._remember_period(row, newest=False)

    def periods(
        self, *, seller: SellerId | None = None, live: bool | None = None
    ) -> list[PeriodRow]:
        """List periods, oldest first; `live` True leaves out the destroyed ones, False shows only those not purged."""
        table = schema.keystore_period
        query = sa.select(table).order_by(table.c.id)
        if seller is not None:
            query = query.where(table.c.seller_id == seller)
        if live is True:
            query = query.where(table.c.wrapped.is_not(None))
        elif live is False:
            query = query.where(table.c.wrapped.is_(None), table.c.purged_at.is_(None))
        with self._database.read() as tx:
            return [
                PeriodRow(
                    PeriodId(row.id),
                    SellerId(row.seller_id),
                    PeriodKind(row.kind),
                    row.day,
                    row.generation,
                    row.created_at,
                    row.destroyed_at,
                )
                for row in tx.execute(query)
            ]

    def search_tags(
        self, seller: SellerId | None, kind: str, normal: str
    ) -> list[tuple[PeriodId, int]]:
        """Return the tag that a normalised value would have in each live period, of one selling partner or of all."""
        live = (self.find_period(period.id) for period in self.periods(seller=seller, live=True))
        return [(period.id, tag(period.search, kind, normal)) for period in live if period]

    def every_cipher(self) -> list[tuple[PeriodId | None, envelope.PeriodCipher]]:
        """Return every key that still exists as a cipher, a period's with its number, to prove what none of them opens.

        Raises:
            Tampered: a key is not the one that was stored.

        """
        table = schema.keystore_secret
        with self._database.read() as tx:
            rows = tx.execute(sa.select(table.c.name, table.c.created_at)).all()
            master = self._master.within(tx)
        others = [master, *(self.secret(row.name, row.created_at) for row in rows)]
        found: list[tuple[PeriodId | None, envelope.PeriodCipher]] = [
            (None, envelope.PeriodCipher(key)) for key in others
        ]
        for listed in self.periods(live=True):
            period = self.find_period(listed.id)
            if period is not None:
                found.append((period.id, period.cipher))
        return found

    def destroy(self, ids: list[PeriodId], now: datetime) -> None:
        """Destroy period keys for good, whatever they lock: O(1) a key. On return no file of the keystore holds them.

        That is checked on SQLite. PostgreSQL's files and log keep the old row, wrapped under the master key, until the
        space is used again: such a keystore needs a cluster of its own without archived logs (docs/operating.md).

        Raises:
            Unavailable: a reader kept the log open so that its old pages could not be cut; call again.
            Tampered: the bytes are still in a file although every step succeeded.

        """
        table = schema.keystore_period
        with self._lock:
            with self._database.write() as tx:
                doomed = [
                    bytes(row.wrapped)
                    for row in tx.execute(sa.select(table.c.wrapped).where(table.c.id.in_(ids)))
                    if row.wrapped is not None
                ]
                tx.execute(
                    table.update()
                    .where(table.c.id.in_(ids), table.c.wrapped.is_not(None))
                    .values(wrapped=None, destroyed_at=now)
                )
            for id_ in ids:
                gone = self._by_id.pop(id_, None)
                if (
                    gone is not None
                    and self._by_place.get((gone.seller, gone.kind, gone.day)) is gone
                ):
                    del self._by_place[(gone.seller, gone.kind, gone.day)]
            self.prove_clean(doomed)

    def prove_clean(self, doomed: list[bytes] | None = None) -> None:
        """Cut the write-ahead log and check that no file of the keystore holds the `doomed` bytes (SP 800-88, 2.1)."""
        for _ in range(_CHECKPOINT_TRIES):
            if self._database.truncate_wal():
                break
            time.sleep(0.02)
        else:
            raise Unavailable(
                "the keystore's log could not be cut: a reader holds it open",
                hint="close other programs on keys.db",
            )
        if not doomed:
            return
        for name, content in self._database.raw_bytes():
            if any(key in content for key in doomed):
                raise Tampered(
                    f"a destroyed key is still in {name}",
                    hint="is secure_delete off in this SQLite?",
                )

    @contextmanager
    def view(self) -> Iterator[Transaction]:
        """Give one consistent view of the keystore's rows, for a copy of it: every key in them is wrapped."""
        with self._database.read() as tx:
            yield tx

    @property
    def provider(self) -> RootProvider:
        """What wraps the master key."""
        return self._master.provider

    def mark_purged(self, id_: PeriodId, now: datetime) -> None:
        """Record that no row refers to a destroyed period any more."""
        table = schema.keystore_period
        with self._database.write() as tx:
            tx.execute(table.update().where(table.c.id == id_).values(purged_at=now))

    # -- the log signer's memory -----------------------------------------------------------------------------------

    def signer_memory(self, origin: str) -> "SignerMemory":
        """Return the memory of the log's signer, kept apart from the log itself [2.6]."""
        return SignerMemory(self._database, origin)

    def signed_origins(self) -> list[str]:
        """Return every origin that the log's signer remembers anything of."""
        with self._database.read() as tx:
            return list(tx.execute(sa.select(schema.keystore_signer.c.origin)).scalars())

    # -- private ---------------------------------------------------------------------------------------------------

    def _wrapped_keys(
        self, tx: Transaction
    ) -> list[tuple[sa.Table, sa.ColumnElement[bool], bytes, bytes]]:
        """Return every key under the master: its table, its row, the wrapped bytes and their context."""
        secret, period = schema.keystore_secret, schema.keystore_period
        found = [
            (secret, secret.c.name == row.name, bytes(row.wrapped), self._service_context(row.name))
            for row in tx.execute(sa.select(secret.c.name, secret.c.wrapped))
        ]
        for row in tx.execute(sa.select(period).where(period.c.wrapped.is_not(None))):
            place = (SellerId(row.seller_id), PeriodKind(row.kind), row.day)
            context = self._period_context(place, row.generation)
            found.append((period, period.c.id == row.id, bytes(row.wrapped), context))
        return found

    def _service_context(self, name: str) -> bytes:
        return aad(_SERVICE, self._environment, self._home_id, name)

    def _period_context(self, place: tuple[SellerId, PeriodKind, int], generation: int) -> bytes:
        seller, kind, day = place
        return aad(_PERIOD, self._environment, self._home_id, seller, kind, day, generation)

    def _newest(self, place: tuple[SellerId, PeriodKind, int]) -> sa.Select[tuple[object, ...]]:
        table = schema.keystore_period
        seller, kind, day = place
        return (
            sa.select(table)
            .where(table.c.seller_id == seller, table.c.kind == kind, table.c.day == day)
            .order_by(table.c.generation.desc())
            .limit(1)
        )

    def _insert_period(
        self,
        tx: Transaction,
        place: tuple[SellerId, PeriodKind, int],
        generation: int,
        now: datetime,
    ) -> None:
        seller, kind, day = place
        wrapped = envelope.wrap(
            self._master.within(tx),
            envelope.new_key(),
            context=self._period_context(place, generation),
        )
        tx.execute(
            schema.keystore_period.insert().values(
                seller_id=seller,
                kind=kind,
                day=day,
                generation=generation,
                wrapped=wrapped,
                created_at=now,
            )
        )

    def _remember_period(
        self, row: sa.Row[tuple[object, ...]], *, newest: bool = True
    ) -> PeriodKey:
        place = (SellerId(row.seller_id), PeriodKind(row.kind), row.day)
        key = self._master.unwrap(row.wrapped, self._period_context(place, row.generation))
        period = PeriodKey(
            PeriodId(row.id), *place, row.generation, envelope.PeriodCipher(key), search_key(key)
        )
        self._by_id[period.id] = period
        if newest:
            self._by_place[place] = period
        return period
