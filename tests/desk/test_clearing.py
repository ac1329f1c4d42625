"""What is left in a browser when a session is over, and what ending sessions takes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.support.pages import SAFARI, Member

from strongroom import desk

pytestmark = pytest.mark.clause("1.2")

STATIC = Path(desk.__file__).parent / "static"


def test_the_end_of_a_session_has_the_browser_clear_what_it_kept(ada: Member) -> None:
    home = ada.browser.home
    assert ada.browser.get("/profile").header("clear-site-data") == ""
    page = ada.browser.submit(ada.browser.get("/profile"), "/sign-out", follow=False)
    assert page.header("clear-site-data") == '"cache", "storage"'

    ada.sign_on()
    home.passes(minutes=31)
    page = ada.browser.get("/profile", follow=False)
    assert (page.status, page.header("clear-site-data")) == (303, '"cache", "storage"')
    assert home.visitor().get("/sign-on").header("clear-site-data") == ""


def test_each_page_of_a_session_clears_itself_when_the_session_is_over(ada: Member) -> None:
    for path in ("/profile", "/sessions", "/factors", "/locks"):
        assert 'data-clear-after="1800"' in ada.browser.get(path).body
    stranger = ada.browser.home.visitor()
    assert "data-clear-after" not in stranger.get("/sign-on").body


def test_other_sessions_are_ended_after_a_fresh_proof_only(ada: Member) -> None:
    home = ada.browser.home
    phone = home.visitor(agent=SAFARI)
    ada.sign_on(phone)
    home.passes(minutes=11)
    for wanted in ("/end", "/end-others", "/everywhere"):
        page = ada.browser.get("/sessions")
        action = next(action for action in page.actions if action.endswith(wanted))
        assert ada.browser.submit(page, action).path == "/prove/sessions"
    assert phone.get("/profile").path == "/profile"

    page = ada.prove("sessions")
    assert page.path == "/sessions"
    page = ada.browser.submit(page, "/sessions/end-others")
    assert page.said == "All your other sessions were ended."
    assert phone.get("/profile").path == "/sign-on"


def test_ones_own_session_ends_without_another_proof(ada: Member) -> None:
    ada.browser.home.passes(minutes=11)
    page = ada.browser.get("/sessions")
    assert not any(action.endswith("/end") for action in page.actions)
    assert ada.browser.submit(page, "/sign-out").path == "/sign-on"


def test_where_factors_change_the_other_sessions_can_be_ended(ada: Member) -> None:
    phone = ada.browser.home.visitor(agent=SAFARI)
    ada.sign_on(phone)
    page = ada.browser.submit(ada.browser.get("/factors"), "/sessions/end-others")
    assert page.said == "All your other sessions were ended."
    assert phone.get("/profile").path == "/sign-on"


def test_every_page_of_a_session_has_the_button_to_sign_out(ada: Member) -> None:
    for path in (
        "/profile",
        "/sessions",
        "/password",
        "/factors",
        "/prove/factors",
        "/locks",
        "/locks/all",
        "/network",
    ):
        assert "/sign-out" in ada.browser.get(path).actions, path


def test_scripts_store_nothing_in_the_browser(ada: Member) -> None:
    """Htmx is told to keep no pages; of its own it keeps the last path alone, which is no secret."""
    assert '"historyCacheSize":0' in ada.browser.get("/profile").body
    for script in STATIC.glob("*.js"):
        if script.name.startswith("htmx"):
            continue
        text = script.read_text(encoding="utf-8")
        assert not re.search(
            r"localStorage|sessionStorage|indexedDB|document\.cookie|caches\b", text
        )
