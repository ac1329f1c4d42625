"""A clock that runs ahead is recorded once, and destroys nothing until it agrees or a person says that it is right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from strongroom.audit import AuditLog
from strongroom.db.engine import Database
from strongroom.terms import SYSTEM
from strongroom.vault.clockwatch import ClockWatch
from tests.support import tables
from tests.support.audit import NOW, Bench, revealed

pytestmark = pytest.mark.clause("2.1", "2.6")

MINUTE, DAY, YEAR = timedelta(minutes=1), timedelta(days=1), timedelta(days=365)


@dataclass
class Machine:
    """One log and the two clocks of its machine."""

    bench: Bench
    log: AuditLog = field(init=False)
    watch: ClockWatch = field(init=False)
    wall: datetime = NOW
    steady: timedelta = timedelta()

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self.log = self.bench.start(f"boot-{self.steady.total_seconds():.0f}")
        self.watch = ClockWatch(self.log, lambda: self.steady)

    def pass_(self, span: timedelta, set_by: timedelta = timedelta()) -> bool:
        """Let time pass, and the clock be set in it; return whether sweeps are withheld then."""
        self.steady += span
        self.wall += span + set_by
        return self.watch.look(self.wall)

    def work(self) -> None:
        self.log.record(revealed(), now=self.wall)

    def told(self) -> list[tuple[str, str, int | None]]:
        return [
            (entry.body["op"], entry.outcome, entry.body.get("n"))
            for entry in self.log.events()
            if entry.type == "clock.jumped"
        ]


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    database = Database(tables.copy_to(tmp_path / "vault.db"))
    machine = Machine(Bench(database, tmp_path / "checkpoint"))
    machine.work()
    yield machine
    database.close()


def test_a_clock_that_is_kept_is_not_mentioned(machine: Machine) -> None:
    assert not any(machine.pass_(MINUTE) for _ in range(50))
    assert machine.told() == []


def test_a_jump_ahead_is_recorded_once_and_withholds(machine: Machine) -> None:
    machine.pass_(MINUTE)
    assert machine.pass_(MINUTE, YEAR)
    assert machine.pass_(MINUTE)
    assert machine.told() == [
        ("clock.forward", "failure", 31_536_000),
        ("clock.withheld", "failure", 31_536_000),
    ]


def test_it_agrees_again_once_it_is_set_back(machine: Machine) -> None:
    machine.pass_(MINUTE)
    machine.pass_(MINUTE, YEAR)
    assert not machine.pass_(MINUTE, -YEAR)
    assert [op for op, *_ in machine.told()] == [
        "clock.forward",
        "clock.withheld",
        "clock.back",
        "clock.agrees",
    ]


def test_a_jump_back_is_recorded_and_withholds_nothing(machine: Machine) -> None:
    machine.pass_(MINUTE)
    assert not machine.pass_(MINUTE, -YEAR)
    assert machine.told() == [("clock.back", "failure", 31_536_000)]


def test_a_person_confirms_it(machine: Machine) -> None:
    machine.pass_(MINUTE)
    machine.pass_(MINUTE, YEAR)
    machine.watch.confirm(SYSTEM, machine.wall)
    assert not machine.pass_(MINUTE)
    machine.restart()
    assert not machine.pass_(MINUTE)
    assert machine.told()[-1] == ("clock.confirmed", "success", None)


def test_a_leap_over_a_restart_withholds_and_a_restart_does_not_end_it(machine: Machine) -> None:
    machine.pass_(MINUTE)
    machine.restart()
    assert machine.pass_(MINUTE, 90 * DAY)
    machine.work()
    machine.restart()
    assert machine.pass_(DAY)
    assert [op for op, *_ in machine.told()] == ["clock.withheld"]


def test_a_leap_that_others_wrote_after_is_still_seen(machine: Machine) -> None:
    """As by a command that ran before the server was started."""
    machine.wall += YEAR
    for _ in range(3):
        machine.work()
    machine.restart()
    assert machine.pass_(MINUTE)


def test_a_leap_far_back_in_the_log_is_known_by_its_event(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.restart()
    assert machine.pass_(MINUTE, YEAR)
    for _ in range(12):
        machine.work()
    monkeypatch.setattr("strongroom.vault.clockwatch._LOOKED_AT", 10)
    machine.restart()
    assert machine.pass_(MINUTE)
    machine.restart()
    assert not machine.pass_(MINUTE, -YEAR)
    assert machine.told()[-1] == ("clock.agrees", "success", None)


def test_a_home_that_was_off_for_some_weeks_sweeps(machine: Machine) -> None:
    machine.restart()
    assert not machine.pass_(59 * DAY)


def test_a_time_that_was_chosen_is_meant(machine: Machine) -> None:
    watch = ClockWatch(machine.log, None)
    assert not watch.look(NOW)
    assert not watch.look(NOW + 30 * YEAR)
    assert machine.told() == []
