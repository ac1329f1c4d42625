"""`strongroom bench` measures what it says it does; how fast this machine is, is not for a test to say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from strongroom.bench.figures import Part, Row, Times, percentile, take_turns

COMMAND = Path(sys.executable).parent / "strongroom"
ROWS = {
    "page of 100 orders, new, no search tags",
    "page of 100 orders, new, two search tags each",
    "page of 100 orders, unchanged",
    "the same page, forwarded by Python with its JSON read and written",
    "seal and store records of 600 bytes, no search tags",
    "seal and store records of 600 bytes, two search tags each",
    "events recorded, one in a transaction",
    "events recorded, 256 in a transaction",
    "events recorded, by 16 writers",
    "events recorded, by 64 writers",
    "events recorded, by 256 writers",
    "events verified, from the disk",
    "reveal one value with its durable event, p50",
    "reveal one value with its durable event, p99",
    "reveal one value over the API with its durable event, p50",
    "reveal one value over the API with its durable event, p99",
    "reveal values over the API, 4 at a time",
    "a report's rows with 12 personal columns sealed and tokenized, no search tags",
    "a report's rows with 12 personal columns sealed and tokenized, two search tags each",
    "a report's rows copied",
    "destroy the key of a day with 1,000 records",
    "remove the rows of a destroyed day",
    "move 500 records to new period keys",
    "back up, sealed to a recipient",
    "restore it, until the home opens",
    "memory that a report ten times as long adds at its peak",
}


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, "bench", *arguments], check=False, capture_output=True, text=True, timeout=100
    )


def test_a_quick_run_has_every_row_and_leaves_nothing_behind(tmp_path: Path) -> None:
    done = bench("--quick", "--json", "--dir", str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert {row["work"] for row in document["rows"]} == ROWS
    assert all(row["ours"] > 0 for row in document["rows"])
    assert {"processor", "sqlite", "cryptography"} <= document["machine"].keys()
    assert not list(tmp_path.iterdir())


def test_one_part_alone_prints_a_table(tmp_path: Path) -> None:
    done = bench("--quick", "--only", "log", "--dir", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "events verified, from the disk" in done.stdout
    assert "page of" not in done.stdout


def test_a_directory_that_is_none_is_a_usage_error(tmp_path: Path) -> None:
    assert bench("--dir", str(tmp_path / "none")).returncode == 2


@pytest.mark.parametrize(
    ("unit", "ours", "target", "met"),
    [
        ("ms", 2.4, 2.5, True),
        ("ms", 2.6, 2.5, False),
        ("/s", 50_000.0, 40_000.0, True),
        ("/s", 30_000.0, 40_000.0, False),
        ("ms", 1.0, None, None),
    ],
)
def test_a_time_must_be_smaller_and_a_rate_larger(
    unit: str, ours: float, target: float | None, met: bool | None
) -> None:
    assert Row(Part.LOG, "work", unit, ours, "", None, target).met is met


def test_a_ratio_is_held_against_the_peer() -> None:
    assert Row(Part.RECORDS, "work", "/s", 60.0, "peer", 100.0, None, 0.5).met
    assert not Row(Part.RECORDS, "work", "/s", 40.0, "peer", 100.0, None, 0.5).met


def test_contestants_take_turns_and_the_first_turn_counts_for_nothing() -> None:
    told: list[str] = []

    def contestant(name: str, costs: list[float]) -> float:
        told.append(name)
        return costs.pop(0)

    first, second = [9.0, 9.0, 3.0, 1.0, 2.0, 2.0], [9.0, 9.0, 4.0, 4.0, 6.0, 6.0]
    found = take_turns(
        {"a": lambda: contestant("a", first), "b": lambda: contestant("b", second)}, 2, 2
    )
    assert told == ["a", "a", "b", "b"] * 3
    assert found == {"a": Times([2.0, 2.0]), "b": Times([4.0, 6.0])}
    assert (found["b"].best, found["b"].median) == (4.0, 5.0)


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(n) for n in range(100, 0, -1)]
    assert (percentile(values, 50), percentile(values, 99)) == (51.0, 100.0)
