"""Through a real provider in a real browser, whose rules for cookies, forms and redirects the pages are built on."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, expect
from tests.support.listening import listening
from tests.support.pages import DeskHome, Member
from tests.support.provided import ANSWER, desk_with, link, make_home
from tests.support.provider import Provider

from strongroom.accounts.visits import Site


@dataclass
class Scene:
    """A provider, a desk that knows it, and Ada, who is its subject 248289."""

    home: DeskHome
    ada: Member
    origin: str


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    directory = tmp_path_factory.mktemp("provided")
    path = directory / "home"
    make_home(path)
    with Provider(directory / "provider") as provider, desk_with(path, provider) as home:
        # In a thread of its own: the browser's driver runs an event loop in this one.
        with ThreadPoolExecutor(1) as pool:
            ada = pool.submit(home.first, "ada").result()
        link(home, "ada", "248289")
        with listening(home.desk, path, lifespan="off") as listener:
            origin = f"https://localhost:{listener.port}"
            home.system.signon.site = Site.of(origin)
            provider.know([origin + ANSWER])
            yield Scene(home, ada, origin)


@pytest.mark.clause("1.2", "1.5")
@pytest.mark.parametrize("scripts", [True, False])
def test_a_person_signs_on_through_another_site(
    browser: Browser, scene: Scene, scripts: bool
) -> None:
    """No cookie of ours comes with the provider's redirect; the form of ours brings them."""
    context = browser.new_context(ignore_https_errors=True, java_script_enabled=scripts)
    page = context.new_page()
    page.goto(scene.origin + "/sign-on")
    page.get_by_role("button", name="Sign on through your organisation").click()
    page.get_by_label("Subject").fill("248289")
    page.get_by_role("button", name="Sign on").click()
    if not scripts:
        expect(page.get_by_role("heading", level=1)).to_have_text("Almost done")
        page.get_by_role("button", name="Continue").click()
    page.wait_for_url(scene.origin + "/sign-on/second")
    scene.home.passes(seconds=31)
    page.get_by_label("Code").fill(scene.ada.code())
    page.get_by_role("button", name="Sign on").click()
    page.wait_for_url(scene.origin + "/today")
    context.close()
