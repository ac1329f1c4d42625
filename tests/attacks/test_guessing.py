"""Guessing: stuffing, spraying, asking who exists, tiring out, locking out, and what a restart forgives."""

import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from tests.support import tables
from tests.support.guarded import at, caller
from tests.support.people import PASSWORD, House, Person

from strongroom.accounts import Disposition
from strongroom.accounts.passwords import Passwords
from strongroom.accounts.visits import Pending, Visit
from strongroom.db.engine import Database
from strongroom.errors import Denied, StrongroomError, Throttled, Unauthenticated
from strongroom.policy.limits import STRANGERS_APART
from strongroom.terms import SYSTEM, AuthMethod, Environment

pytestmark = pytest.mark.clause("1.2")

WRONG = "Not-The-Password-7!"


class Counting(PasswordHasher):
    """Counts how often a password was compared with anything."""

    compared = 0

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # noqa: A002 - as its parent
        self.compared += 1
        return super().verify(hash, password)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    database = Database(tables.copy_to(tmp_path / "vault.db"))
    yield House.make(database, tmp_path)
    database.close()


@pytest.fixture
def hasher(house: House) -> Counting:
    """Have the home's passwords compared by a hasher that counts."""
    return counting(house, Counting(time_cost=1, memory_cost=8, parallelism=1))


def counting(house: House, hasher: Counting) -> Counting:
    house.passwords = Passwords(
        house.database,
        house.audit,
        bytes(32),
        Environment.TEST,
        house.profile,
        hasher=hasher,
    )
    house.signon._passwords = house.passwords
    hasher.compared = 0
    return hasher


def guess(house: House, name: str, visit: Visit, password: str = WRONG) -> str:
    """Try a password; return what an outsider sees of it."""
    try:
        found = house.signon.begin(name, password, visit, house.now)
    except Throttled as exc:
        return f"throttled: {exc.message}"
    except Unauthenticated as exc:
        return f"refused: {exc}"
    return "in" if isinstance(found, Pending) else "all the way in"


def lock_out(house: House, person: Person) -> None:
    """Guess from many addresses until the person is locked."""
    for number in range(20):
        guess(house, person.name, at(number))
        house.later(minutes=1)
    assert [lock.name for lock in house.guard.locks(house.now)] == [person.name]


# -- stuffing and spraying -------------------------------------------------------------------------


def test_a_list_of_stolen_passwords_gets_few_tries_at_one_name(
    house: House, hasher: Counting
) -> None:
    """As many tries as addresses within a minute: five are compared, and the right one comes too late."""
    house.person("anna")
    hasher.compared = 0
    for number in range(200):
        assert guess(house, "anna", at(number)) != "in"
        house.later(milliseconds=250)
    assert hasher.compared == 5
    assert guess(house, "anna", at(1001), PASSWORD).startswith("throttled")
    # Each try that was compared is an event; those put off are numbers.
    told = [entry.type for entry in house.audit.tail(1000)]
    assert told.count("signon.failed") == 5
    assert told.count("signon.throttled") <= STRANGERS_APART + 1


def test_a_patient_guesser_gets_ten_tries_and_then_none(house: House, hasher: Counting) -> None:
    house.person("anna")
    hasher.compared = 0
    for number in range(25):
        guess(house, "anna", at(number))
        house.later(minutes=7)
    assert hasher.compared == 25  # as often as ever: a lock takes as long to answer
    locked_at_compare = len(house.events("lock.set"))
    assert locked_at_compare == 1
    assert guess(house, "anna", at(200), PASSWORD).startswith("refused")


def test_one_address_that_tries_one_password_on_many_names_is_shut_out(
    house: House, hasher: Counting
) -> None:
    victim = house.person("victim")
    hasher.compared = 0
    told = [guess(house, f"name-{n}", at(1)) for n in range(50)]
    assert hasher.compared == 8
    assert all(answer.startswith("throttled") for answer in told[8:])
    assert guess(house, "victim", at(1), PASSWORD).startswith("throttled")
    # Nobody else is: not even that very person, from where they are.
    house.sign_on(victim, at(2))


def test_a_household_of_ipv6_addresses_is_one_address(house: House, hasher: Counting) -> None:
    for number in range(30):
        visit = Visit(f"2001:db8:7:7::{number + 1:x}", None, "Firefox on Linux")
        guess(house, f"name-{number}", visit)
    assert hasher.compared == 8


