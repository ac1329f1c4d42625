"""The questionnaire: drafted from evidence, never yes against it, outdated with it, approved by another, exported."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from tests.support.pages import DeskHome, Member
from tests.support.policies import overseer

from strongroom.assurance.questionnaire import Form, questions
from strongroom.assurance.questionnaire.question import LONGEST, draft
from strongroom.compliance.duties.catalogue import duties, duty_of
from strongroom.compliance.duties.said import ExcuseKind
from strongroom.compliance.offices import Part
from strongroom.compliance.overseen import Office
from strongroom.errors import Conflict
from strongroom.terms import AuthMethod, Caller, PrincipalKind

pytestmark = pytest.mark.clause("3")

NAMES = list(questions())


def path_of(name: str) -> str:
    return f"/questionnaire/{NAMES.index(name) + 1}"


def excused(home: DeskHome, *ids: str) -> None:
    """Let duties count as not applicable: the administrator asks, who leads the company approves."""
    excuses, offices = home.system.compliance.duties.excuses, home.system.compliance.offices
    ada, ben = (
        Caller(home.system.accounts.find(n).id, PrincipalKind.PERSON, n, AuthMethod.SESSION)
        for n in ("ada", "ben")
    )
    offices.appoint(home.console, Office.EXECUTIVE, Part.HOLDER, "ben", home.now)
    offices.accept(ben, Office.EXECUTIVE, Part.HOLDER, home.now, "ben@example.com")
    for id_ in ids:
        reason, month = "There is nothing of it here.", timedelta(days=30)
        kind = ExcuseKind.NOT_APPLICABLE
        asked = excuses.ask(ada, duty_of(id_), kind, reason, month, home.now)
        excuses.approve(ben, asked.id, excuses.terms(asked.id), home.now)


def test_every_question_stands_on_duties_that_exist(ada: Member) -> None:
    board = ada.browser.home.system.compliance.duties.board(ada.browser.home.now)
    for question in questions().values():
        assert set(question.duties) <= set(duties())
        made = draft(question, board)
        assert len(made.text) <= LONGEST
        assert made.kept or question.form is Form.TEXT or made.text == "no"


def test_yes_is_refused_against_the_evidence_and_recorded(ada: Member) -> None:
    page = ada.browser.submit(
        ada.browser.get(path_of("at-rest")), f"{path_of('at-rest')}/write", text="yes"
    )
    assert page.status == 409
    assert "the evidence says no" in page.text.lower()
    last = ada.browser.home.events("questionnaire.changed")[-1]
    assert (last.outcome, last.body["obj"]["ref"]) == ("denied", "at-rest")
    assert (
        ada.browser.home.system.assurance.questionnaire.show("at-rest", ada.browser.home.now)[1]
        == []
    )


def test_an_answer_is_written_approved_by_another_and_outdated_with_its_evidence(
    ada: Member,
) -> None:
    home = ada.browser.home
    ben = overseer(ada)
    path = path_of("describe-network")
    page = ada.browser.submit(ada.browser.get(path), f"{path}/write", text="Behind nftables.")
    assert page.said.startswith("The answer is kept.")
    room = home.system.assurance.questionnaire
    assert room.show("describe-network", home.now)[0].state == "written"
    fields = ada.browser.form_fields(path)
    number = room.show("describe-network", home.now)[1][0].id
    assert ada.browser.post(f"{path}/approve", {**fields, "answer": str(number)}).status == 403
    assert ben.browser.submit(ben.browser.get(path), f"{path}/approve").said == (
        "The answer is approved."
    )
    assert room.show("describe-network", home.now)[0].state == "approved"
    excused(home, "1.1-a")
    assert room.show("describe-network", home.now)[0].state == "outdated"
    assert "The evidence has changed" in ada.browser.get(path).text


def test_yes_holds_while_every_duty_is_kept(ada: Member) -> None:
    home = ada.browser.home
    overseer(ada)
    room = home.system.assurance.questionnaire
    excused(home, *questions()["test-environment"].duties)
    shown, _ = room.show("test-environment", home.now)
    assert shown.draft.text == "yes"
    path = path_of("test-environment")
    assert ada.browser.submit(ada.browser.get(path), f"{path}/write", text="yes").status == 200
    home.passes(days=31)
    later, _ = room.show("test-environment", home.now)
    assert (later.state, later.text) == ("outdated", "no")
    with pytest.raises(Conflict):
        room.write(home.console, "test-environment", "yes", home.now)


@pytest.mark.parametrize(
    ("name", "text"),
    [("at-rest", "perhaps"), ("describe-network", "x" * 501), ("describe-network", "  ")],
)
def test_an_answer_has_the_form_that_is_wanted(ada: Member, name: str, text: str) -> None:
    path = path_of(name)
    fields = {**ada.browser.form_fields(path), "text": text}
    assert ada.browser.post(f"{path}/write", fields).status in {400, 422}


def test_all_answers_leave_as_a_table_without_formulas(ada: Member) -> None:
    path = path_of("describe-network")
    ada.browser.submit(ada.browser.get(path), f"{path}/write", text="=cmd|' /C calc'!A0")
    fields = ada.browser.form_fields("/questionnaire")
    got = ada.browser.post("/questionnaire/export", {**fields, "form": "csv"})
    rows = list(csv.DictReader(io.StringIO(got.body, newline="")))
    assert [row["question"] for row in rows] == NAMES
    answer = next(row["answer"] for row in rows if row["question"] == "describe-network")
    assert answer.startswith("'=")
    for form in ("md", "json"):
        assert ada.browser.post("/questionnaire/export", {**fields, "form": form}).status == 200
    assert ada.browser.home.events("questionnaire.changed")[-1].body["op"] == "exported"


def test_a_question_that_is_none_is_not_found(ada: Member) -> None:
    assert ada.browser.get("/questionnaire/999").status == 404


def test_of_many_versions_the_last_one_counts_and_none_is_lost(ada: Member) -> None:
    home = ada.browser.home
    room = home.system.assurance.questionnaire
    for text in ("First.", "Second.", "Third."):
        room.write(home.console, "describe-network", text, home.now)
        room.write(home.console, "describe-code", f"Code: {text}", home.now)
    shown = {one.question.name: one.text for one in room.all(home.now)}
    assert (shown["describe-network"], shown["describe-code"]) == ("Third.", "Code: Third.")
    _, written = room.show("describe-network", home.now)
    assert [one.text for one in written] == ["Third.", "Second.", "First."]
