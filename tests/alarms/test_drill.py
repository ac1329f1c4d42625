"""Drills: every alarm can be tried, harms nobody, and leaves evidence of what came of it."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from strongroom.alarms import AlarmKind, Disposition
from strongroom.alarms.drill import drill_entries
from strongroom.alarms.rule import Rule
from strongroom.errors import Denied
from strongroom.feeds import Step
from tests.support import tables
from tests.support.alarmed import Alarmed, Attentive, Touched, alarmed, wired
from tests.support.people import NOW

pytestmark = pytest.mark.clause("2.6", "2.6-i")


def every_rule() -> Sequence[Rule]:
    """Return the product's own rules where it has them, else one of the tests for each kind."""
    if importlib.util.find_spec("strongroom.alarms.rules") is not None:
        found = importlib.import_module("strongroom.alarms.rules").all_rules()
        return tuple(found)
    return tuple(Attentive(kind) for kind in AlarmKind)


@pytest.fixture
def home(database_url: str, tmp_path: Path) -> Iterator[Alarmed]:
    with alarmed(database_url, tmp_path, made=every_rule) as made:
        yield made


@pytest.mark.parametrize("kind", list(AlarmKind))
def test_entries_of_a_drill_are_those_of_a_log(kind: AlarmKind) -> None:
    entries = drill_entries(kind, NOW)
    assert all(one.seq + 1 == next_.seq for one, next_ in pairwise(entries))
    assert all(one.at <= next_.at for one, next_ in pairwise(entries))
    assert entries[-1].at <= NOW
    assert {(one.node, one.boot) for one in entries} == {("drill", "drill")}
    gaps = [next_.nseq - one.nseq - 1 for one, next_ in pairwise(entries)]
    # One number is missing where that is what the drill is about.
    assert sum(gaps) == (1 if kind is AlarmKind.LOG_SILENT else 0)


def test_every_kind_of_alarm_is_raised_by_its_drill(tmp_path: Path) -> None:
    with alarmed(tables.copy_to(tmp_path / "home.db"), tmp_path, made=every_rule) as home:
        olga = home.person("olga", administers=True)
        told: list[int] = []
        done = home.alarms.drills.run(
            AlarmKind, olga, home.now, lambda done, _total: told.append(done)
        )
        assert {one.kind.value: one.passed for one in done} == dict.fromkeys(
            (kind.value for kind in AlarmKind), True
        )
        assert told == list(range(len(AlarmKind)))


def test_a_drill_harms_nobody_and_says_that_it_is_one(home: Alarmed) -> None:
    olga = home.person("olga", administers=True)
    (done,) = home.alarms.drills.run(
        [AlarmKind.CANARY_TOUCHED], olga, home.now, lambda _done, _total: None
    )
    assert done.passed
    assert done.raised_after is not None
    assert home.alarms.acting.suspended(home.now) == []
    assert home.opened() == []
    (alarm,) = home.alarms.investigations.listed(every=True)
    assert (alarm.drill, alarm.disposition, alarm.principal, alarm.evidence) == (
        True,
        Disposition.DRILL,
        None,
        (),
    )
    (notice,) = home.outbox.notices
    assert (notice.step, notice.drill, notice.principal) == (Step.DRILL, True, None)
    (entry,) = [e for e in home.house.audit.events() if e.type == "alarm.drilled"]
    assert (entry.outcome, entry.body["op"]) == ("success", "canary_touched")
    assert entry.body["actor"]["id"] == olga.principal


def test_a_drill_leaves_the_watch_and_a_real_alarm_alone(database_url: str, tmp_path: Path) -> None:
    with alarmed(database_url, tmp_path, made=lambda: (Touched(),)) as home:
        olga = home.person("olga", administers=True)
        anna = home.person("anna")
        home.touch(anna.principal)
        (before,) = home.look()
        for _ in range(3):
            home.alarms.drills.run(
                [AlarmKind.CANARY_TOUCHED], olga, home.now, lambda _done, _total: None
            )
        assert home.look() == [before]


def test_an_alarm_that_nothing_raises_or_nobody_hears_has_not_passed(
    database_url: str, tmp_path: Path
) -> None:
    with alarmed(database_url, tmp_path, made=lambda: (Touched(),)) as home:
        olga = home.person("olga", administers=True)
        (done,) = home.alarms.drills.run(
            [AlarmKind.SLOW_DRAIN], olga, home.now, lambda _done, _total: None
        )
        assert (done.passed, done.alarm) == (False, None)
        silent = wired(home.house, home.outbox, made=lambda: (Touched(),))
        silent.alarms.drills._raising._outboxes = ()
        (done,) = silent.alarms.drills.run(
            [AlarmKind.CANARY_TOUCHED], olga, home.now, lambda _done, _total: None
        )
        assert (done.passed, done.noticed_after) == (False, None)
        assert done.raised_after is not None
        outcomes = [e.outcome for e in home.house.audit.events() if e.type == "alarm.drilled"]
        assert outcomes == ["failure", "failure"]
        last = {one.kind: one.passed for one in home.alarms.drills.last()}
        assert last == {AlarmKind.SLOW_DRAIN: False, AlarmKind.CANARY_TOUCHED: False}


def test_not_everybody_drills(home: Alarmed) -> None:
    home.person("olga", administers=True)
    with pytest.raises(Denied):
        home.alarms.drills.run(AlarmKind, home.person("anna"), home.now, lambda _done, _total: None)
    assert home.alarms.drills.last() == []
    assert home.house.events("alarm.drilled") == [("alarm.drilled", "denied", "not_authorized")]
