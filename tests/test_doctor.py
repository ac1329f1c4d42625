"""What the doctor says about who may sign on."""

from __future__ import annotations

import pytest

from strongroom.accounts.changes import changing
from strongroom.doctor import Check, State, open_checks
from strongroom.opening import open_system
from strongroom.terms import SYSTEM, PrincipalId
from tests.desk.conftest import ada, joined, made_for_two
from tests.support.pages import PASSWORD, DeskHome, Member

__all__ = ["ada", "joined", "made_for_two"]


def check(home: DeskHome) -> Check:
    found = open_checks(home.system, home.now)
    return next(check for check in found if check.id == "access.second_factors")


def with_password(home: DeskHome, name: str) -> PrincipalId:
    """Return a person as an earlier profile let them in."""
    system, now = home.system, home.now
    person = system.accounts.add_person(name, caller=home.console, now=now).person.id
    prepared = system.passwords.prepare(person, PASSWORD, name=name, now=now)
    with changing(system.database, system.audit, SYSTEM, now) as change:
        system.passwords.store(change, person, prepared)
    return person


@pytest.mark.clause("1.4")
def test_who_has_a_password_and_no_second_factor_is_listed_under_the_current_profile(
    ada: Member,
) -> None:
    home = ada.browser.home
    home.system.accounts.add_person("clara", caller=home.console, now=home.now)
    gone = with_password(home, "gone")
    assert check(home).state is State.WARNING
    home.system.accounts.end("gone", caller=home.console, now=home.now)
    assert check(home).state is State.OK

    numbers = [with_password(home, name) for name in ("boris", "dora")]
    assert gone not in numbers
    found = check(home)
    assert (found.state, found.hint) == (State.WARNING, "strongroom user invite NAME")
    assert found.detail.startswith("2 people")
    assert found.detail.endswith(f": {numbers[0]}, {numbers[1]}")

    path = home.system.home.root
    home.system.close()
    home.system = open_system(
        path, starts_at=home.now, environ={"STRONGROOM_ACCESS__PROFILE": "baseline"}
    )
    try:
        assert check(home).state is State.OK
    finally:
        home.system.close()
