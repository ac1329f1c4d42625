"""Attacks on the guided flows of the desk: notices, requests, reviews, retention, and the deliberate reveal."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.desk.conftest import ada, home, joined, made_for_two
from tests.support.flowing import MAIL, WHO, caller_of, give, orders, overseer, seller
from tests.support.pages import Member, Page

from strongroom.db.suspensions import suspend
from strongroom.desk.once import GOOD_FOR
from strongroom.terms import Action, Category, PrincipalId, Purpose, SellerId

__all__ = ["ada", "home", "joined", "made_for_two"]

XSS = '"><script>alert(1)</script>'


def token_of(member: Member) -> dict[str, str]:
    return member.browser.form_fields("/profile")


def refused(member: Member) -> list[tuple[str | None, str | None]]:
    events = member.browser.home.events("desk.request.refused")
    return [(event.body.get("reason"), event.body.get("op")) for event in events]


def look(member: Member, **fields: str) -> Page:
    page = member.browser.get("/reveal")
    wish = {"purpose": "fulfilment", "reason": "a parcel came back", "all": ""}
    return member.browser.submit(page, "/reveal", **{**wish, **fields})


@pytest.fixture
def value_of(ada: Member) -> str:
    """Return the token of a buyer's name; ada may reveal it."""
    home = ada.browser.home
    give(home, "ada", Action.REVEAL, Purpose.FULFILMENT)
    return orders(home, seller(home))[0]


# -- revealing -------------------------------------------------------------------------------------------------


@pytest.mark.clause("1.3", "2.6")
def test_nothing_is_revealed_without_a_purpose_or_a_reason(ada: Member, value_of: str) -> None:
    for wrong in ({"purpose": ""}, {"purpose": "curiosity"}, {"reason": ""}, {"reason": MAIL}):
        page = look(ada, value_of=value_of, **wrong)
        assert page.status == 400
        assert WHO not in page.body
        assert refused(ada)[-1] == ("malformed_request", "POST:/reveal")
    assert not ada.browser.home.events("vault.record.revealed")


@pytest.mark.clause("1.3", "2.6")
def test_another_persons_grant_and_another_purpose_open_nothing(ada: Member, value_of: str) -> None:
    home = ada.browser.home
    ben = home.member("ben")
    give(home, "ben", Action.REVEAL, Purpose.TAX, [Category.ADDRESS])
    for purpose in ("fulfilment", "tax"):
        page = look(ben, value_of=value_of, purpose=purpose)
        assert page.status == 403
        assert WHO not in page.body
    assert [event.outcome for event in home.events("vault.record.revealed")] == ["denied"] * 2


@pytest.mark.clause("1.3")
def test_a_form_that_was_sent_is_worth_nothing_sent_again(ada: Member, value_of: str) -> None:
    """A copy of the request, or the back button: the same bytes open nothing twice."""
    page = ada.browser.get("/reveal")
    sent = page.form("/reveal") | {
        "value_of": value_of,
        "purpose": "fulfilment",
        "reason": "a parcel came back",
        "all": "",
    }
    assert WHO in ada.browser.post("/reveal", sent).text
    again = ada.browser.post("/reveal", sent)
    assert again.status == 409
    assert WHO not in again.body
    assert len(ada.browser.home.events("vault.record.revealed")) == 1


@pytest.mark.clause("1.3")
def test_a_form_of_another_session_or_of_long_ago_opens_nothing(ada: Member, value_of: str) -> None:
    home = ada.browser.home
    ben = home.member("ben")
    give(home, "ben", Action.REVEAL, Purpose.FULFILMENT)
    theirs = ben.browser.get("/reveal").form("/reveal")["mark"]
    assert look(ada, value_of=value_of, mark=theirs).status == 409
    old = ada.browser.get("/reveal").form("/reveal")["mark"]
    home.passes(seconds=GOOD_FOR.total_seconds())
    ada.prove("reveal")
    assert look(ada, value_of=value_of, mark=old).status == 409


@pytest.mark.clause("1.2", "2.6")
def test_a_suspended_person_reveals_nothing_in_a_session_that_began_before(
    ada: Member, value_of: str
) -> None:
    home = ada.browser.home
    page = ada.browser.get("/reveal")
    with home.system.database.write() as tx:
        person = PrincipalId(home.system.accounts.find("ada").id)
        suspend(tx, person, why="alarm", frozen=False, now=home.now)
    fields = {"value_of": value_of, "purpose": "fulfilment", "reason": "a parcel", "all": ""}
    answer = ada.browser.submit(page, "/reveal", **fields)
    assert answer.status in (401, 403)
    assert WHO not in answer.body


@pytest.mark.clause("2.6")
def test_a_canary_fires_on_the_desk_too(ada: Member, value_of: str) -> None:
    home = ada.browser.home
    partner = home.system.sellers.all()[0].id
    home.system.vault.plant(home.console, SellerId(partner), 1, home.now)
    touching = home.system.vault.canaries.order_to_touch(SellerId(partner))
    assert touching is not None
    give(home, "ada", Action.SEARCH, Purpose.FULFILMENT)
    told = home.system.vault.describe(caller_of(ada), touching[1], now=home.now)
    look(ada, value_of=next(iter(told.tokens.values())))
    assert home.events("canary.touched")


@pytest.mark.clause("1.3")
def test_a_budget_counts_on_the_desk_too(ada: Member) -> None:
    home = ada.browser.home
    give(home, "ada", Action.REVEAL, Purpose.FULFILMENT, budget=1)
    first, second = orders(home, seller(home), 2)
    assert WHO in look(ada, value_of=first).text
    answer = look(ada, value_of=second)
    assert answer.status == 403
    assert WHO not in answer.body


