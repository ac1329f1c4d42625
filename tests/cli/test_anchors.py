"""Two homes as two operators run them: one witnesses the other's log; copies, timestamps and evidence by command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.anchors import Authority, answering
from tests.support.home import Home
from tests.support.offline import Offline

from strongroom import logs
from strongroom.operations import names
from strongroom.operations.witnessed import WITNESSED

# Each has two homes made and served by commands, each a process.
pytestmark = [pytest.mark.clause("1.6", "2.6"), pytest.mark.timeout(300)]


@pytest.fixture(autouse=True)
def _soft(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "harden", lambda **_: None)
    monkeypatch.delenv("STRONGROOM_HOME", raising=False)


def key_of(home: Offline, directory: Path) -> str:
    key: str = home.command("audit", "export", str(directory))["key"]
    return key


@pytest.fixture
def home(tmp_path: Path) -> Offline:
    made = Offline.make(tmp_path / "made")
    made.read_log()
    return made


@pytest.fixture
def witness(tmp_path: Path, home: Offline) -> Iterator[Home]:
    """Give a second home that follows the first one's log and is served as a witness."""
    (tmp_path / "second").mkdir()
    with Home.make(tmp_path / "second") as second:
        followed = second.run("witness", "follow", key_of(home, tmp_path / "first-export"))
        assert followed["size"] == 0
        second.start()
        yield second


def add(home: Offline, witness: Home) -> str:
    """Have the first home ask the second, and return the second's key."""
    key: str = witness.ask("witness.key")["key"]
    home.command(
        *("audit", "witness", "add", witness.ready["witness"].replace("127.0.0.1", "localhost")),
        *("--key", key, "--ca", str(witness.ca_path)),
    )
    return key


def test_one_home_witnesses_another_and_evidence_says_so(
    home: Offline, witness: Home, tmp_path: Path
) -> None:
    key = add(home, witness)
    done = home.command("audit", "witness", "now")
    assert (done["late"], [row["fault"] for row in done["done"]]) == ([], [None])
    (listed,) = home.command("audit", "witness", "list")["witnesses"]
    assert (listed["fault"], listed["size"], listed["key"]) == (None, done["size"], key)
    (log,) = witness.ask("witness.list")["logs"]
    assert log["size"] == done["size"]

    told = home.command("audit", "export", str(tmp_path / "bundle"))
    vkey = tmp_path / "key"
    vkey.write_text(told["key"])
    report = home.command(
        "audit", "verify", str(tmp_path / "bundle"), "--key", str(vkey), "--witness", key
    )
    assert report["ok"]
    assert report["cosigned"] == done["size"]
    assert report["witnesses"][0].startswith("strongroom.invalid/witness/")
    assert "quorum none" in (tmp_path / "bundle/policy").read_text()

    # Nobody else's key, and no bundle without it.
    another = key_like(home)
    code, report, _ = home.attempt(
        "audit", "verify", str(tmp_path / "bundle"), "--key", str(vkey), "--witness", another
    )
    assert (code, report["faults"][0].partition(":")[0]) == (1, "witness.missing")
    (tmp_path / "bundle/cosigned").unlink()
    code, report, _ = home.attempt(
        "audit", "verify", str(tmp_path / "bundle"), "--key", str(vkey), "--witness", key
    )
    assert (code, report["faults"][0].partition(":")[0]) == (1, "witness.missing")


def key_like(home: Offline) -> str:
    key: str = home.command("witness", "key")["key"]
    return key


def test_with_synchronous_witnesses_nothing_is_given_out_unseen(
    home: Offline, witness: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(home, witness)
    monkeypatch.setenv("STRONGROOM_LOG__SYNCHRONOUS", "true")
    monkeypatch.setenv("STRONGROOM_LOG__WITNESSES_NEEDED", "1")
    home.command("app", "add", "erp", "--owner", "ada")
    export = home.command("audit", "export", str(tmp_path / "seen"))
    assert export["size"] <= witness.ask("witness.list")["logs"][0]["size"]
    assert "quorum quorum" in (tmp_path / "seen/policy").read_text()
    witness.stop()
    for command in (
        ("audit", "export", str(tmp_path / "unseen")),
        ("app", "add", "crm", "--owner", "ada"),
        ("app", "rotate", "erp"),
    ):
        code, result, error = home.attempt(*command)
        assert (code, result, error["error"]["kind"]) == (1, None, "Unavailable"), command
        assert "nothing was done" in error["error"]["message"]
    assert not (tmp_path / "unseen").exists()
    assert [app["name"] for app in home.command("app", "list")["apps"]] == ["erp"]
    # What takes away is never held up.
    home.command("app", "end", "erp", "--yes")
    types = [e["type"] for e in home.command("audit", "tail", "-n", "40")["events"]]
    assert types.count("operation.announced") == 5


def test_a_served_home_shows_its_last_checkpoint_before_it_ends(
    home: Offline, witness: Home, tmp_path: Path
) -> None:
    add(home, witness)
    (tmp_path / "copy").mkdir()
    home.command("audit", "copy", "add", f"dir:{tmp_path / 'copy'}")
    (tmp_path / "other").mkdir()
    with Home(home.path, tmp_path / "other") as served:
        served.start()
        assert served.stop() == 0
    size = int((home.path / "log/checkpoint").read_text().splitlines()[1])
    (log,) = witness.ask("witness.list")["logs"]
    assert log["size"] == size
    assert int((tmp_path / "copy/checkpoint").read_text().splitlines()[1]) == size


def test_timestamps_and_copies_by_command(home: Offline, tmp_path: Path) -> None:
    authority = Authority.make(tmp_path / "authority")
    (tmp_path / "copy").mkdir()
    with answering(tmp_path / "server", authority.answers) as (url, ca):
        (tmp_path / "ca.pem").write_text(ca)
        home.command(
            *("audit", "timestamp", "add", url, "--ca", str(tmp_path / "ca.pem")),
            *("--roots", str(authority.directory / "root.pem")),
        )
        home.command("audit", "copy", "add", f"dir:{tmp_path / 'copy'}")
        for noun in ("timestamp", "copy"):
            done: Any = home.command("audit", noun, "now")
            assert [row["fault"] for row in done["done"]] == [None]
    told = home.command("audit", "export", str(tmp_path / "bundle"))
    (tmp_path / "key").write_text(told["key"])
    verify = ("audit", "verify", str(tmp_path / "bundle"), "--key", str(tmp_path / "key"))
    report = home.command(*verify)
    assert report["stamped_at"].startswith("20")
    assert "openssl ts -verify" in report["stamped_by"]
    (tmp_path / "bundle/timestamp.tsr").write_bytes(b"\x30\x00")
    code, report, _ = home.attempt(*verify)
    assert (code, report["faults"][0].partition(":")[0]) == (1, "timestamp.form")
    for noun, id_ in (("timestamp", "1"), ("copy", "2")):
        home.command("audit", noun, "remove", id_)
        listed = home.command("audit", noun, "list")
        assert next(iter(listed.values())) == []


def test_a_list_with_a_fault_is_exit_code_1(home: Offline, tmp_path: Path) -> None:
    home.command("audit", "copy", "add", f"dir:{tmp_path / 'nowhere'}")
    code, done, _ = home.attempt("audit", "copy", "now")
    assert (code, done["done"][0]["fault"]) == (1, "unreachable")
    code, listed, _ = home.attempt("audit", "copy", "list")
    assert (code, listed["copies"][0]["fault"]) == (1, "unreachable")


def test_what_waits_for_witnesses_exists() -> None:
    assert names() >= WITNESSED
