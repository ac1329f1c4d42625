"""`supplier`, `staff` and `questionnaire` in a home of one person, from nothing to in order."""

from __future__ import annotations

import json
import time

import pytest
from tests.attacks.conftest import made_home, offline
from tests.support.offline import Offline

__all__ = ["made_home", "offline"]


@pytest.mark.clause("3-f")
def test_a_supplier_is_written_down_assessed_and_ended(offline: Offline) -> None:
    made = offline.command(
        "supplier", "add", "Warehouse", "--role", "facility", "--does", "All of it", "--country", "de"
    )  # fmt: skip
    assert made["lacks"] == ["it was not assessed"]
    number = str(made["supplier"])
    done = offline.command("supplier", "assess", number, "--passed", "--note", "Looked at.")
    assert done["lacks"] == []
    assert offline.command("supplier", "show", number) == done
    (listed,) = offline.command("supplier", "list")["suppliers"]
    assert listed["countries"] == ["DE"]
    code, _, error = offline.attempt(
        "supplier", "contract", number, "--evidence", "1", "--audit-clause"
    )
    assert (code, error["error"]["kind"]) == (1, "NotFound")
    offline.command("supplier", "end", number)
    assert offline.command("supplier", "list") == {"suppliers": []}
    assert len(offline.command("supplier", "list", "--ended")["suppliers"]) == 1


@pytest.mark.clause("1.1", "1.2")
def test_a_person_is_trained_and_let_in(offline: Offline) -> None:
    offline.command("user", "add", "eve")
    today = time.strftime("%Y-%m-%d", time.gmtime())
    for topic in ("data_protection", "it_security"):
        offline.command("staff", "train", "eve", "--topic", topic, "--on", today)
    offline.command("staff", "state", "eve", "confidentiality")
    found = offline.command("staff", "state", "eve", "device")
    assert found["leaving_lacks"] == []
    code, _, error = offline.attempt("staff", "state", "eve", "papers")
    assert code == 2
    assert "confidentiality, device" in error["error"]["message"]
    assert [one["person"] for one in offline.command("staff", "list")["staff"]].count("eve") == 1


@pytest.mark.clause("3")
def test_the_questionnaire_is_answered_approved_and_exported(offline: Offline) -> None:
    name = "describe-network"
    written = offline.command("questionnaire", "write", name, "--text", "Behind a firewall.")
    assert written["state"] == "written"
    done = offline.command("questionnaire", "approve", name, str(written["number"]))
    assert (done["state"], done["answer"]) == ("approved", "Behind a firewall.")
    code, _, error = offline.attempt("questionnaire", "write", "at-rest", "--text", "yes")
    assert (code, error["error"]["kind"]) == (1, "Conflict")
    found = offline.command("questionnaire", "export", "--form", "json")
    assert len(found["questions"]) == len(offline.command("questionnaire", "list")["questions"])
    assert "Behind a firewall." in json.dumps(offline.command("questionnaire", "export"))
    assert offline.command("questionnaire", "show", name)["answer"] == "Behind a firewall."
