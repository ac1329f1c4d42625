"""What is tried on every page of the desk alike: forms of others, frames, numbers, and markup in every field."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest
from tests.attacks.test_desk import _address, _rooms
from tests.desk.conftest import ada, joined, made_for_two
from tests.support.filled import fill
from tests.support.pages import Member, Page

from strongroom.desk.exchange import Route
from strongroom.desk.navigation import SECTIONS
from strongroom.desk.routes import all_routes

__all__ = ["ada", "joined", "made_for_two"]

EVIL = '"><script>alert(1)</script>'
_OWN = (
    "/sign-out",
    "/join",
    "/welcome",
    "/password",
    "/sessions",
    "/factors",
    "/prove",
    "/devices",
)
"""Pages that end what the crawl stands on; tests of their own try them."""


@pytest.fixture
def full(ada: Member) -> Member:
    """Give the first administrator in a home with something on every page."""
    fill(ada.browser.home, ada)
    return ada


def _posts() -> list[Route]:
    return [route for route in all_routes(_rooms()) if route.method == "POST" and not route.open]


@pytest.mark.clause("1.2")
def test_no_form_works_without_its_token_or_with_that_of_another_session(full: Member) -> None:
    home = full.browser.home
    foreign = home.member("ben").browser.form_fields("/profile")
    for route in _posts():
        path = _address(route)
        for fields in ({"a": "1"}, {"token": ""}, {"token": "0" * 64}, foreign):
            page = full.browser.post(path, fields, follow=False)
            assert page.status == 403, f"{path} with {sorted(fields)}"
    assert full.browser.get("/profile").h1 == "ada"


@pytest.mark.clause("1.2", "1.5")
def test_no_form_of_another_origin_works_with_the_right_token(full: Member) -> None:
    fields = full.browser.form_fields("/profile")
    for route in _posts():
        for origin, site in (
            ("https://evil.example", "cross-site"),
            ("null", ""),
            ("", "same-site"),
        ):
            page = full.browser.post(
                _address(route), fields, follow=False, origin=origin, sec_fetch_site=site
            )
            assert page.status == 403, route.path


@pytest.mark.clause("1.3")
def test_who_holds_no_grant_learns_nothing_of_what_exists(full: Member) -> None:
    """A number that is and one that is not give the same answer to whoever may see neither."""
    eve = full.browser.home.member("eve")
    token = eve.browser.form_fields("/profile")
    for route in all_routes(_rooms()):
        if not route.needs or "{id}" not in route.path:
            continue
        answers = []
        for number in ("1", "999999999"):
            path = _address(route).replace("/1", f"/{number}", 1)
            page = (
                eve.browser.get(path, follow=False)
                if route.method == "GET"
                else eve.browser.post(path, token, follow=False)
            )
            answers.append((page.status, page.h1))
        assert answers[0] == answers[1], route.path
        assert answers[0][0] == 403, route.path


@pytest.mark.clause("1.3")
def test_a_number_of_nothing_is_a_page_of_its_own_and_never_a_fault(full: Member) -> None:
    token = full.browser.form_fields("/profile")
    for route in all_routes(_rooms()):
        if "{id}" not in route.path or route.path.startswith(_OWN):
            continue
        path = _address(route).replace("/1", "/999999999", 1)
        page = (
            full.browser.get(path, follow=False)
            if route.method == "GET"
            else full.browser.post(path, token, follow=False)
        )
        assert page.status < 500, path


@pytest.mark.clause("1.5")
def test_every_page_forbids_frames_and_caches_and_leads_to_no_other_site(full: Member) -> None:
    for path in _pages(full):
        page = full.browser.get(path, follow=False)
        assert page.header("x-frame-options") == "DENY", path
        assert "frame-ancestors 'none'" in page.header("content-security-policy"), path
        assert "no-store" in page.header("cache-control"), path
        location = page.header("location")
        assert not location or re.match(r"/(?![/\\])", location), path
        for cookie in page.cookies.values():
            assert "HttpOnly" in cookie, path
            assert "Secure" in cookie, path
        found = re.findall(r'(?:href|src|action)="([^"]+)"', page.body)
        assert [one for one in found if not re.match(r"[/#](?!/)|mailto:", one)] == [], path


@pytest.mark.clause("1.2", "2.2")
def test_what_is_typed_into_any_field_never_becomes_markup(full: Member) -> None:
    """Every form that a page offers is sent with markup in each of its fields; then every page is read again."""
    tried = 0
    for path in _pages(full):
        for form in _forms(full.browser.get(path)):
            if form.action.startswith(_OWN) or not form.fields:
                continue
            tried += 1
            if form.method == "post":
                fields = form.hidden | dict.fromkeys(form.fields, EVIL)
                _refuse_markup(full.browser.post(form.action, fields, follow=True), form.action)
            else:
                query = "&".join(f"{name}=%22%3E%3Cscript%3Ealert(1)" for name in form.fields)
                page = full.browser.get(f"{form.action}?{query}")
                _refuse_markup(page, form.action)
    assert tried > 5
    for path in _pages(full):
        _refuse_markup(full.browser.get(path), path)


def _refuse_markup(page: Page, path: str) -> None:
    assert "<script>alert" not in page.body, path
    assert page.status < 500, path


def _pages(member: Member) -> Iterator[str]:
    """Give the pages that the sections lead to, and those that these link to, one of each kind."""
    routes = [route for route in all_routes(_rooms()) if route.method == "GET"]
    exact = {route.path for route in routes if "{" not in route.path}
    shapes = {
        route.path: re.compile(re.sub(r"\{\w+\}", "[^/?]+", route.path))
        for route in routes
        if not route.open and not route.path.startswith(_OWN)
    }
    seen: dict[str, str] = {}
    waiting = [
        entry.path for section in SECTIONS for entry in section.entries if entry.path in exact
    ]
    for _step in range(2):
        linked: list[str] = []
        for path in waiting:
            seen.setdefault(path, path)
            linked += re.findall(r'<a [^>]*href="(/[^"?#]*)', member.browser.get(path).body)
        waiting = []
        for href in linked:
            shape = next((name for name, one in shapes.items() if one.fullmatch(href)), None)
            if shape is not None and shape not in seen:
                seen[shape] = href
                waiting.append(href)
    yield from dict.fromkeys(seen.values())


class _Form:
    def __init__(self, method: str, action: str) -> None:
        self.method = method
        self.action = action
        self.fields: list[str] = []
        self.hidden: dict[str, str] = {}


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[_Form] = []
        self._form: _Form | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = _Form(given.get("method", "get"), given.get("action", ""))
            self.found.append(self._form)
        elif self._form is not None and "name" in given:
            if tag == "textarea" or (
                tag == "input"
                and given.get("type", "text") not in ("hidden", "file", "radio", "checkbox")
            ):
                self._form.fields.append(given["name"])
            elif tag in ("input", "select"):
                self._form.hidden.setdefault(given["name"], given.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None


def _forms(page: Page) -> list[_Form]:
    parser = _Forms()
    parser.feed(page.body)
    return parser.found
