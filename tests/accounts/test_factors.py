"""Second factors: made, proved, replaced, removed; what lies in the database of them."""

from collections.abc import Iterator
from pathlib import Path

import pyotp
import pytest
import sqlalchemy as sa
from tests.support import tables
from tests.support.authenticator import Authenticator
from tests.support.people import HOME, House, Person

from strongroom.accounts.visits import Factor, FactorKind, SignedOn
from strongroom.db import schema
from strongroom.db.engine import Database
from strongroom.errors import Conflict, Malformed, NotFound, Unauthenticated
from strongroom.policy.limits import BASELINE, FACTORS_PER_PERSON, LOGIN_STEP_LIFETIME


@pytest.fixture
def house(database_url: str, tmp_path: Path) -> Iterator[House]:
    database = Database(database_url)
    yield House.make(database, tmp_path)
    database.close()


@pytest.fixture
def small(tmp_path: Path) -> Iterator[House]:
    """Give a home on SQLite, for what no engine decides."""
    database = Database(tables.copy_to(tmp_path / "small.db"))
    yield House.make(database, tmp_path)
    database.close()


@pytest.fixture
def anna(house: House) -> Person:
    return house.person("anna")


@pytest.fixture
def done(house: House, anna: Person) -> SignedOn:
    return house.sign_on(anna)


def add_totp(house: House, done: SignedOn, label: str = "tablet") -> Factor:
    offer = house.signon.totp_offer(done.session, house.now)
    code = pyotp.TOTP(offer.secret).at(house.now)
    return house.signon.confirm_totp(done.session, offer.step, label, code, house.now)


@pytest.mark.clause("1.4")
def test_a_secret_counts_once_it_was_seen_to_work(house: House, done: SignedOn) -> None:
    offer = house.signon.totp_offer(done.session, house.now)
    parsed = pyotp.parse_uri(offer.uri)
    assert parsed.secret == offer.secret
    assert (parsed.name, parsed.issuer) == ("anna", "Strongroom desk.example.com")
    with pytest.raises(Unauthenticated):
        house.signon.confirm_totp(done.session, offer.step, "tablet", "000000", house.now)
    assert len(house.signon.factors(done.session)) == 1
    assert house.events("factor.added")[-1] == ("factor.added", "failure", "wrong_factor")
    code = parsed.at(house.now)
    added = house.signon.confirm_totp(done.session, offer.step, " tablet ", code, house.now)
    assert (added.kind, added.label) == (FactorKind.TOTP, "tablet")
    assert [factor.label for factor in house.signon.factors(done.session)] == [
        "telephone",
        "tablet",
    ]
    with pytest.raises(Unauthenticated):
        house.signon.confirm_totp(done.session, offer.step, "again", code, house.now)
    old = house.signon.totp_offer(done.session, house.now)
    house.now += LOGIN_STEP_LIFETIME - (house.now - done.session.proved_at) / 2
    with pytest.raises(Unauthenticated):
        house.signon.joining_totp("x", old.step, "late", code, house.now)


def test_each_of_several_factors_works(house: House, anna: Person, done: SignedOn) -> None:
    offer = house.signon.totp_offer(done.session, house.now)
    second = pyotp.TOTP(offer.secret)
    house.signon.confirm_totp(done.session, offer.step, "b", second.at(house.now), house.now)
    asked = house.signon.passkey_offer(done.session, house.now)
    key = Authenticator()
    made = house.signon.confirm_passkey(
        done.session, asked.step, "key ring", key.create(asked.options), house.now
    )
    assert made.kind is FactorKind.PASSKEY
    house.later(minutes=1)
    for code in (house.code(anna), second.at(house.now)):
        step = house.pending(anna).step
        assert house.signon.prove_totp(step, code, HOME, house.now)
    asked = house.signon.passkey_challenge(house.pending(anna).step, house.now)
    assert house.signon.prove_passkey(asked.step, key.get(asked.options), HOME, house.now)


def test_a_password_manager_may_sign_its_own_attestation(small: House) -> None:
    done = small.sign_on(small.person("anna"))
    asked = small.signon.passkey_offer(done.session, small.now)
    key = Authenticator(format="packed")
    answer = key.create(asked.options)
    assert small.signon.confirm_passkey(done.session, asked.step, "manager", answer, small.now)


