"""Subscriptions are made, seen and ended through the gateway, whatever cuts a run off; by the console alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from strongroom.errors import Malformed
from strongroom.simulator import Fault, FaultKind, Simulator
from strongroom.sync import Run, State
from strongroom.sync.queue import Place
from strongroom.sync.subscribing import Subscribed, Way
from strongroom.terms import SellerId
from tests.gateway.conftest import CONSOLE, App
from tests.sync.conftest import Pulling, order_change

PLACE = Place.parse("https://sqs.eu-central-1.amazonaws.com/123456789012/acme")
OTHER = Place.parse("https://sqs.eu-central-1.amazonaws.com/123456789012/other")
TYPES = ("ORDER_CHANGE", "FULFILLMENT_ORDER_STATUS:1.0")


@pytest.fixture(autouse=True)
def _ended(pulling: Pulling) -> Iterator[None]:
    """Leave the simulator, which a file's tests share, without subscriptions."""
    yield
    pulling.simulator.clear_faults()
    for app in (pulling.app, pulling.other):
        for place in (PLACE, OTHER):
            do(pulling, Way.UNSUBSCRIBE, place=place, app=app)
    pulling.simulator.notifications()


def do(
    pulling: Pulling,
    way: Way,
    *types: str,
    place: Place = PLACE,
    app: App | None = None,
) -> tuple[Run, list[Subscribed]]:
    runs, found = pulling.sync.subscriptions(
        pulling.wanted(app), place, types or TYPES, way, CONSOLE, lambda *_: None
    )
    return runs[0], found


def states(found: list[Subscribed]) -> list[str]:
    return [one.state for one in found]


def sent(simulator: Simulator, operation: str) -> int:
    return sum(r.operation == f"notifications.{operation}" for r in simulator.requests)


def test_a_second_subscribing_changes_nothing(pulling: Pulling) -> None:
    run, found = do(pulling, Way.LOOK)
    assert (run.state, states(found)) == (State.DONE, ["none", "none"])
    run, made = do(pulling, Way.SUBSCRIBE)
    assert (run.ok, states(made)) == (True, ["made", "made"])
    before = sent(pulling.simulator, "createSubscription")
    run, there = do(pulling, Way.SUBSCRIBE)
    assert (run.ok, states(there)) == (True, ["there", "there"])
    assert [one.subscription for one in there] == [one.subscription for one in made]
    assert sent(pulling.simulator, "createSubscription") == before
    assert states(do(pulling, Way.LOOK)[1]) == ["there", "there"]
    run, ended = do(pulling, Way.UNSUBSCRIBE, "ORDER_CHANGE")
    assert (run.ok, states(ended)) == (True, ["ended"])
    assert states(do(pulling, Way.LOOK)[1]) == ["none", "there"]
    assert states(do(pulling, Way.UNSUBSCRIBE)[1]) == ["none", "ended"]
    assert pulling.events("sync.finished")[-1] == ("sync.finished", "success", None)


@pytest.mark.clause("1.3")
def test_a_subscription_that_was_made_is_known_before_any_message_comes(pulling: Pulling) -> None:
    _, (made, *_) = do(pulling, Way.SUBSCRIBE)
    assert made.subscription is not None
    known = pulling.sync.checkpoints.subscription(made.subscription)
    assert known is not None
    assert known.seller == pulling.app.seller
    order = pulling.simulator.orders("acme")[0]
    pulling.simulator.update_order(order.order_id, {})
    (told,) = pulling.simulator.notifications()
    assert told.arn == PLACE.arn
    notice = told.notification["NotificationMetadata"]
    assert notice["SubscriptionId"] == made.subscription
    assert order_change(order.order_id).keys() == told.notification.keys()


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ("createDestination", FaultKind.RESET_MID_BODY),
        ("createSubscription", FaultKind.RESET_MID_BODY),
        ("createSubscription", FaultKind.ERROR),
    ],
)
def test_what_was_cut_off_goes_on(pulling: Pulling, operation: str, kind: FaultKind) -> None:
    """The answer may be lost after Amazon has done it: the next run finds what was made."""
    name = f"{operation}-{kind.value}".replace("_", "-")
    place = Place.parse(f"https://sqs.eu-central-1.amazonaws.com/123456789012/{name}")
    fault = Fault(kind, operation=f"notifications.{operation}", status=500, count=1)
    pulling.simulator.add_fault(fault)
    run, _ = do(pulling, Way.SUBSCRIBE, place=place)
    assert run.state is State.FAILED
    assert run.fault is not None
    run, found = do(pulling, Way.SUBSCRIBE, place=place)
    assert (run.state, len(found)) == (State.DONE, 2)
    assert set(states(found)) <= {"made", "there"}
    assert states(do(pulling, Way.UNSUBSCRIBE, place=place)[1]) == ["ended", "ended"]


def test_an_answer_that_broke_off_is_asked_for_again(pulling: Pulling) -> None:
    fault = Fault(FaultKind.TRUNCATED, operation="notifications.getDestinations", count=1)
    pulling.simulator.add_fault(fault)
    run, found = do(pulling, Way.SUBSCRIBE)
    assert (run.state, states(found)) == (State.DONE, ["made", "made"])


def test_what_goes_to_another_queue_is_named_and_left_alone(pulling: Pulling) -> None:
    do(pulling, Way.SUBSCRIBE, "ORDER_CHANGE")
    run, found = do(pulling, Way.SUBSCRIBE, place=OTHER)
    assert states(found) == ["elsewhere", "made"]
    assert not run.ok
    assert "another destination" in run.notes[0]
    assert states(do(pulling, Way.UNSUBSCRIBE, "ORDER_CHANGE", place=OTHER)[1]) == ["elsewhere"]
    assert states(do(pulling, Way.LOOK, "ORDER_CHANGE")[1]) == ["there"]


def test_what_amazon_refuses_of_one_type_does_not_end_the_others(pulling: Pulling) -> None:
    fault = Fault(
        FaultKind.ERROR, operation="notifications.createSubscription", status=403, count=1
    )
    pulling.simulator.add_fault(fault)
    run, found = do(pulling, Way.SUBSCRIBE)
    assert states(found) == ["refused", "made"]
    assert run.counts == {"refused.refused": 1, "made": 1}
    assert run.notes == ["ORDER_CHANGE: the call was refused with status 403"]


@pytest.mark.parametrize("type_", ["ORDER_CHANGES", "order_change", "ORDER_CHANGE:", "A/B"])
def test_a_type_whose_notifications_would_not_pass_is_not_subscribed_to(
    pulling: Pulling, type_: str
) -> None:
    with pytest.raises(Malformed):
        do(pulling, Way.SUBSCRIBE, type_)
    fifo = Place.parse("https://sqs.eu-central-1.amazonaws.com/123456789012/acme.fifo")
    with pytest.raises(Malformed, match="FIFO"):
        do(pulling, Way.SUBSCRIBE, place=fifo)


@pytest.mark.clause("1.3")
def test_another_partners_subscription_stays_its_own(pulling: Pulling) -> None:
    mine = do(pulling, Way.SUBSCRIBE, "ORDER_CHANGE")[1][0].subscription
    other = do(pulling, Way.SUBSCRIBE, "ORDER_CHANGE", app=pulling.other)[1][0].subscription
    assert mine is not None
    assert other is not None
    checkpoints = pulling.sync.checkpoints
    owners: list[SellerId | None] = []
    for id_ in (mine, other):
        known = checkpoints.subscription(id_)
        owners.append(None if known is None else known.seller)
    assert owners == [pulling.app.seller, pulling.other.seller]
