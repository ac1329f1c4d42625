"""Who fills an office without a grant to oversee looks at the duties and the registers, and at nothing else."""

from __future__ import annotations

import re

import pytest
from tests.attacks.test_desk import _rooms
from tests.desk.conftest import ada, home, joined, made_for_two
from tests.support.pages import DeskHome, Member

from strongroom.compliance.offices import ACCEPTED_FOR, Part
from strongroom.compliance.overseen import Office
from strongroom.db.suspensions import suspend
from strongroom.desk.exchange import ADMINISTERS, OVERSEES, Answer, Route
from strongroom.desk.routes import all_routes
from strongroom.terms import AuthMethod, Caller, PrincipalKind

__all__ = ["ada", "home", "joined", "made_for_two"]

pytestmark = pytest.mark.clause("1.3", "1.6")

SHOWN = ("/clauses", "/clauses?state=blocking", "/clauses/1.1-a", "/scope", "/risks", "/laws")


def _caller(home: DeskHome, name: str) -> Caller:
    who = home.system.accounts.find(name).id
    return Caller(who, PrincipalKind.PERSON, name, AuthMethod.SESSION)


def _appoint(home: DeskHome, name: str, part: Part = Part.HOLDER) -> None:
    home.system.compliance.offices.appoint(home.console, Office.DEV_LEAD, part, name, home.now)


def _accept(home: DeskHome, name: str, part: Part = Part.HOLDER) -> None:
    offices = home.system.compliance.offices
    offices.accept(_caller(home, name), Office.DEV_LEAD, part, home.now, f"{name}@example.com")


def _statuses(member: Member) -> set[int]:
    return {member.browser.get(path).status for path in SHOWN}


@pytest.fixture
def ben(ada: Member) -> Member:
    """Give a person who holds an office, and no grant."""
    home = ada.browser.home
    member = home.member("ben")
    registers = home.system.compliance.registers
    for name in ("risk", "law"):
        registers.take_catalogue(home.console, name, home.now)
    _appoint(home, "ben")
    _accept(home, "ben")
    return member


@pytest.mark.parametrize("part", list(Part))
def test_the_pages_open_with_the_acceptance_and_not_before(ada: Member, part: Part) -> None:
    home = ada.browser.home
    ben = home.member("ben")
    assert _statuses(ben) == {403}
    _appoint(home, "ben", part)
    assert _statuses(ben) == {403}
    _accept(home, "ben", part)
    assert _statuses(ben) == {200}


def test_they_close_with_the_office(ada: Member, ben: Member) -> None:
    home = ada.browser.home
    assert _statuses(ben) == {200}
    _appoint(home, "ada")
    assert _statuses(ben) == {403}


def test_a_suspended_holder_fills_no_office(ada: Member, ben: Member) -> None:
    home = ada.browser.home
    with home.system.database.write() as tx:
        suspend(tx, _caller(home, "ben").principal, why="test", frozen=False, now=home.now)
    assert _statuses(ben) == {403}


def test_an_acceptance_that_ran_out_opens_nothing(ada: Member, ben: Member) -> None:
    home = ada.browser.home
    ended = home.now + ACCEPTED_FOR
    filled = home.system.compliance.offices.is_filled_by
    who = _caller(home, "ben").principal
    assert filled(who, home.now)
    assert not filled(who, ended)
    assert not filled(_caller(home, "ada").principal, home.now)


def test_no_other_page_opens_and_nothing_can_be_changed(ada: Member, ben: Member) -> None:
    home = ada.browser.home
    token = ben.browser.form_fields("/profile")
    shown = {path.partition("?")[0] for path in SHOWN} | {"/clauses/{duty}"}
    parts = {"id": "1", "duty": "1.1-a"}
    tried = 0
    for route in all_routes(_rooms()):
        if not route.needs & (OVERSEES | ADMINISTERS) or (
            route.path in shown and route.method == "GET"
        ):
            continue
        path = re.sub(r"\{(\w+)\}", lambda found: parts.get(found[1], "access"), route.path)
        if route.method == "GET":
            assert ben.browser.get(path).status == 403, path
        else:
            assert ben.browser.post(path, dict(token)).status == 403, path
        tried += 1
    assert tried > 50
    assert home.events("desk.request.refused")[-1].body["reason"] == "no_grant"


def test_the_pages_show_nothing_that_would_be_refused(ada: Member, ben: Member) -> None:
    assert {action for path in SHOWN for action in ben.browser.get(path).actions} <= {
        "/sign-out",
        "/clauses",
    }
    # Once more the whole way: no link of what is theirs leads to a refusal.
    links: dict[str, str] = {}
    for path in (*SHOWN, "/today"):
        for href in re.findall(r'href="(/[^"#]*)"', ben.browser.get(path).body):
            if not href.startswith("/static"):
                links.setdefault(href, path)
    refused = {href: path for href, path in links.items() if ben.browser.get(href).status != 200}
    assert refused == {}


def test_who_has_no_office_is_led_to_none_of_them(ada: Member) -> None:
    eve = ada.browser.home.member("eve")
    body = eve.browser.get("/today").body
    assert not [path for path in SHOWN if f'href="{path}' in body]


@pytest.mark.parametrize(
    ("method", "proved"), [("POST", None), ("GET", "offices")], ids=["change", "proof"]
)
def test_no_route_lets_an_office_change_anything(method: str, proved: str | None) -> None:
    with pytest.raises(ValueError, match="offices"):
        Route(method, "/x", lambda _x: Answer(200), needs=OVERSEES, proved=proved, for_offices=True)
