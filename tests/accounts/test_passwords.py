"""Passwords: what is stored of them, when they are right, when they end, and when they may change."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from tests.support import tables
from tests.support.joining import BETTER, CHEAP, GOOD, KEY, NOW, Entrance, entrance

from strongroom.accounts.passwords import Checked, Passwords, Verdict
from strongroom.db import schema
from strongroom.errors import Conflict, Malformed, Throttled
from strongroom.policy.limits import BASELINE, CURRENT, PASSWORD_HASHES_AT_ONCE, PasswordProfile
from strongroom.terms import Environment, PrincipalId

DAY = timedelta(days=1)
_rows = schema.person_password


@pytest.fixture
def home(database_url: str, tmp_path: Path) -> Iterator[Entrance]:
    with entrance(database_url, tmp_path) as made:
        yield made


@pytest.fixture
def light(tmp_path: Path) -> Iterator[Entrance]:
    """As `home`, on SQLite only."""
    with entrance(tables.copy_to(tmp_path / "light.db"), tmp_path) as made:
        yield made


class Counting(PasswordHasher):
    """A hasher that says how often it worked."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.verified: list[str] = []

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # noqa: A002 - as argon2 has it
        self.verified.append(hash if isinstance(hash, str) else hash.decode())
        return super().verify(hash, password)


def again(
    home: Entrance,
    *,
    key: bytes = KEY,
    environment: Environment = Environment.TEST,
    profile: PasswordProfile = CURRENT,
    hasher: PasswordHasher = CHEAP,
    wait_seconds: float = 5.0,
) -> Passwords:
    return Passwords(
        home.database,
        home.audit,
        key,
        environment,
        profile,
        hasher=hasher,
        wait_seconds=wait_seconds,
    )


def change(home: Entrance, person: PrincipalId, password: str, days: float) -> None:
    now = NOW + days * DAY
    prepared = home.passwords.prepare(person, password, name="maria", now=now)
    with home.change(now) as changes:
        home.passwords.store(changes, person, prepared)


# -- right and wrong -------------------------------------------------------------------------------


@pytest.mark.clause("1.4")
def test_a_password_is_right_for_its_person_until_the_quarter_ends(home: Entrance) -> None:
    person = home.with_password()
    ends_at = NOW + timedelta(days=90)
    assert home.passwords.check(person, GOOD, NOW) == Checked(Verdict.RIGHT, ends_at)
    just_before = ends_at - timedelta(microseconds=1)
    assert home.passwords.check(person, GOOD, just_before).verdict is Verdict.RIGHT
    assert home.passwords.check(person, GOOD, ends_at).verdict is Verdict.EXPIRED
    assert home.passwords.due_at(person) == ends_at
    assert home.passwords.set_at(person) == NOW


@pytest.mark.clause("1.4")
def test_a_wrong_password_is_wrong_however_old(light: Entrance) -> None:
    person = light.with_password()
    for now in (NOW, NOW + timedelta(days=200)):
        assert light.passwords.check(person, BETTER, now) == Checked(Verdict.WRONG)


def test_nobody_and_who_has_no_password_get_the_same_answer(light: Entrance) -> None:
    person = light.person()
    assert light.passwords.check(None, GOOD, NOW) == Checked(Verdict.WRONG)
    assert light.passwords.check(person, GOOD, NOW) == Checked(Verdict.WRONG)
    assert light.passwords.check(PrincipalId(4711), GOOD, NOW) == Checked(Verdict.WRONG)
    assert light.passwords.due_at(person) is None


def test_the_same_password_from_another_keyboard_is_right(light: Entrance) -> None:
    person = light.with_password(password="Zu\u0308rich und 7 Berge")
    assert light.passwords.check(person, "Z\u00fcrich und 7 Berge", NOW).verdict is Verdict.RIGHT


@pytest.mark.parametrize("text", ["", "\ud800", "x" * 100_000, GOOD + "\x00", "\ufdfa" * 5000])
def test_hostile_texts_are_only_wrong(light: Entrance, text: str) -> None:
    person = light.with_password()
    assert light.passwords.check(person, text, NOW).verdict is Verdict.WRONG


def test_a_lone_surrogate_is_no_question_mark(light: Entrance) -> None:
    person = light.with_password(password="Nine Owls read 7 maps?")
    assert light.passwords.check(person, "Nine Owls read 7 maps\ud800", NOW) == Checked(
        Verdict.WRONG
    )