def test_spraying_over_many_addresses_meets_the_budget_of_all(
    house: House, hasher: Counting
) -> None:
    """A botnet of as many addresses as names; who was here before still signs on, and so does a passkey."""
    anna, boris = house.person("anna"), house.person("boris", totp=False, passkey=True)
    house.sign_on(anna, at(5000))
    hasher.compared = 0
    for number in range(250):
        guess(house, f"name-{number}", at(number))
    assert hasher.compared == 200
    assert guess(house, "anna", at(2000), PASSWORD).startswith("throttled")
    house.sign_on(anna, Visit(at(5000).address, anna.device, "Firefox on Linux"))
    asked = house.signon.passkey_challenge(None, house.now)
    assert boris.passkey is not None
    answer = boris.passkey.get(asked.options)
    house.signon.prove_passkey(asked.step, answer, at(3000), house.now)


# -- who exists ------------------------------------------------------------------------------------


def test_nothing_that_is_answered_tells_who_exists(house: House) -> None:
    """A person, a locked one, an ended one and nobody: the same words in the same order, through every throttle."""
    for name in ("anna", "boris", "carla"):
        house.person(name)
    house.accounts.end("carla", caller=SYSTEM, now=house.now)
    lock_out(house, house.person("dora"))
    house.later(minutes=30)
    told: dict[str, list[str]] = {}
    for name in ("anna", "carla", "dora", "nobody"):
        told[name] = [guess(house, name, at(len(told) * 20 + n)) for n in range(8)]
        house.later(minutes=10)
    assert told["anna"] == told["carla"] == told["dora"] == told["nobody"]
    assert len(set(told["anna"])) == 2


def test_the_same_is_compared_for_everybody(house: House, hasher: Counting) -> None:
    house.person("anna")
    locked = house.person("boris")
    lock_out(house, locked)
    for name in ("anna", "boris", "nobody", "x" * 5000, "not a name \N{SNOWMAN}"):
        before = hasher.compared
        guess(house, name, at(300))
        assert hasher.compared == before + 1, name


def test_the_time_of_an_answer_tells_nobody_who_exists(house: House) -> None:
    """Medians of interleaved tries, against a hasher that costs more than the rest of the work."""
    people = [house.person(f"colleague-{n}") for n in range(12)]
    locked = house.person("locked")
    lock_out(house, locked)
    counting(house, Counting(time_cost=2, memory_cost=8192, parallelism=1))
    spent: dict[str, list[float]] = {"known": [], "unknown": [], "locked": []}
    for number in range(36):
        house.later(minutes=6)
        named = (people[number % 12].name, f"nobody-{number % 12}", "locked")
        for kind, name in zip(spent, named, strict=True):
            visit = at(number * 3 + len(kind))
            began = time.perf_counter()
            guess(house, name, visit)
            spent[kind].append(time.perf_counter() - began)
    medians = {kind: statistics.median(seconds) for kind, seconds in spent.items()}
    # A hash that is left out would make it three or more.
    assert max(medians.values()) < 2 * min(medians.values()), medians


# -- locking out, and lifting ----------------------------------------------------------------------


def test_a_stranger_cannot_shut_the_last_administrator_out(house: House) -> None:
    anna = house.person("anna")
    house.administrators.add(anna.id)
    lock_out(house, anna)
    assert guess(house, "anna", at(700), PASSWORD).startswith("refused")
    house.later(minutes=15)
    house.sign_on(anna, at(701))
    (lock,) = house.guard.locks(house.now, all=True)
    assert lock.disposition is Disposition.EXPIRED


def test_of_all_administrators_locked_one_by_one_the_last_comes_back(house: House) -> None:
    """Whoever locks them all leaves one, and that one lifts the others' locks."""
    anna, boris = house.person("anna"), house.person("boris")
    house.administrators.update({anna.id, boris.id})
    lock_out(house, anna)
    for number in range(20):
        guess(house, "boris", at(800 + number))
        house.later(minutes=1)
    assert {lock.principal for lock in house.guard.locks(house.now)} == {anna.id, boris.id}
    house.later(minutes=15)
    done = house.sign_on(boris, at(900))
    (lock,) = house.guard.locks(house.now)
    assert lock.principal == anna.id
    house.guard.lift(lock.id, done.session.caller, house.now, Disposition.GUESSED_PASSWORD)
    house.sign_on(anna, at(901))


