"""Faults: each does what it says, to those it selects, as often as it says."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Callable

import pytest
from tests.simulator.conftest import ALL_TIME, MARKETPLACES, Client

from strongroom.simulator import Fault, FaultKind, Simulator

ORDERS = "/orders/v0/orders"
QUERY = {"MarketplaceIds": MARKETPLACES, "CreatedAfter": ALL_TIME}


def test_an_error_carries_what_it_was_given(client: Client) -> None:
    fault = Fault(FaultKind.ERROR, status=503, message="Max Mustermann is down", details="x")
    client.simulator.add_fault(fault)
    reply = client.get(ORDERS, **QUERY)
    assert reply.status == 503
    assert reply.error["message"] == "Max Mustermann is down"
    assert reply.headers["x-amzn-RequestId"]
    client.simulator.clear_faults()
    assert client.get(ORDERS, **QUERY).status == 200


def test_an_error_can_repeat_the_orders_personal_data(
    client: Client, find: Callable[..., str]
) -> None:
    order_id = find(status="Shipped")
    name = str(client.simulator.truth(order_id)["recipient.name"])
    client.simulator.add_fault(Fault("echo_pii", operation="ordersV0.getOrder"))
    reply = client.get(f"{ORDERS}/{order_id}")
    assert reply.status == 400
    assert name in reply.error["message"]
    assert name in reply.error["details"]


def test_faults_count_down(client: Client) -> None:
    client.simulator.add_fault(Fault("throttled", count=2))
    statuses = [client.get(ORDERS, **QUERY).status for _ in range(3)]
    assert statuses == [429, 429, 200]


def test_faults_select_by_operation_and_seller(simulator: Simulator, client: Client) -> None:
    beta = Client(simulator, simulator.seller("beta"))
    simulator.add_fault(Fault("error", operation="getOrders", seller="beta", status=500))
    assert beta.get(ORDERS, **QUERY).status == 500
    assert beta.get("/sellers/v1/marketplaceParticipations").status == 200
    assert client.get(ORDERS, **QUERY).status == 200


def test_a_fault_of_everything_spares_the_token_endpoint(client: Client) -> None:
    client.simulator.add_fault(Fault("error"))
    assert client.login().status == 200
    client.simulator.add_fault(Fault("error", operation="lwa.token", status=503))
    assert client.login().status == 503


@pytest.mark.parametrize("kind", ["reset", "reset_mid_body"])
def test_connections_break(client: Client, kind: str) -> None:
    token = client.access_token
    client.simulator.add_fault(Fault(kind))
    with pytest.raises((http.client.HTTPException, OSError)):
        client.get(ORDERS, token, **QUERY)


@pytest.mark.parametrize("kind", ["slow", "drip"])
def test_answers_take_their_time(client: Client, kind: str) -> None:
    token = client.access_token
    client.simulator.add_fault(Fault(kind, seconds=0.3))
    began = time.perf_counter()
    assert client.get(ORDERS, token, **QUERY).status == 200
    assert time.perf_counter() - began > 0.25


def test_a_slow_answer_does_not_hold_up_the_end(simulator: Simulator, client: Client) -> None:
    token = client.access_token
    simulator.add_fault(Fault("drip", seconds=60.0))
    connection = http.client.HTTPSConnection(
        "127.0.0.1", simulator.port, context=_trusting(simulator)
    )
    path = "/sellers/v1/marketplaceParticipations"
    connection.request("GET", path, headers={"x-amz-access-token": token})
    began = time.perf_counter()
    simulator.stop()
    connection.close()
    assert time.perf_counter() - began < 5


def test_bytes_are_spoiled(client: Client) -> None:
    simulator = client.simulator
    simulator.add_fault(Fault("truncated", count=1))
    with pytest.raises(json.JSONDecodeError):
        client.get(ORDERS, **QUERY).json()
    simulator.add_fault(Fault("invalid_utf8", count=1))
    with pytest.raises(UnicodeDecodeError):
        client.get(ORDERS, **QUERY).content.decode()
    simulator.add_fault(Fault("wrong_content_type", count=1))
    assert client.get(ORDERS, **QUERY).headers["Content-Type"] == "text/plain"
    simulator.add_fault(Fault("html", count=1))
    assert client.get(ORDERS, **QUERY).content.startswith(b"<html>")
    simulator.add_fault(Fault("body", count=1, body=b"\x00\x01", status=202))
    override = client.get(ORDERS, **QUERY)
    assert (override.status, override.content) == (202, b"\x00\x01")


def test_documents_nest_deeply_and_grow_large(client: Client) -> None:
    client.simulator.add_fault(Fault("deep", count=1))
    assert client.get(ORDERS, **QUERY).content.count(b'{"a":') == 100_000
    client.simulator.add_fault(Fault("huge", count=1, size_bytes=3_000_000))
    reply = client.get(ORDERS, **QUERY)
    assert len(reply.content) >= 3_000_000
    assert len(reply.json()["payload"]["Orders"]) > 100


def test_types_change(client: Client, find: Callable[..., str]) -> None:
    order_id = find("buyer.tax_classification", status="Shipped")
    path = f"{ORDERS}/{order_id}"
    token = client.restricted_token(path, "shippingAddress", "buyerInfo")
    client.simulator.add_fault(Fault("wrong_types"))
    order = client.get(path, token).json()["payload"]
    name = client.simulator.truth(order_id)["recipient.name"]
    assert order["ShippingAddress"]["Name"]["Value"] == name
    assert isinstance(order["BuyerInfo"]["BuyerTaxInfo"], str)


def test_personal_data_appears_under_unknown_keys(client: Client, find: Callable[..., str]) -> None:
    fault = client.simulator.add_fault(Fault("unknown_pii"))
    order_id = find(status="Shipped")
    document = client.get(f"{ORDERS}/{order_id}").json()
    assert document["SecretNote"] == fault.text
    assert document["payload"]["ShippingAddress"]["SecretNote"] == fault.text
    assert document["payload"]["SecretNote"] == fault.text
    assert fault.text in client.simulator.markers()


def test_faults_are_switched_over_http(client: Client) -> None:
    faults = json.dumps([{"kind": "error", "status": 502, "count": 5}, {"kind": "unknown_pii"}])
    added = client.send("POST", "/_control/faults", body=faults.encode())
    assert added.status == 201
    assert added.json()["faults"][1]["text"].startswith("Zq")
    assert client.get(ORDERS, **QUERY).status == 502
    assert client.send("DELETE", "/_control/faults").status == 200
    assert client.get(ORDERS, **QUERY).status == 200
    for bad in (b"{", b"{}", b'{"kind": "earthquake"}', b'{"kind": "error", "colour": 1}'):
        assert client.send("POST", "/_control/faults", body=bad).status == 400


def test_orders_are_inspected_and_changed_over_http(
    client: Client, find: Callable[..., str]
) -> None:
    order_id = find(status="Shipped")
    rows = client.send("GET", "/_control/orders").json()["orders"]
    assert order_id in [row["order_id"] for row in rows]
    body = json.dumps({"changes": {"recipient.name": "Neu"}}).encode()
    assert client.send("POST", f"/_control/orders/{order_id}", body=body).status == 200
    truth = client.send("GET", f"/_control/truth/{order_id}").json()["slots"]
    assert truth["recipient.name"] == "Neu"
    assert client.send("GET", "/_control/truth/nothing").status == 404
    assert client.send("GET", "/_control/requests").json()["requests"] == []


def _trusting(simulator: Simulator) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(simulator.ca_path))
