"""An order has the same tokens from an import as from the gateway, whichever came first."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from strongroom.policy.catalogue.slots import number_of
from strongroom.policy.retention import Progress, SightedFacts
from strongroom.policy.sighting import OLDEST, Sighting
from strongroom.simulator import Simulator
from strongroom.vault.arrivals import Arrivals
from tests.gateway.conftest import CONSOLE, NOW, RECENT, Door, MakeDoor

pytestmark = pytest.mark.clause("2.4")

ADDRESS = {
    "recipient.name": "Name",
    "recipient.address_line_1": "AddressLine1",
    "recipient.city": "City",
    "recipient.postal_code": "PostalCode",
}


def arrivals(door: Door) -> Arrivals:
    secret = door.keystore.secret
    return Arrivals(
        door.database,
        door.keystore,
        door.vault,
        environment=door.environment,
        token_key=secret("token", NOW),
        subject_key=secret("subject", NOW),
        copy_lifetime=timedelta(hours=24),
    )


def from_gateway(door: Door, app: Any) -> dict[str, dict[str, str]]:
    """Return the tokens of shipping addresses by order."""
    restricted = door.rdt(app, "/orders/v0/orders", "shippingAddress", "buyerInfo")
    found = door.get(app, RECENT, restricted).json["payload"]["Orders"]
    return {
        order["AmazonOrderId"]: {
            slot: order["ShippingAddress"][name]
            for slot, name in ADDRESS.items()
            if name in order["ShippingAddress"]
        }
        for order in found
        if "ShippingAddress" in order
    }


def imported(
    door: Door, seller: Any, simulator: Simulator, orders: list[str]
) -> dict[str, dict[str, str]]:
    sightings = []
    for order in orders:
        truth = simulator.truth(order)
        slots = {number_of(slot): truth[slot] for slot in ADDRESS if slot in truth}
        facts = SightedFacts(Progress.SHIPPED, int(NOW.timestamp()) - 86_400)
        sightings.append(Sighting("order", order, slots, facts, OLDEST))
    came = arrivals(door).bring(CONSOLE, seller, sightings, NOW)
    return {
        order: {
            slot: one.tokens[number_of(slot)] for slot in ADDRESS if number_of(slot) in one.tokens
        }
        for order, one in zip(orders, came, strict=True)
    }


@pytest.mark.parametrize("first", ["gateway", "import"])
def test_an_order_has_the_same_tokens_from_both(
    make_door: MakeDoor, simulator: Simulator, first: str
) -> None:
    door = make_door()
    seller = door.add_seller(simulator, simulator.sellers[0])
    app = door.add_app("erp", seller)
    if first == "gateway":
        api = from_gateway(door, app)
        orders = sorted(api)[:10]
        own = imported(door, seller, simulator, orders)
    else:
        other = make_door()
        found = from_gateway(
            other, other.add_app("erp", other.add_seller(simulator, simulator.sellers[0]))
        )
        orders = sorted(found)[:10]
        own = imported(door, seller, simulator, orders)
        api = from_gateway(door, app)
    assert len(orders) == 10
    assert all(own[order] for order in orders)
    assert {order: own[order] for order in orders} == {
        order: {slot: token for slot, token in api[order].items() if slot in own[order]}
        for order in orders
    }
