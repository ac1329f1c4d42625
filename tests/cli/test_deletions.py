"""A notice of Amazon's on the command line: registered, planned, approved, run, verified, certified."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.attacks.conftest import made_home, offline
from tests.support.offline import Offline

__all__ = ["made_home", "offline"]

pytestmark = pytest.mark.clause("1.7")

REGISTER = ("notice", "register", "--kind", "deletion", "--reference", "CASE-7")


def file(path: Path, text: str) -> str:
    path.touch(mode=0o600)
    path.write_text(text)
    return str(path)


def test_two_people_take_a_notice_to_its_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STRONGROOM_HOME", raising=False)
    home = Offline.make(tmp_path / "made", one_person=False)
    boris = file(tmp_path / "boris.json", json.dumps(home.command("user", "add", "boris")))
    proof = ("--as", "boris", "--credential-file", boris)
    assert home.command(*REGISTER)["state"] == "registered"
    planned = home.command("notice", "plan", "1", "--store", "tape-safe")
    assert len(planned["plan"]["stores"]) == 10
    approve = ("notice", "approve", "1", "--terms", planned["terms"])
    assert home.attempt(*approve)[0] == 1, "who planned does not approve"
    assert home.attempt("notice", "run", "1", "--yes")[2]["error"]["kind"] == "Conflict"
    assert home.command(*approve, *proof)["approved_by"] == "boris"
    assert home.attempt("notice", "run", "1")[0] != 0, "it wants --yes"
    assert home.command("notice", "run", "1", "--yes")["state"] == "erased"
    code, found, _ = home.attempt("notice", "verify", "1")
    unknown = [one["store"] for one in found["stores"] if one["verdict"] == "unknown"]
    assert (code, len(found["lacks"])) == (1, len(unknown))
    for store in unknown:
        home.command(
            "notice", "confirm", "1", "--store", store, "--statement", "there is none", *proof
        )
    directory = tmp_path / "certificate"
    made = home.command("notice", "certificate", "1", "--to", str(directory))
    assert made["files"] == [
        "certificate.json", "certificate.note", "certificate.pdf", "certificate.vkey", "verify.py"
    ]  # fmt: skip
    again = home.attempt("notice", "certificate", "1", "--to", str(directory))
    assert again[2]["error"]["kind"] == "Conflict"
    key = file(tmp_path / "key", home.command("notice", "key")["key"])
    script = shutil.copy(directory / "verify.py", tmp_path / "verify.py")
    done = subprocess.run(
        [sys.executable, "-I", str(script), str(directory), "--key", key],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "sound"), done.stdout
    check = ("notice", "certificate", "--verify", str(directory), "--key-file", key)
    assert home.command(*check)["ok"]
    (directory / "certificate.pdf").write_bytes(b"%PDF-forged")
    assert home.attempt(*check)[0] == 1
    assert home.command("notice", "close", "1")["state"] == "closed"
    assert home.command("notice", "list")["notices"][0]["overdue"] == []


def test_a_notice_that_is_late_ends_the_list_with_one(offline: Offline) -> None:
    offline.command(*REGISTER, "--received", "2026-03-01T09:30:00Z")
    code, found, _ = offline.attempt("notice", "list")
    assert (code, found["notices"][0]["state"]) == (1, "registered")
    assert "72 hours" in found["notices"][0]["overdue"][0]


def test_orders_and_buyers_come_in_files_and_are_never_shown(
    offline: Offline, tmp_path: Path
) -> None:
    orders = file(tmp_path / "orders", "902-1000001-0000001\n902-1000002-0000002\n")
    emails = file(tmp_path / "emails", "a@buyers.example\n")
    found = offline.command(*REGISTER, "--orders-file", orders, "--emails-file", emails)
    assert "2 orders and 1 buyers" in found["scope"]
    shown = json.dumps(offline.command("notice", "show", "1"))
    assert "902-1000001" not in shown
    assert "buyers.example" not in shown
    tail = (offline.path / "vault.db").read_bytes()
    assert b"902-1000001" not in tail
    assert b"buyers.example" not in tail


@pytest.mark.parametrize(
    "arguments",
    [
        ("--kind", "mark"),
        ("--reference", "mark@example"),
        ("--received", "mark"),
        ("--seller", "mark"),
        ("--categories", "mark"),
        ("--from", "mark"),
    ],
)
def test_what_is_no_notice_is_refused_without_repeating_it(
    offline: Offline, arguments: tuple[str, ...]
) -> None:
    code, _, error = offline.attempt(*REGISTER, *arguments)
    assert code in (1, 2)
    assert "mark" not in json.dumps(error)
