"""`evidence pack`: a folder that `sha256sum` and the verifier accept, for its owner alone; nothing half-written."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest
from tests.attacks.conftest import made_home, offline
from tests.support.offline import Offline

from strongroom.assurance.packs import offline as verifier

__all__ = ["made_home", "offline"]

pytestmark = pytest.mark.clause("3-d")


def day(back: int) -> str:
    """A day so many before today, by the machine's clock, which commands go by."""
    return time.strftime("%Y-%m-%d", time.gmtime(time.time() - back * 86400))


AGO, TO = day(365), day(100)


def test_a_pack_is_written_listed_and_checked(offline: Offline, tmp_path: Path) -> None:
    out = tmp_path / "packs"
    made = offline.command("evidence", "pack", "--from", AGO, "--out", str(out))
    folder = Path(made["folder"])
    assert folder.parent == out
    assert sorted(path.suffix for path in out.iterdir()) == ["", ".zip"]
    assert {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700
    done = subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=folder, check=False)
    assert done.returncode == 0
    key = offline.command("evidence", "pack-key")["key"]
    assert key == made["key"]
    assert verifier.check(folder, key).ok
    (listed,) = offline.command("evidence", "packs")["packs"]
    assert (listed["state"], listed["sha256"]) == ("sound", made["sha256"])


def test_a_pack_that_is_there_is_not_written_over(offline: Offline, tmp_path: Path) -> None:
    arguments = ("evidence", "pack", "--from", AGO, "--to", TO)
    offline.command(*arguments, "--out", str(tmp_path))
    code, _, error = offline.attempt(*arguments, "--out", str(tmp_path))
    assert (code, error["error"]["kind"]) == (1, "Conflict")


def test_a_period_that_lies_ahead_is_refused_and_leaves_nothing(
    offline: Offline, tmp_path: Path
) -> None:
    out = tmp_path / "packs"
    code, _, _ = offline.attempt(
        "evidence", "pack", "--from", AGO, "--to", "2999-01-01", "--out", str(out)
    )
    assert code != 0
    assert not out.exists()
