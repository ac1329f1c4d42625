"""Somebody has every copy of the data there ever was, and all keys that exist: what is erased does not come back.

Each day a copy of the data is taken, and one of the keystore, which lives a day. The thief has the root key, every copy
of the data, the keystore as it is, and each copy of it that may still be alive that day.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.support import tables
from tests.vault.conftest import (
    CONSOLE,
    COPY_LIFETIME,
    EMAIL,
    NAME,
    NOW,
    ROOT_KEY,
    World,
    created,
    order,
)

from strongroom.crypto.envelope import RecordSealer
from strongroom.crypto.index import normalize_email, tag
from strongroom.crypto.root import FileRoot
from strongroom.db import schema
from strongroom.db.engine import Database
from strongroom.errors import Tampered
from strongroom.policy.retention import Progress
from strongroom.terms import Action, Environment, PeriodId, RecordNumber, SellerId
from strongroom.vault import By, Keystore, PeriodKey, Wanted

pytestmark = pytest.mark.clause("1.7", "2.1", "2.4")

SELLER = SellerId(1)
VICTIM, NEIGHBOUR = "902-1000001-0000001", "902-1000001-0000002"
MAIL = {VICTIM: "victim@example.com", NEIGHBOUR: "neighbour@example.com"}


@dataclass
class Thief:
    """Takes a copy of everything each day, and remembers which bytes were the victim's."""

    world: World
    data: list[Path] = field(default_factory=list)
    keys: list[tuple[datetime, Path]] = field(default_factory=list)
    numbers: dict[str, RecordNumber] = field(default_factory=dict)
    bytes_of: dict[str, set[bytes]] = field(default_factory=dict)

    def look(self, now: datetime) -> None:
        place = self.world.directory / f"copies-{len(self.data)}"
        for what, kept in (("vault", self.data), ("keys", None)):
            target = place / what
            target.mkdir(parents=True)
            for file in self.world.directory.glob(f"{what}.db*"):
                shutil.copy(file, target)
            if kept is None:
                self.keys.append((now, target / "keys.db"))
            else:
                kept.append(target / "vault.db")
        with self.world.database.read() as tx:
            for id_, number in self.numbers.items():
                self.bytes_of.setdefault(id_, set()).update(_bytes_of(tx, number))

    def placed(self, id_: str) -> None:
        with self.world.database.read() as tx:
            ref = self.world.vault._ref(SELLER, "order", id_)
            query = sa.select(schema.record.c.number).where(schema.record.c.subject_ref == ref)
            self.numbers[id_] = RecordNumber(tx.execute(query).scalar_one())

    def opens(self, id_: str, now: datetime) -> list[str]:
        """Return by what the victim's data comes back on this day; empty: by nothing."""
        found = []
        stores = [self.world.directory / "keys.db"]
        stores += [path for taken, path in self.keys if now - taken <= COPY_LIFETIME]
        for store in stores:
            with _keys_of(store) as keys:
                for copy in [self.world.directory / "vault.db", *self.data]:
                    found += [f"{store} {copy} {way}" for way in self._ways(id_, copy, keys)]
        return found

    def _ways(self, id_: str, copy: Path, keys: list[PeriodKey]) -> Iterator[str]:
        number, sealer = self.numbers[id_], RecordSealer(Environment.TEST, SELLER)
        database = Database(f"sqlite:///{copy}")
        try:
            with database.read() as tx:
                key, tags = schema.record_key.c, schema.search_tag.c
                rows = tx.execute(
                    sa.select(key.period_id, key.wrapped_dek).where(key.record_number == number)
                ).all()
                known = {
                    t
                    for (t,) in tx.execute(sa.select(tags.tag).where(tags.record_number == number))
                }
        finally:
            database.close()
        for period in keys:
            for row in rows:
                # Under whatever name of a period: the thief tries them all.
                for named in {row.period_id, period.id}:
                    try:
                        sealer.unwrap(period.cipher, number, PeriodId(named), row.wrapped_dek)
                    except Tampered:
                        continue
                    yield f"DEK under period {period.id}"
            if tag(period.search, "email", normalize_email(MAIL[id_])) in known:
                yield f"tag under period {period.id}"


def _bytes_of(tx: sa.Connection, number: RecordNumber) -> Iterator[bytes]:
    record, key, tags = schema.record.c, schema.record_key.c, schema.search_tag.c
    for query in (
        sa.select(record.blob).where(record.number == number),
        sa.select(key.wrapped_dek).where(key.record_number == number),
        sa.select(schema.record_value.c.sealed).where(
            schema.record_value.c.record_number == number
        ),
    ):
        yield from (bytes(value)[:200] for (value,) in tx.execute(query) if value)
    for (value,) in tx.execute(sa.select(tags.tag).where(tags.record_number == number)):
        yield value.to_bytes(8, "big", signed=True)


