"""Signing on: what is asked for, what is answered, what is recorded."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pyotp
import pytest
from tests.support import tables
from tests.support.authenticator import Authenticator
from tests.support.people import HOME, OTHER_PASSWORD, PASSWORD, House

from strongroom.accounts import Visit
from strongroom.accounts.changes import changing
from strongroom.accounts.visits import (
    MustChangePassword,
    NoticeKind,
    NotProvedLately,
    Pending,
    SignedOn,
    Site,
)
from strongroom.audit import Reason
from strongroom.db.engine import Database
from strongroom.errors import Conflict, Malformed, Misconfigured, Throttled, Unauthenticated
from strongroom.policy.limits import BASELINE, LOGIN_STEP_LIFETIME, PROOF_LASTS
from strongroom.terms import SYSTEM, AuthMethod


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


# -- the ways in -----------------------------------------------------------------------------------


@pytest.mark.clause("1.4")
def test_a_password_alone_gives_a_step_and_no_session(house: House) -> None:
    anna = house.person("anna", passkey=True)
    pending = house.pending(anna)
    assert (pending.totp, pending.passkey, pending.recovery) == (True, True, True)
    assert house.signon.pending(pending.step, house.now) == pending
    assert house.events("session.started", "signon.succeeded") == []
    assert pending.step not in repr(pending)


@pytest.mark.clause("1.2", "1.4")
def test_a_code_of_the_app_finishes_it(house: House) -> None:
    anna = house.person("Anna")
    done = house.sign_on(anna)
    caller = done.session.caller
    assert (caller.principal, caller.name, caller.auth) == (anna.id, "anna", AuthMethod.SESSION)
    assert (done.session.method, done.session.agent) == ("password.totp", HOME.agent)
    found = house.check(done)
    assert (found.id, found.current) == (done.session.id, True)
    assert found.proved_lately(house.now)
    assert house.events("session.started", "signon.succeeded", "device.new.seen") == [
        ("device.new.seen", "success", None),
        ("session.started", "success", None),
        ("signon.succeeded", "success", None),
    ]


def test_the_name_counts_in_any_case_and_with_spaces_around(house: House) -> None:
    house.person("anna")
    assert isinstance(house.signon.begin("  ANNA ", PASSWORD, HOME, house.now), Pending)


def test_a_passkey_finishes_it(house: House) -> None:
    done = house.sign_on(house.person("anna", totp=False, passkey=True))
    assert done.session.method == "password.passkey"


@pytest.mark.clause("1.4")
def test_a_passkey_alone_counts_as_both_factors(house: House) -> None:
    house.person("boris")
    anna = house.person("anna", totp=False, passkey=True)
    assert anna.passkey is not None
    asked = house.signon.passkey_challenge(None, house.now)
    answer = anna.passkey.get(asked.options)
    done = house.signon.prove_passkey(asked.step, answer, HOME, house.now)
    assert (done.session.caller.name, done.session.method) == ("anna", "passkey")


def test_an_authenticator_that_counts_nothing_works_again_and_again(house: House) -> None:
    anna = house.person("anna", totp=False, passkey=True)
    assert anna.passkey is not None
    anna.passkey.counter = 0
    for _ in range(2):
        # It counted once when it was made; a counter that goes back to nothing is refused elsewhere.
        with house.database.write() as tx:
            tx.exec_driver_sql("UPDATE second_factor SET counter = 0")
        assert house.sign_on(anna).session.method == "password.passkey"


def test_a_recovery_code_finishes_it_however_it_is_typed(house: House) -> None:
    anna = house.person("anna")
    typed = anna.recovery[3].lower().replace("-", "  ")
    done = house.signon.prove_recovery(house.pending(anna).step, typed, HOME, house.now)
    assert done.session.method == "password.recovery"
    assert house.signon.recovery_left(done.session) == 9
    assert ("recovery.code.used", "success", None) in house.events()


@pytest.mark.clause("1.4")
def test_the_baseline_lets_somebody_in_by_password_but_asks_for_a_factor_they_have(
    baseline: House,
) -> None:
    plain = baseline.person("anna", totp=False)
    done = baseline.signon.begin("anna", PASSWORD, plain.visit(), baseline.now)
    assert isinstance(done, SignedOn)
    assert done.session.method == "password"
    assert isinstance(baseline.pending(baseline.person("boris")), Pending)


@pytest.mark.clause("1.4")
def test_who_has_no_second_factor_stays_outside_where_the_profile_asks_for_one(
    house: House,
) -> None:
    house.person("anna", totp=False)
    with pytest.raises(Unauthenticated) as refused:
        house.signon.begin("anna", PASSWORD, HOME, house.now)
    with pytest.raises(Unauthenticated) as wrong:
        house.signon.begin("anna", OTHER_PASSWORD, HOME, house.now)
    assert str(refused.value) == str(wrong.value)


@pytest.mark.clause("1.2")
def test_every_refusal_says_the_same_and_is_recorded(house: House) -> None:
    anna, ended = house.person("anna"), house.person("ended")
    house.accounts.end("ended", caller=SYSTEM, now=house.now)
    said = set()
    for name, password in (
        (anna.name, OTHER_PASSWORD),
        ("nobody", PASSWORD),
        (ended.name, PASSWORD),
        ("", ""),
        ("\ud800\x00", "\ud800\x00"),
    ):
        with pytest.raises(Unauthenticated) as refused:
            house.signon.begin(name, password, HOME, house.now)
        said.add(str(refused.value))
    pending = house.pending(anna)
    for prove in (house.signon.prove_totp, house.signon.prove_recovery):
        with pytest.raises(Unauthenticated) as refused:
            prove(pending.step, "000000x", HOME, house.now)
        said.add(str(refused.value))
    assert len(said) == 1
    failed = house.events("signon.failed")
    assert len(failed) == 7
    assert {reason for _, _, reason in failed} == {"wrong_credential", "wrong_factor"}
    told = str([e.body for e in house.audit.tail(200)])
    assert not any(part in told for part in ("nobody", OTHER_PASSWORD, HOME.address))


def test_a_wrong_code_may_be_tried_again_on_the_same_step(house: House) -> None:
    anna = house.person("anna")
    step = house.pending(anna).step
    with pytest.raises(Unauthenticated):
        house.signon.prove_totp(step, "12345", HOME, house.now)
    assert house.signon.prove_totp(step, house.code(anna), HOME, house.now).session


def test_a_code_may_be_half_a_minute_early_or_late_and_no_more(house: House) -> None:
    anna = house.person("anna")
    app = pyotp.TOTP(anna.secret)
    for seconds, is_good in ((-60, False), (60, False), (-30, True), (30, True)):
        house.later(minutes=5)
        code = app.at(house.now + timedelta(seconds=seconds))
        step = house.pending(anna).step
        if is_good:
            assert house.signon.prove_totp(step, code, HOME, house.now)
        else:
            with pytest.raises(Unauthenticated):
                house.signon.prove_totp(step, code, HOME, house.now)


def test_a_step_is_used_once_and_grows_old(house: House) -> None:
    anna = house.person("anna")
    used = house.pending(anna).step
    house.signon.prove_totp(used, house.code(anna), HOME, house.now)
    old = house.pending(anna).step
    house.now += LOGIN_STEP_LIFETIME
    for step in (used, old, "", "x" * 9000, "\ud800"):
        with pytest.raises(Unauthenticated):
            house.signon.pending(step, house.now)
        with pytest.raises(Unauthenticated):
            house.signon.prove_totp(step, house.code(anna), HOME, house.now)
        with pytest.raises(Unauthenticated):
            house.signon.passkey_challenge(step, house.now)


@pytest.mark.clause("1.4")
def test_a_password_that_was_changed_meanwhile_finishes_nothing(house: House) -> None:
    anna = house.person("anna")
    done = house.sign_on(anna)
    with house.database.read() as tx:
        row = house.signon.password_row(tx, anna.id)
    assert row is not None
    house.later(days=2)
    step = house.pending(anna).step
    prepared = house.passwords.prepare(
        anna.id, OTHER_PASSWORD, name="anna", now=house.now, by_link=True
    )
    with changing(house.database, house.audit, SYSTEM, house.now) as change:
        house.passwords.store(change, anna.id, prepared)
    with pytest.raises(Unauthenticated):
        house.signon.prove_totp(step, house.code(anna), HOME, house.now)
    assert ("signon.failed", "failure", "revoked") in house.events()
    assert done.session.id


# -- providers -------------------------------------------------------------------------------------


def test_a_provider_stands_for_the_password_and_for_more_where_it_is_trusted(house: House) -> None:
    anna = house.person("anna")
    linked = house.linked(anna)
    pending = house.signon.identified(linked, HOME, house.now, second_factor=False)
    assert isinstance(pending, Pending)
    done = house.signon.prove_totp(pending.step, house.code(anna), HOME, house.now)
    assert done.session.method == "oidc.totp"
    whole = house.signon.identified(linked, HOME, house.now, second_factor=True)
    assert isinstance(whole, SignedOn)
    assert whole.session.method == "oidc"


def test_a_provider_lets_in_nobody_who_has_ended_or_has_no_factor(house: House) -> None:
    bare, ended = (
        house.linked(house.person(name, totp=name == "ended")) for name in ("bare", "ended")
    )
    house.accounts.end("ended", caller=SYSTEM, now=house.now)
    for linked, trusted in ((bare, False), (ended, True), (ended, False)):
        with pytest.raises(Unauthenticated):
            house.signon.identified(linked, HOME, house.now, second_factor=trusted)
    house.signon.not_identified(HOME, house.now, Reason.NOT_FOUND)
    assert ("signon.failed", "failure", "not_found") in house.events()


def test_what_goes_to_a_provider_comes_back_once(house: House) -> None:
    state = house.signon.provider_step({"nonce": "n"}, house.now)
    assert house.signon.take_provider_step(state, house.now) == {"nonce": "n"}
    late = house.signon.provider_step({"nonce": "n"}, house.now)
    for code, at in (
        (state, house.now),
        (late, house.now + LOGIN_STEP_LIFETIME),
        (house.signon.passkey_challenge(None, house.now).step, house.now),
        (late[:-2] + "AA", house.now),
        ("é", house.now),
        ("", house.now),
    ):
        with pytest.raises(Unauthenticated):
            house.signon.take_provider_step(code, at)


# -- proving again, and the password ---------------------------------------------------------------


@pytest.mark.clause("1.3")
def test_changing_credentials_needs_a_fresh_proof(house: House) -> None:
    anna = house.person("anna")
    done = house.sign_on(anna)
    offer = house.signon.totp_offer(done.session, house.now)
    house.now += PROOF_LASTS
    session = house.check(done)
    for act in (
        lambda: house.signon.totp_offer(session, house.now),
        lambda: house.signon.confirm_totp(session, offer.step, "x", "000000", house.now),
        lambda: house.signon.passkey_offer(session, house.now),
        lambda: house.signon.remove_factor(session, 1, house.now),
        lambda: house.signon.recovery_codes(session, house.now),
    ):
        with pytest.raises(NotProvedLately):
            act()
    refused = ("session.refused", "denied", "not_proved_lately")
    assert house.events("session.refused") == [refused] * 5
    again = house.signon.again_totp(session, house.code(anna), anna.visit(), house.now)
    assert house.signon.recovery_codes(again.session, house.now)


@pytest.mark.parametrize("how", ["totp", "passkey"])
def test_a_proof_renews_the_session_and_its_cookie(house: House, how: str) -> None:
    anna = house.person("anna", passkey=True)
    done = house.sign_on(anna)
    session = house.check(done)
    house.now += PROOF_LASTS
    signon, visit = house.signon, anna.visit()
    if how == "totp":
        again = signon.again_totp(session, house.code(anna), visit, house.now)
    else:
        asked = signon.again_passkey_challenge(session, house.now)
        assert anna.passkey is not None
        answer = anna.passkey.get(asked.options)
        again = signon.again_passkey(session, asked.step, answer, visit, house.now)
    assert (again.session.id, again.session.proved_at) == (session.id, house.now)
    assert again.cookie != done.cookie
    assert house.check(again).id == session.id
    with pytest.raises(Unauthenticated):
        house.check(done)
    assert house.events("session.proved") == [("session.proved", "success", None)]


def test_a_wrong_proof_leaves_the_session_as_it_was(house: House) -> None:
    anna = house.person("anna")
    done = house.sign_on(anna)
    session, visit = house.check(done), anna.visit()
    for prove in (
        lambda: house.signon.again_totp(session, "000000", visit, house.now),
        lambda: house.signon.again_passkey(session, "x", "{}", visit, house.now),
    ):
        with pytest.raises(Unauthenticated):
            prove()
    with pytest.raises(Conflict):
        house.signon.again_passkey_challenge(session, house.now)
    assert house.check(done).proved_at == session.proved_at
    assert len(house.events("signon.failed")) == 2


@pytest.mark.clause("1.4")
def test_a_new_password_ends_the_other_sessions_and_this_one_goes_on(house: House) -> None:
    anna = house.person("anna")
    elsewhere = house.sign_on(anna)
    house.later(minutes=1)
    done = house.sign_on(anna, HOME)
    house.later(days=0, hours=7)
    session, visit = house.sign_on(anna).session, anna.visit()
    with pytest.raises(Unauthenticated):
        house.signon.change_password(session, OTHER_PASSWORD, PASSWORD, visit, house.now)
    with pytest.raises(Malformed):
        house.signon.change_password(session, PASSWORD, "short", visit, house.now)
    with pytest.raises(Conflict):
        # The minimum age of a day.
        house.signon.change_password(session, PASSWORD, OTHER_PASSWORD, visit, house.now)
    house.later(days=1)
    fresh, other = house.sign_on(anna), house.sign_on(anna)
    changed = house.signon.change_password(
        fresh.session, PASSWORD, OTHER_PASSWORD, anna.visit(), house.now
    )
    assert changed.session.id == fresh.session.id
    assert changed.cookie != fresh.cookie
    assert house.check(changed)
    for dead in (other, fresh, done, elsewhere):
        with pytest.raises(Unauthenticated):
            house.check(dead)
    with pytest.raises(Unauthenticated):
        house.signon.begin("anna", PASSWORD, HOME, house.now)
    assert isinstance(house.signon.begin("anna", OTHER_PASSWORD, HOME, house.now), Pending)


@pytest.mark.clause("1.4")
def test_an_expired_password_opens_nothing_but_its_change(house: House) -> None:
    anna = house.person("anna", passkey=True)
    house.later(days=80)
    warned = house.sign_on(anna)
    assert [notice.kind for notice in warned.notices] == [NoticeKind.PASSWORD_ENDS]
    house.later(days=10)
    done = house.sign_on(anna)
    assert [notice.kind for notice in done.notices] == [NoticeKind.PASSWORD_ENDED]
    session = house.check(done)
    assert session.must_change_password
    for act in (
        lambda: house.signon.totp_offer(session, house.now),
        lambda: house.signon.sessions(session, house.now),
        lambda: house.signon.devices(session, house.now),
        lambda: house.signon.factors(session),
        lambda: house.signon.recovery_left(session),
    ):
        with pytest.raises(MustChangePassword):
            act()
    again = house.signon.again_totp(
        session, house.code(anna) if house.later(seconds=30) else "", anna.visit(), house.now
    )
    changed = house.signon.change_password(
        again.session, PASSWORD, OTHER_PASSWORD, anna.visit(), house.now
    )
    assert not changed.session.must_change_password
    assert changed.notices == ()
    assert house.signon.factors(changed.session)


def test_a_passkey_does_not_care_how_old_the_password_is(house: House) -> None:
    anna = house.person("anna", totp=False, passkey=True)
    house.later(days=100)
    assert anna.passkey is not None
    asked = house.signon.passkey_challenge(None, house.now)
    answer = anna.passkey.get(asked.options)
    done = house.signon.prove_passkey(asked.step, answer, HOME, house.now)
    assert not done.session.must_change_password


def test_a_try_that_finds_no_place_to_hash_is_recorded_and_does_not_count(house: House) -> None:
    house.person("anna")

    class Full(type(house.passwords)):  # type: ignore[misc]
        def check(self, *_: object) -> object:
            raise Throttled("too many passwords are being checked", retry_after=5.0)

    kind, house.passwords.__class__ = house.passwords.__class__, Full
    for _ in range(20):
        with pytest.raises(Throttled) as told:
            house.signon.begin("anna", PASSWORD, HOME, house.now)
        assert told.value.retry_after == 5.0
    house.passwords.__class__ = kind
    assert isinstance(house.signon.begin("anna", PASSWORD, HOME, house.now), Pending)
    assert house.events("signon.throttled") == [("signon.throttled", "denied", "rate_limited")]


# -- joining ---------------------------------------------------------------------------------------


def test_who_joins_is_signed_on_in_the_same_transaction(house: House) -> None:
    person = house.accounts.add_person("anna", caller=SYSTEM, now=house.now).person
    signon = house.signon
    offer = signon.joining_totp_offer("the link", "anna", house.now)
    assert "issuer=Strongroom%20desk.example.com" in offer.uri
    code = pyotp.TOTP(offer.secret).at(house.now)
    with pytest.raises(Unauthenticated):
        signon.joining_totp("the link", offer.step, "telephone", "000000", house.now)
    with pytest.raises(Unauthenticated):
        signon.joining_totp("another link", offer.step, "telephone", code, house.now)
    made = signon.joining_totp("the link", offer.step, "telephone", code, house.now)
    assert offer.secret not in repr(made)
    with changing(house.database, house.audit, SYSTEM, house.now) as change:
        signon.second_factors.store(change, person.id, made)
        done = signon.joined(change, person.id, made, HOME)
    assert house.check(done).method == "link.totp"
    # Stored once, whoever asks.
    with (
        pytest.raises(Unauthenticated),
        changing(house.database, house.audit, SYSTEM, house.now) as change,
    ):
        signon.second_factors.store(change, person.id, made)


def test_joining_undone_leaves_nothing(house: House) -> None:
    person = house.accounts.add_person("anna", caller=SYSTEM, now=house.now).person
    asked = house.signon.joining_passkey_offer("the link", "anna", house.now)
    answer = Authenticator().create(asked.options)
    made = house.signon.joining_passkey("the link", asked.step, "key", answer, house.now)

    def join() -> SignedOn:
        with changing(house.database, house.audit, SYSTEM, house.now) as change:
            house.signon.second_factors.store(change, person.id, made)
            done = house.signon.joined(change, person.id, made, HOME)
            raise Conflict(done.cookie)

    with pytest.raises(Conflict) as undone:
        join()
    with pytest.raises(Unauthenticated):
        house.signon.check(undone.value.message, HOME, house.now)
    assert house.events("factor.added", "session.started") == []


# -- around it -------------------------------------------------------------------------------------


def test_tries_are_put_off_after_too_many(house: House) -> None:
    house.person("anna")
    for _ in range(5):
        with pytest.raises(Unauthenticated):
            house.signon.begin("anna", OTHER_PASSWORD, HOME, house.now)
    with pytest.raises(Throttled) as put_off:
        house.signon.begin("anna", PASSWORD, HOME, house.now)
    assert put_off.value.retry_after


@pytest.mark.clause("1.2")
def test_a_locked_person_is_answered_like_a_wrong_password(house: House) -> None:
    anna = house.person("anna")
    house.guard.disowned(anna.id, house.now, SYSTEM)
    with pytest.raises(Unauthenticated) as locked:
        house.signon.begin("anna", PASSWORD, HOME, house.now)
    with pytest.raises(Unauthenticated) as wrong:
        house.signon.begin("boris", PASSWORD, HOME, house.now)
    assert str(locked.value) == str(wrong.value)
    assert house.events("signon.failed")[0] == ("signon.failed", "failure", "locked")


def test_what_lets_in_prints_as_nothing(house: House) -> None:
    anna = house.person("anna")
    done = house.sign_on(anna)
    offer = house.signon.totp_offer(done.session, house.now)
    challenge = house.signon.passkey_challenge(None, house.now)
    visit = Visit("203.0.113.99", "a-device", "Firefox on Linux")
    told = repr((done, offer, challenge, visit, house.signon, house.passwords))
    for secret in (done.cookie, done.device, offer.secret, offer.step, challenge.step):
        assert secret not in told
    assert "203.0.113.99" not in told
    assert "a-device" not in told


@pytest.mark.parametrize(
    ("url", "origin", "host"),
    [
        ("https://desk.example.com", "https://desk.example.com", "desk.example.com"),
        ("https://Desk.Example.COM:443/", "https://desk.example.com", "desk.example.com"),
        ("https://localhost:8445", "https://localhost:8445", "localhost"),
        ("https://[::1]:8445", "https://[::1]:8445", "::1"),
    ],
)
def test_a_site_is_written_as_browsers_write_it(url: str, origin: str, host: str) -> None:
    assert Site.of(url) == Site(origin, host)


@pytest.mark.parametrize(
    "url", ["", "http://x", "https://", "https://a/b", "https://a@b", "https://a:b", "https://[x"]
)
def test_another_form_is_no_site(url: str) -> None:
    with pytest.raises(Misconfigured):
        Site.of(url)


def test_a_site_can_be_set_once_the_port_is_known(house: House) -> None:
    house.signon.site = Site.of("https://localhost:40001")
    anna = house.person("anna", totp=False)
    assert anna.id
    asked = house.signon.joining_passkey_offer("link", "anna", house.now)
    key = Authenticator(origin="https://localhost:40001", host="localhost")
    assert house.signon.joining_passkey(
        "link", asked.step, "k", key.create(asked.options), house.now
    )
    wrong = replace(key, origin="https://localhost:40002")
    with pytest.raises(Unauthenticated):
        house.signon.joining_passkey(
            "link", asked.step, "k", wrong.create(asked.options), house.now
        )
