"""How passwords are typed: masked, by hand or by a manager, as long as somebody likes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.support.pages import Member

from strongroom import desk
from strongroom.policy.limits import BASELINE, CURRENT
from strongroom.policy.passwords import faults

pytestmark = pytest.mark.clause("1.4")

STATIC = Path(desk.__file__).parent / "static"
FIELD = re.compile(
    r'<input type="([a-z]+)" id="(password|old|new|again)"[^>]*autocomplete="([^"]*)"'
)


def test_every_password_is_typed_masked_and_managers_may_fill_it_in(ada: Member) -> None:
    home = ada.browser.home
    home.passes(minutes=11)
    code = home.system.joining.invite("boris", home.console, home.now).link.code
    stranger = home.visitor()
    joining = stranger.submit(stranger.get("/welcome"), "/welcome", code=code)
    wanted = {
        ada.browser.get("/password").body: {"old", "new", "again"},
        ada.browser.get("/prove/factors").body: {"password"},
        stranger.get("/sign-on").body: {"password"},
        joining.body: {"password", "again"},
    }
    for body, names in wanted.items():
        found = FIELD.findall(body)
        assert {name for _type, name, _fill in found} == names
        assert {type_ for type_, _name, _fill in found} == {"password"}
        assert {fill for *_, fill in found} <= {"current-password", "new-password"}


def test_no_script_keeps_anybody_from_pasting() -> None:
    for script in STATIC.glob("*.js"):
        assert not re.search(r"paste|clipboard|keydown", script.read_text(encoding="utf-8"))


def test_a_long_password_is_taken() -> None:
    for length in (64, 128, 256):
        chosen = ("Harbour-63 velvet lanterns over granite, " * 8)[:length]
        for profile in (BASELINE, CURRENT):
            assert faults(chosen, name="anna", profile=profile, is_common=lambda _: False) == []