@pytest.mark.clause("1.4", "2.5")
def test_a_hash_is_of_this_home_this_environment_and_this_person(light: Entrance) -> None:
    person = light.with_password()
    for other in (
        again(light, key=bytes(32)),
        again(light, environment=Environment.PRODUCTION),
    ):
        assert other.check(person, GOOD, NOW).verdict is Verdict.WRONG
    assert again(light).check(person, GOOD, NOW).verdict is Verdict.RIGHT


# -- what is stored --------------------------------------------------------------------------------


@pytest.mark.clause("1.4")
def test_what_is_stored_is_argon2id_and_nothing_else(light: Entrance) -> None:
    light.with_password()
    (row,) = light.rows(_rows)
    assert row.hash.startswith("$argon2id$v=19$")
    assert GOOD not in row.hash
    assert GOOD not in repr(row)


def test_the_hasher_by_default_is_the_rfcs(light: Entrance) -> None:
    found = Passwords(light.database, light.audit, KEY, Environment.TEST, CURRENT)._hasher
    assert (found.memory_cost, found.time_cost, found.parallelism) == (64 * 1024, 3, 4)


def test_nothing_that_holds_a_password_or_hash_prints_it(light: Entrance) -> None:
    person = light.with_password()
    prepared = light.passwords.prepare(person, BETTER, name="maria", now=NOW + DAY)
    assert "argon2" not in repr(prepared)
    assert repr(light.passwords) == "<passwords>"


# -- choosing --------------------------------------------------------------------------------------


@pytest.mark.clause("1.4")
def test_every_fault_is_told_and_the_password_is_not(light: Entrance) -> None:
    with pytest.raises(Malformed, match=r"shorter.*lacks.*guessed first") as told:
        light.passwords.prepare(None, "dragon1", name="maria", now=NOW)
    assert "dragon1" not in str(told.value)


@pytest.mark.clause("1.4")
def test_a_password_changes_once_a_day_at_most(light: Entrance) -> None:
    person = light.with_password()
    with pytest.raises(Conflict, match="may change again at 2026-03-02 12:00 UTC"):
        light.passwords.prepare(person, BETTER, name="maria", now=NOW + 0.99 * DAY)
    change(light, person, BETTER, 1)
    assert light.passwords.check(person, BETTER, NOW + DAY).verdict is Verdict.RIGHT
    assert light.passwords.check(person, GOOD, NOW + DAY).verdict is Verdict.WRONG


@pytest.mark.clause("1.4")
def test_a_link_does_not_wait_for_the_minimum_age(light: Entrance) -> None:
    person = light.with_password()
    prepared = light.passwords.prepare(person, BETTER, name="maria", now=NOW, by_link=True)
    with light.change() as changes:
        light.passwords.store(changes, person, prepared)
    assert light.passwords.check(person, BETTER, NOW).verdict is Verdict.RIGHT


@pytest.mark.clause("1.4")
def test_the_last_ten_passwords_do_not_come_back_and_the_eleventh_does(light: Entrance) -> None:
    person = light.with_password(password="Nine Owls read 0 maps")
    for number in range(1, 10):
        change(light, person, f"Nine Owls read {number} maps", number)
    for number in range(10):
        with pytest.raises(Malformed, match="used before"):
            change(light, person, f"Nine Owls read {number} maps", 10)
    change(light, person, GOOD.replace("7", "12"), 10)
    change(light, person, "Nine Owls read 0 maps", 11)


@pytest.mark.clause("1.4")
def test_history_holds_for_links_too(light: Entrance) -> None:
    person = light.with_password()
    with pytest.raises(Malformed, match="used before"):
        light.passwords.prepare(person, GOOD, name="maria", now=NOW, by_link=True)


@pytest.mark.clause("1.4")
def test_no_more_hashes_are_kept_than_a_profile_remembers(home: Entrance) -> None:
    person = home.with_password(password="Nine Owls read 0 maps")
    for number in range(1, 14):
        change(home, person, f"Nine Owls read {number} maps", number)
    rows = home.rows(_rows)
    assert len(rows) == CURRENT.history
    assert [row.ended_at is None for row in rows] == [False] * 9 + [True]


