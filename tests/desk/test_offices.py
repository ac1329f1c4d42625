"""Offices through the pages: appointed by somebody, accepted by the person, empty when they leave."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.support.offline import Offline
from tests.support.pages import DeskHome, Member

from strongroom.accounts.guard import Disposition
from strongroom.compliance.offices import ACCEPTED_FOR, DUTY, Part
from strongroom.compliance.overseen import Office, Verdict
from strongroom.terms import AuthMethod, Caller, PrincipalId, PrincipalKind

pytestmark = pytest.mark.clause("1.6")


def verdict(home: DeskHome) -> Verdict:
    return home.system.compliance.offices.findings(home.now)[DUTY].verdict


def appoint(member: Member, person: str, part: Part) -> None:
    page = member.prove("offices")
    page = member.browser.submit(
        page, "/offices", person=person, part=part.value, **{o.value: "yes" for o in Office}
    )
    assert page.said.startswith("The person is appointed"), page.text


def accept(member: Member, address: str) -> None:
    page = member.browser.get("/offices/mine")
    fields = {name: "yes" for name in page.form("/offices/mine") if "." in name}
    given = {"address": address} if "address" in page.form("/offices/mine") else {}
    page = member.browser.submit(page, "/offices/mine", **fields, **given)
    assert page.said.startswith("Thank you"), page.text


@pytest.fixture
def filled(ada: Member) -> tuple[Member, Member]:
    """Give two people who hold every office between them."""
    home = ada.browser.home
    ben = home.member("ben")
    console = home.console
    for office in Office:
        home.system.compliance.offices.appoint(console, office, Part.HOLDER, "ada", home.now)
    appoint(ada, "ben", Part.DEPUTY)
    assert verdict(home) is Verdict.FAIL
    accept(ada, "ada@example.com")
    assert verdict(home) is Verdict.FAIL
    accept(ben, "ben@example.com")
    return ada, ben


def test_offices_are_in_order_once_each_person_accepted(filled: tuple[Member, Member]) -> None:
    ada, ben = filled
    home = ada.browser.home
    assert verdict(home) is Verdict.PASS
    page = ada.browser.get("/offices")
    assert "20 of 20 places in order" in page.text
    assert "example.com" not in page.body + ada.browser.get("/offices/mine").body
    people = home.system.accounts.find("ada").id, home.system.accounts.find("ben").id
    offices = home.system.compliance.offices
    assert offices.holders(Office.INCIDENT_LEAD, home.now) == set(people)
    assert offices.holder(Office.INCIDENT_LEAD, home.now) == people[0]
    assert offices.deputy(Office.INCIDENT_LEAD, home.now) == people[1]
    assert offices.address_of(people[1]) == "ben@example.com"
    accepted = [e for e in home.events("office.accepted") if e.body["actor"]["id"] == people[1]]
    assert len(accepted) == len(Office)
    assert "example.com" not in str([e.body for e in home.events()])
    assert ben.browser.get("/offices").status == 403


def test_an_acceptance_lasts_half_a_year(filled: tuple[Member, Member]) -> None:
    home = filled[0].browser.home
    soon = home.now + ACCEPTED_FOR - timedelta(minutes=5)
    offices = home.system.compliance.offices
    assert offices.findings(soon)[DUTY].verdict is Verdict.PASS
    late = home.now + ACCEPTED_FOR
    assert "older than six months" in offices.findings(late)[DUTY].why
    assert "Accept your offices for another half year" in {due.what for due in offices.dues(late)}
    for member in filled:
        for office in Office:
            part = Part.HOLDER if member.name == "ada" else Part.DEPUTY
            caller = home.system.accounts.find(member.name)
            offices.accept(_caller(caller.id, member.name), office, part, late)
    assert offices.findings(late)[DUTY].verdict is Verdict.PASS


def test_who_leaves_is_locked_or_suspended_fills_no_office(filled: tuple[Member, Member]) -> None:
    ada, _ben = filled
    home = ada.browser.home
    offices, system = home.system.compliance.offices, home.system
    ben = system.accounts.find("ben").id
    system.guard.disowned(ben, home.now, home.console)
    assert "left, is locked or suspended" in offices.findings(home.now)[DUTY].why
    lock = next(one for one in system.guard.locks(home.now) if one.principal == ben)
    ada_caller = _caller(system.accounts.find("ada").id, "ada")
    system.guard.lift(lock.id, ada_caller, home.now, Disposition.TEST)
    assert verdict(home) is Verdict.PASS
    system.accounts.end("ben", caller=home.console, now=home.now)
    assert verdict(home) is Verdict.FAIL
    assert offices.deputy(Office.INCIDENT_LEAD, home.now) is None
    assert "Fill the offices that nobody holds" in {d.what for d in offices.dues(home.now)}
    assert "ben" not in ada.browser.get("/offices").body.partition('name="person"')[2]
    cleo = home.member("cleo")
    appoint(ada, "cleo", Part.DEPUTY)
    accept(cleo, "cleo@example.com")
    assert verdict(home) is Verdict.PASS


def test_a_page_says_what_is_wrong_with_a_form(ada: Member) -> None:
    page = ada.prove("offices")
    page = ada.browser.submit(page, "/offices", person="ada", part="holder", executive="yes")
    assert "Nobody appoints themself." in page.text
    token = {"token": page.form("/offices")["token"]}
    page = ada.browser.post("/offices", token | {"person": "ada", "part": "holder"})
    assert "Choose at least one office." in page.text
    page = ada.browser.submit(page, "/offices", person="zoe", part="holder", executive="yes")
    assert page.status == 404
    page = ada.browser.post(
        "/offices/mine/address", ada.browser.form_fields("/offices/mine") | {"address": "a@b"}
    )
    assert "This is no e-mail address." in page.text


def test_one_person_holds_every_office_and_says_so(offline_one: Offline) -> None:
    listed = offline_one.command("office", "list")
    assert (listed["verdict"], listed["one_person"]) == ("fail", True)
    me = offline_one.command("user", "list")["users"][0]["name"]
    address = offline_one.path.parent / "address"
    address.touch(mode=0o600)
    address.write_text("me@example.com")
    for office in Office:
        offline_one.command("office", "set", office.value, "--holder", me)
        offline_one.command("office", "accept", office.value, "--address-file", str(address))
    listed = offline_one.command("office", "list")
    assert listed["verdict"] == "pass"
    assert "one person" in listed["why"]
    code, _, error = offline_one.attempt("office", "set", "treasurer", "--holder", me)
    assert (code, "no such office" in str(error)) == (1, True)


@pytest.fixture
def offline_one(tmp_path) -> Offline:
    return Offline.make(tmp_path / "one")


def _caller(number: int, name: str):
    return Caller(PrincipalId(number), PrincipalKind.PERSON, name, AuthMethod.SESSION)
