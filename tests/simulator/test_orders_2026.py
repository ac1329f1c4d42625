"""Orders 2026-01-01: datasets on request, personal data by role, the same orders as v0."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.simulator.conftest import ALL_TIME, EVERY_DATASET, SHIPPING_ONLY, Client, Start

from strongroom.simulator import SellerAccount

ORDERS = "/orders/2026-01-01/orders"


def test_the_plain_token_shows_what_the_roles_allow(
    client: Client, find: Callable[..., str]
) -> None:
    order_id = find("recipient.phone", "buyer.tax_registration_id", status="Shipped")
    truth = client.simulator.truth(order_id)
    order = client.get(f"{ORDERS}/{order_id}", includedData=EVERY_DATASET).json()["order"]
    address = order["recipient"]["deliveryAddress"]
    assert address["name"] == truth["recipient.name"]
    assert address["phone"] == truth["recipient.phone"]
    assert order["buyer"]["buyerName"] == truth["buyer.name"]
    registration = order["tax"]["taxRegistrations"][0]
    assert registration["taxRegistrationNumber"] == truth["buyer.tax_registration_id"]
    package = order["packages"][0]
    assert package["trackingNumber"] == truth["package:1.tracking_number"]
    assert package["packageStatus"]["status"] == "DELIVERED"
    assert package["shipTime"]


@pytest.mark.parametrize("roles", [SHIPPING_ONLY, frozenset()])
def test_missing_roles_leave_data_out(start: Start, roles: frozenset[str]) -> None:
    simulator = start(sellers=(SellerAccount("alpha", roles=roles),))
    client = Client(simulator, simulator.sellers[0])
    order_id = next(o.order_id for o in simulator.orders() if o.status == "Shipped")
    order = client.get(f"{ORDERS}/{order_id}", includedData=EVERY_DATASET).json()["order"]
    assert ("name" in order["recipient"]["deliveryAddress"]) == bool(roles)
    assert order["buyer"].keys() == {"buyerEmail"}
    assert "taxRegistrations" not in order["tax"]


def test_only_the_datasets_asked_for_are_included(client: Client, find: Callable[..., str]) -> None:
    path = f"{ORDERS}/{find(status='Shipped')}"
    datasets = {"buyer", "recipient", "proceeds", "payment", "tax", "fulfillment", "packages"}
    assert not datasets & client.get(path).json()["order"].keys()
    some = client.get(path, includedData="BUYER,PACKAGES").json()["order"]
    assert datasets & some.keys() == {"buyer", "packages"}
    assert client.get(path, includedData="EVERYTHING").status == 400


def test_a_pending_order_shows_no_person(client: Client, find: Callable[..., str]) -> None:
    order_id = find(status="Pending")
    order = client.get(f"{ORDERS}/{order_id}", includedData=EVERY_DATASET).json()["order"]
    assert not {"buyer", "recipient", "proceeds", "payment", "tax"} & order.keys()
    assert order["fulfillment"]["fulfillmentStatus"] == "PENDING"


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"createdAfter": ALL_TIME, "lastUpdatedAfter": ALL_TIME},
        {"createdAfter": ALL_TIME, "lastUpdatedBefore": "2026-01-01T00:00:00Z"},
        {"createdAfter": ALL_TIME, "maxResultsPerPage": "101"},
        {"createdAfter": ALL_TIME, "fulfillmentStatuses": "Shipped"},
        {"createdAfter": ALL_TIME, "fulfilledBy": "MFN"},
    ],
)
def test_bad_queries_are_invalid_input(client: Client, query: dict[str, str]) -> None:
    reply = client.get(ORDERS, **query)
    assert (reply.status, reply.error["code"]) == (400, "InvalidInput")


def test_search_pages_through_everything(client: Client) -> None:
    query = {"createdAfter": ALL_TIME, "maxResultsPerPage": "50"}
    found: list[dict[str, Any]] = []
    token: dict[str, str] = {}
    while True:
        page = client.get(ORDERS, **query, **token).json()
        found += page["orders"]
        if "pagination" not in page:
            break
        token = {"paginationToken": page["pagination"]["nextToken"]}
        # Both may change from page to page.
        query |= {"maxResultsPerPage": "70", "includedData": "BUYER"}
    ids = [order["orderId"] for order in found]
    assert len(ids) == len(set(ids))
    assert set(ids) == set(client.simulator.order_ids("alpha"))
    changed = client.get(ORDERS, **(query | {"createdAfter": "2025-01-01T00:00:00Z"}), **token)
    assert changed.status == 400


def test_lists_are_comma_separated(client: Client) -> None:
    page = client.get(
        ORDERS,
        createdAfter=ALL_TIME,
        fulfillmentStatuses="UNSHIPPED,PENDING",
        fulfilledBy="MERCHANT,AMAZON",
        marketplaceIds="ATVPDKIKX0DER,A1VC38T7YXB528",
        includedData="FULFILLMENT",
    ).json()
    assert {o["fulfillment"]["fulfillmentStatus"] for o in page["orders"]} <= {
        "UNSHIPPED",
        "PENDING",
    }
    assert {o["salesChannel"]["marketplaceId"] for o in page["orders"]} <= {
        "ATVPDKIKX0DER",
        "A1VC38T7YXB528",
    }
    assert page["orders"]
