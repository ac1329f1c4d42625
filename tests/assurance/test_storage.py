"""What a machine says of storage: read from the machine itself, on both engines."""

from __future__ import annotations

from pathlib import Path

import pytest

from strongroom.assurance.changes.change import EXPLAINS
from strongroom.assurance.changes.storage import UNREAD, storage_facts
from strongroom.db.engine import Database

MOUNTS = """\
22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
40 22 254:16 / {path} rw,relatime - xfs /dev/vdb rw
41 22 254:32 / /elsewhere rw,relatime - btrfs /dev/vdc rw
"""


@pytest.mark.clause("2.7-f")
def test_every_fact_is_read_and_stays_the_same(tmp_path: Path, database_url: str) -> None:
    database = Database(database_url)
    try:
        facts = storage_facts(tmp_path, database)
        assert facts == storage_facts(tmp_path, database)
    finally:
        database.close()
    assert UNREAD not in facts.values(), facts
    names = {"home.device", "home.filesystem", "home.volume", "machine.system", "database.engine"}
    assert names <= facts.keys()
    more = "database.volume" if database.is_sqlite else "database.system"
    assert more in facts
    # A difference of any fact has a kind of change that explains it.
    assert facts.keys() <= frozenset().union(*EXPLAINS.values())


@pytest.mark.clause("2.7-f")
def test_another_disk_under_the_home_shows(tmp_path: Path) -> None:
    root, home = tmp_path / "root", tmp_path / "home"
    (root / "proc/self").mkdir(parents=True)
    (root / "etc").mkdir()
    home.mkdir()
    (root / "etc/os-release").write_text('NAME="Debian"\nID=debian\nVERSION_ID="12"\n')
    (root / "proc/self/mountinfo").write_text(MOUNTS.format(path=home))
    database = Database(f"sqlite:///{home}/vault.db")
    try:
        before = storage_facts(home, database, root)
        assert (before["home.device"], before["home.filesystem"]) == ("/dev/vdb", "xfs")
        assert before["machine.system"] == "debian 12"
        (root / "proc/self/mountinfo").write_text(MOUNTS.format(path="/mnt"))
        assert storage_facts(home, database, root)["home.device"] == "/dev/vda1"
        (root / "proc/self/mountinfo").unlink()
        assert storage_facts(home, database, root)["home.device"] == UNREAD
    finally:
        database.close()
