"""What notices tell of their duties: red for the right reason, green when it is done, red again when the proof goes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.deletion.conftest import sqlite_world
from tests.support.noticed import ADA, BOB, DONE, Desk, fill
from tests.vault.conftest import NOW, World

from strongroom.compliance.overseen import Verdict
from strongroom.deletion.overseeing import (
    CERTIFIED,
    SANITIZED,
    WITHIN_72_HOURS,
    WITHIN_90_DAYS,
    NoticesOverseen,
)

__all__ = ["sqlite_world"]

pytestmark = pytest.mark.clause("1.7")


@pytest.fixture
def desk(sqlite_world: World) -> Desk:
    return Desk(sqlite_world)


def test_where_amazon_asked_for_nothing_nothing_is_late(desk: Desk) -> None:
    found = NoticesOverseen(desk.notices).findings(NOW)
    assert {one.verdict for one in found.values()} == {Verdict.PASS}
    assert SANITIZED not in found
    assert list(NoticesOverseen(desk.notices).dues(NOW)) == []


def test_a_notice_turns_its_duties_red_as_its_clocks_end_and_green_as_it_is_done(
    desk: Desk,
) -> None:
    fill(desk.world, 2)
    seen = NoticesOverseen(desk.notices)
    number = desk.register()
    late = NOW + timedelta(hours=73)
    assert seen.findings(NOW)[WITHIN_72_HOURS].verdict is Verdict.PASS
    assert seen.findings(late)[WITHIN_72_HOURS].verdict is Verdict.FAIL
    assert seen.findings(NOW + timedelta(days=91))[WITHIN_90_DAYS].verdict is Verdict.FAIL
    (due,) = seen.dues(NOW)
    assert (due.path, due.due_at, due.duty) == (
        f"/notices/{number}",
        NOW + timedelta(hours=72),
        WITHIN_72_HOURS,
    )
    desk.whole(number)
    assert seen.findings(late)[WITHIN_72_HOURS].verdict is Verdict.PASS
    assert seen.findings(late)[SANITIZED].verdict is Verdict.PASS
    week = NOW + timedelta(days=7)
    assert seen.findings(week)[CERTIFIED].verdict is Verdict.FAIL
    (due,) = seen.dues(NOW)
    assert due.duty == CERTIFIED
    desk.notices.certificate(number, ADA, DONE)
    assert seen.findings(week)[CERTIFIED].verdict is Verdict.PASS
    desk.notices.close(number, BOB, DONE)
    assert list(seen.dues(NOW)) == []
    assert seen.findings(NOW + timedelta(days=91))[WITHIN_90_DAYS].verdict is Verdict.PASS
