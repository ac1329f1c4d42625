"""The watch: nothing is missed or raised twice, nobody is held up, one process does it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from strongroom.alarms import AlarmKind, Response, Severity, Signal, tampered
from strongroom.alarms.raising import MOST_OPEN
from strongroom.alarms.seen import Seen
from strongroom.alarms.watch import BATCH, LEASE
from strongroom.db import schema
from strongroom.db.engine import Database
from strongroom.errors import Tampered, Unavailable
from strongroom.feeds import Step
from strongroom.terms import PrincipalId
from tests.support import tables
from tests.support.alarmed import (
    Alarmed,
    Echo,
    Failing,
    Outbox,
    Refused,
    Touched,
    alarmed,
    wired,
)
from tests.support.audit import Bench
from tests.support.people import House

pytestmark = pytest.mark.clause("2.6")

APP = PrincipalId(7)


@pytest.fixture
def home(database_url: str, tmp_path: Path) -> Iterator[Alarmed]:
    with alarmed(database_url, tmp_path) as made:
        yield made


def test_an_entry_becomes_an_alarm_with_its_evidence_events_and_notice(home: Alarmed) -> None:
    home.person("olga", administers=True)
    anna = home.person("anna")
    app = home.app("label-printer", "anna")
    home.touch(app)
    (alarm,) = home.look()
    (touch,) = [e.seq for e in home.house.audit.events() if e.type == "canary.touched"]
    assert (alarm.kind, alarm.severity) == (AlarmKind.CANARY_TOUCHED, Severity.CRITICAL)
    assert (alarm.principal, alarm.evidence) == (app, (touch,))
    assert (alarm.acted, alarm.owner) == (Response.FREEZE, anna.principal)
    assert home.types("alarm.") == ["alarm.acted", "alarm.raised"]
    assert home.types("investigation.") == ["investigation.opened"]
    assert home.types("principal.suspended") == ["principal.suspended"]
    (notice,) = home.outbox.notices
    assert (notice.step, notice.principal, notice.alarm) == (
        Step.RAISED,
        "label-printer",
        alarm.id,
    )


def test_a_flood_of_signals_makes_one_alarm_and_few_events(home: Alarmed) -> None:
    home.refuse(APP, 500)
    (alarm,) = home.look()
    assert alarm.count == 498
    assert len(alarm.evidence) == 20
    before = home.house.audit.tail(1)[-1].seq
    for _ in range(5):
        home.refuse(APP, 10)
        home.look()
    assert home.opened()[0].count == 548
    # Nothing but the refusals themselves: counting writes no event.
    assert home.house.audit.tail(1)[-1].seq == before + 50
    assert [n.step for n in home.outbox.notices] == [Step.RAISED]


def test_what_grows_graver_is_told_again_and_acted_upon(home: Alarmed) -> None:
    home.person("anna")
    app = home.app("label-printer", "anna")
    home.refuse(app, 4)
    (alarm,) = home.look()
    assert (alarm.severity, alarm.acted) == (Severity.MEDIUM, Response.NOTIFY)
    look_by = alarm.clock.look_by
    home.refuse(app, 10)
    (alarm,) = home.look()
    assert (alarm.severity, alarm.acted) == (Severity.HIGH, Response.THROTTLE)
    assert alarm.clock.look_by < look_by
    assert alarm.clock.report_by == alarm.opened_at + timedelta(hours=24)
    assert [n.severity for n in home.outbox.notices] == ["medium", "high"]


def test_a_restart_goes_on_where_the_last_process_stood(home: Alarmed) -> None:
    home.refuse(APP, 2)
    assert home.look() == []
    again = home.restarted(holder="process-2")
    again.refuse(APP)
    assert [alarm.count for alarm in again.look()] == [1]
    third = again.restarted(holder="process-3")
    assert [alarm.count for alarm in third.look()] == [1]


def test_a_history_teaches_the_rules_and_raises_nothing(database_url: str, tmp_path: Path) -> None:
    """The first start on a home that has a past: what comes of it is known, and only what comes next is raised."""
    with alarmed(database_url, tmp_path, begun=False) as home:
        home.refuse(APP, BATCH + 200)
        home.touch(APP)
        first = home.alarms.watch.step(home.now)
        assert (first.entries, first.behind) == (BATCH, 201)
        assert home.look() == []
        # The third refusal was long ago, so that the next one is an alarm at once, and a grave one.
        home.refuse(APP)
        (alarm,) = home.look()
        assert (alarm.count, alarm.severity) == (1, Severity.HIGH)


def test_a_rule_of_a_later_version_learns_from_the_past(database_url: str, tmp_path: Path) -> None:
    with alarmed(database_url, tmp_path, made=lambda: (Touched(),)) as home:
        home.refuse(APP, 5)
        assert home.look() == []
        both = home.restarted(made=lambda: (Touched(), Refused()))
        assert both.look() == []
        both.refuse(APP)
        assert [alarm.kind for alarm in both.look()] == [AlarmKind.UNAUTHORIZED_CALLS]


def test_one_rules_failure_is_an_alarm_and_the_others_go_on(
    database_url: str, tmp_path: Path
) -> None:
    with alarmed(database_url, tmp_path, made=lambda: (Failing(), Touched())) as home:
        home.touch(APP)
        found = {alarm.kind: alarm for alarm in home.look()}
        assert found.keys() == {AlarmKind.CHANNEL_DOWN, AlarmKind.CANARY_TOUCHED}
        assert found[AlarmKind.CHANNEL_DOWN].target == "rule:test_failing"
        home.touch(APP)
        assert {alarm.count for alarm in home.look()} == {2}


def test_the_watch_does_not_feed_on_its_own_events(database_url: str, tmp_path: Path) -> None:
    with alarmed(database_url, tmp_path, made=lambda: (Echo(),)) as home:
        home.beat()
        (alarm,) = home.look()
        for _ in range(5):
            assert home.look() == [alarm]


def test_alarms_under_many_keys_end_in_one(database_url: str, tmp_path: Path) -> None:
    """Whoever can cause alarms must not bury one of them under thousands."""
    with alarmed(database_url, tmp_path, made=lambda: (Echo(),)) as home:
        for _ in range(100):
            home.beat()
        found = home.look()
        assert len(found) == MOST_OPEN + 1
        assert found[-1].count == 100 - MOST_OPEN


def test_silence_is_noticed_by_the_clock_alone(home: Alarmed) -> None:
    home.beat()
    assert home.look() == []
    home.house.later(minutes=2)
    assert home.look() == []
    home.house.later(minutes=2)
    assert [alarm.kind for alarm in home.look()] == [AlarmKind.LOG_SILENT]


def test_an_idle_watch_writes_nothing_within_a_minute(home: Alarmed) -> None:
    home.beat()
    home.look()
    with home.house.database.read() as tx:
        before = tx.execute(sa.select(schema.alarm_watch)).one()
    home.house.later(seconds=20)
    home.look()
    with home.house.database.read() as tx:
        assert tx.execute(sa.select(schema.alarm_watch)).one() == before


def test_the_door_is_not_held_up_while_a_rule_thinks(database_url: str, tmp_path: Path) -> None:
    thinking, done = threading.Event(), threading.Event()

    class Slow(Touched):
        def feed(self, seen: object) -> list[Signal]:
            del seen
            thinking.set()
            assert done.wait(20)
            return []

    with alarmed(database_url, tmp_path, made=lambda: (Slow(),)) as home:
        home.touch(APP)
        watching = threading.Thread(target=home.look)
        watching.start()
        try:
            assert thinking.wait(20)
            home.refuse(APP)
        finally:
            done.set()
            watching.join()


def test_of_two_processes_one_watches_until_it_is_silent(
    postgres_database: str, tmp_path: Path
) -> None:
    with alarmed(postgres_database, tmp_path) as one:
        other = one.restarted(holder="process-2", stopped=False)
        one.touch(APP)
        assert one.alarms.watch.step(one.now).watching
        assert not other.alarms.watch.step(one.now).watching
        one.house.later(seconds=LEASE.total_seconds() + 1)
        one.touch(APP)
        assert other.alarms.watch.step(one.now).watching
        assert not one.alarms.watch.step(one.now).watching
        assert [alarm.count for alarm in other.opened()] == [2]


def test_two_that_both_think_they_watch_raise_nothing_twice(home: Alarmed) -> None:
    """A process that was stopped for longer than its lease comes back and finds another's step."""
    one, other = home, home.restarted(holder="process-2", stopped=False)
    one.look()
    other.house.later(minutes=2)
    other.refuse(APP, 3)
    other.look()
    one.look()
    one.refuse(APP)
    other.look()
    one.house.later(minutes=2)
    assert [alarm.count for alarm in one.look()] == [2]


