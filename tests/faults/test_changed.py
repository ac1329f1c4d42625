"""Stored bytes that change, databases that are set back, clocks that are set: told, or without effect."""

from __future__ import annotations

import random  # noqa: TID251 - seeded places, the same in every run
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.faults.hurting import NOW, lost, prepare, start
from tests.support.attacker import owning
from tests.support.recording import Place, event, open_log
from tests.support.tally import Tally

from strongroom.audit import AuditLog
from strongroom.db.engine import Database
from strongroom.errors import Tampered

pytestmark = pytest.mark.clause("2.6")

EVENTS = 700
PLACES = {
    "body": ("audit_event", "body"),
    "leaf": ("audit_event", "leaf_hash"),
    "tile": ("audit_tile", "hashes"),
    "checkpoint": ("audit_checkpoint", "note"),
    "head": ("audit_head", "note"),
    "frontier": ("audit_head", "frontier"),
}


@pytest.fixture
def standing(tmp_path: Path) -> Iterator[tuple[AuditLog, Database]]:
    """Give a log of some tiles and two checkpoints."""
    log, database, keys = open_log(Place.sqlite(tmp_path), "boot-1")
    for first in (0, EVENTS // 2):
        part = range(first, first + EVENTS // 2)
        log.record(*(event(f"boot-1.0.{number}") for number in part), now=NOW)
        log.checkpoint(NOW + timedelta(hours=first))
    yield log, database
    database.close()
    keys.close()


def flip(database: Database, table: str, column: str, rng: random.Random) -> Callable[[], None]:
    """Flip one bit of one value somewhere, and return what puts it back."""
    with owning(database) as tx:
        rows = tx.execute(sa.text(f"SELECT rowid, {column} FROM {table}")).all()
        rowid, before = rng.choice(rows)
        raw = bytearray(before.encode() if isinstance(before, str) else before)
        # A letter's bit, so that text stays UTF-8.
        letters = [at for at, byte in enumerate(raw) if byte < 0x80 or not isinstance(before, str)]
        raw[rng.choice(letters)] ^= 1 << rng.randrange(7)
        after = raw.decode() if isinstance(before, str) else bytes(raw)
        change = sa.text(f"UPDATE {table} SET {column} = :value WHERE rowid = :rowid")
        tx.execute(change, {"value": after, "rowid": rowid})

    def back() -> None:
        with owning(database) as tx:
            tx.execute(change, {"value": before, "rowid": rowid})

    return back


@pytest.mark.parametrize("what", PLACES)
@pytest.mark.parametrize("flips", [6, pytest.param(200, marks=pytest.mark.long)])
def test_a_bit_that_flips_is_told(
    standing: tuple[AuditLog, Database], tally: Tally, what: str, flips: int
) -> None:
    log, database = standing
    rng = random.Random(what)
    undetected = 0
    for _ in range(flips):
        back = flip(database, *PLACES[what], rng)
        undetected += log.verify().ok
        back()
    tally.add(flips, undetected=undetected)
    assert log.verify().ok


def test_an_older_backup_is_never_continued(tmp_path: Path, tally: Tally) -> None:
    place = Place.sqlite(tmp_path)
    prepare(place)
    shutil.copyfile(tmp_path / "vault.db", tmp_path / "backup")
    writing = start(place)
    writing.end()
    # It may have written everything before its next checkpoint was due: what none covers can be cut unseen.
    log, database, keys = open_log(place, "boot-1-ended")
    log.checkpoint(NOW)
    database.close()
    keys.close()
    for end in ("-wal", "-shm"):
        (tmp_path / f"vault.db{end}").unlink(missing_ok=True)
    shutil.copyfile(tmp_path / "backup", tmp_path / "vault.db")

    again = start(place, boot="boot-2")
    again.end()
    log, database, keys = open_log(place, "boot-3")
    is_told = not log.verify().ok
    with pytest.raises(Tampered):
        log.record(event("boot-3.0.0"), now=NOW)
    database.close()
    keys.close()
    accepted = len(again.acknowledged)
    tally.add(acknowledged=len(writing.acknowledged), undetected=accepted + (not is_told))
    assert set(again.said("refused")) == {"Tampered"}


@pytest.mark.parametrize("years", [-30, -1, 1, 30])
def test_a_clock_set_by_years_changes_no_order_and_shows(
    tmp_path: Path, tally: Tally, years: int
) -> None:
    """Entries stand in the order in which they were written, and each has a clock nobody can set."""
    place = Place.sqlite(tmp_path)
    log, database, keys = open_log(place, "boot-1")
    instants = [NOW, NOW + timedelta(days=365 * years), NOW + timedelta(seconds=1)]
    for number, now in enumerate(instants):
        log.record(event(f"boot-1.0.{number * 2}"), now=now)
        log.checkpoint(now)
    entries = list(log.events())
    shows = [entry.body["t"] for entry in entries] == [
        now.strftime("%Y-%m-%dT%H:%M:%S.%fZ") for now in instants
    ]
    mono = [int(entry.body["mono_ns"]) for entry in entries]
    database.close()
    keys.close()
    refs = [f"boot-1.0.{number * 2}" for number in range(3)]
    tally.add(acknowledged=3, lost=lost(place, refs), undetected=int(not shows))
    assert mono == sorted(mono)
    assert mono[-1] - mono[0] < 60 * 10**9