# -- notices, requests, reviews --------------------------------------------------------------------------------


@pytest.mark.clause("1.7")
def test_who_planned_does_not_approve_by_a_request_of_their_own_making(ada: Member) -> None:
    page = ada.browser.get("/notices/new")
    names = page.form("/notices/new")
    boxes = {name: "" for name in names if name.startswith(("category-", "seller-"))}
    page = ada.browser.submit(page, "/notices/new", **boxes, kind="deletion", reference="CASE-7")
    page = ada.browser.submit(page, f"{page.path}/plan", stores="")
    terms = ada.browser.home.system.notices.one(1).terms or ""
    answer = ada.browser.post(f"{page.path}/approve", token_of(ada) | {"terms": terms})
    assert answer.status == 403
    assert ada.browser.home.system.notices.one(1).approved is None
    run = ada.browser.post(f"{page.path}/run", token_of(ada) | {"meant": "yes"})
    assert run.status == 409


@pytest.mark.clause("1.7")
def test_a_suspended_second_person_is_none(ada: Member) -> None:
    home = ada.browser.home
    ben = overseer(home, "ben")
    page = ada.browser.get("/notices/new")
    names = page.form("/notices/new")
    boxes = {name: "" for name in names if name.startswith(("category-", "seller-"))}
    page = ada.browser.submit(page, "/notices/new", **boxes, kind="deletion", reference="CASE-7")
    page = ada.browser.submit(page, f"{page.path}/plan", stores="")
    token = token_of(ben)
    with home.system.database.write() as tx:
        suspend(tx, home.system.accounts.find("ben").id, why="alarm", frozen=False, now=home.now)
    terms = home.system.notices.one(1).terms or ""
    answer = ben.browser.post(f"{page.path}/approve", token | {"terms": terms})
    assert answer.status in (401, 403)
    assert home.system.notices.one(1).approved is None


@pytest.mark.clause("1.7", "2.2", "2.6")
def test_what_is_typed_into_a_flow_is_text_wherever_it_stands(ada: Member) -> None:
    home = ada.browser.home
    partner = seller(home)
    orders(home, partner)
    pages = [
        ada.browser.post(path, token_of(ada) | fields)
        for path, fields in (
            ("/notices/new", {"kind": XSS, "reference": XSS, "received": XSS, "sellers": XSS}),
            ("/notices/new", {"kind": "deletion", "reference": "A", "first": XSS, "orders": XSS}),
            ("/requests/new", {"kind": XSS, "law": XSS, "received": XSS, "email": XSS}),
            ("/retention", {"seller": XSS, "order": XSS}),
            ("/reveal", {"value_of": XSS, "purpose": XSS, "reason": XSS, "mark": XSS}),
            ("/reviews/1/decide", {"item": XSS, "verdict": XSS}),
        )
    ]
    opened = {"kind": "access", "law": "gdpr", "email": XSS, "name": XSS}
    page = ada.browser.post("/requests/new", token_of(ada) | opened)
    pages += [page, ada.browser.post(f"{page.path}/assign", token_of(ada) | {"handler": XSS})]
    pages.append(ada.browser.post(f"{page.path}/reply", token_of(ada) | {"outcome": XSS}))
    pages += [ada.browser.get(path) for path in ("/notices", "/requests", "/reviews")]
    for one in pages:
        assert "<script>alert" not in one.body, one.path
        assert one.status < 500, one.path


@pytest.mark.clause("1.3")
def test_a_permit_of_another_request_is_not_approved_through_this_one(ada: Member) -> None:
    home = ada.browser.home
    opened = {"kind": "access", "law": "gdpr", "email": MAIL}
    for _ in range(2):
        ada.browser.post("/requests/new", token_of(ada) | opened)
    ben = overseer(home, "ben")
    requests = home.system.subjects
    del requests
    answer = ben.browser.post("/requests/2/approve", token_of(ben) | {"permit": "1", "terms": "x"})
    assert answer.status == 404


@pytest.mark.clause("2.2", "2.6")
def test_no_event_has_what_was_typed(ada: Member, value_of: str) -> None:
    home = ada.browser.home
    opened = {"kind": "access", "law": "gdpr", "email": MAIL, "name": WHO}
    ada.browser.post("/requests/new", token_of(ada) | opened)
    look(ada, value_of=value_of)
    ada.browser.post(
        "/retention", token_of(ada) | {"seller": "acme", "order": "902-1000001-0000001"}
    )
    text = str([event.body for event in home.events()])
    for value in (MAIL, WHO, "902-1000001", "a parcel came back"):
        assert value not in text


@pytest.mark.clause("1.2")
def test_work_that_was_begun_ends_with_the_home_and_goes_on_later(ada: Member) -> None:
    works = ada.browser.home.system.notices.works
    works.stop()
    page = ada.browser.get("/notices/new")
    names = page.form("/notices/new")
    boxes = {name: "" for name in names if name.startswith(("category-", "seller-"))}
    page = ada.browser.submit(page, "/notices/new", **boxes, kind="deletion", reference="CASE-7")
    answer = ada.browser.submit(page, f"{page.path}/plan", stores="")
    assert answer.status == 503
    assert ada.browser.home.system.notices.one(1).plan is None


def test_marks_are_good_for_some_minutes() -> None:
    assert timedelta(minutes=1) < GOOD_FOR < timedelta(hours=1)
