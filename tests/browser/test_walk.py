"""Every page of the desk in a real browser: no complaint, no breach of WCAG 2.2, by keyboard, without JavaScript."""

from __future__ import annotations

import io
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Error, Page, Response, expect
from tests.desk.conftest import NOW
from tests.support.filled import fill, fill_records
from tests.support.listening import listening
from tests.support.offline import Offline
from tests.support.pages import FIREFOX, DeskHome

from strongroom.accounts.visits import Site
from strongroom.desk.navigation import SECTIONS
from strongroom.terms import Action

ROOT = Path(__file__).parents[2]
AXE = ROOT / ".venv/axe/node_modules/axe-core/axe.min.js"
SCREENS = ROOT / "docs/screens"
_COLOURS = 64
ON_A_PHONE = {"today", "alarms"}
"""Whose pictures in the documents show them on a telephone as well."""

RULES = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
HELD = frozenset({Action.ADMINISTER, Action.AUDIT, Action.OVERSEE})
SECTION_PAGES = tuple(
    entry.path
    for section in SECTIONS
    for entry in section.entries
    if not entry.needs or entry.needs & HELD
)
"""Those that the first administrator is led to."""

pytestmark = pytest.mark.clause("1.2", "1.6", "2.6")

# What can be reached by Tab must be all that a pointer can use.
UNREACHABLE = """() => [...document.querySelectorAll("a[href], button, input, select, textarea, summary")]
  .filter((one) => one.checkVisibility() && !one.disabled && one.tabIndex < 0)
  .map((one) => one.outerHTML.slice(0, 80))"""
WIDER = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@dataclass
class Walk:
    """A home with something on every page, and who looks at it."""

    home: DeskHome
    origin: str
    browser: Browser
    cookies: dict[str, str]

    def context(self, **options: Any) -> BrowserContext:
        """Return a profile in which the first administrator is signed on."""
        context = self.browser.new_context(user_agent=FIREFOX, **options)
        context.set_default_timeout(15_000)
        context.add_cookies(
            [
                {"name": name, "value": value, "url": self.origin, "secure": True, "httpOnly": True}
                for name, value in self.cookies.items()
            ]
        )
        return context


@pytest.fixture(scope="module")
def filled(
    made_for_two: Offline, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[DeskHome, dict[str, str]]]:
    """Fill a home once for the whole walk, before there is a browser: it is only looked at."""
    path = tmp_path_factory.mktemp("walk") / "home"
    shutil.copytree(made_for_two.path, path)
    with DeskHome.opened(path, NOW) as home:
        member = home.first()
        fill(home, member)
        fill_records(home, member)
        yield home, dict(member.browser.cookies)


@pytest.fixture(scope="module")
def walk(filled: tuple[DeskHome, dict[str, str]], browser: Browser) -> Iterator[Walk]:
    """Let its desk listen."""
    home, cookies = filled
    with listening(home.desk, home.system.home.root, lifespan="off") as at:
        origin = f"https://localhost:{at.port}"
        home.system.signon.site = Site.of(origin)
        yield Walk(home, origin, browser, cookies)
        for context in browser.contexts:
            context.close()


def _patterns(walk: Walk) -> list[str]:
    """Return the paths of every page that is only looked at, those of one thing with a `{id}`."""
    table = walk.home.desk._routes
    found = [path for path, methods in table._exact.items() if "GET" in methods]
    return found + [next(iter(m.values())).path for _p, m in table._patterns if "GET" in m]


def _pages(page: Page, walk: Walk) -> Iterator[tuple[str, str, Response]]:
    """Open a page of each kind that links of the sections lead to, in two steps; yield route, address, answer."""
    routed = [path for path in SECTION_PAGES if path in walk.home.desk._routes._exact]
    shapes = {
        path: re.compile(re.sub(r"\{\w+\}", "[^/?]+", path))
        for path in _patterns(walk)
        if not path.startswith(("/sign", "/welcome", "/join", "/prove", "/provider", "/password"))
    }
    found = set(routed)
    waiting = {path: path for path in routed}
    for step in range(3):
        linked: list[str] = []
        for shape, path in waiting.items():
            if (answer := _open(page, walk.origin + path)) is None:
                continue
            yield shape, path, answer
            if step < 2:
                linked += page.eval_on_selector_all(
                    "main a[href^='/']:not([download])",
                    "(all) => all.map((a) => a.getAttribute('href'))",
                )
        waiting = {}
        for href in linked:
            bare = href.partition("?")[0].partition("#")[0]
            shape = next((name for name, one in shapes.items() if one.fullmatch(bare)), None)
            if shape is not None and shape not in found:
                found.add(shape)
                waiting[shape] = bare


def _open(page: Page, address: str) -> Response | None:
    """Go to a page; None where the address is a file to keep."""
    try:
        return page.goto(address)
    except Error as exc:
        if "Download is starting" not in exc.message:
            raise
        return None


def _look(page: Page, path: str, complaints: list[str]) -> list[str]:
    """Return what is wrong with the page that the browser shows."""
    wrong = [f"{path}: {text}" for text in complaints]
    complaints.clear()
    result = page.evaluate(
        "(runOnly) => axe.run(document, {runOnly, resultTypes: ['violations']})", RULES
    )
    for violation in result["violations"]:
        nodes = [node["html"][:120] for node in violation["nodes"][:3]]
        wrong += [f"{path}: {violation['id']}: {html}" for html in nodes]
    wrong += [f"{path}: not by keyboard: {one}" for one in page.evaluate(UNREACHABLE)]
    if page.locator("h1").count() != 1:
        wrong.append(f"{path}: not one h1")
    wider = page.evaluate(WIDER)
    if wider > 1:
        wrong.append(f"{path}: {wider} pixels wider than the window")
    return wrong


