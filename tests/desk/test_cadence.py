"""Today and the cadence through the pages: what is due, to whom, and a person's word that it was done."""

from __future__ import annotations

import pytest
from tests.support.offline import Offline
from tests.support.pages import DeskHome, Member

from strongroom.compliance.agenda import Item
from strongroom.compliance.cadence import FURTHER, Stage
from strongroom.compliance.offices import Part
from strongroom.compliance.overseen import Office
from strongroom.terms import AuthMethod, Caller, PrincipalId, PrincipalKind

pytestmark = pytest.mark.clause("1.6", "2.2", "2.3")
XSS = '"><script>alert(1)</script>'


def seat(home: DeskHome, name: str, office: Office, part: Part = Part.HOLDER) -> PrincipalId:
    """Put a person into an office, and have them accept."""
    offices, number = home.system.compliance.offices, home.system.accounts.find(name).id
    caller = Caller(number, PrincipalKind.PERSON, name, AuthMethod.SESSION)
    offices.appoint(home.console, office, part, name, home.now)
    offices.accept(caller, office, part, home.now, f"{name}@example.com")
    return number


def item(home: DeskHome, what: str) -> Item:
    items = home.system.compliance.agenda.items(home.now)
    return next(one for one in items if one.due.what == what)


def test_the_start_leads_to_today_and_everybody_sees_what_is_theirs(ada: Member) -> None:
    home = ada.browser.home
    page = ada.browser.get("/")
    assert (page.path, page.h1) == ("/today", "Today")
    assert "everything whose day has come is unreadable" in page.text
    assert home.visitor().get("/").path == "/sign-on"
    ben = home.member("ben")
    page = ben.browser.get("/today")
    assert "Nothing of yours is due" in page.text
    assert "whose day has come" not in page.text
    home.system.compliance.offices.appoint(
        home.console, Office.IT_ADMIN, Part.DEPUTY, "ben", home.now
    )
    assert "Accept the offices you were appointed to" in ben.browser.get("/today").text
    assert ben.browser.get("/cadence").status == 403
    assert ben.browser.get("/cadence/personal-devices").status == 403


def test_what_is_late_goes_to_the_deputy_and_then_to_who_answers(ada: Member) -> None:
    home = ada.browser.home
    home.member("ben")
    it = seat(home, "ada", Office.IT_ADMIN)
    deputy = seat(home, "ben", Office.IT_ADMIN, Part.DEPUTY)
    home.system.compliance.work.state(home.console, "personal-devices", home.now)
    found = item(home, "No Information on personal devices and removable media")
    assert (found.stage, found.whose, found.hears) == (Stage.LATER, it, frozenset())
    uid = found.uid
    home.now = found.due.due_at - FURTHER
    assert item(home, "No Information on personal devices and removable media").hears == {it}
    home.now = found.due.due_at
    assert item(home, "No Information on personal devices and removable media").hears == {
        it,
        deputy,
    }
    home.now = found.due.due_at + FURTHER
    home.system.accounts.add_person("eve", caller=home.console, now=home.now)
    boss = seat(home, "eve", Office.EXECUTIVE)
    late = item(home, "No Information on personal devices and removable media")
    assert (late.stage, late.hears) == (Stage.ESCALATED, {it, deputy, boss})
    assert late.uid == uid


def test_a_person_states_that_work_was_done_and_the_grid_moves(ada: Member) -> None:
    home = ada.browser.home
    home.passes(days=3)
    ada.sign_on()
    page = ada.browser.get("/cadence")
    assert "No Information on personal devices and removable media" in page.text
    page = ada.browser.get("/cadence/personal-devices")
    page = ada.browser.submit(
        page, "/cadence/personal-devices", day="2026-03-12", note=XSS, evidence="A" * 64
    )
    assert page.said == "It is recorded that this was done, on your name."
    assert "2026-03-12 by ada" in page.text
    assert "<script>alert" not in page.body
    standing = {s.work.name: s for s in home.system.compliance.work.standing(home.now)}
    assert f"{standing['personal-devices'].due_at:%Y-%m-%d}" == "2026-06-10"
    event = home.events("work.done")[-1].body
    assert (event["obj"]["ref"], event["chg"][0]["after"]) == ("personal-devices", "a" * 64)
    assert "script" not in str(event)


def test_who_fills_the_office_states_its_work_without_a_grant(ada: Member) -> None:
    home = ada.browser.home
    ben = home.member("ben")
    seat(home, "ben", Office.WAREHOUSE_LEAD)
    page = ben.browser.get("/cadence/printed-pii")
    page = ben.browser.submit(page, "/cadence/printed-pii", note="shredded")
    assert "by ben" in page.text
    token = ben.browser.form_fields("/today")
    assert ben.browser.post("/cadence/personal-devices", token | {"day": ""}).status == 403
    # And no longer, once somebody else has it.
    home.system.compliance.offices.appoint(
        home.console, Office.WAREHOUSE_LEAD, Part.HOLDER, "ada", home.now
    )
    assert ben.browser.get("/cadence/printed-pii").status == 403
    assert ben.browser.post("/cadence/printed-pii", token | {"day": ""}).status == 403
    assert len(home.system.compliance.work.done("printed-pii")) == 1


def test_what_cannot_be_stated(ada: Member) -> None:
    page = ada.browser.get("/cadence/personal-devices")
    for fields, said in (
        ({"day": "2026-03-11"}, "last 30 days"),
        ({"day": "2025-03-11"}, "last 30 days"),
        ({"day": "soon"}, "A day is written as"),
        ({"evidence": "abc"}, "64 digits"),
        ({"note": "x" * 20_001}, "too long"),
    ):
        answer = ada.browser.submit(page, "/cadence/personal-devices", **fields)
        assert answer.status == 400, fields
        assert said in answer.text
    # What a room records by itself is nobody's to state.
    token = ada.browser.form_fields("/cadence")
    answer = ada.browser.post("/cadence/access-review", token | {"day": ""})
    assert (answer.status, "counts from what the log has" in answer.text) == (409, True)
    assert ada.browser.get("/cadence/nothing").status == 404
    assert ada.browser.home.system.compliance.work.done("personal-devices") == []


def test_commands_say_and_do_the_same(tmp_path) -> None:
    offline = Offline.make(tmp_path / "one")
    note = tmp_path / "note"
    note.write_text("looked at all devices")
    done = offline.command("cadence", "done", "personal-devices", "--note-file", str(note))
    assert done["work"] == "personal-devices"
    listed = {one["work"]: one for one in offline.command("cadence", "list")["work"]}
    assert listed["personal-devices"]["last_at"] == done["done_at"]
    assert listed["access-review"]["last_at"] is None
    due = offline.command("cadence", "due")["due"]
    assert {one["what"] for one in due} >= {
        "Review of who has access",
        "Fill the offices that nobody holds",
    }
    code, _, _ = offline.attempt("cadence", "done", "access-review")
    assert code == 1
