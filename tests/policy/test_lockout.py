"""When tries wait and when somebody is locked: the rules alone."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.policy import lockout
from strongroom.policy.limits import FAILURES_PER_NAME
from strongroom.policy.lockout import Budget, LockReason

NOW = datetime(2026, 3, 1, 12, 0, 7, tzinfo=UTC)
FIVE = Budget(5, timedelta(minutes=5))


def counted(budget: Budget, instants: list[datetime]) -> dict[int, int]:
    found: dict[int, int] = {}
    for at in instants:
        number = budget.slice_of(at)
        found[number] = found.get(number, 0) + 1
    return found


@pytest.mark.clause("1.2")
@given(st.lists(st.integers(0, 1800), max_size=60))
def test_no_span_of_a_window_ever_has_more_tries_than_its_budget(offsets: list[int]) -> None:
    made: list[datetime] = []
    for offset in sorted(offsets):
        now = NOW + timedelta(seconds=offset)
        if FIVE.wait(counted(FIVE, made), now) is None:
            made.append(now)
    for start in made:
        within = [at for at in made if start <= at < start + FIVE.window]
        assert len(within) <= FIVE.most


@given(st.lists(st.integers(-900, 0), max_size=30), st.integers(0, 8))
def test_after_the_wait_that_was_told_a_try_may_come(offsets: list[int], in_flight: int) -> None:
    counts = counted(FIVE, [NOW + timedelta(seconds=offset) for offset in offsets])
    wait = FIVE.wait(counts, NOW, in_flight)
    if wait is not None:
        assert 0 < wait <= FIVE.longest_wait.total_seconds()
    if wait is not None and in_flight == 0:
        assert FIVE.wait(counts, NOW + timedelta(seconds=wait)) is None


def test_a_clock_that_was_set_back_makes_nobody_wait_for_long() -> None:
    counts = counted(FIVE, [NOW + timedelta(days=30)] * 5)
    wait = FIVE.wait(counts, NOW)
    assert wait is not None
    assert wait <= FIVE.longest_wait.total_seconds()


def test_tries_under_way_count() -> None:
    assert FIVE.wait({}, NOW, 4) is None
    assert FIVE.wait({}, NOW, 5) is not None


@pytest.mark.clause("1.2")
@pytest.mark.parametrize(
    ("in_row", "factors", "reason"),
    [
        (9, 0, None),
        (10, 0, LockReason.TOO_MANY_FAILURES),
        (4, 4, None),
        (5, 5, LockReason.WRONG_FACTOR),
    ],
)
def test_ten_failures_or_five_second_factors_lock(
    in_row: int, factors: int, reason: LockReason | None
) -> None:
    assert lockout.after_failure(in_row, factors) is reason


def test_a_name_waits_before_it_is_locked() -> None:
    assert FAILURES_PER_NAME[0] < 10


def test_eight_names_from_one_address_are_spraying_and_old_ones_do_not_count() -> None:
    lately, long_ago = NOW - timedelta(minutes=1), NOW - timedelta(minutes=30)
    assert lockout.is_spraying([lately] * 8, NOW)
    assert not lockout.is_spraying([lately] * 7 + [long_ago], NOW)


def test_a_fourth_address_within_ten_minutes_is_impossible() -> None:
    lately, earlier = NOW - timedelta(minutes=1), NOW - timedelta(minutes=10)
    assert not lockout.is_impossible([lately] * 3, NOW)
    assert lockout.is_impossible([lately] * 4, NOW)
    assert not lockout.is_impossible([lately] * 3 + [earlier], NOW)


@pytest.mark.parametrize("reason", list(LockReason))
def test_only_a_lock_that_would_shut_everybody_out_or_of_an_address_ends_by_itself(
    reason: LockReason,
) -> None:
    ordinary = lockout.ends_by_itself_after(reason, last_administrator=False)
    last = lockout.ends_by_itself_after(reason, last_administrator=True)
    if reason is LockReason.SPRAYING:
        assert ordinary == last == timedelta(hours=1)
    else:
        assert ordinary is None
        assert last == (None if reason is LockReason.WRONG_DEVICE else timedelta(minutes=15))


@pytest.mark.parametrize(
    ("one", "other"),
    [("anna", "ANNA"), ("anna", " anna "), ("anna", "\uff41nna"), ("straße", "STRASSE")],
)
def test_spellings_of_a_name_share_their_tries(one: str, other: str) -> None:
    assert lockout.folded(one) == lockout.folded(other)


def test_a_name_is_folded_whatever_it_holds() -> None:
    assert lockout.folded("\ud800" * 3) == "???"
    assert len(lockout.folded("a" * 10_000)) < 1000


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("somewhere", "unknown"),
        ("", "unknown"),
    ],
)
def test_one_household_is_one_place(address: str, place: str) -> None:
    assert lockout.place(address) == place
