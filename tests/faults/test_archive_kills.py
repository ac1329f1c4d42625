"""A sweep killed between any two steps of archiving and destroying: the next one ends where it would have ended."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.support.archived import DUE, Cold
from tests.vault.conftest import NAME, NOW, World, make_world, order

from strongroom.db import schema
from strongroom.errors import Gone
from strongroom.policy.retention import Progress

__all__ = ["make_world"]

ROOT = Path(__file__).parent.parent.parent
LATER = DUE + timedelta(hours=1)

ARCHIVING = (
    ("aside.write.before", 1),
    ("aside.write.after", 1),
    ("aside.take.after", 1),
    ("key.destroy.before", 1),  # the day's
    ("key.destroy.after", 1),
    ("file.write.before", 1),
    ("file.replace.before", 1),
    ("file.replace.after", 1),
    ("file.sync.after", 1),
    ("manifest.write.before", 1),
    ("manifest.write.after", 1),
    ("sealed.event.after", 1),  # the row is written, and not committed
    ("held.destroy.before", 1),
    ("key.destroy.after", 2),  # the held one's
    ("held.drop.before", 1),
)
EXPIRING = (
    ("file.destroy.before", 1),
    ("file.destroy.after", 1),
    ("expired.event.after", 1),
)

pytestmark = pytest.mark.clause("2.1")


def killed(world: World, now: datetime, point: str, times: int) -> None:
    world.close()
    command = [sys.executable, "-m", "tests.support.dying_sweep", str(world.directory)]
    command += [now.isoformat(), point, str(times)]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    world.open()


def filled(make_world: Callable[[str], World]) -> tuple[World, Cold, str]:
    world = make_world("home")
    cold = Cold(world)
    world.grant(days=90)
    cold.set_recipients()
    cold.hold()
    slots = {NAME: "Jürgen Groß"}
    (token,) = world.put(order(slots=slots, status=Progress.SHIPPED, purchased=NOW))
    return world, cold, token


@pytest.mark.parametrize(("point", "times"), ARCHIVING, ids=[f"{p}-{n}" for p, n in ARCHIVING])
def test_nothing_is_lost_and_nothing_kept_when_archiving_is_killed(
    make_world: Callable[[str], World], point: str, times: int
) -> None:
    world, cold, token = filled(make_world)

    killed(world, DUE, point, times)

    with pytest.raises(Gone):
        world.read(token, now=DUE)
    world.vault.sweep(LATER)
    (file,) = cold.files()
    assert "Jürgen Groß" in cold.open(file)[0].decode()
    assert cold.everything() == [file, file.with_suffix(".json")]
    assert cold.archive.verify() == []
    assert world.keystore.periods(live=True) == []
    with world.database.read() as tx:
        assert tx.execute(sa.select(schema.archive_held)).all() == []
    assert world.audit.verify().ok
    assert [t for t, _o, _r in world.events()].count("archive.sealed") == 1


@pytest.mark.parametrize(("point", "times"), EXPIRING, ids=[f"{p}-{n}" for p, n in EXPIRING])
def test_an_archive_whose_destruction_is_killed_is_destroyed_by_the_next_sweep(
    make_world: Callable[[str], World], point: str, times: int
) -> None:
    world, cold, _token = filled(make_world)
    world.vault.sweep(DUE)
    over = datetime.fromisoformat("2035-01-01T00:00:00+00:00")

    killed(world, over, point, times)

    world.vault.sweep(over)
    assert cold.everything() == []
    (row,) = cold.archive.files()
    assert row.destroyed_at is not None
    assert [t for t, _o, _r in world.events()].count("archive.expired") == 1
