"""The board of clauses through the pages: looked at, stated, withdrawn, excepted by two people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.offline import Offline
from tests.support.pages import DeskHome, Member, Page

from strongroom.compliance.duties import Status, all_duties
from strongroom.compliance.overseen import Due, DutyId, Finding, Verdict
from strongroom.desk.door import _Table
from strongroom.desk.exchange import Route
from strongroom.desk.faults import Refused
from strongroom.terms import Action, AuthMethod, Caller, Category, PrincipalKind, Purpose

pytestmark = pytest.mark.clause("1", "2", "3")

SCRIPT = '"><script>alert(1)</script>'
ID = "1.1-a"
NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


class Eyes:
    """A room that finds what the test says, through the seam that every room uses."""

    def __init__(self, verdict: Verdict, why: str = "all declared ports answer") -> None:
        self.verdict, self.why = verdict, why

    def findings(self, now: datetime) -> Mapping[DutyId, Finding]:
        return {DutyId(ID): Finding(self.verdict, self.why, ("probe 3",), "close the port")}

    def dues(self, now: datetime) -> list[Due]:
        return []


def seen(home: DeskHome, verdict: Verdict, why: str = "all declared ports answer") -> None:
    duties: Any = home.system.compliance.duties
    duties._rooms = (Eyes(verdict, why),)


def status(home: DeskHome, id_: str = ID) -> Status:
    return home.system.compliance.duties.board(home.now).row(DutyId(id_)).status


def state(member: Member, **fields: str) -> Page:
    page = member.browser.get(f"/clauses/{ID}")
    return member.browser.submit(page, f"/clauses/{ID}/state", **fields)


@pytest.fixture
def ben(ada: Member) -> Member:
    """Give another person who oversees."""
    home = ada.browser.home
    member = home.member("ben")
    person = home.system.accounts.find("ben").id
    given = home.system.grants.add(
        home.console,
        principal=person,
        action=Action.ADMINISTER,
        purpose=Purpose.INCIDENT,
        categories=frozenset(Category),
        sellers=None,
        lifetime=timedelta(days=30),
        now=home.now,
    )
    number = home.system.accounts.find("ada").id
    hers = Caller(number, PrincipalKind.PERSON, "ada", AuthMethod.SESSION)
    home.system.grants.approve(hers, given.grant.id, home.now)
    return member


def test_the_board_shows_all_99_duties_and_what_blocks(ada: Member) -> None:
    page = ada.browser.get("/clauses")
    assert page.status == 200
    assert page.h1 == "Clauses"
    assert "An audit today would not pass" in page.text
    assert all(f'href="/clauses/{id_}"' in page.body for id_ in all_duties())
    assert "the strictest number rules" in page.text
    assert page.body.count("<h2") >= 19


@pytest.mark.parametrize(
    ("query", "there", "gone"),
    [
        ("section=2.6", "2.6-a", "2.7-a"),
        ("kind=attest", "1.2-d", "2.4-c"),
        ("office=warehouse_lead", "2.3-f", "1.1-a"),
        ("state=unknown&section=2.6", "2.6-k", "2.6-a"),
        ("state=blocking", "1.1-a", "1-c"),
    ],
)
def test_the_board_is_filtered(ada: Member, query: str, there: str, gone: str) -> None:
    page = ada.browser.get(f"/clauses?{query}")
    assert f'href="/clauses/{there}"' in page.body
    assert f'href="/clauses/{gone}"' not in page.body


def test_a_filter_that_fits_nothing_says_what_to_do(ada: Member) -> None:
    page = ada.browser.get("/clauses?state=anything")
    assert "No duty is like that." in page.text


def test_each_duty_has_its_page(ada: Member) -> None:
    # One of each section, and those that have something of their own.
    several = {duty.clause: id_ for id_, duty in all_duties().items()}
    for id_ in {*several.values(), "1-a", "1-c", "1.2-d", "2.7-d", "3-a"}:
        duty = all_duties()[DutyId(id_)]
        page = ada.browser.get(f"/clauses/{id_}")
        assert page.status == 200
        assert duty.title in page.h1 + page.text
        for heading in ("How it stands", "About this duty", "What was seen", "Exception"):
            assert heading in page.text
        assert ("I state this" in page.text) == (duty.states is not None)


def test_a_statement_turns_a_duty_green_and_its_withdrawal_red(ada: Member) -> None:
    home = ada.browser.home
    seen(home, Verdict.PASS)
    assert status(home) is Status.FAIL
    page = state(ada, note="seen in the console", name="rules.txt", sha256="ab" * 32)
    assert page.said == "Your statement is recorded."
    assert status(home) is Status.PASS
    assert "seen in the console" in page.text
    assert "rules.txt" in page.text
    seen(home, Verdict.FAIL)
    assert status(home) is Status.FAIL
    assert "Close the port." in ada.browser.get(f"/clauses/{ID}").text
    seen(home, Verdict.PASS)
    page = ada.browser.get(f"/clauses/{ID}")
    page = ada.browser.submit(page, f"/clauses/{ID}/withdraw", why="a rule was opened")
    assert page.said.startswith("The statement was withdrawn")
    assert "a rule was opened" in page.text
    assert status(home) is Status.FAIL


def test_a_statement_refers_to_kept_evidence_by_its_number(ada: Member) -> None:
    page = state(ada, kept="7")
    assert page.status == 404
    page = state(ada, kept="seven")
    assert "named by its numbers" in page.text
    assert "Error: " in page.body


@pytest.mark.parametrize(
    "fields",
    [{"sha256": "abc", "name": "x"}, {"sha256": "ab" * 32}, {"digest": "0" * 64}],
)
def test_a_faulty_statement_is_shown_again_with_what_was_typed(
    ada: Member, fields: dict[str, str]
) -> None:
    page = state(ada, note="what I looked at", **fields)
    assert page.status in (400, 409)
    assert "what I looked at" in page.body
    assert status(ada.browser.home) is Status.FAIL


def ask(member: Member, **fields: str) -> Page:
    page = member.browser.get(f"/clauses/{ID}")
    fields = {"reason": "the hall moves", "days": "30", "excuse": "exception"} | fields
    return member.browser.submit(page, f"/clauses/{ID}/except", **fields)


def test_an_exception_is_asked_for_by_one_and_approved_by_another(ada: Member, ben: Member) -> None:
    home = ada.browser.home
    seen(home, Verdict.FAIL)
    assert "asked for" in ask(ada).said
    page = ada.prove("exceptions")
    assert "Yours: somebody else approves it." in page.text
    assert "/clauses/exceptions/1/approve" not in page.actions
    page = ben.prove("exceptions")
    assert "the hall moves" in page.text
    page = ben.browser.submit(page, "/clauses/exceptions/1/approve")
    assert page.said == "The exception counts from now on."
    assert status(home) is Status.EXCEPTION
    page = ada.browser.get(f"/clauses/{ID}")
    assert "asked for by ada" in page.text
    assert "approved by ben" in page.text
    page = ben.browser.get("/clauses/exceptions")
    page = ben.browser.submit(page, "/clauses/exceptions/1/end")
    assert status(home) is Status.FAIL


@pytest.mark.parametrize(
    "fields", [{"reason": " "}, {"days": "400"}, {"days": "-1"}, {"days": "²"}, {"excuse": "x"}]
)
def test_a_faulty_exception_is_refused(ada: Member, fields: dict[str, str]) -> None:
    assert ask(ada, **fields).status == 400


@pytest.mark.parametrize("field", ["note", "why", "reason", "name"])
def test_what_people_write_runs_nowhere(ada: Member, field: str) -> None:
    home = ada.browser.home
    seen(home, Verdict.FAIL, SCRIPT)
    state(ada, note=SCRIPT, name=SCRIPT, sha256="ab" * 32)
    page = ada.browser.get(f"/clauses/{ID}")
    ada.browser.submit(page, f"/clauses/{ID}/withdraw", why=SCRIPT)
    ask(ada, reason=SCRIPT)
    for path in ("/clauses", f"/clauses/{ID}", "/clauses/exceptions"):
        page = ada.browser.get(path)
        assert "<script>alert" not in page.body
        assert "&lt;script&gt;alert" in page.body
    # A faulty form shows again what was typed.
    page = state(
        ada, **{"kept": "x", "note": SCRIPT} | ({field: SCRIPT} if field == "name" else {})
    )
    assert "<script>alert" not in page.body


def test_the_pages_are_for_who_oversees(ada: Member) -> None:
    home = ada.browser.home
    eve = home.member("eve")
    for path in ("/clauses", f"/clauses/{ID}", "/clauses/exceptions", "/clauses?state=fail"):
        assert eve.browser.get(path).status == 403
    token = {"token": eve.browser.get("/profile").form("/sign-out")["token"]}
    for path in (f"/clauses/{ID}/state", f"/clauses/{ID}/except", "/clauses/exceptions/1/approve"):
        assert eve.browser.post(path, token).status == 403
    assert status(home) is Status.FAIL


def test_nothing_changes_without_the_token_of_a_form(ada: Member) -> None:
    home = ada.browser.home
    digest = all_duties()[DutyId(ID)].digest
    page = ada.browser.post(f"/clauses/{ID}/state", {"digest": digest})
    assert page.status == 403
    assert not home.events("duty.stated")


def test_an_exception_is_approved_only_after_proving_again(ada: Member, ben: Member) -> None:
    ask(ada)
    home = ada.browser.home
    home.passes(minutes=11)
    token = ben.browser.form_fields("/profile")
    terms = home.system.compliance.duties.excuses.terms(1)
    page = ben.browser.post("/clauses/exceptions/1/approve", token | {"terms": terms})
    assert page.path == "/prove/exceptions"
    assert not home.events("duty.excuse.approved")


@pytest.mark.parametrize(
    "path",
    ["1.1-A", "1.1-aa", "11.1-a", "1.11-a", "1-1-a", "..-a", "1.1", "%31.1-a", "1.1-a/", "1.1-a/x"],
)
def test_nothing_else_is_a_duty_in_a_path(path: str) -> None:
    table = _Table([Route("GET", "/clauses/{duty}", lambda exchange: None)])  # type: ignore[arg-type,return-value]
    with pytest.raises(Refused):
        table.find("GET", f"/clauses/{path}")
    assert table.find("GET", "/clauses/1.1-a")[1] == {"duty": "1.1-a"}


def test_a_duty_that_is_none_is_not_found(ada: Member) -> None:
    assert ada.browser.get("/clauses/9.9-z").status == 404


def test_in_a_home_of_one_person_an_exception_counts_at_once(tmp_path: Path) -> None:
    alone = Offline.make(tmp_path / "alone")
    with DeskHome.opened(alone.path, NOW) as home:
        ada = home.first()
        seen(home, Verdict.FAIL)
        assert ask(ada).said == "The exception counts from now on."
        assert "in a home of one person" in ada.browser.get(f"/clauses/{ID}").text
