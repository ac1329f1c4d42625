"""What an auditor tries who was let in to look at one audit for a while: more pages, changes, longer, elsewhere [3]."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from tests.attacks.test_desk import _rooms
from tests.desk.conftest import ada, home, joined, made_for_two
from tests.support.changes import caller_of
from tests.support.pages import DeskHome, Member
from tests.support.policies import overseer

from strongroom.assurance.audits import Assessments
from strongroom.db.suspensions import suspend
from strongroom.desk.exchange import OVERSEES, Answer, Route
from strongroom.desk.routes import all_routes
from strongroom.errors import Conflict, Denied, Malformed

__all__ = ["ada", "home", "joined", "made_for_two"]

pytestmark = pytest.mark.clause("3", "1.3")

WEEK = timedelta(days=7)
SHOWN = ("/audit-room", "/audit-room/1", "/clauses", "/clauses/3-e", "/scope", "/risks", "/laws")
OWN = {"factors", "password", "profile", "prove", "sessions", "sign-out", "today"}


def audits(home: DeskHome) -> Assessments:
    return home.system.assurance.audits


@pytest.fixture
def kim(ada: Member) -> Member:
    """Give an auditor of the first of two audits."""
    home, who = ada.browser.home, caller_of(ada)
    member = home.member("kim")
    for title in ("First", "Second"):
        audits(home).open(who, title, "Example LLP", home.now)
    audits(home).seats.admit(who, 1, "kim", home.now + WEEK, home.now)
    for name in ("risk", "law"):
        home.system.compliance.registers.take_catalogue(home.console, name, home.now)
    return member


def statuses(member: Member) -> set[int]:
    return {member.browser.get(path).status for path in SHOWN}


def test_each_route_is_closed_unless_it_is_meant_for_auditors(ada: Member, kim: Member) -> None:
    home = ada.browser.home
    token = kim.browser.form_fields("/profile")
    parts = {"id": "1", "duty": "1.1-a"}
    tried = 0
    for route in all_routes(_rooms()):
        own = not route.needs and route.path.split("/")[1] in OWN
        if route.open or route.for_auditors or own:
            continue
        path = re.sub(r"\{(\w+)\}", lambda found: parts.get(found[1], "access"), route.path)
        if route.method == "GET":
            assert kim.browser.get(path).status == 403, path
        else:
            assert kim.browser.post(path, dict(token)).status == 403, path
        tried += 1
    assert tried > 150
    changing = {r.path for r in all_routes(_rooms()) if r.for_auditors and r.method != "GET"}
    assert changing == {f"/audit-room/{{id}}/{name}" for name in ("ask", "accept", "reopen")}
    assert home.events("desk.request.refused")[-1].body["reason"] == "no_grant"


def test_what_is_meant_is_shown_marked_and_recorded(ada: Member, kim: Member) -> None:
    home = ada.browser.home
    assert statuses(kim) == {200}
    assert "Shown to kim, auditor of audit 1" in kim.browser.get("/clauses").text
    viewed = home.events("auditor.viewed")[-1].body
    assert viewed["op"] == "GET:/clauses"
    assert viewed["obj"]["ref"] == "1"


def test_another_audit_is_neither_listed_nor_opened_nor_asked_in(ada: Member, kim: Member) -> None:
    home = ada.browser.home
    assert "Second" not in kim.browser.get("/audit-room").text
    assert kim.browser.get("/audit-room/2").status == 403
    fields = {**kim.browser.form_fields("/audit-room/1"), "text": "x", "due": "2099-01-01"}
    assert kim.browser.post("/audit-room/2/ask", fields).status == 403
    with pytest.raises(Denied):
        audits(home).ask(caller_of(kim), 2, "Mine", home.now + WEEK, home.now)
    page = kim.browser.post("/audit-room/1/ask", fields)
    assert page.said == "The request is kept."


def test_it_ends_with_its_day_its_audit_its_account_and_when_somebody_says_so(
    ada: Member, kim: Member
) -> None:
    home, who = ada.browser.home, caller_of(ada)
    seats, person = audits(home).seats, caller_of(kim).principal
    assert seats.of(person, home.now) == 1
    assert seats.of(person, home.now + WEEK) is None
    (seat,) = seats.listed(1)
    seats.end(who, 1, seat.id, home.now)
    assert statuses(kim) == {403}
    seats.admit(who, 1, "kim", home.now + WEEK, home.now)
    assert statuses(kim) == {200}
    audits(home).close(who, 1, home.now)
    assert statuses(kim) == {403}


def test_a_suspended_auditor_sees_nothing(ada: Member, kim: Member) -> None:
    home = ada.browser.home
    with home.system.database.write() as tx:
        suspend(tx, caller_of(kim).principal, why="test", frozen=False, now=home.now)
    assert statuses(kim) == {403}


def test_a_seat_has_an_end_and_is_for_who_may_do_nothing_else(ada: Member, kim: Member) -> None:
    home, who = ada.browser.home, caller_of(ada)
    seats = audits(home).seats
    overseer(ada)
    home.member("lee")
    with pytest.raises(Malformed, match="30"):
        seats.admit(who, 1, "lee", home.now + timedelta(days=31), home.now)
    for name in ("ben", "ada"):
        with pytest.raises(Conflict, match="grants"):
            seats.admit(who, 1, name, home.now + WEEK, home.now)
    with pytest.raises(Denied):
        seats.admit(caller_of(kim), 1, "lee", home.now + WEEK, home.now)


def test_an_auditor_is_no_overseer_for_the_rooms_themselves(ada: Member, kim: Member) -> None:
    home, who = ada.browser.home, caller_of(kim)
    room, now = audits(home), home.now
    for act in (
        lambda: room.open(who, "Mine", "Me", now),
        lambda: room.find(who, 1, "x", now),
        lambda: room.close(who, 1, now),
        lambda: room.answer(who, 1, 1, "x", now),
    ):
        with pytest.raises(Denied):
            act()


@pytest.mark.parametrize(("path", "proved"), [("/changes/new", None), ("/audit-room/{id}/x", "x")])
def test_no_route_elsewhere_lets_an_auditor_change_anything(path: str, proved: str | None) -> None:
    with pytest.raises(ValueError, match="auditors"):
        Route(
            "POST", path, lambda _x: Answer(200), needs=OVERSEES, proved=proved, for_auditors=True
        )
