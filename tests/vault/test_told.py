"""What others than the Orders API say of a delivery is kept with who said so, of when, and when we heard it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from strongroom.db import schema
from strongroom.policy.kinds import KEPT
from strongroom.policy.retention import Progress, SightedFacts
from strongroom.policy.sighting import Sighting
from strongroom.vault.told import ORIGINS
from tests.vault.conftest import APP, NOW, World, order

EASY_SHIP = "easyShip_2022-03-23.getScheduledPackage"
CHANGED = "OrderChangeNotification.ORDER_CHANGE"
SELLER = 1
DAY = timedelta(days=1)


def put(world: World, op: str, *sightings: Sighting, at=NOW) -> None:
    world.vault.put(SELLER, list(sightings), caller=APP, op=op, now=at)


def facts(world: World) -> list[tuple[str, int, int]]:
    with world.database.read() as tx:
        rows = tx.execute(schema.delivery_fact.select().order_by(schema.delivery_fact.c.origin))
        return [(row.origin, row.status, row.said_at) for row in rows]


def due(world: World) -> tuple[int, int | None]:
    with world.database.read() as tx:
        (row,) = tx.execute(schema.record_key.select()).all()
    return row.status, row.due_at


def said(status: Progress, **facts: int) -> Sighting:
    return Sighting("order", order().id, {}, SightedFacts(status, **facts))


@pytest.mark.clause("2.1")
def test_each_word_of_a_delivery_is_kept_with_its_origin_and_time(world: World) -> None:
    put(world, "ordersV0.getOrders", order())
    assert facts(world) == []
    put(world, EASY_SHIP, said(Progress.UNDELIVERED))
    changed_at = int(NOW.timestamp()) - 60
    put(world, CHANGED, said(Progress.SHIPPED, updated_at=changed_at))
    assert facts(world) == [
        (CHANGED, Progress.SHIPPED, changed_at),
        (EASY_SHIP, Progress.UNDELIVERED, 0),
    ]
    # The carrier's word is the stronger one, and keeps the order open.
    assert due(world) == (Progress.UNDELIVERED, None)
    put(world, EASY_SHIP, said(Progress.DELIVERED), at=NOW + DAY)
    assert facts(world)[1] == (EASY_SHIP, Progress.DELIVERED, 0)
    status, at = due(world)
    assert status == Progress.DELIVERED
    # Thirty days from when it was last seen under way, less what a copy of the keystore may live.
    assert at is not None
    assert at <= (NOW + 30 * DAY).timestamp()


@pytest.mark.clause("2.1")
def test_a_parcel_that_arrived_before_we_saw_it_counts_from_its_arrival(world: World) -> None:
    tracking = "shippingV2.getTracking"
    seen = Sighting("tracking", "1Z1", {9: "x"}, KEPT["tracking"])
    put(world, tracking, seen)
    _, first = due(world)
    arrived = int((NOW - 20 * DAY).timestamp())
    again = Sighting("tracking", "1Z1", {9: "x"}, KEPT["tracking"]._replace(purchased_at=arrived))
    put(world, tracking, again)
    _, second = due(world)
    assert first is not None
    assert second is not None
    assert first - second == 20 * 86_400
    assert facts(world) == [(tracking, Progress.FIRST_SEEN, arrived)]


@pytest.mark.clause("2.1")
def test_what_says_nothing_is_not_kept(world: World) -> None:
    put(world, EASY_SHIP, order(), said(Progress.UNKNOWN))
    assert [origin for origin, *_ in facts(world)] == [EASY_SHIP]
    assert not any(origin.startswith("ordersV0") for origin in ORIGINS)
