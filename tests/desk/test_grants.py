"""People, apps and their grants on the desk: what is shown, and that a second person is another person."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from tests.support.pages import Member, Page

from strongroom.db.suspensions import suspend
from strongroom.terms import Action, Category, Purpose
from strongroom.vault import Wish
from strongroom.vault.grants_listed import GrantsListed, Sought

EVIL = '"><script>alert(1)</script>'


@pytest.fixture
def bob(ada: Member) -> Member:
    """Let in a second administrator, as the only other person who could have agreed to it."""
    home = ada.browser.home
    member = home.member("bob")
    system = home.system
    wish = Wish(
        system.accounts.find("bob").id,
        Action.ADMINISTER,
        Purpose.FULFILMENT,
        frozenset(Category),
        None,
        timedelta(days=30),
    )
    caller = system.accounts.console("olga", home.now)
    (row,) = system.grants.request(caller, [wish], home.now)
    page = ada.browser.get(f"/grants/{row.grant.id}")
    done = ada.browser.submit(page, f"/grants/{row.grant.id}/approve")
    assert done.said.startswith("The grant counts"), done.text
    return member


def _ask(member: Member, **fields: str) -> Page:
    page = member.browser.get("/grants/ask")
    form = {k: v for k, v in page.form("/grants/ask").items() if not k.startswith("category-")}
    wanted = {
        "principal": "ada",
        "action": "reveal",
        "purpose": "fulfilment",
        "category-phone": "1",
        "days": "30",
    }
    return member.browser.post("/grants/ask", form | wanted | fields)


@pytest.mark.clause("1.3")
def test_a_grant_is_asked_for_by_one_and_approved_by_another(ada: Member, bob: Member) -> None:
    assert _ask(ada).said.startswith("The grant is asked for")
    row = ada.browser.home.system.grants.all()[-1]
    path = f"/grants/{row.grant.id}"
    own = ada.browser.get(path)
    assert f"{path}/approve" not in own.actions
    page = bob.browser.get(path)
    form = page.form(f"{path}/approve")
    forged = ada.browser.post(
        f"{path}/approve", ada.browser.form_fields(path) | {"terms": form["terms"]}
    )
    assert "needs another person" in forged.text
    other = bob.browser.post(f"{path}/approve", form | {"terms": "0" * 16})
    assert "something else than the page did" in other.text
    assert ada.browser.home.system.grants.all()[-1].grant.approved_at is None
    done = bob.browser.post(f"{path}/approve", form)
    assert done.said.startswith("The grant counts")
    readers = bob.browser.get("/grants/readers?category=phone")
    assert "ada" in readers.text
    assert "Nobody can read it" in bob.browser.get("/grants/readers?category=tax_id").text
    ended = bob.browser.submit(bob.browser.get(path), f"{path}/revoke")
    assert ended.said == "The grant has ended."
    assert "Nobody can read it" in bob.browser.get("/grants/readers?category=phone").text


@pytest.mark.clause("1.3")
def test_what_no_grant_may_say_is_told_beside_what_was_typed(ada: Member) -> None:
    for fields, told in (
        ({"principal": EVIL}, "No person or app of this name"),
        ({"principal": "x" * 65}, "too long"),
        ({"action": "everything"}, "Choose the action"),
        ({"days": "x"}, "Write days as a number"),
        ({"reason": "for ada@example.com"}, "names no person"),
        ({"sellers": EVIL}, "seller"),
        ({"purpose": "tax"}, "nobody needs phone for tax"),
    ):
        page = _ask(ada, **fields)
        assert page.status >= 400
        assert told.lower() in page.text.lower()
        assert "<script>alert" not in page.body


@pytest.mark.clause("1.3")
def test_a_role_is_asked_for_line_by_line(ada: Member, bob: Member) -> None:
    assert bob.name == "bob"
    page = ada.browser.get("/grants/ask")
    form = page.form("/grants/ask/role")
    done = ada.browser.post("/grants/ask/role", form | {"principal": "bob", "role": "auditor"})
    assert done.said.startswith("The grant is asked for")
    assert all(
        row.state(ada.browser.home.now) == "pending"
        for row in ada.browser.home.system.grants.all()[-1:]
    )
    assert "Grants" in ada.browser.get("/grants/roles").text


@pytest.mark.clause("1.2")
def test_accounts_show_their_state_and_end_by_another_person(ada: Member, bob: Member) -> None:
    listed = ada.browser.get("/principals")
    assert "bob" in listed.text
    number = ada.browser.home.system.accounts.find("bob").id
    path = f"/principals/{number}"
    one = ada.browser.get(path)
    assert one.h1 == "bob"
    assert "ada" not in ada.browser.get("/principals?kind=app").text.replace("Signed on as ada", "")
    assert ada.browser.get("/principals?kind=x").status == 400
    slip = ada.browser.post(f"{path}/end", one.form(f"{path}/end") | {"name": EVIL})
    assert "Write the name of the account" in slip.text
    assert "<script>alert" not in slip.body
    done = ada.browser.post(f"{path}/end", one.form(f"{path}/end") | {"name": "Bob"})
    assert done.said.startswith("The account has ended")
    assert bob.browser.get("/profile").path == "/sign-on"
    own = ada.browser.home.system.accounts.find("ada").id
    refused = ada.browser.post(
        f"/principals/{own}/end", ada.browser.form_fields("/principals") | {"name": "ada"}
    )
    assert "ended by somebody else" in refused.text


@pytest.mark.clause("1.3")
def test_people_without_a_grant_see_none_of_it(ada: Member) -> None:
    eve = ada.browser.home.member("eve")
    for path in (
        "/principals",
        "/principals/1",
        "/grants",
        "/grants/1",
        "/grants/readers",
        "/grants/ask",
    ):
        assert eve.browser.get(path).status == 403
    for path in ("/principals/1/end", "/grants/1/approve", "/grants/1/revoke", "/grants/ask"):
        assert eve.browser.post(path, eve.browser.form_fields("/profile")).status == 403


@pytest.mark.clause("1.2")
def test_many_grants_go_page_by_page(ada: Member) -> None:
    home = ada.browser.home
    who = home.system.accounts.find("ada").id
    wish = Wish(
        who, Action.REVEAL, Purpose.FULFILMENT, frozenset({Category.NAME}), None, timedelta(days=1)
    )
    home.system.grants.request(home.console, [wish] * 60, home.now)
    first = ada.browser.get("/grants?state=pending")
    assert first.body.count('<th scope="row"') == 50
    assert "Older" in first.text
    assert "/grants?state=pending&amp;before=" in first.body
    assert "ada" in ada.browser.get(f"/grants?who={who}").text
    assert ada.browser.get("/grants?state=x").status == 400


@pytest.mark.clause("1.2", "2.6")
def test_grants_of_who_is_suspended_are_found_as_suspended(ada: Member) -> None:
    home = ada.browser.home
    who = home.system.accounts.find("ada").id
    listed = GrantsListed(home.system.database)

    def found(at: datetime) -> list[int]:
        rows = listed.page(Sought("suspended", who), at, before=None, after=None, limit=9)
        assert all(one.state(at) == "suspended" for one in rows)
        return [one.grant.id for one in rows]

    assert found(home.now) == []
    with home.system.database.write() as tx:
        suspend(tx, who, why="a test", frozen=False, now=home.now)
    assert len(found(home.now)) == len(home.system.grants.all(who))