@contextmanager
def _keys_of(path: Path) -> Iterator[list[PeriodKey]]:
    database = Database(f"sqlite:///{path}")
    keystore = Keystore(
        database, FileRoot("file:root.key", ROOT_KEY, Environment.TEST), Environment.TEST, "home-1"
    )
    keystore.open()
    try:
        found = [keystore.find_period(period.id) for period in keystore.periods(live=True)]
        yield [period for period in found if period is not None]
    finally:
        database.close()


def _live_files(world: World) -> bytes:
    """Return every byte that lies in the home: databases, logs of theirs, their free pages, temporary files."""
    return b"".join(path.read_bytes() for path in world.directory.iterdir() if path.is_file())


@pytest.fixture
def thief(tmp_path: Path) -> Iterator[Thief]:
    vault, keys = (tables.copy_to(tmp_path / name) for name in ("vault.db", "keys.db"))
    world = created(World(tmp_path, vault, keys))
    world.grant(days=90)
    world.grant(CONSOLE, action=Action.ERASE, days=90)
    yield Thief(world)
    world.close()


def _put(thief: Thief, id_: str, now: datetime, status: Progress = Progress.UNSHIPPED) -> str:
    shipped = now if status is Progress.DELIVERED else None
    seen = order(id_, {NAME: "x" * 20_000, EMAIL: MAIL[id_]}, status=status, shipped=shipped)
    (token,) = thief.world.put(seen, now=now)
    thief.placed(id_)
    return token


def test_after_disposal_no_copy_and_no_key_brings_anything_back(thief: Thief) -> None:
    """Pending for a week, delivered, gone thirty days later: on that day, and on each after it."""
    world = thief.world
    for days in range(7):
        now = NOW + timedelta(days=days)
        _put(thief, VICTIM, now)
        world.vault.sweep(now)
        thief.look(now)
    delivered = NOW + timedelta(days=7)
    _put(thief, VICTIM, delivered, Progress.DELIVERED)
    for days in range(7, 36):
        now = NOW + timedelta(days=days)
        if days % 7 == 0 or days >= 34:
            world.vault.sweep(now)
            thief.look(now)
    assert thief.opens(VICTIM, now), "the thief of this test opens nothing at all"

    due = delivered + timedelta(days=30)
    world.vault.sweep(due)
    thief.look(due)

    assert thief.opens(VICTIM, due) == []
    content = _live_files(world)
    assert len(thief.bytes_of[VICTIM]) >= 8
    assert not [needle for needle in thief.bytes_of[VICTIM] if needle in content]


@pytest.mark.parametrize("moved", [False, True])
def test_after_a_final_erasure_no_copy_and_no_key_brings_anything_back(
    thief: Thief, moved: bool
) -> None:
    """At once from the keys as they are; a day later also from every copy of them. The neighbour lives on."""
    world = thief.world
    for days in range(8 if moved else 2):
        now = NOW + timedelta(days=days)
        _put(thief, VICTIM, now)
        token = _put(thief, NEIGHBOUR, now)
        world.vault.sweep(now)
        thief.look(now)
    if moved:
        _put(thief, VICTIM, now, Progress.DELIVERED)
        thief.look(now)

    world.vault.eraser.erase(
        CONSOLE, Wanted(By.EMAIL, MAIL[VICTIM], (SELLER,)), final=True, now=now
    )

    content = _live_files(world)
    assert not [needle for needle in thief.bytes_of[VICTIM] if needle in content]
    thief.look(now)
    copies, thief.keys = thief.keys, []
    assert thief.opens(VICTIM, now) == []
    thief.keys = copies
    later = now + COPY_LIFETIME + timedelta(seconds=1)
    thief.look(later)
    assert thief.opens(VICTIM, later) == []
    assert thief.opens(NEIGHBOUR, later)
    assert world.read(token, now=later) == "x" * 20_000


def test_an_erasure_that_is_not_final_says_what_it_is(thief: Thief) -> None:
    """Nothing is left in the home; an older copy opens until its own key dies, which is why there is `--final`."""
    world = thief.world
    _put(thief, VICTIM, NOW)
    thief.look(NOW)
    world.vault.eraser.erase(CONSOLE, Wanted(By.ORDER, VICTIM, (SELLER,)), final=False, now=NOW)
    content = _live_files(world)
    assert not [needle for needle in thief.bytes_of[VICTIM] if needle in content]
    assert thief.opens(VICTIM, NOW)

    later = NOW + timedelta(days=7)
    for days in range(1, 8):
        world.vault.sweep(NOW + timedelta(days=days))
    assert thief.opens(VICTIM, later) == []


def test_a_new_master_leaves_no_old_wrap_for_who_had_the_old_one(thief: Thief) -> None:
    """Whoever had the master of yesterday opens no key of the keystore as it is today."""
    world = thief.world
    _put(thief, NEIGHBOUR, NOW)
    before = world.keystore._master._key
    world.keystore.rotate_master(NOW)
    world.vault.rewrapping.run(CONSOLE, NOW)
    thief.look(NOW)
    world.keystore._master.take(before, world.keystore._master._row)
    world.keystore._by_id.clear()
    for period in world.keystore.periods(live=True):
        with pytest.raises(Tampered):
            world.keystore.find_period(period.id)
