"""Tokens: who gets one, what it opens, and how the refusals read."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from tests.simulator.conftest import ALL_TIME, MARKETPLACES, SHIPPING_ONLY, Client, Clock, Start

from strongroom.simulator import SellerAccount, Simulator

ORDERS = "/orders/v0/orders"
GENERIC = "/orders/v0/orders/{orderId}"
DENIED = "Access to requested resource is denied."


def test_a_refresh_token_buys_an_access_token(client: Client) -> None:
    reply = client.login()
    document = reply.json()
    assert reply.status == 200
    assert document["access_token"].startswith("Atza|")
    assert (document["token_type"], document["expires_in"]) == ("bearer", 3600)
    assert document["refresh_token"] == client.account.refresh_token
    assert reply.headers["Cache-Control"] == "no-store"


def test_the_token_endpoint_takes_json_too(client: Client) -> None:
    form = {
        "grant_type": "client_credentials",
        "scope": "sellingpartnerapi::notifications",
        "client_id": client.account.client_id,
        "client_secret": client.account.client_secret,
    }
    headers = {"Content-Type": "application/json"}
    reply = client.send("POST", "/auth/o2/token", headers=headers, body=json.dumps(form).encode())
    assert reply.status == 200
    assert "refresh_token" not in reply.json()
    grantless = reply.json()["access_token"]
    assert client.get(ORDERS, grantless, MarketplaceIds=MARKETPLACES).status == 403


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "wrong"}, 401, "invalid_client"),
        ({"refresh_token": "Atzr|wrong"}, 400, "invalid_grant"),
        ({"refresh_token": ""}, 400, "invalid_request"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": ""}, 400, "invalid_request"),
        ({"grant_type": "client_credentials", "scope": "nonsense"}, 400, "invalid_scope"),
    ],
)
def test_bad_token_requests_fail_as_at_amazon(
    client: Client, changes: dict[str, str], status: int, error: str
) -> None:
    reply = client.login(**changes)
    assert (reply.status, reply.json()["error"]) == (status, error)
    assert reply.json()["error_description"]


def test_a_sellers_refresh_token_needs_its_own_application(simulator: Simulator) -> None:
    stolen = Client(simulator, simulator.seller("beta")).login(
        refresh_token=simulator.seller("alpha").refresh_token
    )
    assert stolen.json()["error"] == "invalid_grant"


def test_tokens_expire_by_the_clock(client: Client, clock: Clock) -> None:
    assert client.get("/sellers/v1/marketplaceParticipations").status == 200
    clock.advance(timedelta(seconds=3600))
    reply = client.get("/sellers/v1/marketplaceParticipations")
    assert reply.status == 403
    assert reply.error == {
        "code": "Unauthorized",
        "message": DENIED,
        "details": "The access token you provided has expired.",
    }


def test_missing_and_unknown_tokens_are_told_apart(client: Client) -> None:
    missing = client.send("GET", "/sellers/v1/marketplaceParticipations")
    unknown = client.get("/sellers/v1/marketplaceParticipations", "Atza|nobody")
    assert (missing.status, unknown.status) == (403, 403)
    assert "missing" in missing.error["details"]
    assert "invalid" in unknown.error["details"]


def test_a_restricted_token_opens_what_it_lists_and_nothing_else(
    client: Client, find: Callable[..., str]
) -> None:
    order_id = find("recipient.phone", status="Shipped")
    token = client.restricted_token(GENERIC, "shippingAddress")
    order = client.get(f"{ORDERS}/{order_id}", token).json()["payload"]
    assert order["ShippingAddress"]["Name"] == client.simulator.truth(order_id)["recipient.name"]
    assert order["BuyerInfo"].keys() == {"BuyerEmail"}
    assert client.get(f"{ORDERS}/{order_id}/address", token).status == 403
    assert client.get(ORDERS, token, MarketplaceIds=MARKETPLACES).status == 403


def test_a_restricted_token_for_one_order_does_not_open_another(
    client: Client, find: Callable[..., str]
) -> None:
    one, other = find(status="Shipped"), find(status="Unshipped")
    token = client.restricted_token(f"{ORDERS}/{one}/address")
    assert client.get(f"{ORDERS}/{one}/address", token).status == 200
    assert client.get(f"{ORDERS}/{other}/address", token).status == 403


def test_a_restricted_token_expires_by_the_clock(
    client: Client, clock: Clock, find: Callable[..., str]
) -> None:
    order_id = find(status="Shipped")
    token = client.restricted_token(GENERIC + "/address")
    clock.advance(timedelta(hours=1))
    assert client.get(f"{ORDERS}/{order_id}/address", token).status == 403


def test_one_missing_role_refuses_the_whole_request(start: Start) -> None:
    simulator = start(sellers=(SellerAccount("alpha", roles=SHIPPING_ONLY),))
    client = Client(simulator, simulator.sellers[0])
    elements = ["buyerInfo", "shippingAddress"]
    both = client.restrict({"method": "GET", "path": ORDERS, "dataElements": elements})
    assert both.status == 403
    assert both.error["code"] == "Unauthorized"
    assert both.error["message"].endswith("[buyerInfo]")
    allowed = client.restrict({"method": "GET", "path": ORDERS, "dataElements": elements[1:]})
    assert allowed.status == 200
    assert client.restrict({"method": "GET", "path": GENERIC + "/buyerInfo"}).status == 403
    assert client.restrict({"method": "GET", "path": GENERIC + "/address"}).status == 200


@pytest.mark.parametrize(
    "resource",
    [
        {"path": ORDERS, "dataElements": ["buyerInfo"]},
        {"method": "PATCH", "path": ORDERS, "dataElements": ["buyerInfo"]},
        {"method": "GET", "dataElements": ["buyerInfo"]},
        {"method": "GET", "path": ORDERS},
        {"method": "GET", "path": ORDERS, "dataElements": ["everything"]},
        {"method": "GET", "path": GENERIC + "/address", "dataElements": ["shippingAddress"]},
        {"method": "GET", "path": "/sellers/v1/marketplaceParticipations"},
        {"method": "GET", "path": "/orders/2026-01-01/orders"},
        {"method": "GET", "path": "/reports/2021-06-30/documents/{reportDocumentId}"},
    ],
)
def test_bad_restricted_resources_are_refused(client: Client, resource: dict[str, object]) -> None:
    reply = client.restrict(resource)
    assert (reply.status, reply.error["code"]) == (400, "InvalidInput")


def test_fifty_resources_are_the_most(client: Client) -> None:
    resource = {"method": "GET", "path": GENERIC + "/address"}
    assert client.restrict(*[resource] * 50).status == 200
    assert client.restrict(*[resource] * 51).status == 400
    assert client.restrict().status == 400


def test_a_restricted_token_buys_no_further_one(client: Client) -> None:
    token = client.restricted_token(GENERIC + "/address")
    resource = {"method": "GET", "path": GENERIC + "/address"}
    assert client.restrict(resource, token=token).status == 403


@pytest.mark.parametrize("view", ["address", "buyerInfo", "orderItems/buyerInfo", "regulatedInfo"])
def test_restricted_operations_refuse_a_plain_token(
    client: Client, find: Callable[..., str], view: str
) -> None:
    reply = client.get(f"{ORDERS}/{find(status='Shipped')}/{view}")
    assert (reply.status, reply.error["message"]) == (403, DENIED)


def test_sellers_do_not_see_each_others_orders(simulator: Simulator) -> None:
    beta = Client(simulator, simulator.seller("beta"))
    mine = {order.order_id for order in simulator.orders("beta")}
    query = {"MarketplaceIds": MARKETPLACES, "CreatedAfter": ALL_TIME}
    listed = beta.get(ORDERS, **query).json()["payload"]["Orders"]
    assert {order["AmazonOrderId"] for order in listed} <= mine
    foreign = simulator.orders("alpha")[0].order_id
    assert beta.get(f"{ORDERS}/{foreign}").status == 404