@pytest.mark.clause("1.4")
def test_the_baseline_asks_for_no_history_but_for_another_password(tmp_path: Path) -> None:
    with entrance(tables.copy_to(tmp_path / "b.db"), tmp_path, BASELINE) as home:
        person = home.with_password(password="xK9#vQ2m")
        with pytest.raises(Malformed, match="used before"):
            change(home, person, "xK9#vQ2m", 0)
        change(home, person, "yK9#vQ2m", 0)
        change(home, person, "xK9#vQ2m", 0)


def test_two_changes_at_once_do_not_both_count(home: Entrance) -> None:
    person = home.with_password()
    later = NOW + DAY
    one = home.passwords.prepare(person, BETTER, name="maria", now=later)
    two = home.passwords.prepare(person, BETTER + "!", name="maria", now=later)
    with home.change(later) as changes:
        home.passwords.store(changes, person, one)
    with pytest.raises(Conflict, match="elsewhere"), home.change(later) as changes:
        home.passwords.store(changes, person, two)
    assert home.passwords.check(person, BETTER, later).verdict is Verdict.RIGHT


def test_a_password_is_stored_for_nobody_but_whom_it_was_prepared_for(light: Entrance) -> None:
    light.person("maria")
    bob = light.person("robert")
    prepared = light.passwords.prepare(None, GOOD, name="maria", now=NOW)
    with pytest.raises(Conflict), light.change() as changes:
        light.passwords.store(changes, bob, prepared)


@pytest.mark.clause("1.4", "2.6")
def test_a_change_is_recorded_with_it_or_not_at_all(home: Entrance) -> None:
    person = home.with_password()
    assert home.events()[-1] == ("password.changed", "success", None)
    prepared = home.passwords.prepare(person, BETTER, name="maria", now=NOW + DAY)
    count = len(home.events())

    def broken_off() -> None:
        with home.change(NOW + DAY) as changes:
            home.passwords.store(changes, person, prepared)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        broken_off()
    assert len(home.events()) == count
    assert home.passwords.check(person, GOOD, NOW).verdict is Verdict.RIGHT


# -- the work --------------------------------------------------------------------------------------


def test_stronger_parameters_reach_a_hash_when_its_password_is_shown(home: Entrance) -> None:
    person = home.with_password()
    (before,) = home.rows(_rows)
    stronger = again(home, hasher=PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    assert stronger.check(person, BETTER, NOW).verdict is Verdict.WRONG
    assert home.rows(_rows) == [before]

    assert stronger.check(person, GOOD, NOW + DAY).verdict is Verdict.RIGHT
    (after,) = home.rows(_rows)
    assert "m=16,t=2,p=1" in after.hash
    assert (after.id, after.created_at) == (before.id, before.created_at)
    entry = home.audit.tail(1)[0]
    assert (entry.type, entry.body["op"]) == ("password.changed", "password.rehashed")

    count = len(home.events())
    assert stronger.check(person, GOOD, NOW + DAY).verdict is Verdict.RIGHT
    assert len(home.events()) == count


@pytest.mark.clause("1.2")
def test_checking_for_nobody_costs_what_checking_for_somebody_does(light: Entrance) -> None:
    hasher = Counting()
    passwords = again(light, hasher=hasher)
    person = light.with_password()
    without = light.person("robert")
    for who in (person, without, None):
        hasher.verified.clear()
        passwords.check(who, BETTER, NOW)
        assert len(hasher.verified) == 1
        assert "$m=8,t=1,p=1$" in hasher.verified[0]


def test_no_more_hashes_at_once_than_the_machine_bears(light: Entrance) -> None:
    begun, go_on = threading.Barrier(PASSWORD_HASHES_AT_ONCE + 1), threading.Event()

    class Slow(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # noqa: A002 - as argon2 has it
            begun.wait(10)
            go_on.wait(10)
            return super().verify(hash, password)

    slow = Slow(time_cost=1, memory_cost=8, parallelism=1)
    passwords = again(light, hasher=slow, wait_seconds=0.01)
    threads = [
        threading.Thread(target=passwords.check, args=(None, GOOD, NOW))
        for _ in range(PASSWORD_HASHES_AT_ONCE)
    ]
    for thread in threads:
        thread.start()
    begun.wait(10)
    with pytest.raises(Throttled) as told:
        passwords.check(None, GOOD, NOW)
    assert told.value.retry_after is not None
    go_on.set()
    for thread in threads:
        thread.join(10)
    slow.verify = lambda *_: False  # type: ignore[method-assign]
    assert passwords.check(None, GOOD, NOW).verdict is Verdict.WRONG
