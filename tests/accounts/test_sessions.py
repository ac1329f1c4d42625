"""Sessions and browsers: what ends them, what belongs to whom, what their person is told."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.support.people import HOME, House, Person

from strongroom.accounts import Visit
from strongroom.accounts.visits import NoticeKind, SignedOn
from strongroom.compliance.leaving import prove_leaving
from strongroom.db import schema
from strongroom.db.engine import Database
from strongroom.errors import Denied, NotFound, Unauthenticated
from strongroom.policy.limits import (
    CONCURRENT_ADDRESSES,
    DEVICE_LIFETIME,
    SESSION_IDLE,
    SESSION_LONGEST,
    SESSION_SEEN_EVERY,
)
from strongroom.terms import SYSTEM
from strongroom.vault import GrantStore

MICROSECOND = timedelta(microseconds=1)


@pytest.fixture
def house(database_url: str, tmp_path: Path) -> Iterator[House]:
    database = Database(database_url)
    yield House.make(database, tmp_path)
    database.close()


@pytest.fixture
def anna(house: House) -> Person:
    return house.person("anna")


def ended(house: House) -> list[str]:
    query = sa.select(schema.login_session.c.ended_why).where(
        schema.login_session.c.ended_at.is_not(None)
    )
    with house.database.read() as tx:
        return sorted(tx.execute(query).scalars())


def refused(house: House, done: SignedOn) -> bool:
    try:
        house.check(done)
    except Unauthenticated:
        return True
    return False


@pytest.mark.clause("1.2")
def test_a_session_nobody_uses_ends(house: House, anna: Person) -> None:
    done = house.sign_on(anna)
    house.now += SESSION_IDLE - MICROSECOND
    assert house.check(done)
    house.now += SESSION_IDLE
    assert refused(house, done)
    assert ended(house) == ["idle"]
    assert house.events("session.ended") == [("session.ended", "success", "idle")]


@pytest.mark.clause("1.2", "2.6")
def test_sessions_that_ended_by_themselves_are_recorded_as_such(house: House, anna: Person) -> None:
    """And not, months later, as revoked by a new password."""
    for _ in range(2):
        house.sign_on(anna)
        house.later(minutes=14)
    house.signon.settle(house.now)
    assert house.events("session.ended") == []
    house.later(minutes=10)
    house.signon.settle(house.now)
    assert ended(house) == ["idle"]
    house.later(hours=12)
    house.signon.settle(house.now)
    house.signon.settle(house.now)
    assert ended(house) == ["idle", "too_old"]
    assert house.events("session.ended") == [
        ("session.ended", "success", "idle"),
        ("session.ended", "success", "too_old"),
    ]
    new = house.sign_on(anna)
    assert house.signon.end_others(new.session, house.now) == 0


@pytest.mark.clause("1.2")
def test_a_clock_that_was_ahead_leaves_no_session_that_does_not_end(
    house: House, anna: Person
) -> None:
    house.later(days=365)
    done = house.sign_on(anna)
    house.later(days=-365)
    assert not done.session.proved_lately(house.now)
    assert refused(house, done)
    assert ended(house) == ["too_old"]


@pytest.mark.clause("1.2")
def test_a_session_in_use_ends_after_half_a_day(house: House, anna: Person) -> None:
    done = house.sign_on(anna)
    start = house.now
    while house.now - start < SESSION_LONGEST - SESSION_IDLE:
        house.later(minutes=29)
        assert house.check(done)
    house.now = start + SESSION_LONGEST - MICROSECOND
    assert house.check(done)
    house.now = start + SESSION_LONGEST
    assert refused(house, done)
    assert ended(house) == ["too_old"]


def test_a_use_is_written_down_once_a_minute_and_when_the_address_changes(
    house: House, anna: Person
) -> None:
    done = house.sign_on(anna)

    def written() -> tuple[object, ...]:
        table = schema.login_session
        with house.database.read() as tx:
            return tuple(tx.execute(sa.select(table.c.seen_at, table.c.address_ref)).one())

    first = written()
    house.now += SESSION_SEEN_EVERY - MICROSECOND
    assert house.check(done).seen_at == house.now
    assert written() == first
    house.check(done, anna.visit("203.0.113.8"))
    second = written()
    assert second[0] == house.now
    assert second[1] != first[1]
    assert "203.0.113" not in str(second)
    house.now += SESSION_SEEN_EVERY
    house.check(done, anna.visit("203.0.113.8"))
    assert written() == (house.now, second[1])


@pytest.mark.clause("1.2")
def test_people_see_and_end_their_own_sessions_only(house: House, anna: Person) -> None:
    boris = house.person("boris")
    theirs = house.sign_on(boris)
    first, second, third = (house.sign_on(anna, HOME) for _ in range(3))
    me = house.check(third)
    listed = house.signon.sessions(me, house.now)
    assert [(s.id, s.current) for s in listed] == [
        (third.session.id, True),
        (second.session.id, False),
        (first.session.id, False),
    ]
    for unknown in (theirs.session.id, 10**9):
        with pytest.raises(NotFound):
            house.signon.end_session(me, unknown, house.now)
    house.signon.end_session(me, first.session.id, house.now)
    assert [refused(house, done) for done in (first, second, third, theirs)] == [
        True,
        False,
        False,
        False,
    ]
    assert house.signon.end_others(me, house.now) == 1
    assert refused(house, second)
    house.signon.sign_out(me, house.now)
    house.signon.sign_out(me, house.now)
    assert refused(house, third)
    assert ended(house) == ["signed_out"] * 3
    with pytest.raises(Unauthenticated):
        house.signon.end_others(me, house.now)
    assert not refused(house, theirs)


@pytest.mark.clause("1.2")
def test_the_end_of_an_account_ends_its_sessions_and_what_it_signs_on_with(
    house: House, anna: Person
) -> None:
    done, planned = house.sign_on(anna), house.person("boris")
    later = house.sign_on(planned)
    soon = house.now + timedelta(minutes=5)
    house.accounts.end("anna", caller=SYSTEM, now=house.now)
    house.accounts.end("boris", caller=SYSTEM, now=house.now, at=soon)
    assert refused(house, done)
    assert not refused(house, later)
    house.now = soon
    assert refused(house, later)
    assert ended(house) == ["principal_ended"] * 2
    grants = GrantStore(house.database, house.audit, one_person=True)
    proof = prove_leaving(house.audit, house.accounts, grants, "anna", caller=SYSTEM, now=house.now)
    assert proof.complete
    assert {item.kind for item in proof.held} == {"password", "factor", "recovery code", "session"}


def test_a_guard_that_locks_for_somebody_being_in_ends_all_sessions(
    house: House, anna: Person
) -> None:
    done = house.sign_on(anna)
    for number in range(1, CONCURRENT_ADDRESSES):
        house.now += timedelta(seconds=61)
        house.check(done, anna.visit(f"198.51.{number}.1"))
    house.now += timedelta(seconds=61)
    house.check(done)
    with pytest.raises(Unauthenticated):
        house.check(done, anna.visit("198.51.100.1"))
    assert refused(house, done)
    assert set(ended(house)) == {"impossible_concurrency"}


# -- browsers --------------------------------------------------------------------------------------


def test_a_browser_keeps_its_cookie_and_another_one_is_new(house: House, anna: Person) -> None:
    first = house.sign_on(anna)
    again = house.sign_on(anna)
    assert (again.device, again.session.device_id) == (first.device, first.session.device_id)
    other = house.sign_on(anna, Visit("198.51.100.1", None, "Safari on macOS"))
    assert other.device != first.device
    assert [d.agent for d in house.signon.devices(other.session, house.now)] == [
        "Safari on macOS",
        "Firefox on Linux",
    ]
    assert len(house.events("device.new.seen")) == 2


def test_a_browser_unused_for_half_a_year_is_new_again(house: House, anna: Person) -> None:
    first = house.sign_on(anna)
    house.now += DEVICE_LIFETIME
    again = house.sign_on(anna)
    assert again.device != first.device


@pytest.mark.clause("1.2")
def test_a_new_browser_is_told_to_the_others_until_one_of_them_knows_it(
    house: House, anna: Person
) -> None:
    first = house.sign_on(anna)
    assert first.notices == ()
    other = house.sign_on(anna, Visit("198.51.100.1", None, "Safari on macOS"))
    assert NoticeKind.NEW_DEVICE not in {notice.kind for notice in other.notices}
    with pytest.raises(Denied):
        house.signon.acknowledge(other.session, other.session.device_id, house.now)
    (notice,) = house.signon.notices(first.session, house.now)
    assert notice.device is not None
    assert (notice.kind, notice.device.agent) == (NoticeKind.NEW_DEVICE, "Safari on macOS")
    boris = house.sign_on(house.person("boris"))
    for session in (boris.session, first.session):
        with pytest.raises(NotFound):
            house.signon.acknowledge(session, 10**9, house.now)
    with pytest.raises(NotFound):
        house.signon.acknowledge(boris.session, notice.device.id, house.now)
    house.signon.acknowledge(first.session, notice.device.id, house.now)
    assert house.signon.notices(first.session, house.now) == []


@pytest.mark.clause("1.2")
def test_two_new_browsers_cannot_vouch_for_each_other(house: House, anna: Person) -> None:
    """Whoever comes in twice could silence both notices before their person sees them."""
    mine = house.sign_on(anna)
    thieves = [house.sign_on(anna, Visit(f"198.51.100.{n}", None, HOME.agent)) for n in (1, 2)]
    for one, other in (thieves, thieves[::-1]):
        with pytest.raises(Denied):
            house.signon.acknowledge(one.session, other.session.device_id, house.now)
    assert len(house.signon.notices(mine.session, house.now)) == 2

    # Who knows no other one any more is not nagged for ever.
    house.later(days=7)
    where = Visit("198.51.100.1", thieves[0].device, HOME.agent)
    again = house.sign_on(anna, where)
    house.signon.acknowledge(again.session, thieves[1].session.device_id, house.now)


@pytest.mark.clause("1.2")
def test_it_was_not_me_throws_everybody_out_and_locks(house: House, anna: Person) -> None:
    first = house.sign_on(anna)
    other = house.sign_on(anna, Visit("198.51.100.1", None, "Safari on macOS"))
    with pytest.raises(Denied):
        house.signon.disown(first.session, first.session.device_id, house.now)
    with pytest.raises(NotFound):
        house.signon.disown(first.session, 10**9, house.now)
    house.signon.disown(first.session, other.session.device_id, house.now)
    assert refused(house, first)
    where = Visit("198.51.100.1", other.device, "Safari on macOS")
    with pytest.raises(Unauthenticated):
        house.signon.check(other.cookie, where, house.now)
    with pytest.raises(Unauthenticated):
        house.pending(anna)
    assert [lock.reason for lock in house.guard.locks(house.now)] == ["wrong_device"]
    assert set(ended(house)) == {"wrong_device"}


def test_people_are_told_when_few_recovery_codes_are_left(house: House, anna: Person) -> None:
    for code in anna.recovery[:7]:
        house.later(minutes=1)
        step = house.pending(anna).step
        done = house.signon.prove_recovery(step, code, anna.visit(), house.now)
    few = [notice for notice in done.notices if notice.kind is NoticeKind.FEW_RECOVERY_CODES]
    assert [notice.n for notice in few] == [3]
