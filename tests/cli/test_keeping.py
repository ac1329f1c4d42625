"""How long the log is kept, by command: two people, holds, and giving up what is old enough."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support.audit import revealed
from tests.support.offline import Offline

from strongroom import logs
from strongroom.opening import open_system

pytestmark = pytest.mark.clause("2.6", "3")

WHY = ("--reason", "we leave the marketplace")
ENDED = ("--now", "2030-01-05T12:00:00Z")
LATER = ("--now", "2032-01-05T12:00:00Z")


@pytest.fixture(autouse=True)
def _soft(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "harden", lambda **_: None)
    monkeypatch.delenv("STRONGROOM_HOME", raising=False)


def fill(home: Offline, number: int) -> None:
    system = open_system(home.path, environ={})
    try:
        with system.database.write() as tx:
            system.audit.append(tx, *map(revealed, range(number)), now=system.clock())
    finally:
        system.close()


def test_one_person_ends_the_agreement_and_gives_up_what_is_old(tmp_path: Path) -> None:
    home = Offline.make(tmp_path / "made")
    fill(home, 600)
    code, _, error = home.attempt("audit", "prune", "request", *WHY, *LATER)
    assert (code, error["error"]["kind"]) == (1, "Denied")
    ended = home.command("audit", "agreement", "end", "--on", "2029-12-31", *WHY, *ENDED)
    assert (ended["state"], ended["terms"]) == ("approved", {"on": "2029-12-31"})
    shown = home.command("audit", "agreement", "show", *ENDED)
    assert (shown["ends_on"], shown["prunable_before"]) == ("2029-12-31", None)
    assert shown["log_kept_until"] == "2031-01-01T00:00:00+00:00"
    done = home.command("audit", "prune", "request", *WHY, *LATER)
    assert (done["state"], done["minimum"], done["anchored"]) == ("approved", 512, True)
    # What made the home stays, or nobody could open it as one of one person.
    assert 500 < done["gone"] < 512
    report = home.command("audit", "verify", *LATER)
    assert (report["ok"], report["faults"], report["minimum"]) == (True, [], 512)
    home.command("grant", "list", *LATER)
    assert home.command("audit", "prune", "run", *LATER)["gone"] == 0


def test_several_people_decide_by_two(tmp_path: Path) -> None:
    home = Offline.make(tmp_path / "made", one_person=False)
    boris = tmp_path / "boris"
    boris.write_text(json.dumps(home.command("user", "add", "boris")))
    by = ("--as", "boris", "--credential-file", str(boris))
    asked = home.command("audit", "agreement", "end", "--on", "2029-12-31", *WHY)
    assert asked["state"] == "pending"
    code, _, error = home.attempt("audit", "agreement", "approve", str(asked["id"]))
    assert (code, error["error"]["kind"]) == (1, "Denied")
    (check,) = [c for c in home.attempt("doctor")[1]["checks"] if c["id"] == "log.kept"]
    assert check["state"] == "warning"
    code, _, error = home.attempt("audit", "hold", "approve", str(asked["id"]), *by)
    assert (code, error["error"]["kind"]) == (1, "NotFound")
    approved = home.command("audit", "agreement", "approve", str(asked["id"]), *by)
    assert (approved["state"], approved["approved_by"]) == ("approved", "boris")

    held = home.command("audit", "hold", "set", "--from", "0", "--to", "9", *WHY, *by)
    assert (held["from"], held["to"], held["lifted"]) == (0, 9, False)
    lift = home.command("audit", "hold", "lift", str(held["id"]), *WHY, *by)
    code, _, error = home.attempt("audit", "hold", "approve", str(lift["id"]), *by)
    assert (code, error["error"]["kind"]) == (1, "Denied")
    home.command("audit", "hold", "approve", str(lift["id"]))
    assert [hold["lifted"] for hold in home.command("audit", "hold", "list")["holds"]] == [True]

    back = home.command("audit", "agreement", "reopen", *WHY)
    home.command("audit", "agreement", "approve", str(back["id"]), *by)
    assert home.command("audit", "agreement", "show")["ends_on"] is None
    code, _, _ = home.attempt("audit", "agreement", "end", "--on", "soon", *WHY)
    assert code == 2