class Refusing(Outbox):
    """Takes no notice, as a database whose disk is full."""

    def enqueue(self, *_: object) -> None:
        raise Unavailable("no room")


def test_what_could_not_be_kept_is_raised_at_the_next_try(home: Alarmed) -> None:
    home.refuse(APP, 3)
    broken = wired(home.house, Refusing())
    with pytest.raises(Unavailable):
        broken.alarms.watch.step(home.now)
    assert broken.opened() == []
    # The very same object goes on too: what its rules had counted was forgotten with the rest.
    broken.alarms.watch._raising._outboxes = (home.outbox,)
    assert [alarm.count for alarm in broken.look()] == [1]


KILLED = """
import os, signal, sys
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from strongroom.db.engine import Database
from tests.support.alarmed import Outbox, wired
from tests.support.audit import Bench
from tests.support.people import House

url, directory, point, left = sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
database = Database(url)
bench = Bench(database, directory / "checkpoint")
house = House(database, bench.start(f"boot-{point}-{left}"))
inner = Database.write

@contextmanager
def write(self):
    global left
    left -= 1
    with inner(self) as tx:
        yield tx
        if point == "before" and left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    if point == "after" and left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

Database.write = write
home = wired(house, Outbox(), holder=f"{point}-{left}")
home.alarms.watch.run(lambda: home.now)
"""


