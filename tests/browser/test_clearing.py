"""What a real browser shows of a page whose session is over, with and without the server."""

from __future__ import annotations

import re

import pyotp
import pytest
from playwright.sync_api import Page, expect
from tests.browser.conftest import Stage
from tests.support.pages import PASSWORD

pytestmark = pytest.mark.clause("1.2")


def _joined(stage: Stage, page: Page) -> None:
    page.goto(stage.first_link())
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Your user name").fill("ada")
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password once more").fill(PASSWORD)
    secret = page.locator("#secret").inner_text().replace(" ", "")
    page.get_by_label("The code it shows now").fill(pyotp.TOTP(secret).at(stage.home.now))
    page.get_by_role("button", name="Finish with the app").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your recovery codes")


def test_a_page_left_open_clears_itself_without_the_server(stage: Stage) -> None:
    context = stage.context()
    page = context.new_page()
    _joined(stage, page)
    page.clock.install()
    page.goto(f"{stage.origin}/profile")
    expect(page.get_by_role("heading", level=1)).to_have_text("ada")
    context.set_offline(offline=True)
    page.clock.fast_forward("29:00")
    expect(page.get_by_role("heading", level=1)).to_have_text("ada")
    page.clock.fast_forward("02:00")
    expect(page.locator("body")).to_have_text(re.compile("This page was cleared"))
    assert not re.search(r"\bada\b", page.content())


def test_after_signing_out_going_back_shows_nothing(stage: Stage) -> None:
    page = stage.context().new_page()
    _joined(stage, page)
    page.goto(f"{stage.origin}/profile")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("status").first).to_have_text("You have signed out.")
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign on")
    assert "Signed on as" not in page.content()
