"""Restricted Data Tokens at the gateway: what they open, and what the seller's roles leave of them."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from strongroom.simulator import Role, SellerAccount, Simulator, SimulatorConfig
from tests.gateway.conftest import (
    NOW,
    ORDERS,
    RECENT,
    SEARCH,
    MakeDoor,
    Shop,
    code,
)


@pytest.mark.clause("1.3")
@pytest.mark.parametrize(
    "use",
    [
        f"{ORDERS}/902-0000000-0000000/address",
        f"{ORDERS}/302-7442270-2517445",
        SEARCH,
        "/orders/2026-01-01/orders/902-0000000-0000000",
    ],
)
def test_a_restricted_token_opens_nothing_else_than_its_resources(shop: Shop, use: str) -> None:
    rdt = shop.door.rdt(shop.app, f"{ORDERS}/902-1234567-1234567/address")
    sent = len(shop.simulator.requests)
    answer = shop.door.get(shop.app, use, rdt)
    assert answer.status == 403
    assert shop.door.gateway_events()[-1] == ("gateway.request.refused", "denied", "wrong_path")
    assert len(shop.simulator.requests) == sent


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"{}",
        b'{"restrictedResources":[]}',
        b'{"restrictedResources":[1]}',
        {"restrictedResources": [{"method": "GET", "path": ORDERS}]},
        {"restrictedResources": [{"method": "GET", "path": ORDERS, "dataElements": ["age"]}]},
        {"restrictedResources": [{"method": "GET", "path": ORDERS, "dataElements": "buyerInfo"}]},
        {"restrictedResources": [{"method": "PATCH", "path": f"{ORDERS}/1/address"}]},
        {"restrictedResources": [{"method": "GET", "path": "orders"}]},
        {"restrictedResources": [{"method": "GET", "path": "/sellers/v1/account"}]},
        {"restrictedResources": [{"method": "GET", "path": "/orders/2026-01-01/orders"}]},
        {"restrictedResources": [{"method": "GET", "path": f"{ORDERS}/{{id}}/address"}]},
        {"restrictedResources": [{"method": "GET", "path": f"{ORDERS}/../address"}]},
        {
            "restrictedResources": [
                {"method": "GET", "path": f"{ORDERS}/1/address", "dataElements": ["buyerInfo"]}
            ]
        },
        {"restrictedResources": [{"method": "GET", "path": f"{ORDERS}/1/address"}] * 51},
        {
            "restrictedResources": [{"method": "GET", "path": f"{ORDERS}/1/address"}],
            "targetApplication": "amzn1.sellerapps.app.x",
        },
    ],
)
def test_a_wrong_request_for_a_restricted_token_gets_400(shop: Shop, body: Any) -> None:
    answer = shop.door.call(
        "POST",
        "/tokens/2021-03-01/restrictedDataToken",
        {"x-amz-access-token": shop.door.token(shop.app)},
        body,
    )
    assert (answer.status, code(answer)) == (400, "InvalidInput")
    assert shop.simulator.requests == [] or shop.door.gateway_events()[-1][1] == "denied"


def test_fifty_resources_take_one_token_of_amazons_for_each_operation(shop: Shop) -> None:
    resources = [
        {"method": "GET", "path": f"{ORDERS}/902-1234567-12345{n:02d}/address"} for n in range(50)
    ]
    sent = len(shop.simulator.requests)
    answer = shop.door.restricted(shop.app, *resources)
    assert (answer.status, answer.json["expiresIn"]) == (200, 3600)
    asked = [
        r for r in shop.simulator.requests[sent:] if r.operation.endswith("RestrictedDataToken")
    ]
    assert len(asked) == 1
    assert orjson.loads(asked[0].body)["restrictedResources"] == [
        {"method": "GET", "path": f"{ORDERS}/{{orderId}}/address"}
    ]
    assert shop.door.gateway_events()[-1] == ("rdt.issued", "success", None)


@pytest.fixture
def half(make_door: MakeDoor) -> Any:
    """A selling partner whose application may ship but not invoice."""
    account = SellerAccount("half", roles=frozenset({Role.DIRECT_TO_CONSUMER_SHIPPING}))
    config = SimulatorConfig(orders=40, seed=3, clock=lambda: NOW, markers=True, sellers=(account,))
    with Simulator(config) as simulator:
        door = make_door()
        seller = door.add_seller(simulator, simulator.seller("half"))
        app = door.add_app("erp", seller)
        yield Shop(door, simulator, app, app)


@pytest.mark.clause("1.3")
def test_elements_without_their_role_are_left_out_and_remembered(half: Shop) -> None:
    door, app = half.door, half.app
    rdt = door.rdt(app, ORDERS, "buyerInfo", "shippingAddress", "buyerTaxInformation")
    assert door.sellers.get(app.seller).rdt_elements == {"shippingAddress"}
    answer = door.get(app, RECENT, rdt)
    assert answer.status == 200
    orders = answer.json["payload"]["Orders"]
    assert any("AddressLine1" in order.get("ShippingAddress", {}) for order in orders)
    sent = len(half.simulator.requests)
    door.rdt(app, f"{ORDERS}/902-1234567-1234567", "buyerInfo", "shippingAddress")
    asked = [
        orjson.loads(r.body)["restrictedResources"][0]["dataElements"]
        for r in half.simulator.requests[sent:]
        if r.operation.endswith("RestrictedDataToken")
    ]
    assert asked == [["shippingAddress"]]


@pytest.mark.clause("1.3")
def test_with_no_role_left_amazons_403(half: Shop) -> None:
    for resource in (
        {"method": "GET", "path": ORDERS, "dataElements": ["buyerInfo"]},
        {"method": "GET", "path": f"{ORDERS}/{{orderId}}/buyerInfo"},
    ):
        answer = half.door.restricted(half.app, resource)
        assert (answer.status, code(answer)) == (403, "Unauthorized")
    assert (
        half.door.restricted(
            half.app, {"method": "GET", "path": f"{ORDERS}/{{orderId}}/address"}
        ).status
        == 200
    )


def test_a_restricted_token_cannot_ask_for_another(shop: Shop) -> None:
    rdt = shop.door.rdt(shop.app, ORDERS, "buyerInfo")
    answer = shop.door.call(
        "POST",
        "/tokens/2021-03-01/restrictedDataToken",
        {"x-amz-access-token": rdt},
        {"restrictedResources": [{"method": "GET", "path": f"{ORDERS}/1/address"}]},
    )
    assert answer.status == 403


@pytest.mark.clause("1.3", "2.5")
def test_no_app_gets_the_applications_own_token(shop: Shop) -> None:
    """With it an app could lead notifications past the vault: its call goes with the selling partner's token."""
    form = {
        "grant_type": "client_credentials",
        "scope": "sellingpartnerapi::notifications",
        "client_id": shop.app.client_id,
        "client_secret": shop.app.client_secret,
    }
    asked = shop.door.call("POST", "/auth/o2/token", {"content-type": "application/json"}, form)
    assert (asked.status, asked.json["error"]) == (400, "invalid_scope")
    path = "/notifications/v1/destinations"
    assert shop.door.get(shop.app, path).status == 403
    assert shop.door.get(shop.app, path, strongroom_inside="1").status == 403
    received = [
        r for r in shop.simulator.requests if r.operation == "notifications.getDestinations"
    ]
    assert {r.seller for r in received} == {"acme"}
