"""Changes and releases on the command line, in a home of one person: all of it alone, and the record says so."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.attacks.conftest import made_home, offline
from tests.support.offline import Offline
from tests.support.releases import COMMIT, said_of_tests

from strongroom.accounts.names import of_console
from strongroom.control import os_user

__all__ = ["made_home", "offline"]


@pytest.mark.clause("2.7-f", "2.7-g")
def test_a_change_of_storage_from_its_people_to_its_close(offline: Offline, tmp_path: Path) -> None:
    me = of_console(os_user(os.geteuid()))
    opening = [
        *("change", "open", "A disk", "--kind", "storage_volume", "--what", "It is replaced."),
        *("--back-out", "The old one.", "--risk", "An hour away."),
    ]
    code, _, error = offline.attempt(*opening)
    assert (code, error["error"]["kind"]) == (1, "Denied")
    (place,) = offline.command("change", "people", "--add", me)["people"]
    assert place["fault"] == "nobody approved it yet"
    (place,) = offline.command("change", "people", "--approve", str(place["place"]))["people"]
    assert (place["person"], place["approved_by"], place["fault"]) == (me, me, None)

    facts = offline.command("change", "storage", "--record")
    assert facts["drift"] == []
    assert {fact["fact"] for fact in facts["facts"]} >= {"home.volume", "database.engine"}
    number = str(offline.command(*opening)["change"])
    log = tmp_path / "test.log"
    log.write_text("it opened")
    code, _, error = offline.attempt(
        "change", "test", number, "--passed", "--result", "A copy opened."
    )
    assert code == 2
    assert "evidence" in error["error"]["message"]
    code, _, _ = offline.attempt(
        "change", "test", number, "--passed", "--result", "A copy.", "--evidence", "999"
    )
    assert code == 1
    assert (
        offline.command("change", "test", number, "--failed", "--result", "No.")["state"] == "test"
    )
    assert offline.command("change", "reject", number)["state"] == "rejected"

    opening[opening.index("storage_volume")] = "controls"
    number = str(offline.command(*opening)["change"])
    offline.command("change", "test", number, "--passed", "--result", "A copy opened.")
    offline.command("change", "verify", number)
    approved = offline.command("change", "approve", number)
    assert (approved["state"], approved["one_person"]) == ("close", True)
    closed = offline.command("change", "close", number, "--major", "--reason", "New controls.")
    assert (closed["state"], closed["major"]) == ("closed", True)
    assert offline.command("change", "show", number) == closed
    states = [one["state"] for one in offline.command("change", "list")["changes"]]
    assert states == ["closed", "rejected"]


@pytest.mark.clause("2.7-e")
def test_the_gate_in_a_home_refuses_and_says_why(offline: Offline, tmp_path: Path) -> None:
    now = datetime.now(UTC)  # noqa: TID251 - the home's clock is the machine's
    tests = tmp_path / "tests.json"
    tests.write_text(json.dumps(said_of_tests(now)))
    asked = [
        *("--commit", COMMIT, "--tests", str(tests)),
        *("--committed", (now - timedelta(hours=1)).isoformat()),
    ]
    code, found, _ = offline.attempt("release", "check", *asked)
    assert (code, found["allowed"]) == (1, False)
    verdicts = {one["condition"]: one["verdict"] for one in found["conditions"]}
    assert verdicts == {
        "code": "fail",
        "dependencies": "fail",
        "secrets": "fail",
        "blockers": "pass",
        "tests": "pass",
    }
    code, _, error = offline.attempt("release", "record", "1.0", *asked)
    assert code == 1
    assert error["error"]["message"].startswith("the gate refuses this commit: code is fail")
    assert offline.command("release", "list")["releases"] == []
    tests.write_text("[")
    assert offline.attempt("release", "check", *asked)[0] == 2
