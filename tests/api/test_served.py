"""The API as an operator serves it: over TLS, by `strongroom serve`, through the client of ours."""

from __future__ import annotations

import asyncio
import http.client
import json
import ssl
import urllib.parse
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.support.carrier import Carrier, Reply
from tests.support.client import Client as Gateway
from tests.support.home import App, Home

from strongroom.client import ApiError, AsyncClient, Client, Relayed, Value
from strongroom.crypto.token import find_tokens
from strongroom.simulator import SellerAccount, Simulator, SimulatorConfig

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
WHY = {"purpose": "fulfilment", "reason": "label 4711"}


@dataclass
class Served:
    home: Home
    app: App
    order: dict[str, Any]

    @property
    def api(self) -> str:
        url: str = self.home.ready["api"]
        return url

    @property
    def token(self) -> str:
        found: str = self.order["ShippingAddress"]["Name"]
        return found

    def client(self, **options: Any) -> Client:
        return Client(
            self.api,
            self.app.client_id,
            self.app.client_secret,
            ca_file=str(self.home.ca_path),
            **options,
        )


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve a home for a file's tests, with one page of orders pulled through its gateway."""
    config = SimulatorConfig(
        orders=40, seed=11, markers=True, clock=lambda: NOW, sellers=(SellerAccount("alpha"),)
    )
    directory = tmp_path_factory.mktemp("served")
    with Simulator(config) as simulator, Home.make(directory, now=NOW) as home:
        home.start()
        home.add_seller(simulator, simulator.seller("alpha"))
        (app,) = home.add_app("erp", "alpha")
        with Gateway(home.endpoint, home.tls(), app) as gateway:
            orders = next(iter(gateway.pages(CreatedAfter="2026-02-20T00:00:00Z"))).json
        shown = [o for o in orders["payload"]["Orders"] if find_tokens(json.dumps(o))]
        order = next(o for o in shown if o.get("ShippingAddress", {}).get("Name"))
        yield Served(home, app, order)


def test_a_token_of_the_gateway_is_a_value_of_the_api(served: Served) -> None:
    with served.client() as client:
        value = client.reveal(served.token, **WHY)
        assert (value.slot, value.seller) == ("recipient.name", "alpha")
        assert isinstance(value.value, str)
        assert value.value not in repr(value)
        order = served.order["AmazonOrderId"]
        values = client.reveal_order(order, seller="alpha", **WHY)
        assert value in values
        (found,) = client.search(order=order, **WHY)
        assert found.tokens["recipient.name"] == served.token
        record = client.record(value.record)
        assert record.tokens["recipient.name"] == served.token
        assert {grant.action for grant in client.grants()} == {"reveal", "search"}
        one, two = client.reveal_batch([served.token, "no token"], **WHY)
        assert one == value
        assert isinstance(two, ApiError)
        assert two.kind == "malformed"
        with pytest.raises(ApiError) as caught:
            client.reveal(served.token, purpose="tax", reason="tax return")
        assert (caught.value.kind, caught.value.reason) == ("denied", "wrong_purpose")


def test_a_connection_that_the_server_closed_is_opened_again(served: Served) -> None:
    with served.client() as client:
        first = client.reveal(served.token, **WHY)
        (connection,) = client._idle
        assert connection.sock is not None
        connection.sock.close()
        connection.sock = None
        assert client.reveal(served.token, **WHY) == first
    with pytest.raises(ValueError, match="https"):
        Client("http://127.0.0.1:8444", "a", "b")


def test_a_wrong_secret_is_told_as_such(served: Served) -> None:
    url, ca = served.api, str(served.home.ca_path)
    with Client(url, served.app.client_id, "wrong", ca_file=ca) as client:
        with pytest.raises(ApiError) as caught:
            client.grants()
        assert caught.value.kind == "unauthenticated"
        assert "wrong" not in str(caught.value)


def test_the_same_calls_for_asyncio(served: Served) -> None:
    async def several() -> list[Value]:
        async with AsyncClient(
            served.api,
            served.app.client_id,
            served.app.client_secret,
            ca_file=str(served.home.ca_path),
        ) as client:
            values = await asyncio.gather(*(client.reveal(served.token, **WHY) for _ in range(8)))
            records = await client.search(order=served.order["AmazonOrderId"], **WHY)
            assert records == [await client.record(values[0].record)] or records
            assert await client.grants()
            (one,) = await client.reveal_batch([served.token], **WHY)
            assert one == values[0]
            assert values[0] in await client.reveal_order(
                served.order["AmazonOrderId"], seller="alpha", **WHY
            )
            return list(values)

    assert len({value.token for value in asyncio.run(several())}) == 1


