"""Signing on while something else happens: a lock, an end, a new password, a kill; each must hold from then on."""

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest
from argon2 import PasswordHasher
from tests.support.people import CHEAP, CONSOLE, HOME, OTHER_PASSWORD, PASSWORD, House, Person

from strongroom.accounts import entries
from strongroom.accounts.changes import Changes, changing
from strongroom.accounts.visits import Pending, SignedOn
from strongroom.audit import Reason
from strongroom.db.engine import Database
from strongroom.errors import Unauthenticated, Unavailable
from strongroom.policy.limits import BASELINE
from strongroom.policy.lockout import LockReason
from strongroom.terms import SYSTEM, PrincipalId


class Meanwhile(PasswordHasher):
    """Hashes as it should, and does something else before it says what it found."""

    def __init__(self, then: Callable[[], object]) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.then = then

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # noqa: A002 - as its parent has it
        found = CHEAP.verify(hash, password)
        self.then()
        return found


@pytest.fixture
def plain(database_url: str, tmp_path: Path) -> Iterator[House]:
    """Give a home where the password alone signs on: hashing is all that lies between asking and a session."""
    database = Database(database_url)
    yield House.make(database, tmp_path, profile=BASELINE)
    database.close()


@pytest.fixture
def house(database_url: str, tmp_path: Path) -> Iterator[House]:
    database = Database(database_url)
    yield House.make(database, tmp_path)
    database.close()


@pytest.fixture
def anna(plain: House) -> Person:
    return plain.person("anna", totp=False)


@pytest.mark.clause("1.2")
def test_a_lock_that_comes_while_the_password_is_hashed_holds(plain: House, anna: Person) -> None:
    """Whoever else has the password is half in when anna says that it was not her."""

    def disown() -> None:
        plain.guard.disowned(anna.id, plain.now, SYSTEM)

    plain.passwords._hasher = Meanwhile(disown)
    with pytest.raises(Unauthenticated):
        plain.signon.begin("anna", PASSWORD, HOME, plain.now)
    assert plain.events("session.started") == []
    assert ("signon.failed", "failure", Reason.LOCKED.value) in plain.events("signon.failed")


@pytest.mark.clause("1.2")
def test_an_end_that_comes_while_the_password_is_hashed_holds(plain: House, anna: Person) -> None:
    def end() -> None:
        plain.accounts.end("anna", caller=SYSTEM, now=plain.now)

    plain.passwords._hasher = Meanwhile(end)
    with pytest.raises(Unauthenticated):
        plain.signon.begin("anna", PASSWORD, HOME, plain.now)
    assert plain.events("session.started") == []
    assert plain.events("signon.failed")[-1][2] == Reason.PRINCIPAL_ENDED.value


@pytest.mark.clause("1.2", "1.4")
def test_no_session_of_the_old_password_outlives_the_change(plain: House, anna: Person) -> None:
    """The change is not durable yet when somebody signs on with the old password: they wait, and are refused."""
    found: list[SignedOn | Unauthenticated] = []

    def sign_on() -> None:
        try:
            done = plain.signon.begin("anna", PASSWORD, HOME, plain.now)
            assert isinstance(done, SignedOn)
            found.append(done)
        except Unauthenticated as exc:
            found.append(exc)

    other = Thread(target=sign_on)
    prepared = plain.passwords.prepare(anna.id, OTHER_PASSWORD, name="anna", now=plain.now)
    with changing(plain.database, plain.audit, SYSTEM, plain.now) as change:
        plain.passwords.store(change, anna.id, prepared)
        plain.signon.end_all(change, anna.id, Reason.REVOKED)
        other.start()
        other.join(0.5)
    other.join()
    assert isinstance(found[0], Unauthenticated)
    assert plain.events("session.started") == []


@pytest.mark.clause("1.2")
@pytest.mark.parametrize("whom", ["anna", "everybody"])
def test_a_session_that_begins_while_sessions_are_ended_is_ended_too(
    house: House, whom: str
) -> None:
    """Her sign-on is not durable yet when somebody ends her sessions: they wait, and end it."""
    anna, found = house.person("anna"), list[int]()
    wanted = anna.id if whom == "anna" else None
    other = Thread(target=lambda: found.append(house.guard.sign_off(wanted, CONSOLE, house.now)))

    with changing(house.database, house.audit, SYSTEM, house.now) as change:
        entries.hold(change.tx, anna.id)
        house.signon.joined(change, anna.id, None, HOME)
        other.start()
        other.join(0.5)
    other.join()
    assert found == [1]
    assert [e[0] for e in house.events("session.started", "session.ended")] == [
        "session.started",
        "session.ended",
    ]


@pytest.mark.clause("1.2")
@pytest.mark.parametrize("trusted", [True, False])
def test_a_link_that_ends_after_the_provider_has_said_who_it_is_lets_nobody_in(
    house: House, *, trusted: bool
) -> None:
    """Its answer takes a request to the provider; whoever is let go meanwhile is out."""
    anna = house.person("anna")
    linked = house.linked(anna)
    house.identities.unlink(linked.identity, caller=CONSOLE, now=house.now)
    with pytest.raises(Unauthenticated):  # noqa: PT012 - with a factor of ours it is the second step that is refused
        found = house.signon.identified(linked, HOME, house.now, second_factor=trusted)
        assert isinstance(found, Pending)
        house.signon.prove_totp(found.step, house.code(anna), HOME, house.now)
    assert house.events("session.started") == []
    assert house.events("signon.failed") == [("signon.failed", "failure", "not_found")]


@pytest.mark.clause("1.2")
def test_a_session_that_begins_while_its_link_is_ended_is_ended_too(house: House) -> None:
    """The sign-on is not durable yet when the link is ended: that waits, and ends the session."""
    anna = house.person("anna")
    linked = house.linked(anna)
    other = Thread(
        target=lambda: house.identities.unlink(linked.identity, caller=CONSOLE, now=house.now)
    )
    with changing(house.database, house.audit, SYSTEM, house.now) as change:
        entries.hold(change.tx, anna.id)
        house.signon.joined(change, anna.id, None, HOME)
        other.start()
        other.join(0.5)
    other.join()
    assert [e[0] for e in house.events("session.started", "session.ended")] == [
        "session.started",
        "session.ended",
    ]


@pytest.mark.clause("1.2")
def test_it_was_not_me_is_said_whole_or_not_at_all(house: House) -> None:
    """A kill between the device's end and the lock would leave a device that nobody can name again, and no lock."""
    anna = house.person("anna")
    thief = house.sign_on(anna, HOME)
    mine = house.sign_on(anna, HOME)

    def killed(_change: Changes, _principal: PrincipalId, _why: Reason) -> None:
        raise Unavailable("the process ends here")

    house.guard.ends_sessions_with(killed)
    with pytest.raises(Unavailable):
        house.signon.disown(mine.session, thief.session.device_id, house.now)
    house.guard.ends_sessions_with(house.signon.end_all)
    assert [device.id for device in house.signon.devices(mine.session, house.now)] == [
        mine.session.device_id,
        thief.session.device_id,
    ]
    assert house.guard.locks(house.now) == []
    house.signon.disown(mine.session, thief.session.device_id, house.now)
    (lock,) = house.guard.locks(house.now)
    assert lock.reason is LockReason.WRONG_DEVICE
    for done in (thief, mine):
        with pytest.raises(Unauthenticated):
            house.check(done)
