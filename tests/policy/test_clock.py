"""Which readings of a clock are believed."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.policy.clock import Reading, ahead, is_ahead, jump, leap
from strongroom.policy.limits import CLOCK_AHEAD, CLOCK_JUMP, CLOCK_SILENCE

pytestmark = pytest.mark.clause("2.1", "2.6")

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
START = Reading(NOW, timedelta(seconds=5))


def after(steady: timedelta, wall: timedelta) -> Reading:
    return Reading(NOW + wall, timedelta(seconds=5) + steady)


def test_a_clock_that_is_kept_has_not_jumped() -> None:
    kept = after(DAY, DAY + CLOCK_JUMP)
    assert jump(START, kept) is None
    assert ahead(START, kept) == CLOCK_JUMP


@pytest.mark.parametrize(
    "set_by", [timedelta(days=365), timedelta(days=-365), timedelta(minutes=3)]
)
def test_a_clock_that_was_set_has_jumped_by_so_much(set_by: timedelta) -> None:
    assert jump(START, after(DAY, DAY + set_by)) == set_by


def test_a_clock_may_run_ahead_for_a_while_and_no_further() -> None:
    assert not is_ahead(START, after(DAY, DAY + CLOCK_AHEAD))
    assert is_ahead(START, after(DAY, DAY + CLOCK_AHEAD + timedelta(seconds=1)))
    assert not is_ahead(START, after(DAY, -365 * DAY))


def test_a_clock_that_creeps_is_ahead_all_the_same() -> None:
    """Each step is too small for a jump; what counts is where the run began."""
    reading = START
    for _ in range(70):
        following = Reading(
            reading.wall + timedelta(minutes=2), reading.steady + timedelta(minutes=1)
        )
        assert jump(reading, following) is None
        reading = following
    assert is_ahead(START, reading)


def test_silence_that_can_be_believed_is_no_leap() -> None:
    assert leap([], NOW) is None
    assert leap([NOW - CLOCK_SILENCE], NOW) is None
    assert leap([NOW - 70 * DAY, NOW - 20 * DAY], NOW) is None


def test_a_leap_is_told_however_much_was_written_since() -> None:
    """A command that runs first must not make the new time look usual."""
    written = [NOW - 400 * DAY, NOW - 399 * DAY, NOW - 2 * DAY, NOW - DAY]
    assert leap(written, NOW) == 399 * DAY


def test_a_clock_that_came_back_is_believed_again() -> None:
    assert leap([NOW - DAY, NOW + 365 * DAY, NOW + 366 * DAY], NOW) is None


def test_a_clock_that_goes_backwards_makes_nothing_due() -> None:
    assert leap([NOW + 3000 * DAY], NOW) is None


@given(st.lists(st.integers(0, 60), max_size=30))
def test_entries_that_follow_each_other_never_leap(days: list[int]) -> None:
    written, at = [], NOW
    for step in days:
        at += step * DAY
        written.append(at)
    assert leap(written, at) is None
