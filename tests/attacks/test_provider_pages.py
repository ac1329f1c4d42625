"""Attacks on signing on through a provider, page by page: swapped answers, strangers, edited rows."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

import pytest
from tests.support.pages import ORIGIN, PASSWORD, DeskHome, Member
from tests.support.provided import (
    ANSWER,
    REDIRECT,
    arrive,
    as_if,
    desk_with,
    leave,
    link,
    make_home,
    through,
)
from tests.support.provider import Provider

from strongroom.db import schema
from strongroom.policy.limits import CLIENT_FAILURES_PER_ADDRESS
from strongroom.terms import PrincipalKind

pytestmark = pytest.mark.clause("1.2")

REFUSED = "You could not be signed on through the provider."


@dataclass
class Scene:
    """A provider, a desk that knows it, and Ada, who is its subject 248289."""

    provider: Provider
    home: DeskHome
    ada: Member

    def last_failure(self) -> str:
        """Return why the last sign-on failed."""
        event = self.home.events("signon.failed")[-1]
        assert event.body["op"] == "oidc"
        reason: str = event.body["reason"]
        return reason


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    directory = tmp_path_factory.mktemp("provided")
    with Provider(directory / "provider") as provider:
        provider.know([REDIRECT])
        make_home(directory / "home")
        with desk_with(directory / "home", provider) as home:
            ada = home.first("ada")
            link(home, "ada", "248289")
            yield Scene(provider, home, ada)


def test_a_subject_that_nobody_linked_becomes_nobody(scene: Scene) -> None:
    people = scene.home.system.accounts.listed(PrincipalKind.PERSON)
    for subject in ("ada", "248289 ", "24828", "boris", "1"):
        browser = scene.home.visitor()
        page = through(scene.provider, browser, subject)
        assert (page.status, REFUSED in page.text) == (401, True)
        assert scene.last_failure() == "not_found"
        assert not {"__Host-session", "__Host-step"} & browser.cookies.keys()
    assert scene.home.system.accounts.listed(PrincipalKind.PERSON) == people


def test_a_person_who_is_locked_or_has_ended_reads_the_same(scene: Scene) -> None:
    scene.home.member("boris")
    link(scene.home, "boris", "boris-1")
    assert through(scene.provider, scene.home.visitor(), "boris-1").path == "/sign-on/second"
    accounts, console = scene.home.system.accounts, scene.home.console
    boris = accounts.find("boris").id
    scene.home.system.guard.disowned(boris, scene.home.now, console)
    reasons = []

    def refused() -> None:
        page = through(scene.provider, scene.home.visitor(), "boris-1")
        assert (page.status, REFUSED in page.text) == (401, True)
        reasons.append(scene.last_failure())

    refused()
    at = scene.home.now + timedelta(seconds=20)
    accounts.end("boris", caller=console, now=scene.home.now, at=at)
    scene.home.passes(seconds=20)
    refused()
    assert reasons == ["locked", "principal_ended"]


def test_a_link_whose_row_was_edited_is_worth_nothing(scene: Scene) -> None:
    scene.home.member("carol")
    link(scene.home, "carol", "carol-1")
    identities = schema.person_identity
    ada = scene.home.system.accounts.find("ada").id
    carol = scene.home.system.accounts.find("carol").id
    with scene.home.system.database.write() as tx:
        tx.execute(
            identities.update().where(identities.c.principal_id == carol).values(principal_id=ada)
        )
    page = through(scene.provider, scene.home.visitor(), "carol-1")
    assert (page.status, REFUSED in page.text) == (401, True)
    assert scene.last_failure() == "tampered"


def test_an_answer_works_once(scene: Scene) -> None:
    browser = scene.home.visitor()
    brought = scene.provider.sign_on(leave(browser), "248289")
    form, step = arrive(browser, brought), browser.cookies["__Host-step"]
    assert browser.submit(form, ANSWER).path == "/sign-on/second"
    # The same form, with the cookie put back: the sign-on it belongs to is over.
    browser.cookies["__Host-step"] = step
    form = arrive(browser, brought)
    page = browser.submit(form, ANSWER)
    assert page.path == "/sign-on"
    assert "Begin again" in page.said
    # The same code in a sign-on that was begun anew.
    leave(browser)
    assert browser.submit(arrive(browser, brought), ANSWER).status == 401
    assert scene.last_failure() == "cross_site"


def test_two_requests_with_one_answer_give_one_sign_on(scene: Scene) -> None:
    browser = scene.home.visitor()
    brought = scene.provider.sign_on(leave(browser), "248289")
    form = arrive(browser, brought)
    twins = [scene.home.visitor(cookies=dict(browser.cookies)) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        pages = list(pool.map(lambda twin: twin.submit(form, ANSWER), twins))
    assert sorted(page.path for page in pages) == ["/sign-on", "/sign-on/second"]


def test_an_attackers_answer_does_not_sign_a_victim_on(scene: Scene) -> None:
    """Login CSRF: the attacker stops before the last form, and has the victim's browser come back with it."""
    attacker, victim = scene.home.visitor(), scene.home.visitor()
    brought = scene.provider.sign_on(leave(attacker), "248289")
    # A victim who was not signing on.
    page = victim.submit(arrive(victim, brought), ANSWER)
    assert page.path == "/sign-on"
    # A victim who was.
    leave(victim)
    page = victim.submit(arrive(victim, brought), ANSWER)
    assert page.status == 401
    assert scene.last_failure() == "cross_site"
    assert "__Host-session" not in victim.cookies


