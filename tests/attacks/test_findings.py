"""Whoever writes to the database makes no duty green: not by editing, moving, removing or putting back findings."""

from __future__ import annotations

import sqlite3
from datetime import timedelta

import pytest
from tests.checks.conftest import house, made_alone, made_bare, opening
from tests.checks.looking import House

from strongroom.checks import Check, Checks
from strongroom.checks.check import failed, passed
from strongroom.compliance.overseen import DutyId, Finding, Verdict
from strongroom.terms import SYSTEM

__all__ = ["house", "made_alone", "made_bare", "opening"]

pytestmark = pytest.mark.clause("3-a", "2.2-e")

RED, GREEN = DutyId("2.1-a"), DutyId("2.6-g")
CHECKS = (
    Check("red", (RED,), timedelta(hours=1), "x", "x", lambda _s, _n: failed("not well", "do it")),
    Check("beside", (RED,), timedelta(hours=1), "x", "x", lambda _s, _n: passed("well")),
    Check("green", (GREEN,), timedelta(hours=1), "x", "x", lambda _s, _n: passed("well")),
)


def seen(house: House, duty: DutyId) -> Finding:
    return house.system.compliance.findings.findings(house.now)[duty]


@pytest.fixture
def kept(house: House) -> House:
    Checks(house.system, CHECKS).run(SYSTEM, house.now)
    assert (seen(house, RED).verdict, seen(house, GREEN).verdict) == (Verdict.FAIL, Verdict.PASS)
    return house


@pytest.mark.parametrize(
    "change",
    [
        "verdict = 'pass'",
        "why = 'all is well'",
        "proof = '[\"entry 7 of the log\"]'",
        "remedy = ''",
        "seen_at = seen_at + 1",
        "good_until = good_until + 86400000000",
        "beside = 'red'",
        "bound = x'00'",
    ],
)
def test_an_edited_row_is_red(kept: House, change: str) -> None:
    kept.edit(f"UPDATE duty_finding SET {change} WHERE check_id = 'red'")
    found = seen(kept, RED)
    assert (found.verdict, found.why) == (
        Verdict.FAIL,
        "what red found was edited in the database",
    )


def test_a_green_row_stands_for_no_other_duty_and_no_other_check(kept: House) -> None:
    kept.edit("DELETE FROM duty_finding WHERE duty = ?", RED)
    kept.edit("UPDATE duty_finding SET duty = ? WHERE check_id = 'green'", RED)
    assert seen(kept, RED).verdict is Verdict.FAIL
    kept.edit("UPDATE duty_finding SET check_id = 'red', duty = ?", GREEN)
    assert seen(kept, GREEN).verdict is Verdict.FAIL


def test_a_red_row_that_is_removed_leaves_its_duty_unknown(kept: House) -> None:
    kept.edit("DELETE FROM duty_finding WHERE check_id = 'red'")
    found = seen(kept, RED)
    assert found.verdict is Verdict.UNKNOWN
    assert found.why == "red has not looked yet, or what it found is gone"


def test_an_old_green_row_put_back_is_good_for_no_longer_than_it_was(kept: House) -> None:
    path = kept.system.home.vault_database
    with sqlite3.connect(path) as tx:
        row = tx.execute("SELECT * FROM duty_finding WHERE check_id = 'green'").fetchone()
    tx.close()
    kept.passes(hours=3)
    red = (*CHECKS[:2], Check("green", (GREEN,), timedelta(hours=1), "x", "x", CHECKS[0].look))
    Checks(kept.system, red).run(SYSTEM, kept.now)
    assert seen(kept, GREEN).verdict is Verdict.FAIL
    kept.edit("DELETE FROM duty_finding WHERE check_id = 'green'")
    kept.edit(f"INSERT INTO duty_finding VALUES ({', '.join('?' * len(row))})", *row)
    assert seen(kept, GREEN).verdict is Verdict.UNKNOWN
