"""Amazon's notices on the desk: from its arrival to the certificate, with the right step in front."""

from __future__ import annotations

import io
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.flowing import MAIL, ORDER, WHO, caller_of, give, orders, overseer, seller
from tests.support.pages import Member, Page

from strongroom.deletion import offline
from strongroom.errors import Gone
from strongroom.terms import Action, Purpose
from strongroom.vault.clockwatch import Reading

pytestmark = pytest.mark.clause("1.7")


def next_step(page: Page) -> str:
    """Return the heading of the step that stands in front."""
    return page.body.partition('id="what-next">')[2].partition("<")[0]


def registered(ada: Member, **fields: str) -> Page:
    page = ada.browser.get("/notices/new")
    asked = {"kind": "deletion", "reference": "CASE-7", "received": "", **fields}
    boxes = {
        name: "" for name in page.form("/notices/new") if name.startswith(("category-", "seller-"))
    }
    return ada.browser.submit(page, "/notices/new", **{**boxes, **asked})


def planned(ada: Member, **fields: str) -> Page:
    page = registered(ada, **fields)
    return ada.browser.submit(page, f"{page.path}/plan", stores="")


def proved(member: Member, page: Page) -> Page:
    back = member.prove(page.path[1:])
    assert back.path == page.path
    return back


def done(ada: Member, ben: Member, **fields: str) -> Page:
    """Plan, approve and erase."""
    page = planned(ada, **fields)
    page = proved(ben, page)
    page = ben.browser.submit(page, f"{page.path}/approve")
    return ben.browser.submit(page, f"{page.path}/run", meant="yes")


@pytest.fixture
def ben(ada: Member) -> Member:
    return overseer(ada.browser.home, "ben")


def test_a_whole_notice_is_led_from_arrival_to_certificate_by_two_people(
    ada: Member, ben: Member
) -> None:
    home = ada.browser.home
    tokens = orders(home, seller(home), 3)
    assert "No notice waits" in ada.browser.get("/notices").text
    page = registered(ada)
    assert (page.h1, page.said[:22]) == ("CASE-7", "The notice is register")
    assert next_step(page) == "Next: plan it"
    assert "71 hours left" in page.text or "3 days left" in page.text
    page = ada.browser.submit(page, f"{page.path}/plan", stores="tape-safe\n")
    assert next_step(page) == "Next: a second person approves the plan"
    assert "3 records" in page.text
    assert "Another person reads this page" in page.text
    home.passes(minutes=11)
    page = ben.browser.get(page.path)
    assert "prove first that it is you" in page.text
    page = ben.browser.submit(proved(ben, page), f"{page.path}/approve")
    assert next_step(page) == "Next: erase"
    page = ben.browser.submit(page, f"{page.path}/run", meant="yes")
    assert next_step(page) == "Next: verify"
    page = ada.browser.submit(ada.browser.get(page.path), f"{page.path}/verify")
    assert next_step(page) == "Next: answer for what can't be read from here"
    page = ada.browser.submit(page, f"{page.path}/state", statement="shredded on Monday")
    assert "shredded on Monday" in page.text
    assert next_step(page) == "Next: sign the certificate"
    page = proved(ada, page)
    given = ada.browser.submit(page, f"{page.path}/certificate", follow=False)
    assert given.status == 200
    assert given.header("content-disposition").startswith("attachment; ")
    page = ada.browser.get(page.path)
    assert next_step(page) == "Next: close it"
    page = ada.browser.submit(page, f"{page.path}/close")
    assert next_step(page) == "Closed"
    assert "1 closed" in ada.browser.get("/notices").text
    give(home, "ada", Action.REVEAL, Purpose.FULFILMENT)
    with pytest.raises(Gone):
        home.system.vault.reveal(
            caller_of(ada), tokens[0], purpose=Purpose.FULFILMENT, now=home.now
        )


def test_the_certificate_that_is_downloaded_is_sound(
    ada: Member, ben: Member, tmp_path: Path
) -> None:
    home = ada.browser.home
    orders(home, seller(home))
    page = done(ada, ben)
    page = ben.browser.submit(page, f"{page.path}/verify")
    given = ben.browser.submit(page, f"{page.path}/certificate")
    folder = tmp_path / "certificate"
    with zipfile.ZipFile(io.BytesIO(given.raw)) as archive:
        archive.extractall(folder)
    names = {file.name for file in folder.iterdir()}
    assert names >= {"certificate.json", "certificate.pdf", "certificate.note", "verify.py"}
    report = offline.check(folder, (folder / "certificate.vkey").read_text())
    assert report.ok, report.faults


def test_what_a_notice_names_is_never_shown_again(ada: Member) -> None:
    home = ada.browser.home
    partner = seller(home)
    orders(home, partner)
    give(home, "ada", Action.SEARCH)
    named = {"orders": ORDER, "emails": MAIL}
    wrong = registered(ada, reference="no good", **named)
    assert wrong.status == 400
    assert "letters, digits, dots and dashes" in wrong.text
    page = planned(ada, **named)
    assert "1 orders and 1 buyers that the notice names" in page.text
    for one in (wrong, page, ada.browser.get("/notices")):
        assert ORDER not in one.body
        assert MAIL not in one.body
        assert WHO not in one.body


def test_a_plan_that_changed_since_it_was_read_is_not_approved(ada: Member, ben: Member) -> None:
    page = planned(ada)
    read = proved(ben, page).form(f"{page.path}/approve")
    ada.browser.home.passes(seconds=1)
    ada.browser.submit(page, f"{page.path}/plan", stores="tape-safe")
    answer = ben.browser.post(f"{page.path}/approve", read)
    assert answer.status == 409
    assert "is another one by now" in answer.text


def test_what_is_late_is_said(ada: Member, ben: Member) -> None:
    home = ada.browser.home
    page = registered(ada)
    home.passes(hours=70)
    ada.sign_on()
    assert "heed" in ada.browser.get("/notices").body
    home.passes(hours=3)
    ada.sign_on()
    page = ada.browser.get(page.path)
    assert "Overdue: What it asks for is not gone after 72 hours." in page.text
    assert "1 hour over" in page.text


def test_a_clock_nobody_believes_erases_nothing(ada: Member, ben: Member) -> None:
    home = ada.browser.home
    orders(home, seller(home))
    page = proved(ben, planned(ada))
    page = ben.browser.submit(page, f"{page.path}/approve")
    watch = home.system.watch
    watch._steady = timedelta
    watch._start = watch._last = Reading(home.now - timedelta(days=9), timedelta())
    page = ben.browser.submit(page, f"{page.path}/run", meant="yes")
    assert page.status == 409
    assert "The clock is implausibly ahead" in page.text


def test_a_run_says_that_it_is_meant(ada: Member, ben: Member) -> None:
    page = proved(ben, planned(ada))
    page = ben.browser.submit(page, f"{page.path}/approve")
    page = ben.browser.submit(page, f"{page.path}/run", meant="")
    assert page.status == 400
    assert "what is erased never comes back" in page.text
