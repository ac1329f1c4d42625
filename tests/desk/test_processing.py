"""The page of the record of processing: what it shows, who confirms it, and what nobody gets to do there."""

from __future__ import annotations

import re

import pytest
from tests.support.pages import Member
from tests.vault.conftest import order

from strongroom.compliance.offices import Part
from strongroom.compliance.overseen import Office
from strongroom.terms import SYSTEM
from strongroom.vault import LwaCredentials

pytestmark = pytest.mark.clause("2.2")


@pytest.fixture
def owner(ada: Member) -> Member:
    """Give the privacy owner of a house to which an order came."""
    home = ada.browser.home
    system, now, console = home.system, home.now, home.console
    seller = system.sellers.add(
        console,
        name="acme",
        region="eu",
        marketplaces=("A1PA6795UKMFR9",),
        credentials=LwaCredentials("client", "secret", "refresh"),
        now=now,
    )
    system.vault.put(seller.id, [order()], caller=SYSTEM, op="ordersV0.getOrders", now=now)
    system.compliance.offices.appoint(console, Office.PRIVACY_OWNER, Part.HOLDER, "ada", now)
    caller = system.accounts.console("ada", now)
    offices = system.compliance.offices
    offices.accept(caller, Office.PRIVACY_OWNER, Part.HOLDER, now, "ada@example.com")
    return ada


def test_the_record_is_shown_drawn_and_confirmed(owner: Member) -> None:
    browser = owner.browser
    browser.home.passes(minutes=11)
    page = browser.get("/processing")
    assert (page.status, page.h1) == (200, "Record of processing")
    assert "recipient.name" in page.text
    assert "ordersV0.getOrders" in page.text
    assert "prove first that it is you" in page.text
    drawing = page.body.partition('<svg class="flow"')[2].partition("</svg>")[0]
    assert "<title" in drawing
    assert "<desc" in drawing
    assert "ordersV0" in drawing
    assert not re.search(r"style=|<script|onload", drawing)
    assert "The same as a table" in page.text
    owner.prove("processing")
    page = browser.get("/processing")
    page = browser.submit(page, "/processing/confirm")
    assert page.said == "The record of processing is confirmed as it is."
    assert "by ada" in page.text
    assert "buyer.email" in browser.get("/processing/all").text


def test_its_files_have_every_field_and_nobody_s_value(owner: Member) -> None:
    text = owner.browser.get("/processing/csv")
    assert text.header("content-type") == "text/csv; charset=utf-8"
    assert "recipient.name,name,recipient" in text.body
    assert "Groß" not in text.body
    assert owner.browser.get("/processing/pdf").body.startswith("%PDF-")


def test_who_does_not_oversee_gets_none_of_it_and_nobody_else_confirms(owner: Member) -> None:
    home = owner.browser.home
    cleo = home.member("cleo")
    for path in ("/processing", "/processing/all", "/processing/csv", "/processing/pdf"):
        assert cleo.browser.get(path).status == 403, path
    stranger = home.visitor()
    assert stranger.get("/processing/csv").path == "/sign-on"
    owner.prove("processing")
    refused = owner.browser.post("/processing/confirm", {"digest": "0" * 64})
    assert refused.status == 403, "no token"
    fields = owner.browser.form_fields("/profile")
    refused = owner.browser.post("/processing/confirm", {**fields, "digest": "0" * 64})
    assert (refused.status, "has changed since you read it" in refused.text) == (409, True)
    assert home.events("processing.confirmed") == []