def test_a_browser_is_told_which_passkeys_there_are(house: House, done: SignedOn) -> None:
    asked = house.signon.passkey_offer(done.session, house.now)
    key = Authenticator()
    house.signon.confirm_passkey(
        done.session, asked.step, "a", key.create(asked.options), house.now
    )
    again = house.signon.passkey_offer(done.session, house.now)
    assert '"excludeCredentials": [{"id":' in again.options
    for wanted in ('"userVerification": "required"', '"residentKey": "preferred"', '"none"'):
        assert wanted in again.options
    with pytest.raises(Conflict):
        house.signon.confirm_passkey(
            done.session, again.step, "b", key.create(again.options), house.now
        )


@pytest.mark.clause("1.4")
def test_the_last_factor_stays_and_others_go(house: House, anna: Person, done: SignedOn) -> None:
    (first,) = house.signon.factors(done.session)
    with pytest.raises(Conflict):
        house.signon.remove_factor(done.session, first.id, house.now)
    second = add_totp(house, done)
    house.signon.remove_factor(done.session, first.id, house.now)
    assert [factor.id for factor in house.signon.factors(done.session)] == [second.id]
    with pytest.raises(NotFound):
        house.signon.remove_factor(done.session, first.id, house.now)
    house.later(minutes=1)
    step = house.pending(anna).step
    with pytest.raises(Unauthenticated):
        house.signon.prove_totp(step, house.code(anna), HOME, house.now)
    assert ("factor.removed", "success", None) in house.events()


def test_where_no_factor_is_asked_for_the_last_one_takes_the_codes_with_it(
    tmp_path: Path,
) -> None:
    database = Database(tables.copy_to(tmp_path / "test.db"))
    house = House.make(database, tmp_path, profile=BASELINE)
    done = house.sign_on(house.person("anna"))
    (only,) = house.signon.factors(done.session)
    house.signon.remove_factor(done.session, only.id, house.now)
    assert house.signon.recovery_left(done.session) == 0
    with pytest.raises(Conflict):
        house.signon.recovery_codes(done.session, house.now)
    database.close()


@pytest.mark.clause("1.2")
def test_nobody_removes_anothers_factor(house: House, done: SignedOn) -> None:
    boris = house.sign_on(house.person("boris"))
    add_totp(house, boris)
    (mine,) = house.signon.factors(done.session)
    with pytest.raises(NotFound):
        house.signon.remove_factor(boris.session, mine.id, house.now)
    offer = house.signon.totp_offer(done.session, house.now)
    code = pyotp.TOTP(offer.secret).at(house.now)
    with pytest.raises(Unauthenticated):
        house.signon.confirm_totp(boris.session, offer.step, "stolen", code, house.now)


def test_there_is_an_end_to_factors(small: House) -> None:
    done = small.sign_on(small.person("anna"))
    for number in range(FACTORS_PER_PERSON - 1):
        add_totp(small, done, f"number {number}")
    with pytest.raises(Conflict):
        add_totp(small, done)


@pytest.mark.parametrize("label", ["", "   ", "x" * 65, "a\nb", "a\x00b", "\u202eabc"])
def test_a_label_has_a_form(small: House, label: str) -> None:
    done = small.sign_on(small.person("anna"))
    with pytest.raises(Malformed):
        add_totp(small, done, label)


def test_new_recovery_codes_end_the_old_ones(house: House, anna: Person, done: SignedOn) -> None:
    fresh = house.signon.recovery_codes(done.session, house.now)
    assert len({*fresh, *anna.recovery}) == 20
    assert all(len(code) == 32 for code in fresh)  # 128 bits
    step = house.pending(anna).step
    with pytest.raises(Unauthenticated):
        house.signon.prove_recovery(step, anna.recovery[0], HOME, house.now)
    assert house.signon.prove_recovery(step, fresh[0], HOME, house.now)


@pytest.mark.clause("2.4")
def test_the_database_holds_nothing_that_lets_in(house: House, anna: Person) -> None:
    done = house.sign_on(anna)
    step = house.pending(anna).step
    tables = (
        schema.second_factor,
        schema.recovery_code,
        schema.login_step,
        schema.login_session,
        schema.login_device,
    )
    with house.database.read() as tx:
        told = "".join(str(tx.execute(sa.select(table)).all()) for table in tables)
    raw = pyotp.TOTP(anna.secret).byte_secret()
    secrets = (anna.secret, repr(raw)[2:-1], raw.hex(), anna.recovery[0], step)
    for secret in (*secrets, done.cookie, done.cookie.partition(".")[2], done.device):
        assert secret not in told
    assert HOME.address not in told
