"""Getting in, or staying in, as somebody else: replayed and forged proofs, stolen cookies, rows that were edited."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.support import tables
from tests.support.authenticator import Authenticator, altered
from tests.support.people import HOME, PASSWORD, House, Person

from strongroom.accounts import Visit
from strongroom.accounts.visits import SignedOn
from strongroom.db import schema
from strongroom.db.engine import Database
from strongroom.errors import StrongroomError, Tampered, Unauthenticated


@pytest.fixture
def house(database_url: str, tmp_path: Path) -> Iterator[House]:
    """Give a home on both engines, for what two requests at once could break."""
    database = Database(database_url)
    yield House.make(database, tmp_path)
    database.close()


@pytest.fixture
def small(tmp_path: Path) -> Iterator[House]:
    """Give a home on SQLite, for what no engine decides."""
    database = Database(tables.copy_to(tmp_path / "test.db"))
    yield House.make(database, tmp_path)
    database.close()


def at_once(act: Callable[[], SignedOn], times: int = 4) -> list[SignedOn]:
    """Do the same several times at once; return those that got in."""

    def attempt(_number: int) -> SignedOn | None:
        try:
            return act()
        except StrongroomError:
            return None

    with ThreadPoolExecutor(times) as pool:
        return [done for done in pool.map(attempt, range(times)) if done is not None]


# -- codes -----------------------------------------------------------------------------------------


@pytest.mark.clause("1.4")
def test_a_code_is_good_once(small: House) -> None:
    anna = small.person("anna")
    code = small.code(anna)
    small.signon.prove_totp(small.pending(anna).step, code, HOME, small.now)
    step = small.pending(anna).step
    with pytest.raises(Unauthenticated):
        small.signon.prove_totp(step, code, HOME, small.now)
    assert small.events("signon.failed") == [("signon.failed", "failure", "replayed")]


@pytest.mark.clause("1.4")
def test_a_code_of_an_earlier_step_is_refused_after_a_later_one(small: House) -> None:
    anna = small.person("anna")
    early = small.code(anna)
    small.later(seconds=30)
    small.signon.prove_totp(small.pending(anna).step, small.code(anna), HOME, small.now)
    with pytest.raises(Unauthenticated):
        small.signon.prove_totp(small.pending(anna).step, early, HOME, small.now)


@pytest.mark.clause("1.4")
def test_a_code_used_at_once_lets_one_in(house: House) -> None:
    """Each request has a step of its own: what stops the others is the code."""
    anna = house.person("anna")
    steps = iter([house.pending(anna).step for _ in range(4)])
    code = house.code(anna)
    got_in = at_once(lambda: house.signon.prove_totp(next(steps), code, HOME, house.now))
    assert len(got_in) == 1


@pytest.mark.clause("1.4")
def test_a_step_used_at_once_lets_one_in(house: House) -> None:
    """Each request has a recovery code of its own: what stops the others is the step."""
    anna = house.person("anna")
    step = house.pending(anna).step
    codes = iter(anna.recovery)
    got_in = at_once(lambda: house.signon.prove_recovery(step, next(codes), HOME, house.now))
    assert len(got_in) == 1
    # And nothing of the others was used up.
    assert house.signon.recovery_left(got_in[0].session) == 9


@pytest.mark.clause("1.4")
def test_a_recovery_code_lets_one_in_and_never_again(house: House) -> None:
    anna = house.person("anna")
    steps = iter([house.pending(anna).step for _ in range(4)])
    code = anna.recovery[0]
    assert (
        len(at_once(lambda: house.signon.prove_recovery(next(steps), code, HOME, house.now))) == 1
    )
    with pytest.raises(Unauthenticated):
        house.signon.prove_recovery(house.pending(anna).step, code, HOME, house.now)


def test_anothers_recovery_code_or_step_is_of_no_use(small: House) -> None:
    anna, boris = small.person("anna"), small.person("boris")
    step = small.pending(anna).step
    with pytest.raises(Unauthenticated):
        small.signon.prove_recovery(step, boris.recovery[0], HOME, small.now)
    with pytest.raises(Unauthenticated):
        small.signon.prove_totp(step, small.code(boris), HOME, small.now)


def test_a_right_second_factor_without_its_step_is_nothing(small: House) -> None:
    anna = small.person("anna")
    for step in ("", "A" * 43, small.signon.provider_step({"how": "password"}, small.now)):
        with pytest.raises(Unauthenticated):
            small.signon.prove_totp(step, small.code(anna), HOME, small.now)


@pytest.mark.clause("1.2")
def test_guessing_codes_behind_a_right_password_locks(small: House) -> None:
    anna = small.person("anna")
    for _ in range(5):
        small.later(minutes=6)
        step = small.pending(anna).step
        with pytest.raises(Unauthenticated):
            small.signon.prove_totp(step, "000000", HOME, small.now)
    small.later(minutes=6)
    with pytest.raises(Unauthenticated):
        small.sign_on(anna)
    assert len(small.guard.locks(small.now)) == 1


# -- passkeys --------------------------------------------------------------------------------------


@pytest.fixture
def holder(small: House) -> Person:
    return small.person("anna", totp=False, passkey=True)


def key_of(person: Person) -> Authenticator:
    assert person.passkey is not None
    return person.passkey


@pytest.mark.clause("1.4")
def test_an_assertion_is_good_once(small: House, holder: Person) -> None:
    key = key_of(holder)
    asked = small.signon.passkey_challenge(None, small.now)
    answer = key.get(asked.options)
    small.signon.prove_passkey(asked.step, answer, HOME, small.now)
    with pytest.raises(Unauthenticated):
        small.signon.prove_passkey(asked.step, answer, HOME, small.now)
    fresh = small.signon.passkey_challenge(None, small.now)
    with pytest.raises(Unauthenticated):
        small.signon.prove_passkey(fresh.step, answer, HOME, small.now)


@pytest.mark.clause("1.4")
def test_an_assertion_used_at_once_lets_one_in(house: House) -> None:
    """The authenticator counts nothing, so that only the challenge can stop the others."""
    key = Authenticator(counter=0)
    anna = house.person("anna")
    session = house.sign_on(anna).session
    made = house.signon.passkey_offer(session, house.now)
    house.signon.confirm_passkey(session, made.step, "k", key.create(made.options), house.now)
    asked = house.signon.passkey_challenge(None, house.now)
    answer = key.get(asked.options)
    got_in = at_once(lambda: house.signon.prove_passkey(asked.step, answer, HOME, house.now))
    assert len(got_in) == 1


WRONG = {
    "another site": {"origin": "https://desk.example.org"},
    "a longer site": {"origin": "https://desk.example.com.evil.example"},
    "another port": {"origin": "https://desk.example.com:8443"},
    "no encryption": {"origin": "http://desk.example.com"},
    "another rp id": {"host": "example.com"},
    "nobody verified": {"verified": False},
    "in a frame": {"framed": True},
    "a registration": {"kind": "webauthn.create"},
    "a counter that stood still": {"counter": 0},
}


@pytest.mark.clause("1.4")
@pytest.mark.parametrize("how", WRONG)
def test_a_wrong_assertion_lets_nobody_in(small: House, holder: Person, how: str) -> None:
    key = replace(key_of(holder), **WRONG[how])
    for step in (None, small.pending(holder).step):
        asked = small.signon.passkey_challenge(step, small.now)
        with pytest.raises(Unauthenticated):
            small.signon.prove_passkey(asked.step, key.get(asked.options), HOME, small.now)
    assert small.events("session.started") == []
    assert len(small.events("signon.failed")) == 2


@pytest.mark.parametrize("part", ["signature", "authenticatorData", "clientDataJSON"])
def test_an_altered_assertion_lets_nobody_in(small: House, holder: Person, part: str) -> None:
    asked = small.signon.passkey_challenge(None, small.now)
    answer = altered(key_of(holder).get(asked.options), part)
    with pytest.raises(Unauthenticated):
        small.signon.prove_passkey(asked.step, answer, HOME, small.now)


@pytest.mark.parametrize(
    "answer",
    ["", "{}", "[]", "null", "{" * 5000, '{"id":"é"}', "x" * 20_000, "\ud800", '{"rawId": 7}'],
)
def test_what_is_no_assertion_lets_nobody_in(small: House, holder: Person, answer: str) -> None:
    asked = small.signon.passkey_challenge(None, small.now)
    with pytest.raises(Unauthenticated):
        small.signon.prove_passkey(asked.step, answer, HOME, small.now)
    asked = small.signon.joining_passkey_offer("link", "boris", small.now)
    with pytest.raises(Unauthenticated):
        small.signon.joining_passkey("link", asked.step, "k", answer, small.now)


def test_anothers_key_under_ones_own_credential_id_lets_nobody_in(
    small: House, holder: Person
) -> None:
    forged = Authenticator(credential_id=key_of(holder).credential_id, counter=90)
    asked = small.signon.passkey_challenge(None, small.now)
    with pytest.raises(Unauthenticated):
        small.signon.prove_passkey(asked.step, forged.get(asked.options), HOME, small.now)


@pytest.mark.clause("1.4")
def test_ones_own_passkey_does_not_finish_anothers_sign_on(small: House, holder: Person) -> None:
    boris = small.person("boris", passkey=True)
    step = small.pending(boris).step
    asked = small.signon.passkey_challenge(step, small.now)
    with pytest.raises(Unauthenticated):
        small.signon.prove_passkey(asked.step, key_of(holder).get(asked.options), HOME, small.now)
    session = small.sign_on(boris).session
    again = small.signon.again_passkey_challenge(session, small.now)
    answer = key_of(holder).get(again.options)
    with pytest.raises(Unauthenticated):
        small.signon.again_passkey(session, again.step, answer, boris.visit(), small.now)


def test_a_challenge_for_one_thing_is_of_no_use_for_another(small: House) -> None:
    anna = small.person("anna", passkey=True)
    session, key = small.sign_on(anna).session, key_of(anna)
    again = small.signon.again_passkey_challenge(session, small.now)
    with pytest.raises(Unauthenticated):
        small.signon.prove_passkey(again.step, key.get(again.options), HOME, small.now)
    alone = small.signon.passkey_challenge(None, small.now)
    second = small.signon.passkey_challenge(small.pending(anna).step, small.now)
    for asked in (alone, second):
        with pytest.raises(Unauthenticated):
            small.signon.again_passkey(
                session, asked.step, key.get(asked.options), anna.visit(), small.now
            )


@pytest.mark.clause("1.4")
def test_a_copied_passkey_is_seen_by_its_counter(small: House, holder: Person) -> None:
    key = key_of(holder)
    copy = replace(key)
    small.sign_on(holder)
    asked = small.signon.passkey_challenge(None, small.now)
    with pytest.raises(Unauthenticated):
        small.signon.prove_passkey(asked.step, copy.get(asked.options), HOME, small.now)
    assert small.events("signon.failed") == [("signon.failed", "failure", "replayed")]


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "https://evil.example"},
        {"host": "evil.example"},
        {"verified": False},
        {"framed": True},
        {"kind": "webauthn.get"},
        {"format": "tpm"},
        {"format": "android-safetynet"},
        {"credential_id": b"x" * 1024},
    ],
    ids=str,
)
def test_a_passkey_made_wrongly_is_not_kept(small: House, wrong: dict[str, object]) -> None:
    asked = small.signon.joining_passkey_offer("link", "anna", small.now)
    answer = replace(Authenticator(), **wrong).create(asked.options)
    with pytest.raises(Unauthenticated):
        small.signon.joining_passkey("link", asked.step, "k", answer, small.now)


def test_a_passkey_made_for_another_challenge_is_not_kept(small: House) -> None:
    first = small.signon.joining_passkey_offer("link", "anna", small.now)
    second = small.signon.joining_passkey_offer("link", "anna", small.now)
    answer = Authenticator().create(first.options)
    with pytest.raises(Unauthenticated):
        small.signon.joining_passkey("link", second.step, "k", answer, small.now)


# -- cookies ---------------------------------------------------------------------------------------


@pytest.mark.clause("1.2")
@pytest.mark.parametrize(
    "thief",
    [
        Visit(HOME.address, None, HOME.agent),
        Visit(HOME.address, "A" * 43, HOME.agent),
        Visit(HOME.address, "", "Safari on macOS"),
    ],
    ids=["no device", "a made-up device", "another browser"],
)
def test_a_stolen_cookie_ends_its_session_instead(small: House, thief: Visit) -> None:
    done = small.sign_on(small.person("anna"))
    where = replace(thief, device=done.device) if thief.device == "" else thief
    with pytest.raises(Unauthenticated):
        small.check(done, where)
    with pytest.raises(Unauthenticated):
        small.check(done)
    assert small.events("session.ended", "session.refused") == [
        ("session.ended", "success", "wrong_device"),
        ("session.refused", "failure", "wrong_device"),
    ]


def test_ones_own_device_does_not_carry_anothers_session(small: House) -> None:
    anna, boris = small.person("anna"), small.person("boris")
    theirs, mine = small.sign_on(anna), small.sign_on(boris)
    with pytest.raises(Unauthenticated):
        small.check(theirs, Visit(HOME.address, mine.device, HOME.agent))


@pytest.mark.clause("1.2")
def test_no_cookie_brought_along_becomes_a_session(small: House) -> None:
    """Session fixation: what a browser had before signing on is worth nothing after."""
    anna, boris = small.person("anna"), small.person("boris")
    planted = small.sign_on(boris)
    anna.device = planted.device
    done = small.sign_on(anna)
    assert done.cookie != planted.cookie
    assert done.device != planted.device
    with pytest.raises(Unauthenticated):
        small.check(done, Visit(HOME.address, planted.device, HOME.agent))


@pytest.mark.parametrize(
    "cookie",
    [
        "",
        ".",
        "1.",
        "1",
        "0.x",
        "-1.x",
        "9" * 30 + ".x",
        "\u0661.x",
        "1.\x00",
        "\ud800",
        "a" * 9000,
    ],
)
def test_what_is_no_cookie_signs_nobody_on(small: House, cookie: str) -> None:
    with pytest.raises(Unauthenticated):
        small.signon.check(cookie, HOME, small.now)
    assert small.events() == []


def test_no_cookie_is_too_strange_for_a_database(house: House) -> None:
    for cookie in ("9" * 16 + ".x", "1.\x00", "\ud800.x"):
        with pytest.raises(Unauthenticated):
            house.signon.check(cookie, HOME, house.now)


def test_a_cookie_is_one_persons(small: House) -> None:
    anna = small.person("anna")
    done = small.sign_on(anna)
    small.person("boris")
    with pytest.raises(Unauthenticated):
        small.check(replace(done, cookie=f"{anna.id + 1}.{done.cookie.partition('.')[2]}"))
    assert small.check(done)


@pytest.mark.clause("1.2")
def test_a_session_that_ended_does_nothing_more_with_what_was_read_before(small: House) -> None:
    """Between a request's check and what it does, somebody ended the session."""
    anna = small.person("anna")
    done = small.sign_on(anna)
    other = small.sign_on(anna)
    session = small.check(done)
    small.signon.end_others(other.session, small.now)
    events = len(small.events())
    for act in (
        lambda: small.signon.recovery_codes(session, small.now),
        lambda: small.signon.passkey_offer(session, small.now),
        lambda: small.signon.end_others(session, small.now),
        lambda: small.signon.disown(session, 1, small.now),
        lambda: small.signon.again_password(session, PASSWORD, anna.visit(), small.now),
    ):
        with pytest.raises(Unauthenticated):
            act()
    assert len(small.events()) == events
    assert small.check(other)


