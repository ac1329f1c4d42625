"""The guard: tries that wait, locks, and who lifts them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.support.guarded import NOW, Post, at, caller, posted

from strongroom.accounts import Disposition
from strongroom.accounts.guard import Locked, LockReason, LockScope
from strongroom.audit import EventType
from strongroom.db import schema
from strongroom.errors import Conflict, Denied, Malformed, NotFound, Throttled
from strongroom.terms import AuthMethod, Caller, PrincipalId, PrincipalKind

HERE = at(1)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def post(database_url: str, tmp_path: Path) -> Iterator[Post]:
    with posted(database_url, tmp_path) as found:
        yield found


@pytest.mark.clause("1.2")
def test_five_failures_of_one_name_put_the_next_off_for_a_while(post: Post) -> None:
    anna = post.person("anna")
    told = [post.wrong("anna", anna, at(n), NOW) for n in range(6)]
    assert told == ["wrong"] * 5 + ["throttled"]
    with pytest.raises(Throttled) as refused:
        post.guard.admit("ANNA ", anna, at(7), NOW, known_device=False)
    assert refused.value.retry_after is not None
    later = NOW + timedelta(seconds=refused.value.retry_after)
    post.guard.admit("anna", anna, at(7), later, known_device=False)


def test_a_name_that_nobody_has_is_put_off_alike(post: Post) -> None:
    told = [post.wrong("nobody.here", None, at(n), NOW) for n in range(7)]
    assert told == ["wrong"] * 5 + ["throttled"] * 2


@pytest.mark.clause("1.2")
def test_ten_failures_in_a_row_lock_until_somebody_lifts_it(post: Post) -> None:
    anna, boris = post.person("anna"), post.person("boris", administers=True)
    now = post.lock("anna", anna)
    assert post.tries == 10
    (lock,) = post.guard.locks(now)
    assert (lock.principal, lock.name, lock.reason) == (anna, "anna", LockReason.TOO_MANY_FAILURES)
    assert lock.until is None
    with pytest.raises(Locked):
        post.guard.admit("anna", anna, at(3), now + timedelta(days=90), known_device=True)
    lifted = post.guard.lift(
        lock.id, caller(boris), now, disposition=Disposition.FORGOTTEN_PASSWORD
    )
    assert (lifted.lifted_by, lifted.disposition) == (boris, Disposition.FORGOTTEN_PASSWORD)
    # The row begins anew: one more failure locks nobody.
    assert post.wrong("anna", anna, at(3), now) == "wrong"
    post.guard.admit("anna", anna, at(3), now, known_device=False)
    assert post.guard.locks(now) == []
    assert post.events("lock.") == [
        ("lock.set", "success", "too_many_failures", f"lock.person.{anna}"),
        ("lock.lifted", "success", "too_many_failures", "forgotten_password"),
    ]


def test_a_success_ends_the_row_of_failures(post: Post) -> None:
    anna = post.person("anna")
    now = NOW
    for _ in range(4):
        for _ in range(4):
            assert post.wrong("anna", anna, HERE, now) == "wrong"
        post.guard.admit("anna", anna, HERE, now, known_device=False)
        post.guard.succeeded("anna", anna, HERE, now)
        now += timedelta(minutes=20)
    assert post.guard.locks(now) == []


@pytest.mark.clause("1.2")
def test_five_wrong_second_factors_in_a_row_lock(post: Post) -> None:
    anna = post.person("anna")
    for minute in range(5):
        visit = at(minute)
        assert post.wrong("anna", anna, visit, NOW + minute * MINUTE, factor=True) == "wrong"
    (lock,) = post.guard.locks(NOW + 5 * MINUTE)
    assert lock.reason is LockReason.WRONG_FACTOR


@pytest.mark.clause("1.2")
def test_right_passwords_without_a_second_factor_lock(post: Post) -> None:
    anna = post.person("anna")
    for number in range(8):
        post.guard.admit("anna", anna, at(number), NOW, known_device=False)
        post.guard.unfinished(anna, at(number), NOW)
    (lock,) = post.guard.locks(NOW)
    assert lock.reason is LockReason.FACTOR_FATIGUE
    # From outside: whoever it is holds the password, not the session.
    assert post.ended == []


def test_a_finished_sign_on_takes_back_its_own_unfinished_one_and_no_other(post: Post) -> None:
    anna = post.person("anna")
    for number in range(7):
        post.guard.unfinished(anna, at(50 + number), NOW)
    for minute in range(5):
        now = NOW + minute * MINUTE
        if minute:
            post.guard.succeeded("anna", anna, HERE, now)
        assert post.guard.locks(now) == []
    post.guard.unfinished(anna, HERE, NOW + 5 * MINUTE)
    assert [lock.reason for lock in post.guard.locks(NOW)] == [LockReason.FACTOR_FATIGUE]


def test_signing_on_again_and_again_is_not_fatigue(post: Post) -> None:
    anna = post.person("anna")
    for _ in range(20):
        post.guard.unfinished(anna, HERE, NOW)
        post.guard.succeeded("anna", anna, HERE, NOW)
    assert post.guard.locks(NOW) == []


@pytest.mark.clause("1.2")
def test_one_address_that_fails_for_many_names_is_shut_out_for_an_hour(post: Post) -> None:
    for number in range(8):
        assert post.wrong(f"name-{number}", None, HERE, NOW) == "wrong"
    with pytest.raises(Throttled) as refused:
        post.guard.admit("another", None, HERE, NOW, known_device=False)
    assert refused.value.retry_after == 3600
    post.guard.admit("another", None, at(2), NOW, known_device=False)
    (lock,) = post.guard.locks(NOW)
    assert (lock.scope, lock.reason, lock.name) == (LockScope.ADDRESS, LockReason.SPRAYING, None)
    later = NOW + timedelta(hours=1)
    post.guard.admit("another", None, HERE, later, known_device=False)
    (ended,) = post.guard.locks(later, all=True)
    assert (ended.disposition, ended.lifted_at, ended.lifted_by) == ("expired", later, None)


def test_thirty_failures_from_one_place_put_it_off_and_no_other(post: Post) -> None:
    for number in range(30):
        # Few names, each within its own budget: no spraying.
        now = NOW + number * timedelta(seconds=29)
        post.guard.admit(f"name-{number % 7}", None, HERE, now, known_device=False)
        post.guard.failed(f"name-{number % 7}", None, HERE, now, factor=True)
    with pytest.raises(Throttled):
        post.guard.admit("new", None, HERE, now, known_device=False)
    post.guard.admit("new", None, at(2), now, known_device=False)


def test_everybodys_budget_holds_strangers_and_no_device_that_was_here(post: Post) -> None:
    for number in range(200):
        post.guard.failed(f"name-{number}", None, at(number), NOW, factor=False)
    with pytest.raises(Throttled):
        post.guard.admit("anna", None, at(999), NOW, known_device=False)
    anna = post.person("anna")
    post.guard.admit("anna", anna, at(999, "cookie"), NOW, known_device=True)
    post.guard.admit("anna", anna, at(999), NOW, known_device=True)  # a passkey
    assert post.events("signon.")[-1] == (
        "signon.throttled",
        "denied",
        "rate_limited",
        "signon.all",
    )


def test_strangers_put_no_device_off_that_was_here_but_a_known_device_has_a_budget_too(
    post: Post,
) -> None:
    anna = post.person("anna")
    for number in range(5):
        post.wrong("anna", anna, at(number), NOW)
    assert post.wrong("anna", anna, at(9), NOW) == "throttled"
    known = at(10, "cookie")
    post.guard.admit("anna", anna, known, NOW, known_device=True)
    post.guard.succeeded("anna", anna, known, NOW)
    told = [post.wrong("anna", anna, known, NOW, known_device=True) for _ in range(6)]
    assert told == ["wrong"] * 5 + ["throttled"]


def test_many_tries_at_once_gain_nothing(post: Post) -> None:
    anna = post.person("anna")
    admitted = 0
    for number in range(20):
        try:
            post.guard.admit("anna", anna, at(number), NOW, known_device=False)
        except Throttled:
            continue
        admitted += 1
    assert admitted == 5


def test_many_threads_at_once_gain_nothing(post: Post) -> None:
    anna = post.person("anna")
    with ThreadPoolExecutor(8) as threads:
        told = list(threads.map(lambda n: post.wrong("anna", anna, at(n), NOW), range(24)))
    assert told.count("wrong") <= 5


def test_a_try_that_broke_off_does_not_count_for_long(post: Post) -> None:
    anna = post.person("anna")
    for number in range(5):
        post.guard.admit("anna", anna, at(number), NOW, known_device=False)
    with pytest.raises(Throttled):
        post.guard.admit("anna", anna, HERE, NOW, known_device=False)
    post.guard.admit("anna", anna, HERE, NOW + MINUTE, known_device=False)


@pytest.mark.clause("1.2")
def test_a_restart_forgives_nothing(post: Post) -> None:
    anna = post.person("anna")
    for number in range(5):
        post.wrong("anna", anna, at(number), NOW)
    again = post.restarted()
    assert again.wrong("anna", anna, at(9), NOW) == "throttled"
    now = again.lock("anna", anna, NOW + timedelta(minutes=6))
    assert again.tries == 5
    with pytest.raises(Locked):
        post.restarted().guard.admit("anna", anna, HERE, now, known_device=True)


# -- being signed on -------------------------------------------------------------------------------


@pytest.mark.clause("1.2")
def test_a_session_from_a_fourth_place_locks_and_ends_all(post: Post) -> None:
    anna = post.person("anna")
    for number in range(3):
        post.guard.seen(anna, at(number), NOW)
    with pytest.raises(Locked):
        post.guard.seen(anna, at(3), NOW + MINUTE)
    assert post.ended == [(anna, "impossible_concurrency")]
    (lock,) = post.guard.locks(NOW + MINUTE)
    assert lock.reason is LockReason.IMPOSSIBLE_CONCURRENCY


def test_places_one_after_another_are_a_journey(post: Post) -> None:
    anna = post.person("anna")
    for number in range(12):
        post.guard.seen(anna, at(number), NOW + number * 4 * MINUTE)
    assert post.guard.locks(NOW) == []


def test_seeing_a_session_again_writes_once_a_minute(post: Post) -> None:
    anna = post.person("anna")
    for second in range(120):
        post.guard.seen(anna, HERE, NOW + timedelta(seconds=second))
    with post.database.read() as tx:
        (number,) = tx.execute(
            sa.select(schema.login_count.c.count).where(schema.login_count.c.scope == "seen")
        ).scalars()
    assert number == 2


@pytest.mark.clause("1.2")
def test_a_disowned_sign_on_locks_and_ends_all(post: Post) -> None:
    anna = post.person("anna", administers=True)
    post.guard.disowned(anna, NOW, caller(anna))
    (lock,) = post.guard.locks(NOW)
    # Even the only administrator's: a person at the console looks first.
    assert (lock.reason, lock.until) == (LockReason.WRONG_DEVICE, None)
    assert post.ended == [(anna, "wrong_device")]


def test_a_lock_that_would_end_gives_way_to_one_that_must_not(post: Post) -> None:
    anna = post.person("anna", administers=True)
    now = post.lock("anna", anna)
    post.guard.disowned(anna, now, caller(anna))
    assert [lock.until for lock in post.guard.locks(now)] == [None]
    # The person did not lift their own lock: the service ended it.
    (lifted,) = post.audit.of_types([EventType.LOCK_LIFTED])
    assert lifted.body["actor"]["kind"] == "system"


# -- lifting ---------------------------------------------------------------------------------------


@pytest.mark.clause("1.2")
def test_the_last_administrators_lock_ends_after_fifteen_minutes(post: Post) -> None:
    anna = post.person("anna", administers=True)
    now = post.lock("anna", anna)
    (lock,) = post.guard.locks(now)
    assert lock.until is not None
    assert lock.until - lock.locked_at == timedelta(minutes=15)
    post.guard.admit("anna", anna, HERE, lock.until, known_device=False)
    assert post.events("lock.")[-1] == ("lock.lifted", "success", "too_many_failures", "expired")
    (ended,) = post.guard.locks(lock.until, all=True)
    assert (ended.lifted_at, ended.disposition) == (lock.until, Disposition.EXPIRED)
    told = post.guard.dispose(
        ended.id,
        caller(PrincipalId(99), AuthMethod.CONSOLE),
        lock.until,
        Disposition.GUESSED_PASSWORD,
    )
    assert told.disposition is Disposition.GUESSED_PASSWORD


@pytest.mark.clause("1.2", "1.3")
def test_an_administrator_who_never_came_in_leaves_the_other_the_last(post: Post) -> None:
    anna, boris = (post.person(name, administers=True) for name in ("anna", "boris"))
    with post.database.write() as tx:
        passwords = schema.person_password
        tx.execute(passwords.delete().where(passwords.c.principal_id == boris))
    now = post.lock("anna", anna)
    (lock,) = post.guard.locks(now)
    assert lock.until is not None


@pytest.mark.clause("1.2")
def test_a_passkey_from_a_browser_without_a_cookie_has_a_budget_too(post: Post) -> None:
    """Its id is no secret: whoever shows it could have each wrong answer, and each try at a lock, recorded."""
    anna = post.person("anna")
    told = [post.wrong("anna", anna, HERE, NOW, known_device=True) for _ in range(20)]
    assert told == ["wrong"] * 5 + ["throttled"] * 15
    post.guard.admit("anna", anna, at(2), NOW, known_device=True)


def test_of_two_administrators_both_locked_one_comes_back(post: Post) -> None:
    anna, boris = (post.person(name, administers=True) for name in ("anna", "boris"))
    now = post.lock("anna", anna)
    now = post.lock("boris", boris, now)
    until = {lock.name: lock.until for lock in post.guard.locks(now)}
    assert until["anna"] is None
    assert until["boris"] is not None


@pytest.mark.clause("1.2")
def test_nobody_lifts_their_own_lock_nor_without_a_say(post: Post) -> None:
    anna, boris = (post.person(name, administers=True) for name in ("anna", "boris"))
    carla = post.person("carla")
    now = post.lock("anna", anna)
    (lock,) = post.guard.locks(now)
    app = Caller(PrincipalId(77), PrincipalKind.APP, "erp", AuthMethod.CREDENTIAL)
    own_console = caller(anna, AuthMethod.CONSOLE)
    for who in (caller(anna), own_console, caller(carla), app):
        with pytest.raises(Denied):
            post.guard.lift(lock.id, who, now, Disposition.TEST)
        with pytest.raises(Denied):
            post.guard.dispose(lock.id, who, now, Disposition.TEST)
    denied = [event for event in post.events("lock.") if event[1] == "denied"]
    assert [event[2] for event in denied] == ["self_review"] * 4 + ["not_authorized"] * 4
    with pytest.raises(Locked):
        post.guard.admit("anna", anna, HERE, now, known_device=True)
    post.guard.lift(lock.id, caller(boris), now, Disposition.TEST)


def test_who_is_locked_lifts_nobody(post: Post) -> None:
    anna, boris = (post.person(name, administers=True) for name in ("anna", "boris"))
    post.person("carla", administers=True)
    now = post.lock("anna", anna)
    now = post.lock("boris", boris, now)
    first, _second = post.guard.locks(now)
    with pytest.raises(Denied):
        post.guard.lift(first.id, caller(boris), now, Disposition.TEST)


def test_the_console_lifts_and_a_lone_person_their_own(database_url: str, tmp_path: Path) -> None:
    with posted(database_url, tmp_path, one_person=True) as post:
        anna = post.person("anna")
        now = post.lock("anna", anna)
        (lock,) = post.guard.locks(now)
        with pytest.raises(Denied):
            post.guard.lift(lock.id, caller(anna), now, Disposition.OWN_MISTAKE)
        console = caller(anna, AuthMethod.CONSOLE)
        post.guard.lift(lock.id, console, now, Disposition.OWN_MISTAKE)
        assert post.guard.locks(now) == []


def test_a_lock_gets_one_disposition_before_or_with_its_lifting(post: Post) -> None:
    anna, boris = post.person("anna"), post.person("boris", administers=True)
    now = post.lock("anna", anna)
    (lock,) = post.guard.locks(now)
    for given in (None, Disposition.EXPIRED):
        with pytest.raises(Malformed):
            post.guard.lift(lock.id, caller(boris), now, given)
    post.guard.dispose(lock.id, caller(boris), now, Disposition.GUESSED_PASSWORD)
    with pytest.raises(Conflict):
        post.guard.dispose(lock.id, caller(boris), now, Disposition.TEST)
    lifted = post.guard.lift(lock.id, caller(boris), now)
    assert lifted.disposition is Disposition.GUESSED_PASSWORD
    with pytest.raises(Conflict):
        post.guard.lift(lock.id, caller(boris), now)
    with pytest.raises(NotFound):
        post.guard.lift(99, caller(boris), now, Disposition.TEST)


# -- what is kept ----------------------------------------------------------------------------------


def test_names_addresses_and_cookies_stand_nowhere(post: Post) -> None:
    anna = post.person("anna")
    visit = at(5, "the-device-cookie")
    for _ in range(5):
        post.wrong("anna", anna, visit, NOW)
    for number in range(9):
        post.wrong(f"typed-{number}", None, visit, NOW)
    post.guard.seen(anna, visit, NOW)
    post.guard.failed_client(visit.address, NOW)
    with post.database.read() as tx:
        rows = str(tx.execute(sa.select(schema.login_count)).all())
        rows += str(tx.execute(sa.select(schema.account_lock)).all())
    for value in ("anna", "typed", visit.address, "the-device-cookie"):
        assert value not in rows


def test_old_counts_go_and_rows_of_people_stay(post: Post) -> None:
    anna = post.person("anna")
    post.wrong("anna", anna, HERE, NOW)
    post.wrong("typed", None, HERE, NOW)
    post.guard.unfinished(anna, HERE, NOW)
    post.guard.seen(anna, HERE, NOW)
    post.guard.settle(NOW + timedelta(days=2))
    with post.database.read() as tx:
        scopes = tx.execute(sa.select(schema.login_count.c.scope)).scalars().all()
    assert scopes == ["row"]


def test_a_flood_of_tries_is_one_event_a_minute_with_its_number(post: Post) -> None:
    for number in range(5):
        post.wrong("anna", None, at(number), NOW)
    for second in range(100):
        assert post.wrong("anna", None, HERE, NOW + second * timedelta(seconds=1)) == "throttled"
    post.guard.settle(NOW + timedelta(minutes=9))
    told = [e.body["n"] for e in post.audit.of_types([EventType.SIGNON_THROTTLED])]
    assert told == [1, 60, 39]
