"""A sweep that is killed at any of its durable steps is finished by the next one: nothing more is gone, nor less."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.clause("2.1")

ROOT = Path(__file__).parents[2]


def killed(directory: Path, first: int, every: int) -> list[dict[str, Any]]:
    """Return what is left after the sweep that nobody killed, and after each killed one and its successor."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.lifecycle.killing", str(directory), str(first), str(every)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("first", "every"), [(2, 9), pytest.param(1, 1, marks=pytest.mark.long)])
def test_what_a_killed_sweep_left_the_next_one_does(tmp_path: Path, first: int, every: int) -> None:
    whole, *others = killed(tmp_path, first, every)
    assert len(others) > 5
    states = [record[0] for record in whole["records"].values()]
    assert {1, 2} <= set(states)
    assert (whole["left"], whole["flags"], whole["untold"]) == (0, 0, [])
    assert whole["replaced"] > 0
    for other in others:
        at = other.pop("killed_at")
        assert other == {k: v for k, v in whole.items() if k != "killed_at"}, at
