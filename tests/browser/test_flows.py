"""A whole notice and a whole request in a real browser, each led by the step that stands in front."""

from __future__ import annotations

import io
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import BrowserContext, Page
from tests.browser.conftest import Stage, browser, made_for_two, stage
from tests.support.flowing import MAIL, WHERE, WHO, give, orders, overseer, seller
from tests.support.pages import FIREFOX, ORIGIN, Member
from tests.support.passphrases import unsealed

from strongroom.accounts.visits import Site
from strongroom.terms import Action, Category, Purpose

__all__ = ["browser", "made_for_two", "stage"]


def members(stage: Stage) -> tuple[Member, Member]:
    """Let Ada and Ben join without a browser, which takes no time; in a thread, as this one has its event loop."""
    signon = stage.home.system.signon
    signon.site = Site.of(ORIGIN)
    with ThreadPoolExecutor(1) as apart:
        found = apart.submit(lambda: (stage.home.first("ada"), overseer(stage.home, "ben")))
    signon.site = Site.of(stage.origin)
    return found.result()


def at_desk(stage: Stage, member: Member, faults: list[str]) -> Page:
    """Return a page of the browser in which a member is signed on."""
    context: BrowserContext = stage.context(user_agent=FIREFOX, accept_downloads=True)
    context.add_cookies(
        [
            {"name": name, "value": value, "url": stage.origin, "secure": True}
            for name, value in member.browser.cookies.items()
        ]
    )
    page = context.new_page()
    page.on("console", lambda told: faults.append(told.text) if told.type == "error" else None)
    return page


def next_step(page: Page) -> str:
    """Return the heading of the step that stands in front."""
    return page.locator("#what-next").inner_text()


def press(page: Page, name: str) -> None:
    """Press a button."""
    page.get_by_role("button", name=name, exact=True).click()


@pytest.mark.clause("1.7")
def test_a_whole_notice_in_the_browser(stage: Stage) -> None:
    ada, ben = members(stage)
    orders(stage.home, seller(stage.home), 3)
    faults: list[str] = []
    page, other = at_desk(stage, ada, faults), at_desk(stage, ben, faults)
    page.goto(f"{stage.origin}/notices")
    page.get_by_role("link", name="Register a notice").click()
    page.get_by_label("Amazon's number of it").fill("CASE-7")
    page.get_by_label("acme").check()
    press(page, "Register the notice")
    assert next_step(page) == "Next: plan it"
    press(page, "Make the plan")
    assert next_step(page) == "Next: a second person approves the plan"
    other.goto(page.url)
    press(other, "Approve this plan")
    assert next_step(other) == "Next: erase"
    other.get_by_label("It is meant, and it can't be undone.").check()
    press(other, "Do what the plan says")
    assert next_step(other) == "Next: verify"
    press(other, "Read every store")
    assert next_step(other) == "Next: sign the certificate"
    with other.expect_download() as given:
        press(other, "Sign and download")
    with zipfile.ZipFile(given.value.path()) as archive:
        assert "certificate.pdf" in archive.namelist()
    other.goto(page.url)
    press(other, "Close the notice")
    assert next_step(other) == "Closed"
    assert faults == []


@pytest.mark.clause("2.2")
def test_a_whole_request_in_the_browser(stage: Stage) -> None:
    ada, _ben = members(stage)
    home, purpose = stage.home, Purpose.SUBJECT_REQUEST
    give(home, "ada", Action.SEARCH, purpose, [Category.EMAIL, Category.PHONE])
    give(home, "ada", Action.EXPORT, purpose)
    orders(home, seller(home), 2)
    faults: list[str] = []
    page = at_desk(stage, ada, faults)
    page.goto(f"{stage.origin}/requests")
    page.get_by_role("link", name="Take in a request").click()
    page.get_by_label("A copy of their data").check()
    page.get_by_label("E-mail address").fill(MAIL)
    press(page, "Take it in")
    request = page.url
    page.get_by_label("In person").check()
    press(page, "They proved it")
    press(page, "Find their records")
    assert next_step(page) == "Next: make the sealed answer"
    press(page, "Make the sealed file")
    passphrase = page.locator("code.secret").inner_text()
    with page.expect_download() as given:
        press(page, "Save the file")
    plain = unsealed(given.value.path().read_bytes(), passphrase)
    with zipfile.ZipFile(io.BytesIO(plain)) as archive:
        assert WHO in archive.read("data.json").decode()
    page.goto(request)
    page.get_by_label("How is it answered?").select_option("granted")
    press(page, "Record the answer and write the letter")
    assert page.locator("h1").inner_text() == "Letter"
    page.get_by_role("link", name="Back to the request").click()
    press(page, "Close the request")
    assert next_step(page) == "Closed"
    for value in (MAIL, WHO, WHERE):
        assert value not in page.content()
    assert faults == []