@pytest.mark.clause("1.5")
def test_a_key_registered_by_command_seals_the_answers(served: Served, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = serialization.Encoding.PEM
    public = tmp_path / "sealed.pub.pem"
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    public.write_bytes(key.public_key().public_bytes(pem, form))
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    added = served.home.run("app", "add", "cloud-erp", "--owner", "ada", "--behind-proxy")
    served.home.add_grant("cloud-erp", "alpha", "reveal")
    app = App("cloud-erp", "alpha", added["client_id"], added["client_secret"], "")
    sealed = Served(served.home, app, served.order)
    with sealed.client(private_key=private) as client:
        with pytest.raises(ApiError) as caught:
            client.reveal(served.token, **WHY)
        assert caught.value.kind == "unsealed"
        shown = served.home.run("app", "key", "cloud-erp", "--public-key-file", str(public))
        assert shown["key"]["crv"] == "P-256"
        assert client.reveal(served.token, **WHY).slot == "recipient.name"
    with sealed.client() as blind, pytest.raises(ApiError) as caught:
        blind.reveal(served.token, **WHY)
    assert caught.value.kind == "sealed"


@pytest.mark.clause("1.5")
def test_the_listener_speaks_tls_and_nothing_else(served: Served) -> None:
    context = ssl.create_default_context(cafile=str(served.home.ca_path))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    host = urllib.parse.urlsplit(served.api).netloc
    with closing(http.client.HTTPSConnection(host, context=context, timeout=15)) as connection:
        connection.request("GET", "/v1/health")
        assert connection.getresponse().read() == b'{"status":"ok"}'
    with closing(http.client.HTTPConnection(host, timeout=15)) as plain:
        plain.request("GET", "/v1/health")
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            plain.getresponse()


def test_a_face_alone_serves_what_it_names(served: Served, tmp_path: Path) -> None:
    with Home.make(tmp_path, now=NOW) as home:
        home.start(face="api")
        assert {"api", "health"} <= set(home.ready)
        assert not {"gateway", "token_endpoint"} & set(home.ready)


@pytest.mark.clause("1.3", "1.5", "2.2")
def test_the_relay_as_an_operator_and_an_app_use_it(served: Served, tmp_path: Path) -> None:
    """Commands over the control socket, the client over TLS, and a carrier over TLS behind it."""
    home = served.home
    carrier_label = b"%PDF-1.7 for nobody"
    with Carrier(tmp_path / "carrier") as carrier, served.client() as client:
        ca = tmp_path / "ca.pem"
        ca.touch(mode=0o600)
        ca.write_text(carrier.ca)
        added = home.run(
            "destination", "add", "parcels", "--host", f"localhost:{carrier.port}", "--prefix", "/v2/",
            "--categories", "name,address", "--purposes", "fulfilment", "--seller", "alpha",
            "--ca", str(ca), "--pin", carrier.pin, "--network", "127.0.0.0/8", "--network", "::1/128",
        )  # fmt: skip
        assert (added["state"], added["prefix"], added["sellers"]) == ("active", "/v2", ["alpha"])
        home.run(
            "grant", "add", "--principal", "erp", "--action", "relay", "--purpose", "fulfilment",
            "--categories", "name,address", "--seller", "alpha", "--days", "30",
        )  # fmt: skip
        name = client.reveal(served.token, **WHY).value
        sent = {"name": served.token}
        answer = client.relay(
            "parcels", "labels", sent, purpose="fulfilment", headers={"authorization": "Basic x"}
        )
        (got,) = carrier.got
        assert json.loads(got.body) == {"name": name}
        assert got.headers["authorization"] == "Basic x"
        assert (answer.status, answer.json()) == (200, sent)
        assert str(name) not in repr(answer)
        carrier.answer = lambda _got: Reply(carrier_label, "application/pdf")
        label = asyncio.run(_relayed(served, sent))
        assert label.json()["bytes"] == len(carrier_label)
        kept = client.reveal(label.json()["document"], **WHY)
        assert (kept.category, kept.value) == ("document", b64encode(carrier_label).decode())
        with pytest.raises(ApiError) as caught:
            client.relay("parcels", "labels", {"name": "nobody"}, purpose="fulfilment")
        assert caught.value.kind == "malformed"
        with pytest.raises(ApiError) as caught:
            client.relay("nobody", "labels", sent, purpose="fulfilment")
        assert caught.value.kind == "not-found"
    told = home.run("destination", "list")
    assert (told["tampered"], len(told["destinations"])) == ([], 1)
    with served.client() as client, pytest.raises(ApiError) as caught:
        client.relay("parcels", "labels", sent, purpose="fulfilment")
    assert (caught.value.kind, caught.value.reason) == ("no-answer", "unreachable")


async def _relayed(served: Served, sent: dict[str, Any]) -> Relayed:
    options = {"ca_file": str(served.home.ca_path)}
    async with AsyncClient(
        served.api, served.app.client_id, served.app.client_secret, **options
    ) as client:
        return await client.relay("parcels", "labels", sent, purpose="fulfilment")