# -- rows ------------------------------------------------------------------------------------------


@pytest.mark.clause("1.2")
def test_a_session_moved_to_another_person_opens_nothing(small: House) -> None:
    anna, boris = small.person("anna"), small.person("boris")
    done = small.sign_on(boris)
    with small.database.write() as tx:
        tx.execute(schema.login_session.update().values(principal_id=anna.id))
        tx.execute(schema.login_device.update().values(principal_id=anna.id))
    secret = done.cookie.partition(".")[2]
    for cookie in (done.cookie, f"{anna.id}.{secret}"):
        with pytest.raises(Unauthenticated):
            small.check(replace(done, cookie=cookie))


@pytest.mark.parametrize("how", ["owner", "key"])
def test_a_passkey_moved_to_another_person_is_tampered_with(small: House, how: str) -> None:
    """Whoever can write to the database lets their own key in as somebody else, were it not for the seal."""
    anna = small.person("anna", passkey=True)
    mallory = small.person("mallory", totp=False, passkey=True)
    table = schema.second_factor
    own = table.c.principal_id == mallory.id
    with small.database.write() as tx:
        if how == "owner":
            tx.execute(table.update().where(own).values(principal_id=anna.id))
        else:
            key = tx.execute(sa.select(table.c.public_key).where(own)).scalar_one()
            theirs = (table.c.principal_id == anna.id) & (table.c.kind == "passkey")
            tx.execute(table.update().where(theirs).values(public_key=key))
    forged = key_of(mallory)
    if how == "key":
        forged = replace(forged, credential_id=key_of(anna).credential_id)
    asked = small.signon.passkey_challenge(None, small.now)
    with pytest.raises(Tampered):
        small.signon.prove_passkey(asked.step, forged.get(asked.options), HOME, small.now)


