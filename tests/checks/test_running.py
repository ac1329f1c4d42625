"""The checks run, are kept, go stale, and never stop each other; the room tells the worst of each duty."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from strongroom.app import System
from strongroom.checks import CHECKS, Check, Checks
from strongroom.checks.check import failed, passed
from strongroom.compliance.overseen import DutyId, Finding, Verdict
from strongroom.errors import NotFound, Unavailable
from strongroom.terms import SYSTEM
from tests.checks.looking import House
from tests.support.offline import Offline

DUTY = DutyId("2.1-a")


def check(id_: str, look: Callable[[System, datetime], Finding], **changes: object) -> Check:
    made = Check(id_, (DUTY,), timedelta(hours=1), "a test", "never", look)
    return replace(made, **changes)


def good(_system: System, _now: datetime) -> Finding:
    return passed("well", "counted 1")


def bad(_system: System, _now: datetime) -> Finding:
    return failed("not well", "mend it")


def breaks(_system: System, _now: datetime) -> Finding:
    raise RuntimeError("Ada Example, 1 Example Street")


def ran(house: House, *checks: Check, **more: object) -> Finding:
    Checks(house.system, checks, **more).run(SYSTEM, house.now)
    return house.system.compliance.findings.findings(house.now)[DUTY]


def test_of_several_checks_of_a_duty_the_worst_is_told(house: House) -> None:
    found = ran(house, check("one", good), check("two", good))
    assert found == Finding(Verdict.PASS, "well", ("counted 1", "counted 1"), "", seen_at=house.now)
    assert ran(house, check("one", good), check("two", breaks)).verdict is Verdict.UNKNOWN
    found = ran(house, check("one", breaks), check("two", bad), check("three", good))
    assert (found.verdict, found.why, found.remedy) == (Verdict.FAIL, "not well", "mend it")


def test_what_raises_is_unknown_without_its_words_and_stops_no_other(house: House) -> None:
    found = ran(house, check("one", breaks))
    assert found.verdict is Verdict.UNKNOWN
    assert found.why == "one could not look: RuntimeError"
    assert ran(house, check("one", breaks), check("two", bad)).why == "not well"


def test_what_hangs_is_unknown_and_is_not_begun_again(house: House) -> None:
    begun, ends = [], threading.Event()

    def hangs(_system: System, _now: datetime) -> Finding:
        begun.append(1)
        ends.wait(20)
        return passed("late")

    checks = Checks(house.system, [check("one", hangs), check("two", bad)], seconds=0.2)
    try:
        for _ in range(2):
            found = checks.run(SYSTEM, house.now).found
            assert [one.finding.verdict for one in found] == [Verdict.UNKNOWN, Verdict.FAIL]
        assert begun == [1]
    finally:
        ends.set()


def test_what_nobody_looks_at_any_more_is_unknown(house: House) -> None:
    ran(house, check("one", good))
    findings = house.system.compliance.findings
    house.passes(hours=2)
    assert findings.findings(house.now)[DUTY].verdict is Verdict.PASS
    house.passes(hours=1)
    found = findings.findings(house.now)[DUTY]
    assert found.verdict is Verdict.UNKNOWN
    assert found.why == "one looked last at 2026-03-10 12:00 UTC: well"
    assert ran(house, check("one", good)).verdict is Verdict.PASS
    # Seen in the future: by a clock that was ahead.
    house.passes(hours=-1)
    assert findings.findings(house.now)[DUTY].verdict is Verdict.UNKNOWN


def test_a_schedule_runs_what_is_due_and_records_how_many(house: House) -> None:
    one, two = check("one", good), check("two", bad, every=timedelta(days=1))
    checks = Checks(house.system, [one, two], sleep=lambda _seconds: None)
    assert checks.follow(house.now).checks == 2
    assert checks.follow(house.now).checks == 0
    house.passes(hours=1)
    assert checks.follow(house.now).checks == 1
    events = [e for e in house.system.audit.events() if e.type == "duty.checked"]
    told = [(e.outcome, e.body["op"], e.body["n"]) for e in events]
    assert told == [("failure", "scheduled.2", 1), ("success", "scheduled.1", 0)]
    checks.stop()
    house.passes(days=2)
    assert checks.follow(house.now).checks == 0


def test_the_desk_has_one_duty_looked_at(house: House) -> None:
    findings = house.system.compliance.findings
    with pytest.raises(Unavailable):
        findings.look(DUTY, house.console, house.now)
    findings.looks_with(Checks(house.system, [check("one", good)]).again)
    findings.look(DUTY, house.console, house.now)
    assert findings.findings(house.now)[DUTY].verdict is Verdict.PASS
    with pytest.raises(NotFound):
        findings.look(DutyId("9.9-z"), house.console, house.now)


def test_every_check_looks_at_an_empty_home_and_says_what_to_do(house: House) -> None:
    ran_all = Checks(house.system).run(SYSTEM, house.now)
    assert ran_all.checks == len(CHECKS)
    for one in ran_all.found:
        assert "could not look" not in one.finding.why, one
        assert "did not end" not in one.finding.why, one
        assert bool(one.finding.remedy) is (one.finding.verdict is not Verdict.PASS), one
        assert one.finding.why, one


def test_a_command_looks_and_ends_with_1_where_a_check_is_red(
    house: House, tmp_path_factory: pytest.TempPathFactory
) -> None:
    del tmp_path_factory
    with house.closed() as path:
        home = Offline(path)
        code, found, _ = home.attempt("duty", "check", "2.1-a", "--now", house.now.isoformat())
        assert code == 1
        assert {one["duty"] for one in found["findings"]} == {"2.1-a"}
        assert home.attempt("duty", "check", "0.0-x", "--now", house.now.isoformat())[0] == 1
