"""A person's calendar feed: opened by its own password alone, the same for the same state, ended at once."""

from __future__ import annotations

import base64
import re

import pytest
from tests.desk.test_cadence import seat
from tests.support.pages import Member, Page

from strongroom.compliance.overseen import Office

pytestmark = pytest.mark.clause("1.2", "1.6")


def make(member: Member) -> str:
    """Make a feed password on the page, as a person does."""
    page = member.browser.submit(member.prove("calendar"), "/calendar")
    found = re.search(r'<code class="secret">([a-z2-7 ]{20,})</code>', page.body)
    assert found, page.text
    return found[1].replace(" ", "")


def feed(member: Member, name: str, password: str, **headers: str) -> Page:
    """Ask for the feed as a calendar program does: no cookie, no header of a browser."""
    shown = base64.b64encode(f"{name}:{password}".encode()).decode()
    browser = member.browser.home.visitor()
    sent = {"authorization": f"Basic {shown}"} | {
        k.replace("_", "-"): v for k, v in headers.items()
    }
    return browser.send("GET", "/calendar.ics", headers=sent)


def test_a_feed_holds_what_is_the_persons_and_keeps_its_names(ada: Member) -> None:
    home = ada.browser.home
    home.member("ben")
    seat(home, "ada", Office.IT_ADMIN)
    password = make(ada)
    page = feed(ada, "ada", password)
    assert (page.status, page.header("content-type")) == (200, "text/calendar; charset=utf-8")
    assert "SUMMARY:Inventory of software and devices" in page.body
    assert "Accept your offices for another half year" in page.body
    assert "Law register" not in page.body
    assert "example.com" not in page.body
    assert password not in page.body
    uids = re.findall(r"^UID:(.+)$", page.body, re.MULTILINE)
    assert len(uids) == len(set(uids)) > 3
    assert feed(ada, "ada", password, if_none_match=page.header("etag")).status == 304
    home.passes(hours=1)
    assert feed(ada, "ada", password).header("etag") == page.header("etag")
    home.system.compliance.work.state(home.console, "devices", home.now)
    again = feed(ada, "ada", password, if_none_match=page.header("etag"))
    assert again.status == 200
    assert set(re.findall(r"^UID:(.+)$", again.body, re.MULTILINE)) == set(uids)


def test_a_feed_ends_at_once_and_a_new_password_ends_the_one_before(ada: Member) -> None:
    first = make(ada)
    second = make(ada)
    assert feed(ada, "ada", first).status == 401
    assert feed(ada, "ada", second).status == 200
    page = ada.browser.submit(ada.browser.get("/calendar"), "/calendar/end")
    assert page.said == "The feed is ended. Nothing opens it any more."
    assert feed(ada, "ada", second).status == 401
    ops = [event.body["op"] for event in ada.browser.home.events("calendar.changed")]
    assert ops == ["made", "made", "ended"]
