"""Trying every key on every record: a copy opens whole before its day, and not at all after."""

import shutil
from datetime import timedelta

import pytest
import sqlalchemy as sa

from strongroom.db import schema
from strongroom.db.engine import Database
from strongroom.policy.retention import Progress
from strongroom.terms import Environment
from strongroom.vault import Openable, count_openable
from tests.vault.conftest import NOW, World, order


@pytest.mark.clause("1.7", "2.1")
def test_a_copy_is_counted_as_open_until_its_keys_are_destroyed(sqlite_world: World) -> None:
    world = sqlite_world
    shipped = [order(f"902-1000001-{n:07d}", status=Progress.SHIPPED) for n in range(3)]
    open_ones = [order(f"902-2000002-{n:07d}") for n in range(2)]
    world.put(*shipped, *open_ones)
    world.put(order("902-3000003-0000001"), seller=2)
    world.database.truncate_wal()
    copied = world.directory / "copy.db"
    shutil.copy(world.directory / "vault.db", copied)
    copy = Database(f"sqlite:///{copied}")
    try:
        assert count_openable(copy, world.keystore, Environment.TEST) == Openable(6, 6)
        assert count_openable(copy, world.keystore, Environment.PRODUCTION) == Openable(6, 0)
        world.vault.sweep(NOW + timedelta(days=40))
        assert count_openable(copy, world.keystore, Environment.TEST) == Openable(6, 0)
    finally:
        copy.close()
    assert count_openable(world.database, world.keystore, Environment.TEST) == Openable(0, 0)


def test_a_record_that_the_door_calls_gone_is_counted_if_a_key_opens_it(world: World) -> None:
    """It must not believe what the database says of itself."""
    world.put(order())
    with world.database.write() as tx:
        tx.execute(sa.update(schema.record).values(state=2))
        tx.execute(sa.update(schema.record_key).values(due_at=1))
    assert count_openable(world.database, world.keystore, Environment.TEST) == Openable(1, 1)
