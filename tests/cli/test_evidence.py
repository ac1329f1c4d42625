"""Evidence on the command line: proofs, consistency, bundles; each is an event, and verifies alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from tests.support.offline import Offline

from strongroom import logs
from strongroom.audit import offline as verifier
from strongroom.cli.commands import run

pytestmark = pytest.mark.clause("1.6")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Offline:
    """Give a home with a few events; no test changes what another relies on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logs, "harden", lambda **_: None)
        home = Offline.make(tmp_path_factory.mktemp("evidence") / "made")
        home.command("app", "add", "erp", "--owner", "ada")
        home.read_log()
    return home


@pytest.fixture(autouse=True)
def _soft(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "harden", lambda **_: None)
    monkeypatch.delenv("STRONGROOM_HOME", raising=False)


def last(home: Offline, type_: str) -> Any:
    """Return the last event of a type; that it was looked up is an event too."""
    events = home.command("audit", "tail", "--lines", "200")["events"]
    return [event for event in events if event["type"] == type_][-1]


def verify(*arguments: object, code: int = 0) -> Any:
    """Verify without a home."""
    lost, found, error = Offline(Path("/nowhere")).attempt("audit", "verify", *map(str, arguments))
    assert lost == code, (found, error)
    return found or error


def test_a_bundle_verifies_without_its_home(home: Offline, tmp_path: Path) -> None:
    told = home.command(
        "audit", "export", str(tmp_path / "bundle"), "--proof", "1", "--reason", "audit of 2026"
    )
    key = tmp_path / "key"
    key.write_text(told["key"] + "\n")
    report = verify(tmp_path / "bundle", "--key", key)
    assert (report["ok"], report["faults"], report["size"]) == (True, [], told["size"])
    assert (report["proofs"], report["custody"]) == (1, 2)
    checkpoint = home.path / "log/checkpoint"
    ahead = verify(tmp_path / "bundle", "--key", key, "--checkpoint", checkpoint, code=1)
    assert ahead["faults"][0].startswith("checkpoint.ahead: kept checkpoint 1")
    (tmp_path / "bundle/tile/0/000.p" / str(told["size"])).write_bytes(b"")
    report = verify(tmp_path / "bundle", "--key", key, code=1)
    assert (report["ok"], report["faults"] != []) == (False, True)


def test_an_export_is_two_events_with_stretch_reason_and_manifest(
    home: Offline, tmp_path: Path
) -> None:
    told = home.command("audit", "export", str(tmp_path / "one"), "--to", "3", "--reason", "why")
    started, ended = last(home, "log.export.started"), last(home, "log.exported")
    assert started["obj"] == {"kind": "log", "ref": "0-3"}
    assert ended["obj"] == {"kind": "log", "ref": told["manifest"]}
    assert started["req"] == ended["req"] != "why"
    assert "why" not in (tmp_path / "one/custody.jsonl").read_text()
    home.command("audit", "export", str(tmp_path / "two"), "--to", "3")
    lines = (tmp_path / "two/custody.jsonl").read_text().splitlines()
    assert len(lines) > len((tmp_path / "one/custody.jsonl").read_text().splitlines())


def test_a_bundle_goes_where_the_command_was_given(
    home: Offline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert home.command("audit", "export", "here")["directory"] == str(tmp_path / "here")
    code, _, error = home.attempt("audit", "export", "here")
    assert (code, error["error"]["kind"]) == (1, "Conflict")


def test_proofs_are_printed_or_written_and_recorded_one_by_one(
    home: Offline, tmp_path: Path
) -> None:
    shown = home.command("audit", "prove", "0", "2")
    assert [proved["seq"] for proved in shown["proofs"]] == [0, 2]
    key = verifier.parse_key(home.command("audit", "export", str(tmp_path / "any"))["key"])
    for proved in shown["proofs"]:
        entry = proved["entry"].encode()
        index, at = verifier.check_proof(proved["proof"], entry, key, "it")
        assert (index, at.size) == (proved["seq"], shown["size"])
    told = home.command("audit", "prove", "2", "--out", str(tmp_path / "proofs"))
    assert told["files"] == ["2.entry", "2.tlog-proof"]
    (tmp_path / "key").write_text(key.text)
    report = verify(tmp_path / "proofs/2.tlog-proof", "--key", tmp_path / "key")
    assert (report["ok"], report["event"]) == (True, 2)
    assert last(home, "log.proved")["obj"] == {"kind": "event", "ref": "2"}
    code, _, error = home.attempt("audit", "prove", "99999")
    assert (code, error["error"]["kind"]) == (1, "NotFound")


def test_consistency_is_shown_between_two_sizes(home: Offline, tmp_path: Path) -> None:
    grown = home.command("audit", "consistency", "--from", "2", "--to", "5")
    key = verifier.parse_key(home.command("audit", "export", str(tmp_path / "any"))["key"])
    old, new = (
        verifier.check_note(grown[name], key, name) for name in ("old_checkpoint", "new_checkpoint")
    )
    assert (old.size, new.size) == (2, 5)
    proof = [verifier._base64(hash_) or b"" for hash_ in grown["proof"]]
    assert verifier.grows(old, new, proof)
    recorded = last(home, "log.proved")
    assert (recorded["op"], recorded["obj"]["ref"]) == ("consistency", "2-5")


@pytest.mark.clause("2.6")
def test_looking_at_the_log_is_in_the_log(home: Offline) -> None:
    seen = home.command("audit", "tail", "--lines", "5")["events"]
    recorded = last(home, "log.read")
    assert (recorded["op"], recorded["n"]) == ("tail", 5)
    assert recorded["obj"] == {"kind": "event", "ref": str(seen[-1]["seq"])}
    assert recorded["actor"]["kind"] == "user"


@pytest.mark.parametrize(
    "arguments",
    [
        ["verify", "/nowhere"],
        ["verify", "--key", "/nowhere"],
        ["verify", "/nowhere", "--key", "/nowhere"],
        ["prove"],
        ["consistency", "--from", "1"],
        ["export"],
    ],
)
def test_a_wrong_command_line_is_wrong_usage(home: Offline, arguments: list[str]) -> None:
    code, _, _ = home.attempt("audit", *arguments)
    assert code == 2


def test_people_see_text(home: Offline, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["audit", "prove", "0", "--home", str(home.path)]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("c2sp.org/tlog-proof@v1\nindex 0\n")
    assert run(["audit", "consistency", "--from", "1", "--to", "2", "--home", str(home.path)]) == 0
    assert capsys.readouterr().out.count(os.linesep) >= 10