@pytest.mark.parametrize("point", ["before", "after"])
def test_a_kill_anywhere_loses_no_alarm_and_doubles_none(
    database_url: str, tmp_path: Path, point: str
) -> None:
    with alarmed(database_url, tmp_path) as home:
        home.refuse(APP, BATCH + 5)
        home.touch(APP)
    killed = 0
    for number in range(1, 6):
        script = [sys.executable, "-c", KILLED, database_url, str(tmp_path), point, str(number)]
        root = Path(__file__).parents[2]
        done = subprocess.run(script, cwd=root, env=os.environ, check=False, timeout=120)
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL
        killed += 1
        _expire_lease(database_url)
    assert killed >= 2
    database = Database(database_url)
    try:
        house = House(database, Bench(database, tmp_path / "checkpoint").start("boot-last"))
        home = wired(house, Outbox(), holder="last")
        counts = {alarm.kind: alarm.count for alarm in home.look()}
        assert counts == {
            AlarmKind.UNAUTHORIZED_CALLS: BATCH + 3,
            AlarmKind.CANARY_TOUCHED: 1,
        }
        assert home.types("alarm.raised").count("alarm.raised") == 2
    finally:
        database.close()


def _expire_lease(url: str) -> None:
    """Let the minute pass in which nobody takes over from a process that was killed."""
    database = Database(url)
    with database.write() as tx:
        row = schema.alarm_watch
        tx.execute(sa.update(row).values(held_until=row.c.stepped_at))
    database.close()


# -- from outside of the log -----------------------------------------------------------------------


def test_what_the_log_cannot_tell_of_reaches_people_all_the_same(home: Alarmed) -> None:
    """The log is not what was signed: the alarm is kept without an event, and every channel is told at once."""
    home.beat()
    with home.house.database.write() as tx:
        tx.execute(sa.update(schema.audit_head).values(note="forged"))
    fresh = Alarmed(
        House(home.house.database, Bench(home.house.database, Path("unused")).start("boot-2")),
        home.alarms,
        home.outbox,
    )
    again = wired(fresh.house, home.outbox)
    signal_ = tampered("checkpoint", home.now)
    again.alarms.outside.raise_outside(signal_, home.now)
    assert again.told == [signal_]
    assert [n.kind for n in again.direct] == ["log_tampered"]
    assert [alarm.kind for alarm in again.opened()] == [AlarmKind.LOG_TAMPERED]
    assert again.alarms.outside.raised
    # Once an hour, not once a second.
    again.alarms.outside.raise_outside(signal_, home.now + timedelta(minutes=59))
    assert len(again.told) == len(again.direct) == 1
    again.alarms.outside.raise_outside(signal_, home.now + timedelta(minutes=61))
    assert len(again.told) == len(again.direct) == 2


def test_a_replaced_database_file_reaches_people_all_the_same(tmp_path: Path) -> None:
    with alarmed(tables.copy_to(tmp_path / "home.db"), tmp_path) as home:
        (tmp_path / "home.db").rename(tmp_path / "moved.db")
        with pytest.raises(Tampered):
            home.beat()
        home.alarms.outside.raise_outside(tampered("heartbeat", home.now), home.now)
        assert [n.severity for n in home.direct] == ["critical"]
        assert len(home.told) == 1


def test_a_channel_that_fails_does_not_keep_the_next_from_being_told(
    home: Alarmed,
) -> None:
    def fails(_notice: object) -> None:
        raise OSError("down")

    outside = home.alarms.outside
    outside._channels = (fails, home.direct.append)
    outside.raise_outside(tampered("drift", home.now), home.now)
    assert len(home.direct) == 1


def test_a_signal_that_stands_for_many_is_counted_as_many(
    database_url: str, tmp_path: Path
) -> None:
    """A rule that speaks up at 3, 6 and 12 says how many there were, not how many more."""

    class Doubling(Touched):
        def __init__(self) -> None:
            self.count = 0

        def feed(self, seen: Seen) -> Iterable[Signal]:
            self.count += 1
            if self.count in (3, 6, 12):
                for signal_ in super().feed(seen):
                    yield replace(signal_, count=self.count)

    with alarmed(database_url, tmp_path, made=lambda: (Doubling(),)) as home:
        for expected in (3, 6, 12, 12):
            while len(home.types("canary.touched")) < expected:
                home.touch(APP)
            assert [alarm.count for alarm in home.look()] == [expected]
