"""The desk in a real browser: Chromium without a window, over TLS, on a home that nobody else serves."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from tests.desk.conftest import NOW, made_for_two
from tests.support.listening import listening
from tests.support.offline import Offline
from tests.support.pages import DeskHome

from strongroom.accounts.visits import Site

__all__ = ["made_for_two"]

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
_SECONDS = 15.0


@dataclass
class Stage:
    """A home, where its desk is, and a browser."""

    home: DeskHome
    origin: str
    browser: Browser

    def context(self, **options: object) -> BrowserContext:
        """Return a fresh profile of the browser."""
        context = self.browser.new_context(**options)  # type: ignore[arg-type]
        context.set_default_timeout(_SECONDS * 1000)
        return context

    def first_link(self) -> str:
        """Return a link for the first administrator."""
        link = self.home.system.joining.first_link(self.home.console, self.home.now)
        return link.url(self.origin)

    def link_for(self, name: str) -> str:
        """Return a link for a person."""
        invited = self.home.system.joining.invite(name, self.home.console, self.home.now)
        return invited.link.url(self.origin)


def add_authenticator(page: Page, transport: str = "internal") -> None:
    """Give the page a security key that has its owner's finger on it."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    session.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": transport,
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
        },
    )


def _program() -> str:
    named = os.environ.get("STRONGROOM_TEST_CHROMIUM")
    found = named or next((path for one in _PROGRAMS if (path := shutil.which(one))), None)
    if found is None:
        pytest.fail("the browser tests need Chromium: sh scripts/chromium.sh", pytrace=False)
    return found


def _pin(home: Path) -> str:
    """Return the SHA-256 of the desk's key: passkeys want a certificate that the browser takes without complaint."""
    leaf = x509.load_pem_x509_certificate((home / "tls" / "gateway.pem").read_bytes())
    key = leaf.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(key).digest()).decode()


# Per module, not per run: while it runs, nothing else in this thread can have an event loop.
@pytest.fixture(scope="module")
def browser(made_for_two: Offline) -> Iterator[Browser]:
    """Start the browser once for all of its tests."""
    arguments = [f"--ignore-certificate-errors-spki-list={_pin(made_for_two.path)}"]
    if os.geteuid() == 0:
        arguments.append("--no-sandbox")  # it refuses to run as root with one
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=_program(), args=arguments)
        yield started
        started.close()


@pytest.fixture
def stage(browser: Browser, made_for_two: Offline, tmp_path: Path) -> Iterator[Stage]:
    """Give a home in which nobody has signed on yet, its desk listening."""
    path = tmp_path / "home"
    shutil.copytree(made_for_two.path, path)
    with (
        DeskHome.opened(path, NOW) as home,
        listening(home.desk, path, lifespan="off") as at,
    ):
        origin = f"https://localhost:{at.port}"
        home.system.signon.site = Site.of(origin)
        stage = Stage(home, origin, browser)
        yield stage
        for context in browser.contexts:
            context.close()
