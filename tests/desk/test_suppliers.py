"""Suppliers through the pages: red without facility, assessment, contract; green with them; red again with time."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from tests.support.changes import evidence
from tests.support.pages import DeskHome, Member
from tests.support.policies import overseer

from strongroom.assurance.suppliers.overseeing import AUDITABLE, judged
from strongroom.compliance.duties.board import Status
from strongroom.compliance.overseen import Verdict

pytestmark = pytest.mark.clause("3-f")

XSS = '"><script>alert(1)</script>'


def verdict(home: DeskHome) -> Verdict:
    return home.system.assurance.suppliers_overseen.findings(home.now)[AUDITABLE].verdict


def write(member: Member, **fields: str) -> str:
    """Write one down; return the path of its page."""
    said = {
        "role": "subcontractor",
        "name": "Example Carrier",
        "does": "Prints labels",
        "countries": "de, pl",
        "destinations": "",
    }
    page = member.browser.submit(member.browser.get("/suppliers"), "/suppliers", **said | fields)
    assert page.said == "It is kept.", page.text
    return page.path


def assess(member: Member, path: str, *, passed: str = "yes") -> str:
    page = member.browser.submit(
        member.browser.get(path), f"{path}/assess", note="Report read.", passed=passed, evidence=""
    )
    return page.said or page.text


@pytest.fixture
def ben(ada: Member) -> Member:
    return overseer(ada)


def test_the_duty_is_red_green_and_red_again(ada: Member, ben: Member) -> None:
    home = ada.browser.home
    assert verdict(home) is Verdict.FAIL
    place = write(ada, role="facility", name="Warehouse")
    assert verdict(home) is Verdict.FAIL
    assert assess(ben, place) == "It is kept."
    assert verdict(home) is Verdict.PASS
    carrier = write(ada)
    assert verdict(home) is Verdict.FAIL
    assess(ben, carrier)
    assert verdict(home) is Verdict.FAIL
    number = evidence(home)
    for clause, wanted in (("", Verdict.FAIL), ("yes", Verdict.PASS)):
        fields = {**ada.browser.form_fields(carrier), "evidence": str(number)}
        fields.pop("audit_clause", None)
        ada.browser.post(
            f"{carrier}/contract", fields | ({"audit_clause": clause} if clause else {})
        )
        assert verdict(home) is wanted
    assess(ben, carrier, passed="no")
    assert verdict(home) is Verdict.FAIL
    ada.browser.submit(ada.browser.get(carrier), f"{carrier}/end")
    assert verdict(home) is Verdict.PASS
    home.passes(days=365)
    assert verdict(home) is Verdict.FAIL


def test_the_board_needs_somebodys_word_besides(ada: Member, ben: Member) -> None:
    home = ada.browser.home
    assess(ben, write(ada, role="facility"))
    row = home.system.compliance.duties.board(home.now).row(AUDITABLE)
    assert row.status is not Status.PASS
    assert row.findings[0].verdict is Verdict.PASS


def test_a_destination_that_nobody_stands_for_is_red(ada: Member, ben: Member) -> None:
    home = ada.browser.home
    assess(ben, write(ada, role="facility", destinations="carrier-eu"))
    entries = home.system.assurance.suppliers.listed()
    assert judged(entries, ["carrier-eu"], home.now).verdict is Verdict.PASS
    found = judged(entries, ["carrier-eu", "other"], home.now)
    assert found.verdict is Verdict.FAIL
    assert "other" in found.why


def test_the_next_assessment_is_due_within_a_year(ada: Member, ben: Member) -> None:
    home = ada.browser.home
    assess(ben, write(ada, role="facility"))
    (due,) = home.system.assurance.suppliers_overseen.dues(home.now)
    assert due.due_at == home.now + timedelta(days=365)


@pytest.mark.parametrize(
    "fields",
    [
        {"name": " "}, {"does": ""}, {"countries": "Germany"}, {"countries": ""}, {"role": "friend"},
        {"name": "x" * 121}, {"destinations": "not/a name"},
    ],
    ids=str,
)  # fmt: skip
def test_a_faulty_entry_is_shown_again_and_kept_nowhere(
    ada: Member, fields: dict[str, str]
) -> None:
    said = {
        "role": "facility",
        "name": "Here",
        "does": "All",
        "countries": "DE",
        "destinations": "",
    }
    page = ada.browser.submit(ada.browser.get("/suppliers"), "/suppliers", **said | fields)
    assert page.status in {400, 409, 422}
    assert ada.browser.home.system.assurance.suppliers.listed() == []
    assert "Nobody is on the register." in page.text


@pytest.mark.clause("2.6")
def test_what_is_typed_is_text_and_lies_sealed(ada: Member, ben: Member) -> None:
    path = write(ada, name=XSS, does=XSS)
    ben.browser.submit(ben.browser.get(path), f"{path}/assess", note=XSS, passed="yes", evidence="")
    for where in ("/suppliers", path):
        assert XSS not in ada.browser.get(where).body
    for event in ada.browser.home.events("supplier.changed"):
        assert not re.search("script", str(event.body))


def test_who_wrote_it_down_does_not_assess_it(ada: Member) -> None:
    overseer(ada)
    path = write(ada)
    fields = {**ada.browser.form_fields(path), "note": "Fine.", "passed": "yes", "evidence": ""}
    assert ada.browser.post(f"{path}/assess", fields).status == 403
    last = ada.browser.home.events("supplier.changed")[-1]
    assert (last.outcome, last.body["reason"]) == ("denied", "self_review")


def test_what_is_written_anew_is_assessed_again_by_somebody_else(ada: Member, ben: Member) -> None:
    """Another country or destination under an old assessment would have the data unseen."""
    home = ada.browser.home
    path = write(ada, role="facility")
    assess(ben, path)
    assert verdict(home) is Verdict.PASS
    home.passes(minutes=5)
    said = {"does": "More of it", "countries": "DE US", "destinations": "carrier-us"}
    ben.browser.submit(ben.browser.get(path), f"{path}/change", **said)
    assert verdict(home) is Verdict.FAIL
    fields = {**ben.browser.form_fields(path), "note": "Fine.", "passed": "yes", "evidence": ""}
    assert ben.browser.post(f"{path}/assess", fields).status == 403
    assert assess(ada, path) == "It is kept."
    assert verdict(home) is Verdict.PASS
