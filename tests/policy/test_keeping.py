"""How long the log is kept, as a rule over values."""

from datetime import UTC, date, datetime, timedelta

import pytest

from strongroom.policy.keeping import LogHold, first_held, kept_until, prunable_before

NOW = datetime(2028, 6, 1, tzinfo=UTC)


@pytest.mark.clause("3")
def test_the_log_is_kept_for_twelve_months_after_the_agreements_last_day():
    assert kept_until(date(2026, 12, 31)) == datetime(2028, 1, 1, tzinfo=UTC)
    assert prunable_before(date(2026, 12, 31), datetime(2027, 12, 31, 23, 59, tzinfo=UTC)) is None
    assert prunable_before(date(2026, 12, 31), datetime(2028, 1, 1, tzinfo=UTC)) is not None


def test_a_leap_day_is_kept_a_day_longer_rather_than_shorter():
    assert kept_until(date(2028, 2, 29)) == datetime(2029, 3, 2, tzinfo=UTC)


@pytest.mark.clause("3")
def test_without_an_end_nothing_is_ever_given_up():
    assert prunable_before(None, datetime(2099, 1, 1, tzinfo=UTC)) is None


@pytest.mark.clause("2.6")
def test_what_is_younger_than_90_days_stays_whatever_has_ended():
    assert prunable_before(date(2020, 1, 1), NOW) == NOW - timedelta(days=90)


def test_a_hold_keeps_its_first_entry_and_with_it_all_behind_it():
    holds = [LogHold(1, 700, 900, None), LogHold(2, 300, 400, None)]
    assert first_held(holds, 0, NOW) == 300
    assert first_held(holds, 350, NOW) == 350
    assert first_held(holds, 400, NOW) == 700
    assert first_held(holds, 900, NOW) is None


def test_a_hold_with_an_end_ends_by_itself():
    holds = [LogHold(1, 0, 9, NOW)]
    assert first_held(holds, 0, NOW - timedelta(microseconds=1)) == 0
    assert first_held(holds, 0, NOW) is None
