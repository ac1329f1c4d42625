"""The simulator as a whole: usage plans, markers, TLS, seeds, the foreground command."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.simulator.conftest import (
    ALL_TIME,
    EVERY_DATASET,
    MARKETPLACES,
    START,
    Client,
    Clock,
    Start,
)

import strongroom.simulator
from strongroom.simulator import CertificateKind, Simulator, SimulatorConfig

ORDERS = "/orders/v0/orders"
SELLERS = "/sellers/v1/marketplaceParticipations"
QUERY = {"MarketplaceIds": MARKETPLACES, "CreatedAfter": ALL_TIME}


def test_usage_plans_are_kept_by_the_clock(start: Start, clock: Clock) -> None:
    simulator = start(throttle="real")
    client = Client(simulator, simulator.seller("alpha"))
    statuses = [client.get(SELLERS).status for _ in range(16)]
    assert statuses == [200] * 15 + [429]
    refused = client.get(SELLERS)
    assert refused.error == {
        "code": "QuotaExceeded",
        "message": "You exceeded your quota for the requested resource.",
        "details": "",
    }
    assert refused.headers["x-amzn-RateLimit-Limit"] == "0.016"
    assert refused.headers["x-amzn-RequestId"]
    other = Client(simulator, simulator.seller("beta"))
    assert other.get(SELLERS).status == 200
    clock.advance(timedelta(seconds=63))
    assert [client.get(SELLERS).status for _ in range(2)] == [200, 429]


def test_a_factor_scales_the_usage_plans(start: Start) -> None:
    simulator = start(throttle=0.2)
    client = Client(simulator, simulator.seller("alpha"))
    assert [client.get(SELLERS).status for _ in range(4)] == [200, 200, 200, 429]
    assert client.get(SELLERS).headers["x-amzn-RateLimit-Limit"] == "0.0032"


def test_every_personal_value_carries_its_own_marker(start: Start) -> None:
    simulator = start(markers=True, orders=400)
    client = Client(simulator, simulator.seller("alpha"))
    markers = simulator.markers()
    assert len(set(markers)) == len(markers)
    assert min(map(len, markers)) >= 12
    by_slot: dict[tuple[str, str], list[str]] = {}
    for entry in simulator.marker_entries():
        by_slot.setdefault((entry.order_id, entry.slot), []).append(entry.marker)
    for order in simulator.orders():
        for slot, value in simulator.truth(order.order_id).items():
            # A seller's own address is the same in all its orders and belongs to none.
            order_id = "" if slot.startswith("ship_from.") else order.order_id
            assert [m for m in by_slot[order_id, slot] if m in str(value)]
    rows = client.send("GET", "/_control/markers").json()["markers"]
    assert [row["marker"] for row in rows] == markers


def test_markers_reach_the_answers(start: Start) -> None:
    simulator = start(markers=True)
    client = Client(simulator, simulator.seller("alpha"))
    page = client.get(
        "/orders/2026-01-01/orders", createdAfter=ALL_TIME, includedData=EVERY_DATASET
    )
    shown = json.dumps(client.all_orders(), ensure_ascii=False) + page.content.decode()
    oldest = {order.order_id for order in simulator.orders("alpha")[-50:]}
    expected = [
        entry.marker
        for entry in simulator.marker_entries()
        if entry.order_id in oldest and entry.slot.startswith(("recipient.", "buyer."))
    ]
    assert len(expected) > 500
    assert [marker for marker in expected if marker not in shown] == []


def test_markers_of_changed_values_are_kept(start: Start) -> None:
    simulator = start(markers=True, orders=40)
    order = next(o for o in simulator.orders() if o.slots)
    before = set(simulator.markers())
    simulator.update_order(order.order_id, {"recipient.name": "Zqabcdefgh123456"})
    assert set(simulator.markers()) == before | {"Zqabcdefgh123456"}


def test_without_markers_there_are_none(simulator: Simulator) -> None:
    assert simulator.markers() == []


def test_the_seed_and_the_clock_decide_everything(start: Start) -> None:
    one, same, other = start(), start(), start(seed=8)
    assert one.orders() == same.orders()
    assert one.sellers == same.sellers
    assert one.orders() != other.orders()
    assert one.seller("alpha").client_secret != other.seller("alpha").client_secret


def test_orders_are_spread_as_a_shop_of_two_years(start: Start) -> None:
    simulator = start(orders=500)
    orders = simulator.orders()
    recent = sum(o.created_at >= START - timedelta(days=30) for o in orders)
    assert 0.10 <= recent / len(orders) <= 0.15
    assert Counter(o.status for o in orders).keys() == {
        "Pending",
        "Unshipped",
        "PartiallyShipped",
        "Shipped",
        "Canceled",
    }
    assert len({o.marketplace_id for o in orders}) == 3
    assert len({o.order_id for o in orders}) == 500
    assert any(o.business for o in orders)
    assert all(o.created_at <= o.updated_at <= START for o in orders)
    slots = {slot for o in orders for slot in o.slots}
    assert {"recipient.latitude", "delivery.instructions", "buyer.tax_office"} <= slots
    assert max(len(str(v)) for o in orders for v in o.slots.values()) > 100


def test_ten_thousand_orders_are_made_at_once(clock: Clock) -> None:
    began = time.process_time()
    simulator = Simulator(SimulatorConfig(orders=10_000, seed=3, clock=clock))
    assert len(simulator.order_ids()) == 10_000
    assert time.process_time() - began < 3


def test_requests_are_remembered(client: Client) -> None:
    client.get(ORDERS, **QUERY)
    login, listing = client.simulator.requests
    assert login.operation == "lwa.token"
    assert b"grant_type=refresh_token" in login.body
    assert (listing.method, listing.path, listing.seller) == ("GET", ORDERS, "alpha")
    assert (listing.operation, listing.status) == ("ordersV0.getOrders", 200)
    assert listing.at == START
    assert listing.headers["x-amz-access-token"] == client.access_token


@pytest.mark.parametrize("certificate", ["wrong_host", "expired", "other_ca", "self_signed"])
def test_bad_certificates_are_refused_by_clients(
    start: Start, certificate: CertificateKind
) -> None:
    simulator = start(certificate=certificate)
    with pytest.raises(ssl.SSLCertVerificationError):
        Client(simulator, simulator.sellers[0]).login()


def test_old_tls_is_refused(simulator: Simulator) -> None:
    context = ssl.create_default_context(cafile=str(simulator.ca_path))
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = ssl.TLSVersion.TLSv1_1
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    address = ("127.0.0.1", simulator.port)
    with socket.create_connection(address) as raw, pytest.raises(ssl.SSLError):
        context.wrap_socket(raw, server_hostname="localhost")


def test_the_directory_given_is_used(start: Start, tmp_path: Path) -> None:
    simulator = start(directory=tmp_path / "ca")
    assert simulator.ca_path == tmp_path / "ca" / "simulator-ca.pem"
    assert (tmp_path / "ca" / "simulator-server.pem").stat().st_mode & 0o077 == 0


def test_a_port_that_is_taken_is_an_error(simulator: Simulator) -> None:
    second = Simulator(replace(simulator.config, port=simulator.port))
    with pytest.raises(OSError, match="in use"):
        second.start()
    second.stop()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_announces_itself_and_stops(number: signal.Signals) -> None:
    source = Path(strongroom.simulator.__file__).parents[2]
    command = [sys.executable, "-m", "strongroom.simulator", "--orders", "20", "--seed", "9"]
    with subprocess.Popen(
        [*command, "--json"],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(source)},
    ) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        process.send_signal(number)
        assert process.wait(10) == 0
        assert process.stdout.read() == b""
    assert ready.keys() == {"endpoint", "lwa_url", "ca", "sellers", "orders", "seed"}
    assert (ready["orders"], ready["seed"]) == (20, 9)
    assert ready["sellers"][0].keys() == {
        "name",
        "selling_partner_id",
        "client_id",
        "client_secret",
        "refresh_token",
        "marketplace_ids",
    }


def test_an_unmodified_client_works(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    from sp_api.api import Orders  # noqa: PLC0415 - reads the environment when imported
    from sp_api.auth import AccessTokenClient  # noqa: PLC0415 - as above

    class Marketplace:
        endpoint = simulator.endpoint
        marketplace_id = "ATVPDKIKX0DER"
        region = "us-east-1"

    monkeypatch.setattr(AccessTokenClient, "host", simulator.endpoint.removeprefix("https://"))
    monkeypatch.setenv("SSL_CERT_FILE", str(simulator.ca_path))
    account = simulator.seller("alpha")
    client = Orders(
        marketplace=Marketplace,
        refresh_token=account.refresh_token,
        credentials={
            "lwa_app_id": account.client_id,
            "lwa_client_secret": account.client_secret,
        },
    )
    try:
        listed = client.get_orders(
            CreatedAfter=ALL_TIME,
            OrderStatuses=["Shipped"],
            RestrictedResources=["buyerInfo", "shippingAddress"],
        ).payload["Orders"]
        order_id = listed[0]["AmazonOrderId"]
        truth = simulator.truth(order_id)
        assert listed[0]["ShippingAddress"]["Name"] == truth["recipient.name"]
        assert client.get_order_items(order_id).payload["OrderItems"]
    finally:
        client.close()
        # The library has no way to close what fetches its tokens.
        client._auth._transport.close()
