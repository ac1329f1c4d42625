"""When recurring work falls due, and who hears of it: by the clock alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from strongroom.audit.event_types import EventType
from strongroom.compliance.cadence import (
    AFTER_CHANGE,
    FURTHER,
    MONTHS,
    SOON,
    Stage,
    month_start,
    next_due,
    occurrences,
    stage,
    works,
)
from strongroom.compliance.overseen import Due

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.clause("1.2", "1.4", "1.6", "2.2", "2.3", "2.7")
def test_every_work_is_done_at_least_as_often_as_its_clause_asks() -> None:
    found = works()
    most = {
        "access-review": 90,
        "credential-ages": 90,
        "plan-review": 183,
        "inventory": 92,
        "vulnerability-scan": 180,
        "law-review": 90,
        "risk-review": 365,
        "scope-review": 183,
        "processing-review": 90,
        "printed-pii": 90,
        "devices": 90,
    }
    assert {n: found[n].days for n in most if found[n].days > most[n]} == {}
    assert found["vulnerability-scan"].period(current=False) == 180 * DAY
    assert found["vulnerability-scan"].period(current=True) == 30 * DAY
    for work in found.values():
        assert work.path.startswith("/"), work.name
        if work.event is not None:
            EventType(work.event)
        if work.after is not None:
            assert found[work.after].days == 0, work.name


def test_work_is_due_a_period_after_it_was_done_and_soon_where_it_never_was() -> None:
    assert next_due(90 * DAY, NOW, NOW - 400 * DAY) == NOW + 90 * DAY
    assert next_due(90 * DAY, None, NOW) == NOW + 30 * DAY
    assert next_due(7 * DAY, None, NOW) == NOW + 7 * DAY


@pytest.mark.clause("1.6")
def test_a_major_change_brings_the_review_forward_and_a_review_answers_it() -> None:
    done, changed = NOW, NOW + 10 * DAY
    assert next_due(183 * DAY, done, NOW, changed) == changed + AFTER_CHANGE
    assert next_due(183 * DAY, changed + DAY, NOW, changed) == changed + 184 * DAY
    # Never later than it would be anyway.
    assert next_due(183 * DAY, done, NOW, NOW + 180 * DAY) == NOW + 183 * DAY


def test_the_grid_is_twelve_months_and_what_is_late_is_done_now_at_the_earliest() -> None:
    assert month_start(NOW, 0) == datetime(2026, 3, 1, tzinfo=UTC)
    assert month_start(NOW, 10) == datetime(2027, 1, 1, tzinfo=UTC)
    times = list(occurrences(NOW - 20 * DAY, 90 * DAY, NOW))
    assert times[:2] == [NOW - 20 * DAY, NOW + 90 * DAY]
    assert max(times) < month_start(NOW, MONTHS)
    assert list(occurrences(NOW, timedelta(0), NOW)) == [NOW]


def test_what_is_due_comes_nearer_and_goes_on_to_who_answers_for_the_house() -> None:
    due = Due("Something", "/today", NOW)
    assert stage(due, NOW - SOON - DAY) is Stage.LATER
    assert stage(due, NOW - SOON) is Stage.SOON
    assert stage(due, NOW - timedelta(seconds=1)) is Stage.SOON
    assert stage(due, NOW) is Stage.OVERDUE
    assert stage(due, NOW + FURTHER) is Stage.ESCALATED
    clock = Due("A clock", "/today", NOW, began_at=NOW - timedelta(hours=24))
    assert stage(clock, NOW - timedelta(hours=23)) is Stage.SOON
    assert stage(clock, NOW) is Stage.ESCALATED
