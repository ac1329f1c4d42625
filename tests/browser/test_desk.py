"""People at the desk in a real browser: with passkeys, by keyboard alone, without JavaScript, in light and dark."""

from __future__ import annotations

import pyotp
import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect
from tests.browser.conftest import Stage, add_authenticator
from tests.support.pages import PASSWORD

pytestmark = pytest.mark.clause("1.2", "1.4")

# The lowest contrast of any text that shows, with what it says: WCAG 2.2, 1.4.3.
LOWEST_CONTRAST = """() => {
  const channel = (c) => { c /= 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
  let lowest = [99, ""];
  for (const one of document.querySelectorAll("body *")) {
    const own = [...one.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !one.checkVisibility() || one.closest(".unseen, .skip, noscript")) continue;
    let behind = one;
    while (behind && (numbers(getComputedStyle(behind).backgroundColor)[3] ?? 1) === 0) behind = behind.parentElement;
    const ground = getComputedStyle(behind || document.documentElement).backgroundColor;
    const [a, b] = [light(numbers(getComputedStyle(one).color)), light(numbers(ground))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < lowest[0]) lowest = [ratio, one.textContent.trim().slice(0, 40)];
  }
  return lowest;
}"""


def _code(stage: Stage, secret: str) -> str:
    return pyotp.TOTP(secret.replace(" ", "")).at(stage.home.now)


def _watched(context: BrowserContext) -> tuple[Page, list[str]]:
    """Return a page, and what it complains of: a script or style that the policy stops would be there."""
    page = context.new_page()
    complaints: list[str] = []
    page.on(
        "console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None
    )
    page.on("pageerror", lambda e: complaints.append(str(e)))
    return page, complaints


def _join_by_keyboard(stage: Stage, page: Page, name: str) -> str:
    """Come in as the first administrator with no pointer; return the secret of the app."""
    keys = page.keyboard
    page.goto(stage.first_link())
    expect(page.get_by_text("Your link is here.")).to_be_visible()
    assert page.url == f"{stage.origin}/welcome"  # the code has left the address bar
    keys.press("Enter")
    expect(page.get_by_label("Your user name")).to_be_focused()
    keys.type(name)
    keys.press("Enter")
    expect(page.get_by_label("Password", exact=True)).to_be_focused()
    keys.type(PASSWORD)
    keys.press("Tab")
    keys.type(PASSWORD)
    keys.press("Tab")
    secret = page.locator("#secret").inner_text()
    keys.type(_code(stage, secret))
    keys.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Your recovery codes")
    assert page.get_by_label("Recovery codes").get_by_role("listitem").count() == 10
    return secret


def test_the_keyboard_alone_is_enough(stage: Stage) -> None:
    page, complaints = _watched(stage.context())
    secret = _join_by_keyboard(stage, page, "ada")
    keys = page.keyboard
    page.get_by_role("link", name="I have kept them").focus()
    keys.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Today")

    # Past the head first, and each stop shows where it is.
    keys.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    for _ in range(8):
        keys.press("Tab")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"
    page.get_by_role("button", name="Sign out").focus()
    keys.press("Enter")
    expect(page.get_by_role("status").first).to_have_text("You have signed out.")

    stage.home.passes(seconds=31)
    keys.type("ada")
    keys.press("Tab")
    keys.type(PASSWORD)
    keys.press("Enter")
    expect(page.get_by_label("Code of your authenticator app")).to_be_focused()
    keys.type(_code(stage, secret))
    keys.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Today")
    assert complaints == []


def test_a_passkey_joins_signs_on_and_proves_again(stage: Stage) -> None:
    page, complaints = _watched(stage.context())
    add_authenticator(page)
    page.goto(stage.first_link())
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Your user name").fill("ada")
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Password", exact=True).fill("too short")
    page.get_by_label("Password once more").fill("too short")
    page.get_by_role("button", name="Finish with a passkey").click()
    # Said before a passkey is made for nothing.
    expect(page.locator("[data-passkey-says]")).to_contain_text("It is shorter than 12 characters.")
    complaints.clear()
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password once more").fill(PASSWORD)
    page.get_by_role("button", name="Finish with a passkey").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your recovery codes")
    page.get_by_role("link", name="I have kept them").click()

    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Sign on with a passkey").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Today")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("User name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Today")

    stage.home.passes(minutes=11)
    page.goto(f"{stage.origin}/factors")
    page.get_by_role("link", name="prove first that it is you").click()
    page.get_by_role("button", name="Use a passkey").click()
    expect(page).to_have_url(f"{stage.origin}/factors")
    page.get_by_role("button", name="Make a passkey").click()
    # The same authenticator has one already.
    expect(page.locator("[data-passkey-says]")).to_contain_text("has a passkey for your account")
    add_authenticator(page, "usb")
    page.get_by_label("What to call it").fill("a second key")
    page.get_by_role("button", name="Make a passkey").click()
    expect(page.get_by_role("status").first).to_have_text("The second factor was added.")
    expect(page.locator("strong", has_text="a second key")).to_be_visible()
    assert complaints == []
    methods = {e.body["op"] for e in stage.home.events("signon.succeeded")}
    assert methods == {"link.passkey", "passkey", "password.passkey"}


