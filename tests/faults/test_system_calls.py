"""Each call of the file system fails, or is the process's last, while many threads write to the log.

strace puts the error in the place of the call, so that code and kernel disagree as they do on a broken disk. Whatever
was acknowledged is there afterwards, whatever was not is whole or absent, and after an error of input or output
nothing is acknowledged any more.
"""

from __future__ import annotations

import itertools
import signal
from pathlib import Path

import pytest
from tests.faults.hurting import lost, prepare, start, under
from tests.support.recording import STOPPED, Place
from tests.support.tally import Tally

pytestmark = pytest.mark.clause("2.6")

CALLS = ("openat", "pread64", "pwrite64", "fdatasync", "ftruncate", "fcntl", "newfstatat")
FREQUENT = ("pwrite64", "fdatasync")
"""Made again and again; of the others a thread makes few, so that their late faults may not strike."""
ENDLESS = 1_000_000
CHOSEN = (
    ("EIO", "fdatasync", 9),
    ("EIO", "pwrite64", 31),
    ("ENOSPC", "pwrite64", 40),
    ("SIGKILL", "pwrite64", 57),
    ("SIGKILL", "fdatasync", 12),
)
"""What every run of the tests does; the long slice takes all calls, at several times."""
LONG = tuple(itertools.product(("EIO", "ENOSPC", "SIGKILL"), CALLS, (2, 21, 90)))


def check(directory: Path, tally: Tally, fault: str, call: str, when: int) -> None:
    place = Place.sqlite(directory)
    prepare(place)
    writing = start(place, each=ENDLESS, wrapper=under(directory, fault, call, str(when)))
    # Each thread's calls are counted apart, and any of six may make the next one; some never make so many.
    longest = 40 if call in FREQUENT else 3
    struck = writing.end_after_fault(directory, longest, ends=call == "fdatasync")
    acknowledged = writing.acknowledged
    tally.add(int(struck), acknowledged=len(acknowledged), lost=lost(place, acknowledged))
    assert struck or call not in FREQUENT
    if fault == "SIGKILL":
        assert writing.code == (-signal.SIGKILL if struck else -signal.SIGTERM)
    elif call == "fdatasync":
        # An fsync that failed is never tried again: what it held may be lost by a success.
        assert writing.code == STOPPED
        assert "stopped SQLITE_IOERR_FSYNC" in writing.lines
    if writing.code == STOPPED:
        stopped = next(n for n, line in enumerate(writing.lines) if line.startswith("stopped"))
        # What was durable before may still be told; no thread gets a second answer.
        late = [line for line in writing.lines[stopped:] if line.startswith("ack ")]
        threads = [line.split(".")[1] for line in late]
        assert len(set(threads)) == len(threads)


@pytest.mark.parametrize(("fault", "call", "when"), CHOSEN)
def test_what_was_acknowledged_survives_a_failing_call(
    tmp_path: Path, tally: Tally, fault: str, call: str, when: int
) -> None:
    check(tmp_path, tally, fault, call, when)


@pytest.mark.long
@pytest.mark.parametrize(("fault", "call", "when"), LONG)
def test_what_was_acknowledged_survives_any_failing_call(
    tmp_path: Path, tally: Tally, fault: str, call: str, when: int
) -> None:
    check(tmp_path, tally, fault, call, when)


@pytest.mark.long
@pytest.mark.parametrize("when", [20, 60])
def test_a_disk_that_stays_full_is_refused_and_nothing_is_lost(
    tmp_path: Path, tally: Tally, when: int
) -> None:
    place = Place.sqlite(tmp_path)
    prepare(place)
    writing = start(place, each=when, wrapper=under(tmp_path, "ENOSPC", "pwrite64", f"{when}+"))
    writing.end()
    tally.add(acknowledged=len(writing.acknowledged), lost=lost(place, writing.acknowledged))
    assert writing.said("refused")
    assert writing.code == 0


@pytest.mark.long
def test_a_disk_that_is_full_before_the_log_opens_keeps_it_shut(
    tmp_path: Path, tally: Tally
) -> None:
    place = Place.sqlite(tmp_path)
    prepare(place)
    writing = start(place, wrapper=under(tmp_path, "ENOSPC", "pwrite64", "1+"))
    writing.end()
    assert writing.lines == []
    assert writing.code == 1
    tally.add(lost=lost(place, []))
