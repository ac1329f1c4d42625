"""What somebody tries who wants an office on paper: for themself, in another's name, or for who has left [1.6]."""

from __future__ import annotations

import pytest
from tests.desk.conftest import ada, joined, made_for_two
from tests.support.pages import Member

from strongroom.compliance.offices import Part
from strongroom.compliance.overseen import Office
from strongroom.errors import Conflict, Denied

__all__ = ["ada", "joined", "made_for_two"]

pytestmark = pytest.mark.clause("1.6")


def test_nobody_accepts_for_another_person(ada: Member) -> None:
    home = ada.browser.home
    ben = home.member("ben")
    offices = home.system.compliance.offices
    offices.appoint(home.console, Office.INCIDENT_LEAD, Part.HOLDER, "ada", home.now)
    fields = ben.browser.form_fields("/offices/mine")
    fields |= {"incident_lead.holder": "yes", "address": "ben@example.com"}
    page = ben.browser.post("/offices/mine", fields)
    assert "accepted by who was appointed" in page.text
    assert home.events("office.accepted")[-1].outcome == "denied"
    assert offices.holder(Office.INCIDENT_LEAD, home.now) is None
    # Nor did the refused form leave an address behind.
    assert not offices.is_reached(home.system.accounts.find("ben").id)
    for office in Office:
        page = ben.browser.post("/offices", fields | {"person": "ben", "part": "holder"})
        assert page.status == 403, office


def test_the_deputy_is_never_the_holder(ada: Member) -> None:
    home = ada.browser.home
    offices = home.system.compliance.offices
    offices.appoint(home.console, Office.EXECUTIVE, Part.HOLDER, "ada", home.now)
    with pytest.raises(Conflict, match="is that person"):
        offices.appoint(home.console, Office.EXECUTIVE, Part.DEPUTY, "ada", home.now)


def test_who_has_left_is_appointed_to_nothing_and_accepts_nothing(ada: Member) -> None:
    home = ada.browser.home
    home.member("ben")
    offices, accounts = home.system.compliance.offices, home.system.accounts
    offices.appoint(home.console, Office.EXECUTIVE, Part.HOLDER, "ben", home.now)
    accounts.end("ben", caller=home.console, now=home.now)
    with pytest.raises(Denied, match="no active person"):
        offices.appoint(home.console, Office.EXECUTIVE, Part.DEPUTY, "ben", home.now)
    assert not offices.holders(Office.EXECUTIVE, home.now)


@pytest.mark.parametrize(
    "address",
    ["a@b.c\r\nBcc: x@y.example", "<script>@x.example", "a b@c.example", "@c.example", ""],
)
def test_an_address_carries_nothing_else(ada: Member, address: str) -> None:
    fields = ada.browser.form_fields("/offices/mine") | {"address": address}
    page = ada.browser.post("/offices/mine/address", fields)
    assert page.status == 400
    assert "<script>" not in page.body
