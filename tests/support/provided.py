"""A desk with an OpenID Connect provider, and the way through it as a browser goes it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

from strongroom.desks import desk_of
from strongroom.opening import initialize
from strongroom.terms import Environment
from tests.support.offline import CHEAP
from tests.support.pages import ORIGIN, DeskHome, Page, Visitor
from tests.support.provider import CLIENT_ID, CLIENT_SECRET, Provider

ANSWER = "/sign-on/provider/answer"
REDIRECT = ORIGIN + ANSWER
PASSPHRASE = "a passphrase of the tests, 42"


def make_home(path: Path) -> None:
    """Make a home of one person."""
    initialize(
        path,
        environment=Environment.TEST,
        passphrase=PASSPHRASE,
        passphrase_file=None,
        one_person=True,
        environ={},
        cost=CHEAP,
    )


@contextmanager
def desk_with(path: Path, provider: Provider) -> Iterator[DeskHome]:
    """Open a home whose people may sign on through the provider; both go by the machine's clock."""
    passphrase = path.with_name("passphrase")
    passphrase.write_text(PASSPHRASE)
    variables = {
        "STRONGROOM_KEYSTORE__PASSPHRASE_FILE": str(passphrase),
        "STRONGROOM_OIDC__ISSUER": provider.issuer,
        "STRONGROOM_OIDC__CLIENT_ID": CLIENT_ID,
        "STRONGROOM_OIDC__CLIENT_SECRET": CLIENT_SECRET,
        "STRONGROOM_OIDC__CA": str(provider.ca_path),
    }
    now = datetime.now(UTC)  # noqa: TID251 - the provider's clock
    with DeskHome.opened(path, now, **variables) as home:
        yield home


def as_if(home: DeskHome, **settings: object) -> DeskHome:
    """Return another desk of the same home, as it is with other settings of the provider; time goes on apart."""
    oidc = home.system.settings.oidc.model_copy(update=settings)
    system = replace(home.system, settings=home.system.settings.model_copy(update={"oidc": oidc}))
    other = DeskHome(system, home.now)
    other.desk = desk_of(system, lambda: other.now)
    return other


def link(home: DeskHome, name: str, subject: str) -> int:
    """Say at the console that a subject of the provider is this person; return the link's number."""
    issuer = home.system.settings.oidc.issuer
    linked = home.system.identities.link(name, issuer, subject, caller=home.console, now=home.now)
    return linked.id


def leave(browser: Visitor) -> str:
    """Press the button on the sign-on page and return where the browser is sent."""
    page = browser.submit(browser.get("/sign-on"), "/sign-on/provider")
    assert page.status == 200, page.text
    found = re.search(r'<meta http-equiv="refresh" content="0; url=([^"]*)">', page.body)
    assert found is not None
    return html.unescape(found[1])


def arrive(browser: Visitor, brought: dict[str, str]) -> Page:
    """Come back: the provider's redirect is another site's, so the browser keeps every cookie of ours back."""
    headers = {"sec-fetch-site": "cross-site", "cookie": ""}
    return browser.send("GET", f"{ANSWER}?{urlencode(brought)}", headers=headers)


def through(provider: Provider, browser: Visitor, subject: str, *, amr: str = "pwd") -> Page:
    """Sign on through the provider, as far as its word goes."""
    brought = provider.sign_on(leave(browser), subject, amr=amr)
    return browser.submit(arrive(browser, brought), ANSWER)
