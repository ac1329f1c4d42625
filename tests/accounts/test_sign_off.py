"""Ending the sessions of somebody else: who may, what ends, what is recorded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.people import House

from strongroom.accounts.visits import SignedOn
from strongroom.db.engine import Database
from strongroom.errors import Denied, Unauthenticated
from strongroom.terms import AuthMethod, Caller, PrincipalKind

pytestmark = pytest.mark.clause("1.2")


@pytest.fixture
def house(database_url: str, tmp_path: Path) -> Iterator[House]:
    database = Database(database_url)
    yield House.make(database, tmp_path)
    database.close()


def lives(house: House, done: SignedOn) -> bool:
    try:
        house.check(done)
    except Unauthenticated:
        return False
    return True


def test_who_administers_ends_the_sessions_of_one_person_or_of_all(house: House) -> None:
    anna, boris, clara = (house.person(name) for name in ("anna", "boris", "clara"))
    of_anna, of_boris, of_clara = (house.sign_on(person) for person in (anna, boris, clara))
    house.administrators = {boris.id}
    caller = of_boris.session.caller

    assert house.guard.sign_off(anna.id, caller, house.now) == 1
    assert [lives(house, done) for done in (of_anna, of_boris, of_clara)] == [False, True, True]
    assert house.guard.sign_off(anna.id, caller, house.now) == 0
    assert house.guard.sign_off(None, caller, house.now) == 2
    assert [lives(house, done) for done in (of_boris, of_clara)] == [False, False]
    assert house.events("session.ended") == [("session.ended", "success", "revoked")] * 3
    # Nobody is locked out by it.
    assert lives(house, house.sign_on(anna))


def test_the_console_ends_sessions_too(house: House) -> None:
    anna = house.person("anna")
    done = house.sign_on(anna)
    console = Caller(
        house.person("olga").id, PrincipalKind.PERSON, "console-olga", AuthMethod.CONSOLE
    )
    assert house.guard.sign_off(None, console, house.now) == 1
    assert not lives(house, done)


def test_who_does_not_administer_ends_nobodys_and_is_recorded(house: House) -> None:
    anna, boris = house.person("anna"), house.person("boris")
    done, other = house.sign_on(anna), house.sign_on(boris)
    app = Caller(boris.id, PrincipalKind.APP, "erp", AuthMethod.ACCESS_TOKEN)
    for caller in (other.session.caller, app):
        for whose in (anna.id, None):
            with pytest.raises(Denied):
                house.guard.sign_off(whose, caller, house.now)
    assert lives(house, done)
    assert house.events("session.ended") == [("session.ended", "denied", "not_authorized")] * 4
