"""The policy's duties on the command line: listed, shown, stated, withdrawn, excepted."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest
from tests.attacks.conftest import made_home, offline
from tests.support.offline import Offline

from strongroom.compliance.duties import all_duties
from strongroom.compliance.overseen import DutyId

__all__ = ["made_home", "offline"]

pytestmark = pytest.mark.clause("1", "2", "3")

DUTY = all_duties()[DutyId("2.3-f")]


def test_the_list_has_all_99_and_fails_while_one_blocks(offline: Offline) -> None:
    code, found, _ = offline.attempt("duty", "list")
    assert code == 1
    assert len(found["duties"]) == 99
    assert not found["passes"]
    assert sum(found["counts"].values()) == 99
    assert found["revision"] == "current"
    _, blocking, _ = offline.attempt("duty", "list", "--status", "blocking")
    assert [row["duty"] for row in blocking["duties"]] == found["blocking"]
    _, some, _ = offline.attempt("duty", "list", "--clause", "2.6", "--office", "security_owner")
    assert {row["duty"] for row in some["duties"]} == {f"2.6-{letter}" for letter in "hijkl"}
    code, _, error = offline.attempt("duty", "list", "--status", "splendid")
    assert (code, "no such state" in str(error)) == (2, True)


def test_a_duty_is_shown_with_all_that_is_known(offline: Offline) -> None:
    found = offline.command("duty", "show", "2.6-g")
    assert found["numbers"]["kept"]["rules"] == 365
    assert found["clocks"]
    assert found["check"]
    assert found["evidence"]
    assert offline.attempt("duty", "show", "9.9-z")[0] == 1


def test_a_statement_is_made_with_its_evidence_and_withdrawn(
    offline: Offline, tmp_path: Path
) -> None:
    paper = tmp_path / "shredded.pdf"
    paper.write_bytes(b"certificate of the vendor")
    code, shown, _ = offline.attempt("duty", "attest", DUTY.id)
    assert (code, shown["states"]) == (1, DUTY.states)
    assert offline.command("duty", "show", DUTY.id)["statements"] == []
    offline.command("duty", "attest", DUTY.id, "--yes", "--note", "box 4", "--evidence", str(paper))
    (made,) = offline.command("duty", "show", DUTY.id)["statements"]
    assert made["note"] == "box 4"
    assert made["digest"] == DUTY.digest
    digest = sha256(b"certificate of the vendor").hexdigest()
    assert made["evidence"] == [{"name": "shredded.pdf", "sha256": digest}]
    assert made["recorded"]
    found = offline.command("duty", "withdraw", DUTY.id, "--note", "a box was found")
    assert found["status"] in ("fail", "unknown")
    assert offline.command("duty", "show", DUTY.id)["statements"][0]["withdraws"]


def test_what_nobody_states_is_not_stated(offline: Offline) -> None:
    code, _, error = offline.attempt("duty", "attest", "2.4-c", "--yes")
    assert (code, "not stated by people" in str(error)) == (2, True)
    code, _, _ = offline.attempt("duty", "attest", DUTY.id, "--yes", "--evidence", "/nowhere")
    assert code == 2
    assert offline.attempt("duty", "attest", DUTY.id, "--yes", "--kept", "77")[0] != 0


def test_an_exception_of_one_person_counts_at_once_and_ends(offline: Offline) -> None:
    made = offline.command(
        "duty", "except", DUTY.id, "--not-applicable", "--days", "365",
        "--reason", "nothing is printed here",
    )  # fmt: skip
    assert (made["state"], made["one_person"]) == ("active", True)
    assert offline.command("duty", "show", DUTY.id)["status"] == "not_applicable"
    (listed,) = offline.command("duty", "exceptions")["exceptions"]
    assert listed["reason"] == "nothing is printed here"
    code, _, _ = offline.attempt(
        "duty", "approve", str(made["exception"]), "--terms", made["terms"]
    )
    assert code == 1
    assert offline.command("duty", "end", str(made["exception"]))["state"] == "ended"
    assert offline.command("duty", "show", DUTY.id)["status"] != "not_applicable"
