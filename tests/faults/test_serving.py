"""A served home whose disk fails: what it answered is recorded, it stops at a failed fsync, and bears a full disk."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.faults.hurting import small_disk, under
from tests.support.home import COMMAND, Home
from tests.support.tally import Tally

from strongroom.errors import StrongroomError

pytestmark = pytest.mark.clause("2.6")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with Home.make(tmp_path) as home:
        home.read_log()
        yield home


def ask_until_it_ends(home: Home, most: int) -> list[bool]:
    """Ask for what is recorded before it is answered; say what came of each time."""
    answers: list[bool] = []
    for _ in range(most):
        if not home.serving:
            break
        try:
            answers.append(bool(home.ask("audit.tail", limit=1)["events"]))
        except (StrongroomError, AssertionError):
            answers.append(False)
    return answers


def checked(home: Home) -> int:
    """Return how often the log says that the work was done."""
    home.start()
    found = home.ask("audit.tail", limit=400)
    assert home.ask("audit.verify")["ok"]
    assert home.stop() == 0
    return sum(entry["type"] == "log.read" for entry in found["events"])


def test_serving_ends_at_a_failed_fsync_and_answered_nothing_that_is_not_recorded(
    home: Home, tally: Tally
) -> None:
    home.start(wrapper=[*under(home.path, "EIO", "fdatasync", "9"), str(COMMAND)])
    answers = ask_until_it_ends(home, 120)
    assert home.wait() == 1
    output = home.outputs[-1].decode()
    recorded = checked(home)
    tally.add(
        acknowledged=sum(answers),
        lost=max(0, sum(answers) - recorded),
        undetected=int('"database.failed"' not in output),
    )
    assert "SQLITE_IOERR_FSYNC" in output


@pytest.mark.long
def test_a_full_disk_refuses_and_serving_goes_on_when_there_is_room(
    tmp_path: Path, tally: Tally
) -> None:
    if os.geteuid() != 0:
        pytest.skip("mounts a disk of its own, which root alone may")
    with small_disk(tmp_path, "64m") as disk, Home.make(disk) as home:
        home.read_log()
        home.start()
        filler = disk / "filler"
        fill(filler)
        answers: list[bool] = []
        while len(answers) < 400 and (not answers or answers[-1]):
            answers += ask_until_it_ends(home, 1)
        assert answers[-1] is False
        answers += ask_until_it_ends(home, 5)
        filler.unlink()
        answers += ask_until_it_ends(home, 20)
        assert answers[-20:] == [True] * 20
        assert home.stop() == 0
        tally.add(acknowledged=sum(answers), lost=max(0, sum(answers) - checked(home)))


def fill(path: Path) -> None:
    """Leave no room on the disk that a file is on."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while file.write(bytes(size)):
                    pass
