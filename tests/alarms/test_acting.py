"""What is done at once about a principal, what it keeps out, and how it is undone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from strongroom.accounts.changes import changing
from strongroom.accounts.standing import Standing
from strongroom.alarms import AlarmKind, Response
from strongroom.db import suspensions
from strongroom.db.engine import Database
from strongroom.errors import Conflict, Denied, NotFound, Throttled, Unauthenticated
from strongroom.policy.limits import LAST_ADMINISTRATOR_LOCK, SLOWED_FOR, SLOWED_TO
from strongroom.terms import SYSTEM, AuthMethod, Caller, PrincipalId, PrincipalKind
from tests.support.alarmed import Alarmed, alarmed

pytestmark = pytest.mark.clause("1.2", "2.6")

KIND = AlarmKind.CANARY_TOUCHED


@pytest.fixture
def home(database_url: str, tmp_path: Path) -> Iterator[Alarmed]:
    with alarmed(database_url, tmp_path) as made:
        yield made


def act(home: Alarmed, principal: PrincipalId | None, wanted: Response) -> Response:
    house = home.house
    with changing(house.database, house.audit, SYSTEM, home.now) as change:
        return home.alarms.acting.act(change, principal, wanted, KIND)


def test_frozen_a_persons_sessions_end_and_no_new_one_begins(home: Alarmed) -> None:
    anna = home.house.person("anna")
    done = home.house.sign_on(anna)
    assert act(home, anna.id, Response.FREEZE) is Response.FREEZE
    with pytest.raises(Unauthenticated):
        home.house.check(done)
    home.house.later(minutes=1)
    with pytest.raises(Unauthenticated):
        home.house.sign_on(anna)
    assert home.house.events("session.ended")[-1] == ("session.ended", "success", "suspended")
    assert home.house.events("signon.failed")[-1] == ("signon.failed", "failure", "suspended")
    assert home.types("principal.") == ["principal.added", "principal.suspended"]


def test_stepped_up_a_person_goes_on_and_proves_it_again(home: Alarmed) -> None:
    anna = home.house.person("anna")
    done = home.house.sign_on(anna)
    assert home.house.check(done).proved_lately(home.now)
    assert act(home, anna.id, Response.STEP_UP) is Response.STEP_UP
    assert not home.house.check(done).proved_lately(home.now)


def test_an_app_that_cannot_step_up_is_slowed(home: Alarmed) -> None:
    home.person("anna")
    app = home.app("label-printer", "anna")
    assert act(home, app, Response.STEP_UP) is Response.THROTTLE
    standing, now = Standing(home.house.database), home.now
    standing.refuse_hasty(app, now)
    with pytest.raises(Throttled) as wait:
        standing.refuse_hasty(app, now + SLOWED_TO / 2)
    assert wait.value.retry_after == SLOWED_TO.total_seconds() / 2
    standing.refuse_hasty(app, now + SLOWED_TO)
    later = now + SLOWED_FOR
    standing.refuse_hasty(app, later)
    standing.refuse_hasty(app, later)


def test_the_service_itself_and_nobody_are_never_acted_upon(home: Alarmed) -> None:
    for who in (None, SYSTEM.principal, PrincipalId(4711)):
        assert act(home, who, Response.FREEZE) is Response.NOTIFY
    assert home.alarms.acting.suspended(home.now) == []


def test_the_last_administrator_comes_in_again_by_the_clock(home: Alarmed) -> None:
    """Or whoever makes an alarm about the only one could shut everybody out; even two at once."""
    olga, igor = (home.person(name, administers=True) for name in ("olga", "igor"))
    house = home.house
    with changing(house.database, house.audit, SYSTEM, home.now) as change:
        for one in (olga, igor):
            home.alarms.acting.act(change, one.principal, Response.FREEZE, KIND)
    ends = {row.name: row.until for row in home.alarms.acting.suspended(home.now)}
    assert ends == {"olga": None, "igor": home.now + LAST_ADMINISTRATOR_LOCK}
    standing = Standing(house.database)
    assert standing.is_frozen(igor.principal, home.now)
    assert not standing.is_frozen(igor.principal, home.now + LAST_ADMINISTRATOR_LOCK)
    assert standing.is_frozen(olga.principal, home.now + timedelta(days=400))


def test_lifted_by_another_administrator_it_is_recorded(home: Alarmed) -> None:
    olga = home.person("olga", administers=True)
    anna = home.person("anna")
    standing = Standing(home.house.database)
    act(home, anna.principal, Response.FREEZE)
    assert standing.is_frozen(anna.principal, home.now)
    assert home.alarms.acting.lift("Anna", olga, home.now) == 1
    assert not standing.is_frozen(anna.principal, home.now)
    assert home.types("principal.restored") == ["principal.restored"]
    with pytest.raises(Conflict):
        home.alarms.acting.lift("anna", olga, home.now)
    with pytest.raises(NotFound):
        home.alarms.acting.lift("nobody", olga, home.now)


def test_only_somebody_else_who_may_administer_lifts(home: Alarmed) -> None:
    olga = home.person("olga", administers=True)
    igor = home.person("igor", administers=True)
    anna, nina = home.person("anna"), home.person("nina")
    act(home, anna.principal, Response.SUSPEND)
    act(home, igor.principal, Response.SUSPEND)
    at_console = Caller(anna.principal, PrincipalKind.PERSON, "anna", AuthMethod.CONSOLE)
    for who in (anna, at_console, nina, igor):
        with pytest.raises(Denied):
            home.alarms.acting.lift("anna", who, home.now)
    denied = [e.body["reason"] for e in home.house.audit.events() if e.type == "principal.restored"]
    assert denied == ["self_review", "self_review", "not_authorized", "suspended"]
    assert home.alarms.acting.lift("anna", olga, home.now) == 1


def test_in_a_home_of_one_person_the_console_lifts(database_url: str, tmp_path: Path) -> None:
    with alarmed(database_url, tmp_path, one_person=True) as home:
        olga = home.person("olga", administers=True)
        act(home, olga.principal, Response.FREEZE)
        with pytest.raises(Denied):
            home.alarms.acting.lift("olga", olga, home.now)
        at_console = Caller(olga.principal, PrincipalKind.PERSON, "olga", AuthMethod.CONSOLE)
        home.alarms.acting.admit_console(at_console, home.now)
        assert home.alarms.acting.lift("olga", at_console, home.now) == 1


@pytest.mark.parametrize("one_person", [True, False])
def test_who_alone_administers_and_touched_a_canary_is_let_in_by_the_console_not_by_the_clock(
    database_url: str, tmp_path: Path, one_person: bool
) -> None:
    """The vault's door freezes without an end: with the same stolen session a thief would be back each time."""
    with alarmed(database_url, tmp_path, one_person=one_person) as home:
        olga = home.person("olga", administers=True)
        with home.house.database.write() as tx:
            suspensions.suspend(tx, olga.principal, why="canary_touched", frozen=True, now=home.now)
        # The alarm about it asks for the same, for the last administrator with an end: the longer one holds.
        act(home, olga.principal, Response.FREEZE)
        later = home.now + 3 * LAST_ADMINISTRATOR_LOCK
        (row,) = home.alarms.acting.suspended(later)
        assert (row.frozen, row.until) == (True, None)
        with pytest.raises(Denied):
            home.alarms.acting.lift("olga", olga, later)
        at_console = Caller(olga.principal, PrincipalKind.PERSON, "olga", AuthMethod.CONSOLE)
        home.alarms.acting.admit_console(at_console, later)
        assert home.alarms.acting.lift("olga", at_console, later) == 1
        assert home.alarms.acting.suspended(later) == []


