"""Usage plans: as many calls as Amazon takes, no more and no fewer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.policy.usage import FASTEST, Plan, full, plan_of

STEPS = st.lists(st.floats(0, 5), min_size=1, max_size=200)


@given(STEPS, st.floats(0.01, 10), st.integers(1, 20), st.floats(0, 3))
def test_no_stretch_of_time_has_more_calls_than_the_plan(
    steps: list[float], rate: float, burst: int, patience: float
) -> None:
    bucket, now, went = full(Plan(rate, burst), 0.0), 0.0, []
    for step in steps:
        now += step
        turn = bucket.take(now, patience)
        assert turn.given == (turn.seconds <= patience)
        if turn.given:
            went.append(now + turn.seconds)
    for first in range(len(went)):
        for last in range(first, len(went)):
            allowed = burst + rate * (went[last] - went[first])
            assert last - first + 1 <= allowed + 1e-6


def test_places_are_given_in_their_order_and_who_may_not_wait_takes_none() -> None:
    bucket = full(Plan(1, 2), 0.0)
    waits = [bucket.take(0.0, 10).seconds for _ in range(4)]
    assert waits == [0, 0, 1, 2]
    assert not bucket.take(0.0, 2.5).given
    assert bucket.take(0.0, 3).seconds == 3


def test_a_full_bucket_is_no_fuller_after_a_night() -> None:
    bucket = full(Plan(1, 2), 0.0)
    assert [bucket.take(90_000, 0).given for _ in range(3)] == [True, True, False]


def test_a_clock_that_goes_back_gives_nothing() -> None:
    bucket = full(Plan(1, 1), 100.0)
    assert bucket.take(100, 0).given
    assert not bucket.take(50, 0).given


def test_what_amazon_says_counts_from_then_on() -> None:
    bucket = full(Plan(1, 1), 0.0)
    bucket.take(0, 0)
    bucket.learn(4, 0)
    assert bucket.take(0, 1).seconds == 0.25
    for mistake in (0, -1, FASTEST * 2, float("nan")):
        bucket.learn(mistake, 0)
    assert bucket.plan.rate == 4
    other = full(Plan(1, 5), 0.0)
    other.empty(0)
    assert other.take(0, 2).seconds == 1


@pytest.mark.parametrize(
    ("method", "template", "plan"),
    [
        ("GET", "/orders/v0/orders", Plan(0.0167, 20)),
        ("GET", "/orders/v0/orders/{orderId}", Plan(0.5, 30)),
        ("POST", "/tokens/2021-03-01/restrictedDataToken", Plan(1, 10)),
        ("GET", "/nowhere", None),
    ],
)
def test_plans_are_those_that_amazon_publishes(
    method: str, template: str, plan: Plan | None
) -> None:
    assert plan_of(method, template) == plan