def test_a_secret_moved_to_another_person_is_tampered_with(small: House) -> None:
    anna, mallory = small.person("anna"), small.person("mallory")
    table = schema.second_factor
    with small.database.write() as tx:
        secret = tx.execute(
            sa.select(table.c.secret).where(table.c.principal_id == mallory.id)
        ).scalar_one()
        tx.execute(table.update().where(table.c.principal_id == anna.id).values(secret=secret))
    step = small.pending(anna).step
    with pytest.raises(Tampered):
        small.signon.prove_totp(step, small.code(mallory), HOME, small.now)


def test_a_step_moved_to_another_person_stays_its_own(small: House) -> None:
    anna, mallory = small.person("anna"), small.person("mallory")
    step = small.pending(mallory).step
    with small.database.write() as tx:
        tx.execute(schema.login_step.update().values(principal_id=anna.id))
    done = small.signon.prove_totp(step, small.code(mallory), HOME, small.now)
    assert done.session.caller.name == "mallory"


def test_a_recovery_code_moved_to_another_person_fits_nobody(small: House) -> None:
    anna, mallory = small.person("anna"), small.person("mallory")
    with small.database.write() as tx:
        tx.execute(schema.recovery_code.update().values(principal_id=anna.id))
    step = small.pending(anna).step
    with pytest.raises(Unauthenticated):
        small.signon.prove_recovery(step, mallory.recovery[0], HOME, small.now)


def test_challenges_asked_for_by_strangers_fill_no_table(small: House) -> None:
    for _ in range(50):
        asked = small.signon.passkey_challenge(None, small.now)
        small.signon.provider_step({"state": "s"}, small.now)
    assert json.loads(asked.options)["allowCredentials"] == []
    with small.database.read() as tx:
        count = tx.execute(sa.select(sa.func.count()).select_from(schema.login_step))
        assert count.scalar_one() == 0
