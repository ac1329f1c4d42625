"""Passwords and secrets: each check red and green for the right reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from strongroom.accounts import Passwords
from strongroom.accounts.changes import changing
from strongroom.accounts.passwords import Prepared
from strongroom.compliance.overseen import Verdict
from strongroom.errors import Malformed
from strongroom.policy.limits import BASELINE, CURRENT, PasswordProfile
from strongroom.policy.passwords import faults
from strongroom.terms import SYSTEM, Environment, PrincipalId
from tests.checks.looking import CHEAP, House
from tests.support.pages import PASSWORD

PASS, FAIL = Verdict.PASS, Verdict.FAIL


def door(house: House, profile: PasswordProfile) -> None:
    """Give the home a door that goes by another profile: one of the policy's, or one that somebody made weaker."""
    passwords = Passwords(
        house.system.database,
        house.system.audit,
        bytes(32),
        Environment.TEST,
        profile,
        hasher=CHEAP,
    )
    house.system = replace(house.system, passwords=passwords)


@pytest.mark.clause("1.4-b")
@pytest.mark.parametrize(("shortest", "verdict"), [(12, PASS), (8, PASS), (7, FAIL), (6, FAIL)])
def test_a_door_that_takes_short_passwords_is_red(
    house: House, shortest: int, verdict: Verdict
) -> None:
    door(house, replace(CURRENT, shortest=shortest))
    assert house.verdict("passwords.length") is verdict
    door(house, BASELINE)
    assert house.verdict("passwords.length") is PASS


@pytest.mark.clause("1.4-c")
def test_a_door_that_takes_three_kinds_of_characters_is_red(house: House) -> None:
    assert house.verdict("passwords.kinds") is PASS
    door(house, replace(CURRENT, classes=3))
    assert house.verdict("passwords.kinds") is FAIL
    door(house, BASELINE)
    assert house.verdict("passwords.kinds") is PASS


@pytest.mark.clause("1.4-a")
def test_whoever_has_a_password_alone_is_red_and_so_is_a_profile_below_the_policy(
    house: House,
) -> None:
    assert house.verdict("passwords.factors") is PASS
    with_password(house, "boris")
    found = house.look("passwords.factors")
    told = "1 person with a password and no second factor"
    assert (found.verdict, found.why) == (FAIL, told)
    house.ask("user.end", name="boris")
    assert house.verdict("passwords.factors") is PASS
    door(house, replace(CURRENT, shortest=7))
    assert house.look("passwords.factors").why == "the profile asks for less than the policy"
    door(house, CURRENT)
    assert house.verdict("passwords.factors") is PASS


class Unlisted(Passwords):
    """A door that asks no list of what is guessed first."""

    def prepare(
        self,
        principal: PrincipalId | None,
        password: str,
        *,
        name: str,
        now: datetime,
        by_link: bool = False,
    ) -> Prepared:
        del principal, now, by_link
        if faults(password, name=name, profile=self.profile, is_common=lambda _text: False):
            raise Malformed("the password will not do")
        return Prepared(name, "", None)


@pytest.mark.clause("1.4-a")
def test_a_door_that_takes_what_is_guessed_first_is_red(house: House) -> None:
    assert house.verdict("passwords.guessed") is PASS
    kept = house.system
    parts = kept.database, kept.audit, bytes(32), Environment.TEST, CURRENT
    house.system = replace(kept, passwords=Unlisted(*parts, hasher=CHEAP))
    assert house.verdict("passwords.guessed") is FAIL
    house.system = kept
    assert house.verdict("passwords.guessed") is PASS


@pytest.mark.clause("1.4-d")
def test_a_password_or_secret_older_than_a_quarter_is_red_until_it_changes(house: House) -> None:
    house.ask("app.add", name="shipper", owner="olga")
    with_password(house, "boris")
    assert house.verdict("passwords.age") is PASS
    house.passes(days=91)
    found = house.look("passwords.age")
    told = "2 passwords or secrets older than a quarter"
    assert (found.verdict, found.why) == (FAIL, told)
    house.ask("app.rotate", name="shipper", overlap_days=0)
    assert house.look("passwords.age").why == "1 password or secret older than a quarter"
    house.ask("user.end", name="boris")
    assert house.verdict("passwords.age") is PASS


@pytest.mark.clause("1.4-d")
def test_a_secret_of_the_installation_past_its_day_is_red(house: House) -> None:
    ages = house.system.secrets.ages()
    assert ages
    assert house.verdict("secrets.age") is PASS
    house.now = max(one.ends_at for one in ages) + timedelta(days=1)
    assert house.verdict("secrets.age") is FAIL
    sellers = house.system.sellers
    changed = sellers.succeed(house.seller, "another secret of the tests", None)
    sellers.rotate(house.console, changed, house.system.secrets, house.now)
    assert house.look("secrets.age").why == "1 secret of the installation late: root-passphrase"
    house.ask("keys.passphrase", passphrase="another passphrase of the tests, 43")
    assert house.verdict("secrets.age") is PASS


def with_password(house: House, name: str) -> None:
    system, now = house.system, house.now
    person = system.accounts.add_person(name, caller=house.console, now=now).person.id
    prepared = system.passwords.prepare(person, PASSWORD, name=name, now=now)
    with changing(system.database, system.audit, SYSTEM, now) as change:
        system.passwords.store(change, person, prepared)
