"""The demo: it keeps every promise here, would say so if it did not, and leaves nothing running."""

import dataclasses
import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from strongroom.errors import Conflict, Malformed
from strongroom.leaks import Needles
from strongroom.tour import FEWEST_ORDERS, Summary, as_json, broken_promises, documents, run

COMMAND = Path(sys.executable).parent / "strongroom"
SOUND = Summary(
    orders=300,
    orders_wanted=300,
    pii_fields=11_000,
    tokens=6_000,
    pii_in_app_data=0,
    pii_in_files=0,
    files_searched=30,
    planted_found=True,
    reveals=12,
    reveals_wrong=0,
    denials=3,
    denials_wanted=3,
    found_by_email=True,
    readable_before_destruction=37,
    destroyed=37,
    readable_after_destruction=0,
    gone_after_destruction=True,
    log_verified=True,
    log_events=130,
    seconds=12.5,
    home="/somewhere",
)


def _command(home: Path, *options: str) -> list[str]:
    return [str(COMMAND), "demo", "--home", str(home), "--orders", "120", *options]


def _environment(tmp_path: Path) -> dict[str, str]:
    # Another home of the user's, which the demo must not touch.
    return {**os.environ, "STRONGROOM_HOME": str(tmp_path / "mine")}


def _processes_of(home: Path) -> list[int]:
    found = []
    for process in psutil.process_iter(["cmdline"]):
        command = " ".join(process.info["cmdline"] or ())
        if str(home) in command and process.pid != os.getpid():
            found.append(process.pid)
    return found


@pytest.mark.clause("1.3", "2.1", "2.4", "2.6")
def test_one_tour_keeps_every_promise(tmp_path: Path) -> None:
    home = tmp_path / "home"
    done = subprocess.run(
        _command(home, "--once", "--json"),
        check=False,
        capture_output=True,
        text=True,
        env=_environment(tmp_path),
        timeout=110,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("\n") == 1
    summary: dict[str, Any] = json.loads(done.stdout)
    assert summary["ok"] is True
    assert summary["broken"] == []
    assert summary["orders"] == 120
    assert summary["pii_fields"] > 1_000
    assert summary["pii_in_app_data"] == summary["pii_in_files"] == 0
    assert summary["planted_found"] is True
    assert summary["reveals"] >= 4
    assert summary["denials"] == 3
    assert summary["destroyed"] == summary["readable_before_destruction"] > 0
    assert summary["readable_after_destruction"] == 0
    assert summary["log_verified"] is True
    assert summary["home"] == str(home)
    # No terminal, so nothing that only a terminal understands.
    assert "\x1b" not in done.stderr
    assert "\r" not in done.stderr
    assert _processes_of(home) == []
    assert not (tmp_path / "mine").exists()
    for path in (home, *home.rglob("*"), *(tmp_path / "home-demo").rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    _take_a_pack(home, tmp_path / "packs")


def _take_a_pack(home: Path, out: Path) -> None:
    """Build the auditor's pack of what the tour left behind, and check it as the auditor does."""
    year_ago = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 365 * 86400))
    arguments = ("evidence", "pack", "--from", year_ago, "--home", str(home), "--json")
    made = subprocess.run(
        [COMMAND, *arguments, "--out", str(out)], check=True, capture_output=True, text=True
    )
    said = json.loads(made.stdout)
    (out / "key").write_text(said["key"])
    done = subprocess.run(
        [sys.executable, "-I", Path(said["folder"]) / "verify.py", said["folder"], "--key", out / "key"],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout.endswith("\nsound\n"), done.stdout + done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_tour_that_is_stopped_leaves_nothing_running(
    tmp_path: Path, number: signal.Signals
) -> None:
    home = tmp_path / "home"
    with subprocess.Popen(
        _command(home, "--json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=_environment(tmp_path),
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "pointed at Strongroom" in line:
                break
        assert len(_processes_of(home)) >= 2
        process.send_signal(number)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert _processes_of(home) == []


@pytest.mark.parametrize(
    ("figure", "value"),
    [
        ("orders", 299),
        ("pii_fields", 0),
        ("tokens", 0),
        ("pii_in_app_data", 1),
        ("pii_in_files", 1),
        ("planted_found", False),
        ("reveals", 0),
        ("reveals_wrong", 1),
        ("denials", 2),
        ("found_by_email", False),
        ("destroyed", 36),
        ("readable_before_destruction", 38),
        ("readable_after_destruction", 1),
        ("gone_after_destruction", False),
        ("log_verified", False),
    ],
)
def test_each_broken_promise_is_told(figure: str, value: object) -> None:
    broken = dataclasses.replace(SOUND, **{figure: value})
    assert len(broken_promises(broken)) == 1
    document = as_json(broken)
    assert document["ok"] is False
    assert document[figure] == value


def test_a_sound_tour_breaks_none() -> None:
    assert broken_promises(SOUND) == []
    assert as_json(SOUND)["ok"] is True


def test_nothing_tried_is_nothing_kept() -> None:
    """A tour in which no denial was tried, or nothing was there to destroy, proves nothing."""
    assert broken_promises(dataclasses.replace(SOUND, denials=0, denials_wanted=0))
    assert broken_promises(dataclasses.replace(SOUND, readable_before_destruction=0, destroyed=0))


def test_a_home_that_exists_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "vault.db").touch()
    with pytest.raises(Conflict, match="exists already"):
        run(once=True, json_output=True, home=tmp_path / "home", stream=sys.stdout)
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_too_few_orders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Malformed, match="at least"):
        run(
            once=True,
            json_output=True,
            home=tmp_path / "home",
            stream=sys.stdout,
            orders=FEWEST_ORDERS - 1,
        )


def test_documents_are_compared_leaf_by_leaf() -> None:
    sent = {"Id": "1", "Names": ["Zq1234567890", "same"], "At": {"City": "Zq0987654321", "N": 7}}
    got = {"Id": "1", "Names": ["ST0000019508F7KQ3J9Q", "same"], "At": {"N": 7}}
    assert documents.side_by_side(sent, got) == [
        ("Names", "Zq1234567890", "ST0000019508F7KQ3J9Q"),
        ("At.City", "Zq0987654321", "-"),
    ]
    assert documents.count_personal(sent, Needles(["Zq1234567890", "Zq0987654321"])) == 2
    assert documents.tokens_in(got) == {"ST0000019508F7KQ3J9Q"}
