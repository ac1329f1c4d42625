"""One kind of alarm kept from people for a while: not the canaries, not for long, not by whom it is about [2.6]."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from strongroom.accounts.changes import changing
from strongroom.alarms import AlarmKind, Mute, Response, Severity, Signal
from strongroom.alarms.mutes import MUTABLE
from strongroom.alarms.rules.boundary import NewDestination
from strongroom.alarms.rules.parameters import Parameters
from strongroom.alarms.seen import seen
from strongroom.audit import Event, EventType, ObjKind, Outcome
from strongroom.errors import Conflict, Denied, Malformed
from strongroom.feeds import Step
from strongroom.policy.limits import LONGEST_MUTE
from strongroom.terms import SYSTEM, AuthMethod, Caller, PrincipalId, PrincipalKind
from tests.support import nested
from tests.support.alarmed import Alarmed, alarmed

pytestmark = pytest.mark.clause("2.6")

KIND = AlarmKind.REQUEST_RATE
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WHY = "the load test of the season"


@pytest.fixture
def home(database_url: str, tmp_path: Path) -> Iterator[Alarmed]:
    with alarmed(database_url, tmp_path) as made:
        yield made


def raise_one(
    home: Alarmed,
    kind: AlarmKind = KIND,
    severity: Severity = Severity.MEDIUM,
    principal: PrincipalId | None = None,
) -> int:
    house = home.house
    key = f"{kind}:{severity}:{principal}"
    signal = Signal(kind, severity, Response.THROTTLE, key, home.now, principal=principal)
    with changing(house.database, house.audit, SYSTEM, home.now) as change:
        (number,) = home.alarms.drills._raising.raise_in(change, [signal])
    return number


def is_quiet(home: Alarmed, kind: AlarmKind, severity: Severity) -> bool:
    with home.house.database.read() as tx:
        return home.alarms.mutes.is_quiet(tx, kind, severity, home.now)


def steps(home: Alarmed) -> list[Step]:
    found = [notice.step for notice in home.outbox.notices]
    home.outbox.notices.clear()
    return found


def test_muted_it_is_raised_acted_upon_and_recorded_and_nobody_is_told(home: Alarmed) -> None:
    olga = home.person("olga", administers=True)
    app = home.app("erp", "olga")
    home.alarms.mutes.mute(KIND, home.now + HOUR, WHY, olga, home.now)
    steps(home)
    number = raise_one(home, principal=app)
    assert steps(home) == []
    (alarm,) = home.opened()
    assert (alarm.id, alarm.acted) == (number, Response.THROTTLE)
    assert home.types("alarm.")[-2:] == ["alarm.acted", "alarm.raised"]
    assert raise_one(home, AlarmKind.SLOW_DRAIN)
    assert steps(home) == [Step.RAISED]


def test_it_ends_by_itself_and_who_was_not_told_is_asked_then(home: Alarmed) -> None:
    olga = home.person("olga", administers=True)
    mute = home.alarms.mutes.mute(KIND, home.now + 6 * 24 * HOUR, WHY, olga, home.now)
    assert home.alarms.mutes.listed(home.now) == [mute]
    number = raise_one(home)
    (alarm,) = home.opened()
    home.house.later(seconds=(alarm.escalate_at - home.now).total_seconds() + 1)
    assert home.now < mute.until
    assert home.alarms.investigations.escalate(home.now) == []
    assert steps(home) == []
    home.house.later(seconds=(mute.until - home.now).total_seconds())
    assert home.alarms.mutes.listed(home.now) == []
    assert home.alarms.investigations.escalate(home.now) == [number]
    assert steps(home) == [Step.ESCALATED]


def test_what_is_critical_is_told_all_the_same(home: Alarmed) -> None:
    olga = home.person("olga", administers=True)
    home.alarms.mutes.mute(KIND, home.now + HOUR, WHY, olga, home.now)
    raise_one(home, severity=Severity.CRITICAL)
    assert steps(home) == [Step.RAISED]


@pytest.mark.parametrize("kind", sorted(set(AlarmKind) - MUTABLE))
def test_canaries_the_log_and_the_ways_to_people_are_never_muted(
    home: Alarmed, kind: AlarmKind
) -> None:
    olga = home.person("olga", administers=True)
    with pytest.raises(Conflict, match="never muted"):
        home.alarms.mutes.mute(kind, home.now + HOUR, WHY, olga, home.now)
    # Nor by an event that another program recorded.
    home.record(
        Event(
            EventType.ALARM_CHANGED,
            Outcome.SUCCESS,
            olga,
            op="mute",
            obj_kind=ObjKind.ALARM,
            obj_ref=kind.value,
            n=int((home.now + HOUR).timestamp()),
        )
    )
    assert home.alarms.mutes.listed(home.now) == []
    assert not is_quiet(home, kind, Severity.LOW)


def test_it_is_never_for_long_nor_without_a_reason(home: Alarmed) -> None:
    olga, mutes = home.person("olga", administers=True), home.alarms.mutes
    for until in (home.now, home.now - HOUR, home.now + LONGEST_MUTE + HOUR):
        with pytest.raises(Malformed):
            mutes.mute(KIND, until, WHY, olga, home.now)
    with pytest.raises(Malformed):
        mutes.mute(KIND, home.now + HOUR, "", olga, home.now)
    # An event that says nothing of use silences nothing, and stops nobody.
    for ref, n in ((KIND.value, None), ("weather", 5)):
        home.record(
            Event(
                EventType.ALARM_CHANGED,
                Outcome.SUCCESS,
                olga,
                op="mute",
                obj_kind=ObjKind.ALARM,
                obj_ref=ref,
                n=n,
            )
        )
    assert mutes.listed(home.now) == []
    # One that says longer is believed for as long as may be.
    home.record(
        Event(
            EventType.ALARM_CHANGED,
            Outcome.SUCCESS,
            olga,
            op="mute",
            obj_kind=ObjKind.ALARM,
            obj_ref=KIND.value,
            n=2**53 - 1,
        )
    )
    (mute,) = mutes.listed(home.now)
    assert mute.until == home.now + LONGEST_MUTE
    home.house.later(days=8)
    assert mutes.listed(home.now) == []


def test_who_may_not_is_refused_and_that_is_recorded(home: Alarmed) -> None:
    olga = home.person("olga", administers=True)
    anna = home.person("anna")
    app = Caller(home.app("erp", "olga"), PrincipalKind.APP, "erp", AuthMethod.ACCESS_TOKEN)
    raise_one(home, principal=olga.principal)
    for who in (anna, app, olga):
        with pytest.raises(Denied):
            home.alarms.mutes.mute(KIND, home.now + HOUR, WHY, who, home.now)
    assert home.house.events("alarm.changed") == [
        ("alarm.changed", "denied", reason)
        for reason in ("not_authorized", "not_authorized", "self_review")
    ]
    at_console = Caller(anna.principal, PrincipalKind.PERSON, "anna", AuthMethod.CONSOLE)
    home.alarms.mutes.mute(KIND, home.now + HOUR, WHY, at_console, home.now)


def test_nobody_mutes_alarms_about_their_own_programs(home: Alarmed) -> None:
    olga = home.person("olga", administers=True)
    raise_one(home, principal=home.app("erp", "olga"))
    with pytest.raises(Denied):
        home.alarms.mutes.mute(KIND, home.now + HOUR, WHY, olga, home.now)
    assert home.house.events("alarm.changed") == [("alarm.changed", "denied", "self_review")]


@pytest.mark.parametrize(
    "kind", [AlarmKind.RETRIEVAL_VOLUME, AlarmKind.SLOW_DRAIN, AlarmKind.BUDGET_SPENT]
)
def test_how_much_is_read_is_never_muted(home: Alarmed, kind: AlarmKind) -> None:
    olga = home.person("olga", administers=True)
    with pytest.raises(Conflict, match="never muted"):
        home.alarms.mutes.mute(kind, home.now + HOUR, WHY, olga, home.now)


def test_every_mute_is_told_however_many_came_before(home: Alarmed) -> None:
    """An open alarm takes the next sign of its key in silence: no mute may share the key of another."""
    olga, rule = home.person("olga", administers=True), NewDestination(Parameters())
    for number, kind in enumerate((*sorted(MUTABLE), KIND)):
        home.alarms.mutes.mute(kind, home.now + (1 + number) * HOUR, WHY, olga, home.now)
        entry = home.house.audit.tail(1)[0]
        event = seen(entry.seq, entry.body)
        assert event is not None
        signals = list(rule.feed(event))
        with changing(home.house.database, home.house.audit, SYSTEM, home.now) as change:
            home.alarms.drills._raising.raise_in(change, signals)
            # Read again, as after a restart, it is no other alarm.
            home.alarms.drills._raising.raise_in(change, signals)
        assert steps(home) == [Step.RAISED]


def test_one_mute_after_the_other_is_not_without_end(home: Alarmed) -> None:
    olga, mutes = home.person("olga", administers=True), home.alarms.mutes
    mutes.mute(KIND, home.now + 2 * DAY, WHY, olga, home.now)
    home.house.later(days=1)
    mutes.unmute(KIND, olga, home.now)  # one day of it was used
    home.house.later(days=2)
    mutes.mute(KIND, home.now + 6 * DAY, WHY, olga, home.now)
    mutes.mute(KIND, home.now + 6 * DAY, WHY, olga, home.now)  # said again, nothing is used twice
    home.house.later(days=6)
    for more in (HOUR, 6 * DAY):
        with pytest.raises(Conflict, match="more than 7 of 30 days"):
            mutes.mute(KIND, home.now + more, WHY, olga, home.now)
    assert mutes.listed(home.now) == []
    other = AlarmKind.SIGN_ON_ANOMALY
    mutes.mute(other, home.now + DAY, WHY, olga, home.now)
    home.house.later(days=21)  # 30 after the first one
    mutes.mute(KIND, home.now + DAY, WHY, olga, home.now)
    with pytest.raises(Conflict, match="more than 7 of 30 days"):
        mutes.mute(KIND, home.now + 3 * DAY, WHY, olga, home.now)


def test_the_last_word_counts(home: Alarmed) -> None:
    olga, mutes = home.person("olga", administers=True), home.alarms.mutes
    with pytest.raises(Conflict, match="not muted"):
        mutes.unmute(KIND, olga, home.now)
    mutes.mute(KIND, home.now + HOUR, WHY, olga, home.now)
    longer = mutes.mute(KIND, home.now + 2 * HOUR, WHY, olga, home.now)
    found: list[Mute] = mutes.listed(home.now)
    assert [(mute.kind, mute.until, mute.by) for mute in found] == [
        (KIND, longer.until, olga.principal)
    ]
    mutes.unmute(KIND, olga, home.now)
    assert mutes.listed(home.now) == []


def test_whoever_raises_or_asks_more_people_needs_no_second_connection(home: Alarmed) -> None:
    olga = home.person("olga", administers=True)
    with nested.refused(home.house.database):
        home.alarms.mutes.mute(KIND, home.now + HOUR, WHY, olga, home.now)
        raise_one(home)
        home.house.later(days=1)
        assert home.alarms.investigations.escalate(home.now)