@pytest.mark.timeout(600)
def test_every_page_is_free_of_complaints_and_of_breaches_of_wcag(walk: Walk) -> None:
    axe = AXE.read_text()
    wrong: list[str] = []
    addresses: dict[str, str] = {}
    for scheme, size in (("light", DESK), ("dark", PHONE)):
        context = walk.context(color_scheme=scheme, viewport=size)
        page = context.new_page()
        complaints: list[str] = []
        page.on(
            "console",
            lambda m, to=complaints: to.append(m.text) if m.type in ("error", "warning") else None,
        )
        page.on("pageerror", lambda e, to=complaints: to.append(str(e)))
        for shape, path, answer in (
            _again(page, walk, addresses) if addresses else _pages(page, walk)
        ):
            addresses[shape] = path
            if answer.status != 200:
                wrong.append(f"{path}: {answer.status}")
                continue
            page.evaluate(axe)
            wrong += [f"{scheme} {one}" for one in _look(page, path, complaints)]
            _shoot(page, shape, scheme, size)
        context.close()
    assert wrong == []
    assert len(addresses) > len(SECTION_PAGES) / 2


def _again(
    page: Page, walk: Walk, addresses: dict[str, str]
) -> Iterator[tuple[str, str, Response]]:
    for shape, path in list(addresses.items()):
        if (answer := _open(page, walk.origin + path)) is not None:
            yield shape, path, answer


def test_every_section_is_read_without_javascript(walk: Walk) -> None:
    context = walk.context(java_script_enabled=False)
    page = context.new_page()
    for path in SECTION_PAGES:
        if path not in walk.home.desk._routes._exact:
            continue
        page.goto(walk.origin + path)
        expect(page.locator("h1")).to_have_count(1)
        expect(page.locator("nav[aria-label=Sections] a[aria-current]")).to_have_count(1)
    page.goto(f"{walk.origin}/log")
    page.get_by_label("What happened").select_option("grant.approved")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("table tbody tr").first).to_contain_text("grant.approved")
    context.close()


def test_the_browser_proves_that_an_entry_stands_in_the_log(walk: Walk) -> None:
    context = walk.context(ignore_https_errors=True)
    page = context.new_page()
    page.goto(f"{walk.origin}/log/3")
    said = page.locator("#checked")
    expect(said).to_be_visible()
    assert said.get_attribute("data-outcome") in ("good", "path")
    # The same script, given other bytes, says so.
    page.route("**/log/4", _edited)
    page.goto(f"{walk.origin}/log/4")
    expect(page.locator("#checked")).to_have_attribute("data-outcome", "bad")
    context.close()


def _edited(route: Any) -> None:
    answer = route.fetch()
    body = answer.text().replace(
        "&#34;outcome&#34;:&#34;success&#34;", "&#34;outcome&#34;:&#34;denied&#34;"
    )
    route.fulfill(response=answer, body=body)


def test_a_filter_changes_the_list_and_the_address_without_a_new_page(walk: Walk) -> None:
    context = walk.context()
    page = context.new_page()
    page.goto(f"{walk.origin}/grants")
    page.evaluate("() => { window.same = true; }")
    page.get_by_label("State").select_option("pending")
    expect(page.locator("#results tbody tr")).to_have_count(1)
    assert "state=pending" in page.url
    assert page.evaluate("() => window.same") is True
    # No page is kept in the browser's storage: of htmx's history there is the address alone.
    kept = page.evaluate("() => [...Object.keys(localStorage), ...Object.keys(sessionStorage)]")
    assert kept == ["htmx-current-path-for-history"]
    context.close()


def test_a_session_that_ended_leads_to_sign_on_and_not_into_a_list(walk: Walk) -> None:
    context = walk.context()
    page = context.new_page()
    page.goto(f"{walk.origin}/grants")
    context.clear_cookies()
    page.get_by_label("State").select_option("active")
    page.wait_for_url(f"{walk.origin}/sign-on*")
    context.close()


def _shoot(page: Page, shape: str, scheme: str, size: dict[str, int]) -> None:
    """Write a picture of the page where somebody asked for them; to the documents go those by day."""
    wanted = os.environ.get("STRONGROOM_TEST_SCREENS")
    if not wanted:
        return
    name = re.sub(r"[^a-z]+", "-", re.sub(r"\{\w+\}", "one", shape)).strip("-")
    kind = "phone" if size is PHONE else scheme
    if wanted != "all" and kind != "light" and name not in ON_A_PHONE:
        return
    SCREENS.mkdir(exist_ok=True)
    drawn = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    _of_few_colours(drawn).save(SCREENS / f"{name}-{kind}.png", optimize=True)


def _of_few_colours(drawn: Image.Image) -> Image.Image:
    """Return a picture in its own most common colours: a third of the bytes, and nobody sees the difference."""
    common = sorted(drawn.getcolors(drawn.width * drawn.height) or [], reverse=True)[:_COLOURS]
    flat = [part for _count, colour in common for part in colour]
    palette = Image.new("P", (1, 1))
    palette.putpalette(flat + flat[:3] * (256 - len(common)))
    return drawn.quantize(palette=palette, dither=Image.Dither.NONE)
