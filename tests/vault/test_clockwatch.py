"""A clock that runs ahead is recorded once, and destroys nothing until it agrees or a person says that it is right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from strongroom.audit import AuditLog
from strongroom.db.engine import Database
from strongroom.errors import Denied
from strongroom.terms import SYSTEM, AuthMethod, Caller, PrincipalId, PrincipalKind
from strongroom.vault.clockwatch import ClockWatch
from tests.support import tables
from tests.support.audit import NOW, Bench, revealed

pytestmark = pytest.mark.clause("2.1", "2.6")

ADA, BOB = (
    Caller(PrincipalId(number), PrincipalKind.PERSON, name, AuthMethod.CONSOLE)
    for number, name in ((1, "ada"), (2, "bob"))
)
MINUTE, DAY, YEAR = timedelta(minutes=1), timedelta(days=1), timedelta(days=365)


@dataclass
class Machine:
    """One log and the two clocks of its machine."""

    bench: Bench
    log: AuditLog = field(init=False)
    watch: ClockWatch = field(init=False)
    wall: datetime = NOW
    steady: timedelta = timedelta()
    one_person: bool = True

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self.log = self.bench.start(f"boot-{self.steady.total_seconds():.0f}")
        self.watch = ClockWatch(self.log, lambda: self.steady, one_person=self.one_person)

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
    assert machine.watch.confirm(ADA, machine.wall)
    assert not machine.pass_(MINUTE)
    machine.restart()
    assert not machine.pass_(MINUTE)
    assert machine.told()[-1] == ("clock.confirmed", "success", None)


def jumped(machine: Machine) -> None:
    """Have a home of several people whose clock ran a year ahead."""
    machine.one_person = False
    machine.restart()
    machine.pass_(MINUTE)
    assert machine.pass_(MINUTE, YEAR)


def test_one_persons_word_is_not_enough_where_there_are_several(machine: Machine) -> None:
    jumped(machine)
    assert not machine.watch.confirm(ADA, machine.wall)
    assert machine.pass_(MINUTE)
    with pytest.raises(Denied):
        machine.watch.confirm(ADA, machine.wall)
    assert machine.pass_(MINUTE)
    assert machine.watch.confirm(BOB, machine.wall)
    assert not machine.pass_(MINUTE)
    assert [told[:2] for told in machine.told()[-3:]] == [
        ("clock.asked", "success"),
        ("clock.confirmed", "denied"),
        ("clock.confirmed", "success"),
    ]


def test_the_first_persons_word_outlives_a_restart_and_not_a_day(machine: Machine) -> None:
    jumped(machine)
    machine.watch.confirm(ADA, machine.wall)
    machine.restart()
    assert machine.pass_(DAY + MINUTE)
    assert not machine.watch.confirm(BOB, machine.wall), "the word of yesterday"
    machine.restart()
    assert machine.pass_(MINUTE)
    assert machine.watch.confirm(ADA, machine.wall)
    machine.restart()
    assert not machine.pass_(MINUTE)


def test_a_word_about_another_clock_does_not_count(machine: Machine) -> None:
    """The clock is set once more after the first person looked at it."""
    jumped(machine)
    machine.watch.confirm(ADA, machine.wall)
    machine.pass_(MINUTE, timedelta(hours=3))
    assert not machine.watch.confirm(BOB, machine.wall)
    assert machine.pass_(MINUTE)


@pytest.mark.parametrize("one_person", [True, False])
def test_no_program_says_that_the_clock_is_right(machine: Machine, *, one_person: bool) -> None:
    jumped(machine)
    machine.watch = ClockWatch(machine.log, lambda: machine.steady, one_person=one_person)
    for caller in (SYSTEM, Caller(PrincipalId(9), PrincipalKind.APP, "erp", AuthMethod.CREDENTIAL)):
        with pytest.raises(Denied):
            machine.watch.confirm(caller, machine.wall)


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
    watch = ClockWatch(machine.log, None, one_person=True)
    assert not watch.look(NOW)
    assert not watch.look(NOW + 30 * YEAR)
    assert machine.told() == []
