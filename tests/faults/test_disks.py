"""Disks that fill up, end early, turn read-only, or lose the file under an open handle."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from tests.faults.hurting import THREADS, Writing, lost, prepare, small_disk, start, under
from tests.support.recording import STOPPED, Place, open_log
from tests.support.tally import Tally

from strongroom.errors import StrongroomError

pytestmark = pytest.mark.clause("2.6")

AT_FIRST, ENLARGED = "3m", "64m"


def until(writing: Writing, word: str, number: int) -> None:
    """Read until the process has said something so often."""
    seen = len(writing.said(word)) + number
    while len(writing.said(word)) < seen:
        before = len(writing.lines)
        writing.read(1)
        assert len(writing.lines) > before, "the process has ended"


def fill_and_enlarge(directory: Path) -> tuple[Place, Writing]:
    """Write until the disk is full, make it larger, and write on."""
    place = Place.sqlite(directory)
    prepare(place)
    writing = start(place, each=100_000)
    until(writing, "refused", 10)
    subprocess.run(["mount", "-o", f"remount,size={ENLARGED}", directory], check=True)
    until(writing, "ack", 200)
    writing.process.terminate()
    writing.end()
    return place, writing


def fill_for_a_while(directory: Path) -> tuple[Place, Writing]:
    """As `fill_and_enlarge`, for who may not mount: the calls fail as on a full disk, and then do not any more."""
    place = Place.sqlite(directory)
    prepare(place)
    writing = start(place, each=60, wrapper=under(directory, "ENOSPC", "pwrite64", "40..60"))
    writing.end()
    return place, writing


def test_a_full_disk_is_refused_and_written_to_again_once_there_is_room(
    tmp_path: Path, tally: Tally
) -> None:
    if os.geteuid() == 0:
        with small_disk(tmp_path, AT_FIRST) as directory:
            place, writing = fill_and_enlarge(directory)
            acknowledged = writing.acknowledged
            tally.add(acknowledged=len(acknowledged), lost=lost(place, acknowledged))
    else:
        place, writing = fill_for_a_while(tmp_path)
        acknowledged = writing.acknowledged
        tally.add(acknowledged=len(acknowledged), lost=lost(place, acknowledged))
    refused = next(n for n, line in enumerate(writing.lines) if line.startswith("refused"))
    assert any(line.startswith("ack ") for line in writing.lines[refused:])
    assert not writing.said("stopped")


def test_at_the_limit_of_a_files_size_writing_ends_and_nothing_is_lost(
    tmp_path: Path, tally: Tally
) -> None:
    place = Place.sqlite(tmp_path)
    prepare(place)
    limit = (tmp_path / "vault.db").stat().st_size + 400_000
    writing = start(place, each=1000, wrapper=["prlimit", f"--fsize={limit}"])
    writing.end()
    tally.add(acknowledged=len(writing.acknowledged), lost=lost(place, writing.acknowledged))
    assert writing.code == STOPPED


@pytest.mark.long
def test_a_disk_that_turns_read_only_ends_the_writing(tmp_path: Path, tally: Tally) -> None:
    """As a kernel does on an error of its own: the handles stay open and every write fails."""
    place = Place.sqlite(tmp_path)
    prepare(place)
    writing = start(place, wrapper=under(tmp_path, "EROFS", "pwrite64", "60+"))
    writing.end()
    tally.add(acknowledged=len(writing.acknowledged), lost=lost(place, writing.acknowledged))
    assert writing.code == STOPPED


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")
def test_nothing_is_acknowledged_on_a_read_only_disk(tmp_path: Path, tally: Tally) -> None:
    with small_disk(tmp_path, AT_FIRST) as directory:
        place = Place.sqlite(directory)
        prepare(place)
        subprocess.run(["mount", "-o", "remount,ro", directory], check=True)
        with pytest.raises(StrongroomError):
            open_log(place, "boot-1")
        subprocess.run(["mount", "-o", "remount,rw", directory], check=True)
        tally.add(lost=lost(place, []))


@pytest.mark.parametrize(
    ("name", "replaced"),
    [
        ("vault.db", True),
        ("vault.db-wal", False),
        pytest.param("vault.db", False, marks=pytest.mark.long),
        pytest.param("vault.db-wal", True, marks=pytest.mark.long),
    ],
)
def test_a_file_removed_or_replaced_under_the_handle_ends_the_writing_within_one_batch(
    tmp_path: Path, tally: Tally, name: str, replaced: bool
) -> None:
    """What is acknowledged after that is what had been committed before, one unit a thread at most."""
    place = Place.sqlite(tmp_path)
    prepare(place)
    writing = start(place, each=1000)
    writing.read(60)
    writing.drain()
    before = len(writing.acknowledged)
    if replaced:
        shutil.copyfile(tmp_path / name, tmp_path / "other")
        (tmp_path / "other").replace(tmp_path / name)
    else:
        (tmp_path / name).unlink()
    writing.resume()
    writing.end()

    late = len(writing.acknowledged) - before
    is_told = writing.said("refused") == ["Tampered"] * THREADS
    tally.add(acknowledged=before, lost=max(0, late - THREADS), undetected=int(not is_told))


@pytest.mark.parametrize("kills", [2, pytest.param(40, marks=pytest.mark.long)])
@pytest.mark.timeout(600)
def test_nothing_acknowledged_is_lost_when_it_is_killed_under_load(
    tmp_path: Path, tally: Tally, kills: int
) -> None:
    place = Place.sqlite(tmp_path)
    prepare(place)
    acknowledged: list[str] = []
    for kill in range(kills):
        writing = start(place, boot=f"boot-{kill + 1}", threads=16, each=100_000)
        writing.read(40 + 37 * kill % 400)
        writing.process.kill()
        writing.end()
        assert writing.code == -signal.SIGKILL
        acknowledged += writing.acknowledged
    tally.add(kills, acknowledged=len(acknowledged), lost=lost(place, acknowledged))


@pytest.mark.long
def test_two_processes_on_one_file_take_turns_and_lose_nothing(
    tmp_path: Path, tally: Tally
) -> None:
    """A home refuses the second (tests/attacks/test_second_process.py); where that lock fails, the log still holds."""
    place = Place.sqlite(tmp_path)
    prepare(place)
    both = [start(place, boot=f"boot-{number}", threads=2) for number in (1, 2)]
    for writing in both:
        writing.end()
    acknowledged = list(itertools.chain(*(writing.acknowledged for writing in both)))
    tally.add(acknowledged=len(acknowledged), lost=lost(place, acknowledged))
    assert acknowledged


def test_a_flood_of_events_is_kept_whole(tmp_path: Path, tally: Tally) -> None:
    place = Place.sqlite(tmp_path)
    prepare(place)
    writing = start(place, threads=64, each=30)
    writing.end()
    acknowledged = writing.acknowledged
    tally.add(acknowledged=len(acknowledged), lost=lost(place, acknowledged))
    assert len(acknowledged) == 64 * 30