def test_an_answer_that_another_site_brings_ends_no_sign_on_by_password(scene: Scene) -> None:
    """The page on the way back sends its form by itself: any site can have a visitor's browser do that."""
    scene.home.passes(seconds=31)
    victim = scene.home.visitor()
    page = victim.submit(victim.get("/sign-on"), "/sign-on", name="ada", password=PASSWORD)
    assert page.path == "/sign-on/second"
    form = victim.get(f"{ANSWER}?code=x&state=y").form(ANSWER)
    assert victim.post(ANSWER, form).path == "/sign-on"
    page = victim.submit(victim.get("/sign-on/second"), "/sign-on/second", code=scene.ada.code())
    assert (page.path, page.h1) == ("/today", "Today")


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://attacker.example", "sec_fetch_site": "cross-site"},
        {"origin": "https://localhost:1", "sec_fetch_site": "same-site"},
        {"origin": "null"},
        {"origin": "", "sec_fetch_site": ""},
    ],
)
def test_another_site_sends_no_answer_and_begins_nothing(
    scene: Scene, headers: dict[str, str]
) -> None:
    browser = scene.home.visitor()
    brought = scene.provider.sign_on(leave(browser), "248289")
    form = arrive(browser, brought).form(ANSWER)
    assert browser.post(ANSWER, form, **headers).status == 403
    token = browser.get("/sign-on").form("/sign-on/provider")
    assert browser.post("/sign-on/provider", token, **headers).status == 403


def test_a_form_without_the_token_of_this_browser_is_refused(scene: Scene) -> None:
    browser, other = scene.home.visitor(), scene.home.visitor()
    brought = scene.provider.sign_on(leave(browser), "248289")
    form = arrive(browser, brought).form(ANSWER)
    foreign = arrive(other, brought).form(ANSWER)["token"]
    for token in ("", "x", foreign):
        assert browser.post(ANSWER, form | {"token": token}).status == 403
    assert browser.post(ANSWER, form).path == "/sign-on/second"


@pytest.mark.parametrize(
    "query",
    [
        "",
        "state=x",
        "code=x",
        "code=x&code=y&state=z",
        "code=%FF&state=x",
        "code=" + "x" * 5000 + "&state=x",
    ],
)
def test_what_is_no_answer_is_refused(scene: Scene, query: str) -> None:
    page = scene.home.visitor().send("GET", f"{ANSWER}?{query}")
    assert page.status == 400


def test_what_is_brought_back_is_shown_as_text_at_most(scene: Scene) -> None:
    hostile = '"><script>alert(1)</script>'
    page = arrive(
        scene.home.visitor(), {"code": hostile, "state": hostile, "error": hostile, "next": hostile}
    )
    assert page.status == 200
    assert "<script>alert" not in page.body
    assert "next" not in page.form(ANSWER)
    assert page.form(ANSWER)["code"] == hostile
    assert page.header("cache-control") == "no-store"


def test_a_sign_on_begun_under_other_settings_is_not_finished(scene: Scene) -> None:
    browser = scene.home.visitor()
    brought = scene.provider.sign_on(leave(browser), "248289")
    other = as_if(scene.home, client_id="another")
    moved = other.visitor(cookies=dict(browser.cookies))
    assert moved.submit(arrive(moved, brought), ANSWER).status == 401
    assert scene.last_failure() == "misconfigured"


def test_a_sign_on_that_took_too_long_is_over(scene: Scene) -> None:
    home = as_if(scene.home)
    browser = home.visitor()
    brought = scene.provider.sign_on(leave(browser), "248289")
    home.passes(minutes=10)
    assert browser.submit(arrive(browser, brought), ANSWER).path == "/sign-on"


def test_who_keeps_bringing_nonsense_is_put_off_and_nobody_else(scene: Scene) -> None:
    """Each answer has us ask the provider: a stranger could have us ask all day."""
    browser = scene.home.visitor(address="192.0.2.66")
    statuses = []
    for _ in range(CLIENT_FAILURES_PER_ADDRESS[0] + 2):
        leave(browser)
        page = browser.submit(arrive(browser, {"code": "x", "state": "y"}), ANSWER)
        statuses.append(page.status)
    assert set(statuses[:-2]) == {401}
    assert statuses[-1] == 429
    assert page.header("retry-after") or "too many" in page.text.lower()
    assert through(scene.provider, scene.home.visitor(), "248289").path == "/sign-on/second"


def test_no_page_and_no_event_repeats_code_state_or_subject(scene: Scene) -> None:
    browser = scene.home.visitor()
    url = leave(browser)
    brought = scene.provider.sign_on(url, "a-subject-of-nobody")
    page = browser.submit(arrive(browser, brought), ANSWER)
    log = repr(scene.home.events())
    for secret in (brought["code"], brought["state"], "a-subject-of-nobody"):
        assert secret not in page.body
        assert secret not in log
    assert ORIGIN not in page.header("location")
