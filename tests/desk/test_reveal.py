"""The deliberate reveal: one record's granted values, for a purpose, through the vault's door, and then no more."""

from __future__ import annotations

import pytest
from tests.support.flowing import MAIL, WHERE, WHO, give, orders, seller
from tests.support.pages import Member, Page

from strongroom.terms import Action, Category, Purpose

pytestmark = pytest.mark.clause("1.3", "2.6")


def asked(member: Member, token: str, **fields: str) -> Page:
    page = member.browser.get("/reveal")
    wish = {"value_of": token, "purpose": "fulfilment", "reason": "a parcel came back", "all": ""}
    return member.browser.submit(page, "/reveal", **{**wish, **fields})


@pytest.fixture
def token(ada: Member) -> str:
    home = ada.browser.home
    return orders(home, seller(home))[0]


def test_one_value_is_shown_with_the_name_of_who_looked_and_kept_nowhere(
    ada: Member, token: str
) -> None:
    home = ada.browser.home
    give(home, "ada", Action.REVEAL, Purpose.FULFILMENT)
    page = asked(ada, token)
    assert page.status == 200
    assert WHO in page.text
    assert WHERE not in page.body
    assert page.header("cache-control") == "no-store"
    assert page.header("clear-site-data") == '"cache"'
    assert "ada 2026-03-10" in page.body
    assert 'data-clear-after="120"' in page.body
    (event,) = home.events("vault.record.revealed")
    assert (event.outcome, event.body["purpose"], event.body["pii"]) == (
        "success",
        "fulfilment",
        ["name"],
    )
    (left,) = home.events("egress.delivered")
    assert (left.body["op"], left.body["n"], left.body["req"]) == (
        "desk.reveal",
        1,
        event.body["req"],
    )


def test_the_rest_of_the_record_is_what_grants_for_this_purpose_cover(
    ada: Member, token: str
) -> None:
    home = ada.browser.home
    give(home, "ada", Action.REVEAL, Purpose.FULFILMENT, [Category.NAME, Category.ADDRESS])
    page = asked(ada, token, all="yes")
    assert WHO in page.text
    assert WHERE in page.text
    assert MAIL not in page.body
    assert {event.outcome for event in home.events("vault.record.revealed")} == {"success"}


def test_a_long_while_after_the_last_proof_it_is_asked_for_again(ada: Member, token: str) -> None:
    home = ada.browser.home
    give(home, "ada", Action.REVEAL, Purpose.FULFILMENT)
    home.passes(minutes=11)
    assert "prove first that it is you" in ada.browser.get("/reveal").text


def test_who_holds_no_grant_is_told_how_to_get_one(ada: Member) -> None:
    assert "You hold no grant to reveal" in ada.browser.get("/reveal").text
