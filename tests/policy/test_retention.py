"""When an order's data must be gone, from what was seen of it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.policy.limits import (
    KEYSTORE_COPY_LIFETIME,
    PENDING_LIFETIME,
    PENDING_WINDOW,
    RETENTION_AFTER_DELIVERY,
)
from strongroom.policy.retention import (
    DAY,
    DeliveryFacts,
    Progress,
    SightedFacts,
    believable,
    disposal_day,
    has_arrived,
    learn,
    pending_ends,
    pending_window,
    unconfirmed,
)

COPY = KEYSTORE_COPY_LIFETIME
NOON = 20_000 * DAY + DAY // 2
OPEN = (Progress.PENDING, Progress.UNSHIPPED, Progress.PARTIAL, Progress.UNDELIVERED)

instants = st.integers(min_value=19_000 * DAY, max_value=21_000 * DAY)
sightings = st.builds(
    SightedFacts,
    st.sampled_from(Progress),
    instants | st.just(0),
    instants | st.just(0),
    instants,
    st.just(0) | instants,
)


def seen(status: Progress, *, purchased: int = NOON - 9 * DAY, shipped: int = 0) -> DeliveryFacts:
    """Return what is known after one view at noon."""
    return learn(DeliveryFacts(), SightedFacts(status, purchased, shipped), NOON)


@pytest.mark.clause("2.1")
@pytest.mark.parametrize("status", OPEN)
def test_an_order_just_seen_undelivered_has_no_day_yet(status: Progress) -> None:
    assert disposal_day(seen(status), NOON, COPY) is None


@pytest.mark.clause("2.1")
def test_a_shipped_order_counts_from_its_purchase_when_nothing_better_is_known() -> None:
    facts = seen(Progress.SHIPPED, purchased=NOON - 9 * DAY)

    assert disposal_day(facts, NOON, timedelta(0)) == (NOON + 21 * DAY) // DAY


@pytest.mark.clause("2.1")
def test_the_last_time_it_was_seen_open_postpones_and_the_moment_of_looking_does_not() -> None:
    first = seen(Progress.UNSHIPPED, purchased=NOON - 9 * DAY)
    later = NOON + 12 * DAY
    shipped = learn(first, SightedFacts(Progress.SHIPPED, NOON - 9 * DAY), later)

    assert disposal_day(shipped, later, timedelta(0)) == NOON // DAY + 30


@pytest.mark.clause("2.1")
def test_a_carriers_ship_time_postpones() -> None:
    facts = seen(Progress.DELIVERED, purchased=NOON - 9 * DAY, shipped=NOON - 2 * DAY)

    assert disposal_day(facts, NOON, timedelta(0)) == NOON // DAY + 28


@pytest.mark.clause("2.1")
def test_a_ship_time_still_to_come_postpones_nothing() -> None:
    facts = seen(Progress.SHIPPED, shipped=NOON + 300 * DAY)

    assert disposal_day(facts, NOON, timedelta(0)) == NOON // DAY + 30


@pytest.mark.clause("2.1")
def test_shipped_never_takes_back_that_a_carrier_still_has_it() -> None:
    facts = learn(
        seen(Progress.UNDELIVERED), SightedFacts(Progress.SHIPPED, NOON - 9 * DAY), NOON + DAY
    )

    assert facts.status is Progress.UNDELIVERED


@pytest.mark.clause("2.1")
@pytest.mark.parametrize("behind", [*OPEN, Progress.SHIPPED])
def test_a_list_that_is_behind_reopens_nothing_that_arrived(behind: Progress) -> None:
    arrived = seen(Progress.DELIVERED, purchased=NOON - 9 * DAY, shipped=NOON - 2 * DAY)
    facts = learn(arrived, SightedFacts(behind, NOON - 9 * DAY), NOON + DAY)

    assert facts == arrived
    cancelled = learn(facts, SightedFacts(Progress.CANCELLED), NOON + DAY)
    assert cancelled.status is Progress.CANCELLED


@pytest.mark.clause("2.1")
def test_a_cancelled_order_is_due_now_and_stays_cancelled() -> None:
    facts = learn(
        seen(Progress.CANCELLED), SightedFacts(Progress.UNSHIPPED, NOON - DAY), NOON + DAY
    )

    assert facts.status is Progress.CANCELLED
    assert disposal_day(facts, NOON, COPY) == NOON // DAY


@pytest.mark.clause("2.1")
def test_an_order_of_which_nothing_is_known_is_long_due() -> None:
    day = disposal_day(DeliveryFacts(Progress.SHIPPED), NOON, COPY)

    assert day is not None
    assert day * DAY < NOON


def arrived(at: int) -> SightedFacts:
    """Return a carrier's word of an arrival."""
    return SightedFacts(Progress.DELIVERED, delivered_at=at)


@pytest.mark.clause("2.1")
def test_a_carriers_word_of_the_arrival_is_stronger_than_all_else() -> None:
    """Whether it is earlier than the last time somebody's list showed the order open, or later."""
    open_now = seen(Progress.UNDELIVERED, purchased=NOON - 9 * DAY)
    for days in (-3, 2):
        at = NOON + days * DAY
        facts = learn(open_now, arrived(at), NOON + 3 * DAY)
        assert disposal_day(facts, NOON + 3 * DAY, timedelta(0)) == (at + 30 * DAY) // DAY
        behind = learn(facts, SightedFacts(Progress.UNSHIPPED, NOON - 9 * DAY), NOON + 4 * DAY)
        assert behind == facts


