"""How passwords are typed: masked, by hand or by a manager, as long as somebody likes."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.support.pages import PASSWORD, DeskHome, Member

from strongroom import desk
from strongroom.policy.limits import BASELINE, CURRENT
from strongroom.policy.passwords import faults

pytestmark = pytest.mark.clause("1.4")

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
STATIC = Path(desk.__file__).parent / "static"
FIELD = re.compile(
    r'<input type="([a-z]+)" id="(password|old|new|again)"[^>]*autocomplete="([^"]*)"'
)


def test_every_password_is_typed_masked_and_managers_may_fill_it_in(ada: Member) -> None:
    home = ada.browser.home
    code = home.system.joining.invite("boris", home.console, home.now).link.code
    stranger = home.visitor()
    joining = stranger.submit(stranger.get("/welcome"), "/welcome", code=code)
    wanted = {
        ada.browser.get("/password").body: {"old", "new", "again"},
        stranger.get("/sign-on").body: {"password"},
        joining.body: {"password", "again"},
    }
    for body, names in wanted.items():
        found = FIELD.findall(body)
        assert {name for _type, name, _fill in found} == names
        assert {type_ for type_, _name, _fill in found} == {"password"}
        assert {fill for *_, fill in found} <= {"current-password", "new-password"}


@pytest.mark.clause("1.2")
def test_who_has_no_second_factor_types_the_password_to_prove_it_again(
    joined: tuple[Path, Member], tmp_path: Path
) -> None:
    path, made = joined
    shutil.copytree(path, tmp_path / "home")
    baseline = {"STRONGROOM_ACCESS__PROFILE": "baseline"}
    with DeskHome.opened(tmp_path / "home", NOW, **baseline) as home:
        browser = home.visitor(cookies=dict(made.browser.cookies))
        page = browser.get("/factors")
        (remove,) = (action for action in page.actions if action.endswith("/remove"))
        browser.submit(page, remove)
        home.passes(minutes=11)
        page = browser.get("/prove/factors")
        assert FIELD.findall(page.body) == [("password", "password", "current-password")]
        page = browser.submit(page, "/prove/factors", password="wrong")
        assert page.status == 401
        assert 'id="password"' in page.body
        page = browser.submit(page, "/prove/factors", password=PASSWORD)
        assert (page.status, page.path) == (200, "/factors")
        home.passes(minutes=11)
        assert browser.get("/password").path == "/password"


def test_no_script_keeps_anybody_from_pasting() -> None:
    for script in STATIC.glob("*.js"):
        assert not re.search(r"paste|clipboard|keydown", script.read_text(encoding="utf-8"))


def test_a_long_password_is_taken() -> None:
    for length in (64, 128, 256):
        chosen = ("Harbour-63 velvet lanterns over granite, " * 8)[:length]
        for profile in (BASELINE, CURRENT):
            assert faults(chosen, name="anna", profile=profile, is_common=lambda _: False) == []
