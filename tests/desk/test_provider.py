"""Signing on through a real OpenID Connect provider, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.support.pages import DeskHome, Member
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

from strongroom.errors import Misconfigured


@dataclass
class Scene:
    """A provider, a desk that knows it, and Ada, who is its subject 248289."""

    provider: Provider
    home: DeskHome
    ada: Member
    linked: int


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    directory = tmp_path_factory.mktemp("provided")
    with Provider(directory / "provider") as provider:
        provider.know([REDIRECT])
        make_home(directory / "home")
        with desk_with(directory / "home", provider) as home:
            ada = home.first("ada")
            linked = link(home, "ada", "248289")
            yield Scene(provider, home, ada, linked)


@pytest.mark.clause("1.2", "1.4")
def test_the_provider_says_who_and_our_second_factor_follows(scene: Scene) -> None:
    browser = scene.home.visitor()
    page = through(scene.provider, browser, "248289")
    assert page.path == "/sign-on/second"
    assert "__Host-session" not in browser.cookies
    scene.home.passes(seconds=31)
    page = browser.submit(page, "/sign-on/second", code=scene.ada.code())
    assert page.path == "/today"
    assert "ada" in page.text
    (last,) = scene.home.events("signon.succeeded")[-1:]
    assert (last.body["op"], last.outcome) == ("oidc.totp", "success")
    assert last.body["actor"]["auth"] == "session"
    log = repr(scene.home.events())
    assert "248289" not in log


def test_nothing_happens_until_the_form_of_ours_is_sent(scene: Scene) -> None:
    """Coming back is a GET that other sites can cause; loading it twice, or never, changes nothing."""
    browser = scene.home.visitor()
    brought = scene.provider.sign_on(leave(browser), "248289")
    before = len(scene.home.events())
    first, second = arrive(browser, brought), arrive(browser, brought)
    assert len(scene.home.events()) == before
    assert first.form(ANSWER)["code"] == brought["code"]
    assert "data-send" in first.body
    assert browser.submit(second, ANSWER).path == "/sign-on/second"


def test_who_goes_back_at_the_provider_may_try_again(scene: Scene) -> None:
    browser = scene.home.visitor()
    page = through(scene.provider, browser, "")
    assert page.status == 401
    assert "could not be signed on through the provider" in page.text
    assert "/sign-on/provider" in page.actions
    assert through(scene.provider, browser, "248289").path == "/sign-on/second"


@pytest.mark.clause("1.2")
def test_unlinking_ends_what_was_signed_on(scene: Scene) -> None:
    browser = scene.home.visitor()
    page = through(scene.provider, browser, "248289")
    scene.home.passes(seconds=31)
    browser.submit(page, "/sign-on/second", code=scene.ada.code())
    assert browser.get("/profile").path == "/profile"
    scene.home.system.identities.unlink(scene.linked, caller=scene.home.console, now=scene.home.now)
    assert browser.get("/profile").path == "/sign-on"
    assert through(scene.provider, browser, "248289").status == 401
    scene.linked = link(scene.home, "ada", "248289")


def test_a_provider_that_is_down_keeps_nobody_out_who_has_a_password(scene: Scene) -> None:
    home = as_if(scene.home, issuer="https://localhost:9")  # nobody listens there
    browser = home.visitor()
    page = browser.submit(browser.get("/sign-on"), "/sign-on/provider")
    assert page.status == 503
    assert "can't be used at the moment: sign on with your password or passkey" in page.text
    assert home.events("desk.request.refused")[-1].body["reason"] == "upstream_error"
    scene.home.passes(seconds=31)
    page = browser.submit(
        browser.get("/sign-on"), "/sign-on", name="ada", password=scene.ada.password
    )
    assert page.path == "/sign-on/second"


@pytest.mark.clause("1.4")
def test_a_second_factor_of_the_provider_spares_ours_where_the_settings_trust_it(
    scene: Scene,
) -> None:
    home = as_if(scene.home, trust_second_factor=True)
    assert through(scene.provider, home.visitor(), "248289", amr="pwd mfa").path == "/today"
    assert home.events("signon.succeeded")[-1].body["op"] == "oidc"
    for desk, amr in ((home, "pwd otp"), (scene.home, "pwd mfa")):
        page = through(scene.provider, desk.visitor(), "248289", amr=amr)
        assert page.path == "/sign-on/second"


def test_without_a_provider_there_is_no_button_and_no_page(scene: Scene) -> None:
    browser = as_if(scene.home, issuer="").visitor()
    page = browser.get("/sign-on")
    assert "/sign-on/provider" not in page.actions
    token = page.form("/sign-on")["token"]
    assert browser.post("/sign-on/provider", {"token": token}).status == 404
    assert browser.get(ANSWER).status == 404


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"client_id": ""}, "client_id"),
        ({"ca": Path("nowhere.pem")}, "oidc.ca cannot be read"),
        ({"ca": Path("strongroom.toml")}, "oidc.ca holds no certificate"),
    ],
)
def test_half_a_provider_stops_the_start(scene: Scene, changed: Any, fault: str) -> None:
    with pytest.raises(Misconfigured, match=fault):
        as_if(scene.home, **changed)
