"""Proving again who one is: with the second factor where there is one, with the password where there is none."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support import tables
from tests.support.people import HOME, OTHER_PASSWORD, PASSWORD, House

from strongroom.accounts import Visit
from strongroom.accounts.visits import (
    MustChangePassword,
    NotProvedLately,
    PasswordProvesNothing,
    SignedOn,
)
from strongroom.db.engine import Database
from strongroom.policy.limits import BASELINE, PROOF_LASTS


@pytest.fixture
def house(database_url: str, tmp_path: Path) -> Iterator[House]:
    database = Database(database_url)
    yield House.make(database, tmp_path)
    database.close()


@pytest.fixture
def baseline(tmp_path: Path) -> Iterator[House]:
    """Give a home with the baseline's rules, where nobody needs a second factor."""
    database = Database(tables.copy_to(tmp_path / "test.db"))
    yield House.make(database, tmp_path, profile=BASELINE)
    database.close()


@pytest.mark.clause("1.2", "1.4")
def test_who_has_a_second_factor_proves_nothing_by_the_password(house: House) -> None:
    """Nor learns whether it is right: a thief with the session may have a list of passwords."""
    for person in (house.person("anna"), house.person("boris", totp=False, passkey=True)):
        done = house.sign_on(person)
        house.now += PROOF_LASTS
        session, visit = house.check(done), person.visit()
        for password in (PASSWORD, OTHER_PASSWORD):
            with pytest.raises(PasswordProvesNothing) as caught:
                house.signon.again_password(session, password, visit, house.now)
            assert caught.value.hint == "use a passkey, or the code of your authenticator app"
            assert house.events()[-1] == ("session.refused", "denied", "wrong_factor")
        assert house.check(done).proved_at == session.proved_at
        assert house.events("signon.failed", "session.proved") == []


@pytest.mark.clause("1.4")
def test_who_has_a_second_factor_proves_it_before_the_password_is_changed(house: House) -> None:
    anna = house.person("anna")
    house.later(days=2)
    done = house.sign_on(anna)
    house.now += PROOF_LASTS
    session, visit = house.check(done), anna.visit()
    for old in (PASSWORD, OTHER_PASSWORD):
        with pytest.raises(NotProvedLately):
            house.signon.change_password(session, old, OTHER_PASSWORD, visit, house.now)
    assert house.events("signon.failed", "credential.set") == []
    again = house.signon.again_totp(session, house.code(anna), visit, house.now)
    assert house.signon.change_password(again.session, PASSWORD, OTHER_PASSWORD, visit, house.now)


@pytest.mark.clause("1.4")
def test_a_recovery_code_is_a_fresh_proof_for_ten_minutes(house: House) -> None:
    anna = house.person("anna")
    step = house.pending(anna).step
    done = house.signon.prove_recovery(step, anna.recovery[0], HOME, house.now)
    assert house.signon.recovery_codes(done.session, house.now)
    house.now += PROOF_LASTS
    with pytest.raises(NotProvedLately):
        house.signon.recovery_codes(done.session, house.now)


@pytest.mark.clause("1.4")
def test_without_a_second_factor_the_password_is_the_proof(baseline: House) -> None:
    anna = baseline.person("anna", totp=False)
    baseline.later(days=2)
    done = baseline.signon.begin("anna", PASSWORD, HOME, baseline.now)
    assert isinstance(done, SignedOn)
    anna.device = done.device
    baseline.now += PROOF_LASTS
    session, visit = baseline.check(done), anna.visit()
    assert baseline.signon.proofs(session) == frozenset()
    again = baseline.signon.again_password(session, PASSWORD, visit, baseline.now)
    assert again.session.proved_at == baseline.now
    baseline.now += PROOF_LASTS
    assert baseline.signon.change_password(
        again.session, PASSWORD, OTHER_PASSWORD, visit, baseline.now
    )


def test_an_old_password_is_no_fresh_proof_of_who_came_in_by_a_provider(baseline: House) -> None:
    """Its person hears why, and changes it by the old one."""
    house = baseline
    anna = house.person("anna", totp=False)
    house.later(days=400)
    done = house.signon.identified(house.linked(anna), HOME, house.now, second_factor=True)
    assert isinstance(done, SignedOn)
    anna.device, where = done.device, Visit(HOME.address, done.device, HOME.agent)
    house.now += PROOF_LASTS
    with pytest.raises(MustChangePassword):
        house.signon.again_password(done.session, PASSWORD, where, house.now)
    assert house.events()[-1] == ("session.refused", "denied", "expired_credential")
    new = house.signon.change_password(done.session, PASSWORD, OTHER_PASSWORD, where, house.now)
    again = house.signon.again_password(new.session, OTHER_PASSWORD, where, house.now)
    assert again.session.id == done.session.id