@pytest.mark.clause("2.1")
def test_of_two_words_of_an_arrival_the_earlier_one_counts_in_either_order() -> None:
    early, late = arrived(NOON - 5 * DAY), arrived(NOON - 2 * DAY)
    for first, second in ((early, late), (late, early)):
        facts = learn(learn(seen(Progress.SHIPPED), first, NOON), second, NOON)
        assert facts.delivered_at == NOON - 5 * DAY


@pytest.mark.clause("2.1")
def test_an_arrival_before_the_purchase_was_another_parcels() -> None:
    order = seen(Progress.UNSHIPPED, purchased=NOON - 9 * DAY)
    assert learn(order, arrived(NOON - 40 * DAY), NOON) == order
    # Told before the purchase was known: it does not stand once that is.
    unknown = learn(DeliveryFacts(), arrived(NOON - 40 * DAY), NOON)
    known = learn(unknown, SightedFacts(Progress.SHIPPED, NOON - 9 * DAY), NOON)
    assert not has_arrived(known)
    assert learn(known, arrived(NOON - DAY), NOON).delivered_at == NOON - DAY


@pytest.mark.clause("2.1")
def test_an_arrival_still_to_come_is_a_promise_and_postpones_nothing() -> None:
    facts = learn(seen(Progress.UNSHIPPED), arrived(NOON + 300 * DAY), NOON)
    assert facts.delivered_at == NOON


@pytest.mark.clause("2.1")
@given(st.lists(sightings, min_size=1, max_size=8), instants)
def test_no_day_is_later_than_thirty_days_after_it_was_last_seen_open_or_moving(
    views: list[SightedFacts], now: int
) -> None:
    """Whatever was seen in whatever order, a copy of the keystore's life included."""
    facts = DeliveryFacts()
    for view in views:
        facts = learn(facts, view, now)
    day = disposal_day(facts, now, COPY)

    if day is not None:
        latest = max(facts.purchased_at, facts.shipped_at, facts.seen_open_at)
        latest = facts.delivered_at if has_arrived(facts) else latest
        limit = max(latest + RETENTION_AFTER_DELIVERY.total_seconds(), now + COPY.total_seconds())
        assert day * DAY + COPY.total_seconds() <= limit


@given(instants)
def test_a_pending_window_contains_its_instants_and_ends_within_the_week(now: int) -> None:
    first = pending_window(now)
    life = timedelta(seconds=pending_ends(first) - first * DAY)

    assert first * DAY <= now < pending_ends(first)
    assert life == PENDING_WINDOW
    assert life + COPY < PENDING_LIFETIME


@given(sightings, instants)
def test_learning_the_same_again_changes_nothing(view: SightedFacts, now: int) -> None:
    once = learn(DeliveryFacts(), view, now)

    assert learn(once, view, now) == once


@pytest.mark.clause("2.1")
@given(sightings, instants)
def test_an_update_that_lies_in_the_future_is_not_believed(view: SightedFacts, now: int) -> None:
    """Answers that come after it would look old; a clock may be five minutes ahead."""
    kept = believable(view, now)

    assert kept.updated_at == (view.updated_at if view.updated_at <= now + 300 else 0)
    assert kept._replace(updated_at=0) == view._replace(updated_at=0)


@pytest.mark.clause("2.1")
@pytest.mark.parametrize("word", [Progress.PENDING, Progress.UNSHIPPED, Progress.PARTIAL])
def test_no_message_makes_open_again_what_was_handed_over(word: Progress) -> None:
    """Sent each week it would keep an order for ever."""
    facts = seen(Progress.SHIPPED)
    due = disposal_day(facts, NOON, COPY)
    for week in range(1, 21):
        now = NOON + week * 7 * DAY
        facts = learn(facts, unconfirmed(SightedFacts(word, updated_at=now)), now, reopens=False)
        assert (facts.status, disposal_day(facts, now, COPY)) == (Progress.SHIPPED, due)


@pytest.mark.clause("2.1")
def test_a_message_makes_nothing_that_amazon_answers_look_old() -> None:
    assert unconfirmed(SightedFacts(Progress.UNSHIPPED, updated_at=NOON)).updated_at == 0


@pytest.mark.clause("2.1")
def test_a_look_by_a_clock_that_was_ahead_postpones_nothing() -> None:
    """Once the clock is right again, what it said of an instant still to come counts no more."""
    first = seen(Progress.UNSHIPPED)
    ahead = learn(first, SightedFacts(Progress.UNSHIPPED), NOON + 365 * DAY)
    assert ahead.seen_open_at > NOON

    assert disposal_day(ahead, NOON, COPY) == (NOON + 21 * DAY) // DAY - COPY // timedelta(days=1)
    again = learn(ahead, SightedFacts(Progress.UNSHIPPED), NOON)
    assert again == first