def test_a_passkey_is_not_asked_for_in_a_session_that_is_over(stage: Stage) -> None:
    """The page that says what to do comes up, and no fault of a program."""
    context = stage.context()
    page, complaints = _watched(context)
    _join_by_keyboard(stage, page, "ada")
    other = context.new_page()
    other.goto(f"{stage.origin}/factors")
    page.goto(f"{stage.origin}/factors")
    other.get_by_role("button", name="Sign out").click()
    expect(other.get_by_role("status").first).to_have_text("You have signed out.")
    page.get_by_role("button", name="Make a passkey").click()
    expect(page).to_have_url(f"{stage.origin}/sign-on")
    assert complaints == []


def test_without_javascript_everything_but_passkeys_works(stage: Stage) -> None:
    page = stage.context(java_script_enabled=False).new_page()
    link = stage.first_link()
    page.goto(link)
    page.get_by_label("Link or code").fill(link)
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Your user name").fill("ada")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("button", name="Finish with a passkey")).to_be_hidden()
    secret = page.locator("#secret").inner_text()
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password once more").fill(PASSWORD)
    page.get_by_label("The code it shows now").fill("000000")
    page.get_by_role("button", name="Finish with the app").click()
    expect(page.get_by_role("alert")).to_contain_text("The code does not fit")
    expect(page.get_by_role("alert")).to_be_focused()
    expect(page).to_have_title("Error: Password and second factor · Strongroom")
    assert page.locator("#secret").inner_text() == secret
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password once more").fill(PASSWORD)
    page.get_by_label("The code it shows now").fill(_code(stage, secret))
    page.get_by_role("button", name="Finish with the app").click()
    page.get_by_role("link", name="I have kept them").click()
    page.goto(f"{stage.origin}/factors")
    page.get_by_role("button", name="Show a QR code").click()
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    page.get_by_role("link", name="Installation").click()
    page.get_by_role("link", name="Network").click()
    page.get_by_label("Network", exact=True).fill("192.0.2.0/24")
    page.get_by_role("button", name="Ask for it").click()
    expect(page.get_by_role("status")).to_contain_text("The change is asked for.")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign on with a passkey")).to_be_hidden()
    page.get_by_label("User name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Second factor")


def test_another_site_reaches_nothing_and_its_links_lead_in(stage: Stage) -> None:
    """A browser's own rules and ours together: a form of another site, a frame, a link."""
    context = stage.context()
    page = context.new_page()
    _join_by_keyboard(stage, page, "ada")
    form = f'<form method="post" action="{stage.origin}/sign-out/everywhere"><button>Win</button></form>'
    link = f'<a href="{stage.origin}/sessions">Sessions</a>'
    frame = f'<iframe src="{stage.origin}/profile"></iframe>'

    def evil(route: Route) -> None:
        route.fulfill(content_type="text/html", body=form + link + frame)

    context.route("https://evil.example/**", evil)
    other = context.new_page()
    other.goto("https://evil.example/")
    assert "Signed on" not in other.frames[-1].content()
    other.get_by_role("button", name="Win").click()
    expect(other.get_by_role("heading", level=1)).to_have_text("This form is out of date")
    other.goto("https://evil.example/")
    other.get_by_role("link", name="Sessions").click()
    expect(other.get_by_role("heading", level=1)).to_have_text("Sessions")
    expect(other.get_by_text("Signed on as ada")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_can_be_read(stage: Stage, scheme: str) -> None:
    context = stage.context(color_scheme=scheme, viewport={"width": 360, "height": 740})
    page, complaints = _watched(context)
    for path in ("sign-on", "welcome"):
        page.goto(f"{stage.origin}/{path}")
        _read(page)
    _join_by_keyboard(stage, page, "ada")
    _read(page)
    paths = ("profile", "sessions", "password", "factors", "prove/locks", "locks", "network")
    for path in paths:
        page.goto(f"{stage.origin}/{path}")
        _read(page)
    page.goto(f"{stage.origin}/factors")
    page.get_by_role("button", name="Show a QR code").click()
    page.get_by_label("The code it shows now").fill("1")
    complaints_before = list(complaints)
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_role("alert")).to_be_visible()
    _read(page)
    assert complaints_before == []


def _read(page: Page) -> None:
    """Check what a person with poor eyes, a small screen or a screen reader meets on a page."""
    lowest, text = page.evaluate(LOWEST_CONTRAST)
    assert lowest >= 4.5, f"{page.url}: {text!r} has a contrast of {lowest:.1f}"
    assert page.evaluate("document.documentElement.scrollWidth") <= 360, page.url
    assert page.locator("h1").count() == 1
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.get_by_role("main").count() == 1
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll("input:not([type=hidden]):not([hidden]), select, button")]
          .filter((one) => one.checkVisibility())
          .filter((one) => !(one.labels && one.labels.length) && !one.textContent.trim()).map((one) => one.outerHTML)"""
    )
    assert unnamed == []
    small = page.evaluate(
        """() => [...document.querySelectorAll("button, input:not([type=hidden]), select")]
          .filter((one) => one.checkVisibility() && one.getBoundingClientRect().height < 24)
          .map((one) => one.outerHTML)"""
    )
    assert small == []  # WCAG 2.2, 2.5.8