def test_a_frozen_person_is_refused_at_the_console_while_others_can_lift(home: Alarmed) -> None:
    home.person("olga", administers=True)
    anna = home.person("anna")
    at_console = Caller(anna.principal, PrincipalKind.PERSON, "anna", AuthMethod.CONSOLE)
    home.alarms.acting.admit_console(at_console, home.now)
    act(home, anna.principal, Response.FREEZE)
    with pytest.raises(Unauthenticated):
        home.alarms.acting.admit_console(at_console, home.now)
    assert home.house.events("credential.checked")[-1][1:] == ("denied", "suspended")


def test_what_another_process_changed_shows_within_a_second(
    postgres_database: str, tmp_path: Path
) -> None:
    with alarmed(postgres_database, tmp_path) as home:
        anna = home.person("anna")
        other = Database(postgres_database)
        clock = [0.0]
        known = suspensions.Suspensions(other, monotonic=lambda: clock[0])
        assert not known.is_frozen(anna.principal, home.now)
        act(home, anna.principal, Response.FREEZE)
        assert not known.is_frozen(anna.principal, home.now)
        clock[0] = 1.0
        assert known.is_frozen(anna.principal, home.now)
        other.close()


def test_what_was_undone_leaves_nothing_in_memory(home: Alarmed) -> None:
    """A suspension that was rolled back holds nobody, and the next one that is kept does."""
    anna = home.person("anna")
    standing = Standing(home.house.database)

    def suspend(*, fail: bool) -> None:
        with home.house.database.write() as tx:
            suspensions.suspend(tx, anna.principal, why="canary_touched", frozen=True, now=home.now)
            if fail:
                raise RuntimeError

    with pytest.raises(RuntimeError):
        suspend(fail=True)
    assert not standing.is_frozen(anna.principal, home.now)
    suspend(fail=False)
    assert standing.is_frozen(anna.principal, home.now)