def test_nobody_lifts_their_own_lock_by_a_living_session(house: House) -> None:
    """The thief of a session, or its person, keeps it through a lock from outside, and gains nothing by it."""
    anna, boris = house.person("anna"), house.person("boris")
    house.administrators.update({anna.id, boris.id})
    done = house.sign_on(anna)
    lock_out(house, anna)
    (lock,) = house.guard.locks(house.now)
    session = house.check(done)
    for act in (house.guard.lift, house.guard.dispose):
        with pytest.raises(Denied):
            act(lock.id, session.caller, house.now, Disposition.OWN_MISTAKE)
    assert guess(house, "anna", at(44), PASSWORD).startswith("refused")
    assert ("lock.lifted", "denied", "self_review") in house.events("lock.lifted")


def test_a_restart_forgives_nothing(house: House) -> None:
    house.person("anna")
    compared = 0
    for number in range(40):
        house.start()  # a new process for each try
        again = counting(house, Counting(time_cost=1, memory_cost=8, parallelism=1))
        guess(house, "anna", at(number))
        compared += again.compared
    assert compared == 5
    house.later(minutes=6)
    for number in range(40):
        house.start()
        guess(house, "anna", at(number))
    assert [lock.name for lock in house.guard.locks(house.now)] == ["anna"]


# -- tiring out ------------------------------------------------------------------------------------


def test_who_has_the_password_and_waits_for_a_slip_is_locked(house: House) -> None:
    """Eight right passwords without a second factor; the person's own session goes on."""
    anna = house.person("anna")
    done = house.sign_on(anna)
    told = [guess(house, "anna", at(number), PASSWORD) for number in range(9)]
    assert told[:8] == ["in"] * 8
    assert told[8].startswith("refused")
    (lock,) = house.guard.locks(house.now)
    assert lock.reason.value == "factor_fatigue"
    house.check(done)


def test_who_has_the_password_gets_five_guesses_at_the_code(house: House) -> None:
    anna = house.person("anna")
    right = 0
    for number in range(30):
        house.later(minutes=2)
        try:
            step = house.pending(anna, at(number)).step
            house.signon.prove_totp(step, "000000", at(number), house.now)
        except StrongroomError:
            continue
        right += 1
    assert right == 0
    assert len(house.events("lock.set")) == 1
    codes = [e for e in house.events("signon.failed") if e[2] == "wrong_factor"]
    assert len(codes) <= 5


# -- at once in too many places --------------------------------------------------------------------


def test_a_stolen_cookie_used_around_the_world_ends_every_session(house: House) -> None:
    anna = house.person("anna")
    done = house.sign_on(anna)
    house.check(done)
    for number in range(2):
        house.check(done, Visit(at(number).address, done.device, "Firefox on Linux"))
    with pytest.raises(Unauthenticated):
        house.check(done, Visit(at(3).address, done.device, "Firefox on Linux"))
    with pytest.raises(Unauthenticated):
        house.check(done)
    assert guess(house, "anna", at(4), PASSWORD).startswith("refused")
    assert ("lock.set", "success", "impossible_concurrency") in house.events("lock.set")


def test_a_disowned_sign_on_ends_the_thiefs_sessions_and_lets_neither_in(house: House) -> None:
    anna = house.person("anna")
    thief = house.sign_on(anna, at(1))
    mine = house.sign_on(anna, Visit(at(2).address, None, "Safari on macOS"))
    house.guard.disowned(anna.id, house.now, caller(anna.id))
    for done, visit in ((thief, at(1, thief.device)), (mine, at(2, mine.device))):
        with pytest.raises(Unauthenticated):
            house.check(done, visit)
    assert guess(house, "anna", at(5), PASSWORD).startswith("refused")
    (lock,) = house.guard.locks(house.now)
    console = caller(anna.id, AuthMethod.CONSOLE)
    with pytest.raises(Denied):
        house.guard.lift(lock.id, console, house.now, Disposition.STOLEN_CREDENTIALS)


def test_many_guesses_at_once_are_no_more_than_one_after_another(
    house: House, hasher: Counting
) -> None:
    """The race between counting and comparing: all of them are admitted before the first is counted."""
    house.person("anna")
    hasher.compared = 0
    compare: Callable[..., bool] = hasher.verify
    depth = 0

    def slow(hash_: str | bytes, password: str | bytes) -> bool:
        # While this one is compared, the next request comes.
        nonlocal depth
        depth += 1
        if depth < 50:
            guess(house, "anna", at(depth))
        return compare(hash_, password)

    hasher.verify = slow  # type: ignore[method-assign]
    house.passwords._places = _Unbounded()  # type: ignore[assignment]
    guess(house, "anna", at(0))
    assert hasher.compared <= 5


class _Unbounded:
    """Lets any number of comparisons run at once."""

    def acquire(self, *_args: object, **_more: object) -> bool:
        return True

    def release(self) -> None:
        pass

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_args: object) -> None:
        pass
