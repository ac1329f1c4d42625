"""Destinations of the relay on the command line: two people, and all that was approved to be read."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from tests.attacks.conftest import made_home, offline
from tests.support.offline import Offline, audit_grant

__all__ = ["made_home", "offline"]

pytestmark = pytest.mark.clause("1.3", "2.2")

ADD = ("--categories", "name,address", "--purposes", "fulfilment")
PIN = "ab" * 32


def file(path: Path, text: str) -> str:
    path.touch(mode=0o600)
    path.write_text(text)
    return str(path)


def checks(home: Offline) -> dict[str, str]:
    return {c["id"]: c["state"] for c in home.attempt("doctor")[1]["checks"]}


def test_two_people_agree_on_a_destination_and_on_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STRONGROOM_HOME", raising=False)
    home = Offline.make(tmp_path / "made", one_person=False)
    boris = file(tmp_path / "boris.json", json.dumps(home.command("user", "add", "boris")))
    proof = ("--as", "boris", "--credential-file", boris)
    asked = home.command(
        "destination", "add", "Parcels", "--host", "API.parcels.example", "--prefix", "/v1/", *ADD,
        "--pin", PIN, "--network", "10.1.0.0/16", "--answers", "strict", "--per-minute", "5",
    )  # fmt: skip
    assert asked["state"] == "pending"
    approve = ("destination", "approve", "parcels", "--terms", asked["terms"])
    assert home.attempt(*approve)[0] == 1, "who asked does not approve"
    shown = home.command(*approve, *proof)
    assert shown == home.command("destination", "show", "parcels")
    assert {
        key: shown[key] for key in ("state", "kind", "place", "sellers", "answers", "pins")
    } == {
        "state": "active",
        "kind": "party",
        "place": "api.parcels.example/v1",
        "sellers": None,
        "answers": "strict",
        "pins": [PIN],
    }
    assert home.attempt("destination", "add", "parcels", "--host", "h", *ADD)[2]["error"][
        "kind"
    ] == ("Conflict")
    home.command("destination", "remove", "parcels")
    assert home.command("destination", "show", "parcels")["state"] == "leaving"
    home.command("destination", "reject", "parcels", *proof)
    home.command("destination", "remove", "parcels")
    home.command(*approve, *proof)
    assert home.command("destination", "list")["destinations"] == []


@pytest.mark.clause("1.3")
def test_an_approval_holds_for_the_terms_that_were_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STRONGROOM_HOME", raising=False)
    home = Offline.make(tmp_path / "made", one_person=False)
    boris = file(tmp_path / "boris.json", json.dumps(home.command("user", "add", "boris")))
    proof = ("--as", "boris", "--credential-file", boris)
    add = ("destination", "add", "parcels", "--host", "api.parcels.example")
    shown = home.command(*add, *ADD)["terms"]
    # Whoever asked thinks again, after boris has looked.
    home.command("destination", "reject", "parcels", *proof)
    other = home.command(*add, *ADD, "--network", "10.1.0.0/16")["terms"]
    assert other != shown
    code, _, error = home.attempt("destination", "approve", "parcels", "--terms", shown, *proof)
    assert (code, error["error"]["kind"]) == (1, "Conflict")
    assert "destination show parcels" in error["error"]["hint"]
    assert home.command("destination", "show", "parcels")["state"] == "pending"
    home.command("destination", "approve", "parcels", "--terms", other.upper(), *proof)


@pytest.mark.clause("2.6")
def test_who_may_read_the_log_may_read_what_was_disclosed(offline: Offline) -> None:
    offline.command("destination", "add", "parcels", "--host", "api.parcels.example", *ADD)
    ask = ("destination", "disclosures", "parcels")
    assert offline.attempt(*ask)[0] == 1
    offline.command("grant", "add", *audit_grant())
    assert offline.command(*ask) == {"disclosures": []}


@pytest.mark.parametrize(
    "arguments",
    [
        ("--host", "https://mark.example"),
        ("--host", "h", "--prefix", "/../mark"),
        ("--host", "h", "--pin", "mark"),
        ("--host", "h", "--network", "0.0.0.0/0"),
        ("--host", "h", "--answers", "mark"),
        ("--host", "h", "--seller", "mark"),
    ],
)
def test_what_is_no_destination_is_refused_without_repeating_it(
    offline: Offline, arguments: tuple[str, ...]
) -> None:
    code, _, error = offline.attempt("destination", "add", "a", *ADD, *arguments)
    assert code in (1, 2)
    assert "mark" not in json.dumps(error)


def test_an_edited_destination_is_told_by_list_and_doctor(offline: Offline) -> None:
    offline.command("destination", "add", "parcels", "--host", "api.parcels.example", *ADD)
    assert checks(offline)["relay.destinations"] == "ok"
    database = sqlite3.connect(offline.path / "vault.db")
    database.execute("update delivery_target set approved_at = null where role = 'destination'")
    database.commit()
    database.close()
    code, listed, _ = offline.attempt("destination", "list")
    assert (code, listed["tampered"]) == (1, ["destination 1"])
    assert checks(offline)["relay.destinations"] == "failed"
