"""A backup and a restore are killed at each of their durable steps, and go on to the right end [2.1]."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support import dying_backup
from tests.support.restored import NOW, PASSPHRASE, Shop, readable

from strongroom.errors import Misconfigured
from strongroom.restoring import inspect

pytestmark = pytest.mark.clause("2.1")

ROOT = Path(__file__).parents[2]
HOUR = timedelta(hours=1)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = Shop(tmp_path)
    made.make()
    return made


def run(last: int, what: str, named: str, now: str) -> subprocess.CompletedProcess[str]:
    """Run what dies at its step `last`."""
    return subprocess.run(
        [sys.executable, dying_backup.__file__, str(last), what, named, PASSPHRASE, now],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def spread(count: int, most: int) -> list[int]:
    """Return so many steps from the first to the last."""
    return sorted({1 + (count - 1) * n // (most - 1) for n in range(most)})


@pytest.mark.timeout(900)
@pytest.mark.parametrize("most", [3, pytest.param(1000, marks=pytest.mark.long)])
def test_a_backup_that_is_killed_leaves_none_and_the_next_one_is_whole(
    shop: Shop, most: int
) -> None:
    """What lies there afterwards opens, is listed, and is what the log says; no half of one is left."""
    with shop.open(NOW) as system:
        shop.put(system, NOW, 1, 30)
    copy = shop.directory / "aside"
    shutil.copytree(shop.home, copy)
    counted = run(0, "backup", str(copy), NOW.isoformat())
    assert counted.returncode == 0, counted.stderr
    shutil.rmtree(copy)
    for path in (*shop.apart.iterdir(), *shop.keys.iterdir()):
        path.unlink()
    for last in spread(int(counted.stdout), most):
        died = run(last, "backup", str(shop.home), NOW.isoformat())
        assert died.returncode == -signal.SIGKILL
        with shop.open(NOW) as system:
            system.backups.send(NOW)
            for standing in system.backups.listed():
                found = inspect(shop.asked(system.backups.path_of(standing.backup)))
                assert found.backup.total == standing.backup.rows
            # Every file of a copy is listed, so that it is destroyed in time.
            listed = {Path(one.path).name for one in system.copies.listed()}
            lying = {
                path.name.removeprefix(".").removesuffix(".part") for path in shop.keys.iterdir()
            }
            assert lying <= listed
    with shop.open(NOW) as system:
        shop.backup(system, NOW)
        checked = system.backups.verify(system.accounts.console("ada", NOW), NOW, lambda *_: None)
        assert [one.fault for one in checked if one.fault] == []
        names = {standing.backup.name for standing in system.backups.listed()}
    lying = {path.name for path in (shop.home / "backups").glob("*.age")}
    assert lying == names
    assert not list((shop.home / "backups").glob(".*.part"))
    with shop.open(NOW + 48 * HOUR) as system:
        system.copies.expire(NOW + 48 * HOUR)
        assert system.copies.listed() == []
    assert list(shop.keys.iterdir()) == []


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("most", [3, pytest.param(1000, marks=pytest.mark.long)])
def test_a_restore_that_is_killed_stays_shut_and_the_next_one_ends_it(
    shop: Shop, most: int
) -> None:
    """At no step is there a home in which something could be read that was destroyed since the backup."""
    with shop.open(NOW) as system:
        gone = shop.put(system, NOW, 1, 10)
        kept = shop.put(system, NOW, 101, 10, shipped=NOW)
        path = system.backups.path_of(shop.backup(system, NOW))
    now = NOW + timedelta(days=8)
    with shop.open(now) as system:
        system.vault.sweep(now)
        assert not set(readable(system, gone, now)) - set(gone)
        before = readable(system, [*gone, *kept], now)
        copy = shop.copy_keys(system, now)
    named = {
        "backup": str(path),
        "identity": shop.identity,
        "recovery": shop.recovery,
        "keys": copy.path,
        "since": [str(shop.home)],
        "passphrase_file": str(shop.passphrase_file),
    }
    counting = json.dumps(named | {"home": str(shop.directory / "counted")})
    counted = run(0, "restore", counting, now.isoformat())
    assert counted.returncode == 0, counted.stderr
    restored = shop.directory / "restored"
    asked = json.dumps(named | {"home": str(restored)})
    for last in spread(int(counted.stdout), most):
        died = run(last, "restore", asked, now.isoformat())
        assert died.returncode == -signal.SIGKILL, last
        if (restored / "strongroom.toml").exists():
            break  # its last steps: it is a home
        with pytest.raises(Misconfigured), shop.open(now, restored):
            pass
    if not (restored / "strongroom.toml").exists():
        ended = run(0, "restore", asked, now.isoformat())
        assert ended.returncode == 0, ended.stderr
    with shop.open(now, restored) as system:
        after = readable(system, [*gone, *kept], now)
        assert set(kept) <= set(after) <= set(before)
        assert system.audit.verify().faults == []
