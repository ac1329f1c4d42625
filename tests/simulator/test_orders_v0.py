"""Orders v0: what each view shows, which queries are taken, and how pages follow each other."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from datetime import timedelta

import pytest
from tests.simulator.conftest import ALL_TIME, MARKETPLACES, START, Client, Clock, Start

from strongroom.simulator import Simulator

ORDERS = "/orders/v0/orders"
EVERYTHING = {"MarketplaceIds": MARKETPLACES, "CreatedAfter": ALL_TIME}


def test_without_a_restricted_token_only_coarse_data_appears(
    client: Client, find: Callable[..., str]
) -> None:
    order_id = find("recipient.phone", "recipient.state", business=True, status="Shipped")
    order = client.get(f"{ORDERS}/{order_id}").json()["payload"]
    assert order["ShippingAddress"].keys() == {
        "City",
        "StateOrRegion",
        "PostalCode",
        "CountryCode",
    }
    assert order["BuyerInfo"].keys() == {"BuyerEmail"}
    assert order["BuyerInfo"]["BuyerEmail"].partition("@")[2].startswith("marketplace.amazon.")
    assert "BuyerTaxInformation" not in order


def test_every_view_of_an_order_agrees_with_the_truth(
    client: Client, find: Callable[..., str]
) -> None:
    order_id = find("recipient.phone", "buyer.tax_registration_id", status="Shipped")
    truth = client.simulator.truth(order_id)
    paths = {name: f"{ORDERS}/{order_id}{name}" for name in ("", "/address", "/buyerInfo")}
    whole = client.restricted_token(paths[""], "buyerInfo", "shippingAddress")
    order = client.get(paths[""], whole).json()["payload"]
    address, buyer = (
        client.get(paths[name], client.restricted_token(paths[name])).json()["payload"]
        for name in ("/address", "/buyerInfo")
    )
    assert order["ShippingAddress"] == address["ShippingAddress"]
    assert {"AmazonOrderId": order_id} | order["BuyerInfo"] == buyer
    assert address["ShippingAddress"]["AddressLine1"] == truth["recipient.address_line_1"]
    assert address["ShippingAddress"]["Phone"] == truth["recipient.phone"]
    assert buyer["BuyerName"] == truth["buyer.name"]
    assert buyer["BuyerEmail"] == truth["buyer.email"]
    assert buyer["BuyerTaxInfo"]["CompanyLegalName"] == truth["buyer.tax_legal_name"]


def test_a_pending_order_has_no_buyer_address_or_amount(
    client: Client, find: Callable[..., str]
) -> None:
    order_id = find(status="Pending")
    token = client.restricted_token(f"{ORDERS}/{order_id}", "buyerInfo", "shippingAddress")
    order = client.get(f"{ORDERS}/{order_id}", token).json()["payload"]
    assert not {"BuyerInfo", "ShippingAddress", "OrderTotal"} & order.keys()
    assert client.simulator.truth(order_id) == {}


def test_pages_cover_every_order_once(client: Client) -> None:
    listed = [order["AmazonOrderId"] for order in client.all_orders(MaxResultsPerPage="17")]
    expected = {order.order_id for order in client.simulator.orders("alpha")}
    assert len(listed) == len(set(listed))
    assert set(listed) == expected


def test_a_page_token_holds_for_its_query_and_seller_only(client: Client) -> None:
    page = client.get(ORDERS, **EVERYTHING, MaxResultsPerPage="5").json()["payload"]
    token = page["NextToken"]
    again = {"MarketplaceIds": MARKETPLACES, "NextToken": token}
    assert client.get(ORDERS, **again).status == 200
    assert client.get(ORDERS, **EVERYTHING, MaxResultsPerPage="5", NextToken=token).status == 200
    assert client.get(ORDERS, **again, OrderStatuses="Shipped").status == 400
    assert client.get(ORDERS, **again, CreatedAfter="2025-01-01T00:00:00Z").status == 400
    assert client.get(ORDERS, **(again | {"NextToken": "bm9uc2Vuc2U="})).status == 400
    beta = Client(client.simulator, client.simulator.seller("beta"))
    assert beta.get(ORDERS, **again).status == 400


@pytest.mark.parametrize(
    "query",
    [
        {"CreatedAfter": ALL_TIME},
        {"MarketplaceIds": MARKETPLACES},
        {**EVERYTHING, "LastUpdatedAfter": ALL_TIME},
        {**EVERYTHING, "MaxResultsPerPage": "0"},
        {**EVERYTHING, "MaxResultsPerPage": "101"},
        {**EVERYTHING, "MaxResultsPerPage": "many"},
        {**EVERYTHING, "OrderStatuses": "Lost"},
        {**EVERYTHING, "FulfillmentChannels": "FBA"},
        {**EVERYTHING, "CreatedAfter": "yesterday"},
        {**EVERYTHING, "CreatedBefore": "2019-01-01T00:00:00Z"},
        {**EVERYTHING, "CreatedBefore": START.strftime("%Y-%m-%dT%H:%M:%SZ")},
        {**EVERYTHING, "BuyerEmail": "a@b.example", "OrderStatuses": "Shipped"},
        {**EVERYTHING, "AmazonOrderIds": ",".join(f"113-0000000-{n:07d}" for n in range(51))},
    ],
)
def test_bad_queries_are_invalid_input(client: Client, query: dict[str, str]) -> None:
    reply = client.get(ORDERS, **query)
    assert (reply.status, reply.error["code"]) == (400, "InvalidInput")


def test_filters_select(client: Client, find: Callable[..., str]) -> None:
    order_id = find(status="Unshipped")
    email = str(client.simulator.truth(order_id)["buyer.email"])
    shipped = client.all_orders(OrderStatuses="Shipped,Canceled", FulfillmentChannels="MFN")
    assert {o["OrderStatus"] for o in shipped} == {"Shipped", "Canceled"}
    assert {o["FulfillmentChannel"] for o in shipped} == {"MFN"}
    german = client.all_orders(MarketplaceIds="A1PA6795UKMFR9")
    assert {o["SalesChannel"] for o in german} == {"Amazon.de"}
    assert [o["AmazonOrderId"] for o in client.all_orders(BuyerEmail=email)] == [order_id]
    by_id = client.get(ORDERS, MarketplaceIds=MARKETPLACES, AmazonOrderIds=order_id)
    assert [o["AmazonOrderId"] for o in by_id.json()["payload"]["Orders"]] == [order_id]


def test_dates_select_by_creation_or_by_change(client: Client) -> None:
    month_ago = (START - timedelta(days=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
    orders = client.simulator.orders("alpha")
    created = client.all_orders(CreatedAfter=month_ago)
    assert len(created) == sum(o.created_at >= START - timedelta(days=30) for o in orders)
    query = {"MarketplaceIds": MARKETPLACES, "LastUpdatedAfter": month_ago}
    updated = client.get(ORDERS, **query).json()["payload"]
    assert len(updated["Orders"]) == sum(o.updated_at >= START - timedelta(days=30) for o in orders)
    assert updated["LastUpdatedBefore"] == "2026-03-01T11:58:00Z"


def test_items_come_in_pages_with_their_buyers_texts(
    client: Client, find: Callable[..., str]
) -> None:
    simulator = client.simulator
    order = next(o for o in simulator.orders("alpha") if len(o.items) > 10 and o.slots)
    path = f"{ORDERS}/{order.order_id}/orderItems"
    first = client.get(path).json()["payload"]
    second = client.get(path, NextToken=first["NextToken"]).json()["payload"]
    found = [i["OrderItemId"] for i in itertools.chain(first["OrderItems"], second["OrderItems"])]
    assert found == [item.item_id for item in order.items]
    other = find(status="Unshipped")
    wrong = client.get(f"{ORDERS}/{other}/orderItems", NextToken=first["NextToken"])
    assert wrong.status == 400


def test_gift_messages_need_buyer_info(client: Client) -> None:
    simulator = client.simulator
    order, slot = next(
        (o, s)
        for o in simulator.orders("alpha")
        for s in o.slots
        if s.endswith(".gift_message") and len(o.items) <= 10
    )
    path = f"{ORDERS}/{order.order_id}/orderItems"
    plain = client.get(path)
    texts = client.get(path, client.restricted_token(path, "buyerInfo"))
    separate = client.get(path + "/buyerInfo", client.restricted_token(path + "/buyerInfo"))
    assert b"GiftMessageText" not in plain.content
    message = simulator.truth(order.order_id)[slot]
    for reply in (texts, separate):
        infos = [i.get("BuyerInfo", i) for i in reply.json()["payload"]["OrderItems"]]
        assert message in [i.get("GiftMessageText") for i in infos]


def test_regulated_information_is_there_for_a_few(start: Start) -> None:
    simulator = start(orders=600)
    client = Client(simulator, simulator.seller("alpha"))
    order = next(o for o in simulator.orders("alpha") if o.regulated and o.slots)
    path = f"{ORDERS}/{order.order_id}/regulatedInfo"
    payload = client.get(path, client.restricted_token(path)).json()["payload"]
    values = {f["FieldValue"] for f in payload["RegulatedInformation"]["Fields"]}
    assert values == {v for s, v in order.slots.items() if s.startswith("regulated.")}


def test_unknown_and_malformed_orders_differ(client: Client) -> None:
    unknown = client.get(f"{ORDERS}/999-1234567-1234567")
    malformed = client.get(f"{ORDERS}/1234")
    assert (unknown.status, unknown.error["code"]) == (404, "NotFound")
    assert (malformed.status, malformed.error["code"]) == (400, "InvalidInput")


def test_an_update_shows_in_every_view_and_bumps_the_date(
    client: Client, clock: Clock, find: Callable[..., str]
) -> None:
    simulator = client.simulator
    order_id = find(status="Unshipped")
    before = simulator.order(order_id).updated_at
    clock.advance(timedelta(minutes=5))
    simulator.update_order(order_id, {"recipient.name": "Neu Er Name", "buyer.name": "Anna"})
    assert simulator.order(order_id).updated_at > before
    assert simulator.truth(order_id)["recipient.name"] == "Neu Er Name"
    path = f"{ORDERS}/{order_id}"
    token = client.restricted_token(path, "shippingAddress", "buyerInfo")
    order = client.get(path, token).json()["payload"]
    assert order["ShippingAddress"]["Name"] == "Neu Er Name"
    assert order["BuyerInfo"]["BuyerName"] == "Anna"
    assert order["LastUpdateDate"] == "2026-03-01T12:05:00Z"
    clock.advance(timedelta(minutes=5))
    query = {"MarketplaceIds": MARKETPLACES, "LastUpdatedAfter": "2026-03-01T12:04:00Z"}
    changed = client.get(ORDERS, **query).json()["payload"]["Orders"]
    assert [o["AmazonOrderId"] for o in changed] == [order_id]


def test_shipping_a_pending_order_reveals_its_buyer(
    client: Client, find: Callable[..., str]
) -> None:
    order_id = find(status="Pending")
    client.simulator.update_order(order_id, status="Shipped")
    assert client.simulator.truth(order_id)["recipient.name"]
    order = client.simulator.order(order_id)
    assert order.packages[0].status == "IN_TRANSIT"
    assert all(item.quantity_shipped == item.quantity for item in order.items)


def test_parcels_arrive_as_the_clock_moves(simulator: Simulator, clock: Clock) -> None:
    order = next(
        o
        for o in simulator.orders("alpha")
        if o.delivered_at is not None and o.delivered_at > clock() and o.slots
    )
    assert order.packages[0].status == "IN_TRANSIT"
    clock.advance(timedelta(days=10))
    arrived = simulator.order(order.order_id)
    assert arrived.updated_at == order.delivered_at
    assert dataclasses.asdict(arrived)["items"] == dataclasses.asdict(order)["items"]
    assert arrived.packages[0].status in {"DELIVERED", "IN_TRANSIT"}
