"""Clients whose host is hard-coded reach the gateway: by the forward proxy, and by a resolver that leads them here."""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from sp_api.api import Orders
from sp_api.base import Marketplaces
from tests.clients.conftest import NOW
from tests.support.client import MARKETPLACES
from tests.support.home import App, Home
from tests.support.tokens import tokens_in

from strongroom.home.certificates import AMAZON_HOSTS
from strongroom.simulator import SellerAccount, Simulator, SimulatorConfig

pytestmark = pytest.mark.clause("1.1", "1.5", "2.6")

ROOT = Path(__file__).parents[2]
SINCE = "2026-02-20T00:00:00Z"


@dataclass
class Proxied:
    home: Home
    app: App

    @property
    def proxy(self) -> str:
        url: str = self.home.ready["proxy"]
        return url


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    """Serve a home with its proxy, in front of a pretend Amazon."""
    config = SimulatorConfig(
        orders=30, seed=5, clock=lambda: NOW, sellers=(SellerAccount("alpha"),)
    )
    directory = tmp_path_factory.mktemp("proxied")
    with ExitStack() as stack:
        simulator = stack.enter_context(Simulator(config))
        home = stack.enter_context(Home.make(directory, now=NOW))
        home.start(extra={"STRONGROOM_PROXY__ENABLED": "true"})
        home.add_seller(simulator, simulator.seller("alpha"))
        (app,) = home.add_app("erp", "alpha")
        yield Proxied(home, app)


def test_the_npm_client_with_its_hard_coded_host_gets_tokens(proxied: Proxied) -> None:
    subprocess.run(["sh", ROOT / "scripts/node.sh"], check=True, timeout=110)
    settings = {
        "client_id": proxied.app.client_id,
        "client_secret": proxied.app.client_secret,
        "refresh_token": proxied.app.refresh_token,
        "proxy": proxied.proxy,
        "marketplaces": MARKETPLACES.split(","),
        "since": SINCE,
    }
    done = subprocess.run(
        ["node", ROOT / "tests/clients/npm/orders.js", ROOT / ".venv/npm-client/node_modules"],
        input=json.dumps(settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"PATH": os.environ["PATH"], "NODE_EXTRA_CA_CERTS": str(proxied.home.ca_path)},
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert tokens_in(found["orders"])
    assert found["one"]["AmazonOrderId"] == found["orders"][0]["AmazonOrderId"]


def test_python_amazon_sp_api_gets_tokens_by_its_proxies_alone(proxied: Proxied) -> None:
    """Endpoint, token endpoint and marketplace are Amazon's own."""
    client = Orders(
        marketplace=Marketplaces.DE,
        refresh_token=proxied.app.refresh_token,
        credentials={
            "lwa_app_id": proxied.app.client_id,
            "lwa_client_secret": proxied.app.client_secret,
        },
        proxies=proxied.proxy,
        verify=ssl.create_default_context(cafile=str(proxied.home.ca_path)),
    )
    try:
        found = client.get_orders(CreatedAfter=SINCE, MarketplaceIds=MARKETPLACES)
        assert tokens_in(found.payload["Orders"])
    finally:
        client.close()
        client._auth._transport.close()


def connect(proxied: Proxied, name: str) -> ssl.SSLSocket:
    """Connect to the gateway as somebody whose resolver says that it is `name`."""
    trust = ssl.create_default_context(cafile=str(proxied.home.ca_path))
    plain = socket.create_connection(("127.0.0.1", urlsplit(proxied.home.endpoint).port or 0), 5)
    try:
        return trust.wrap_socket(plain, server_hostname=name)
    except ssl.SSLError:
        plain.close()
        raise


def test_a_resolver_that_leads_here_is_enough(proxied: Proxied) -> None:
    """The certificate is chosen by the name that is asked for; every host of Amazon's has one."""
    for name in AMAZON_HOSTS:
        with connect(proxied, name) as inside:
            names = {value for _kind, value in inside.getpeercert()["subjectAltName"]}  # type: ignore[index,misc]
            assert names == set(AMAZON_HOSTS)
            connection = http.client.HTTPConnection(name)
            connection.sock = inside
            connection.request("GET", "/orders/v0/orders", headers={"x-amz-access-token": "no"})
            assert connection.getresponse().status in (401, 403)
    with connect(proxied, "localhost") as inside:
        shown: Any = inside.getpeercert()
        assert ("DNS", "localhost") in shown["subjectAltName"]
        assert ("DNS", AMAZON_HOSTS[0]) not in shown["subjectAltName"]
    with pytest.raises(ssl.SSLCertVerificationError):
        connect(proxied, "www.amazon.com")


def test_any_other_host_is_refused_and_recorded(proxied: Proxied) -> None:
    address = urlsplit(proxied.proxy)
    for host in ("evil.example:443", "sellingpartnerapi-eu.amazon.com:80", "www.amazon.com:443"):
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=5)
        name, _, port = host.partition(":")
        connection.set_tunnel(name, int(port))
        with pytest.raises(OSError, match="403"):
            connection.request("GET", "/")
        connection.close()
    proxied.home.read_log()
    events = proxied.home.ask("audit.tail", limit=50)["events"]
    assert any(
        (event["type"], event.get("reason"), event.get("op"))
        == ("egress.refused", "wrong_network", "proxy.elsewhere")
        for event in events
    )


def test_the_proxy_is_no_way_around_the_gateways_own_list(proxied: Proxied) -> None:
    """The gateway sees who connects: a list that lets others in alone ends it there, though the proxy's does not."""
    row = proxied.home.ask("network.allow", cidr="10.0.0.0/8", listener="gateway")
    address = urlsplit(proxied.proxy)
    trust = ssl.create_default_context(cafile=str(proxied.home.ca_path))
    connection = http.client.HTTPSConnection(
        address.hostname or "", address.port, timeout=5, context=trust
    )
    try:
        connection.set_tunnel("sellingpartnerapi-eu.amazon.com", 443)
        connection.request("GET", "/orders/v0/orders")
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (403, b"")
    finally:
        connection.close()
        proxied.home.ask("network.remove", network=row["id"])


@pytest.mark.clause("1.1")
def test_posture_knows_the_proxy_for_one_of_ours(proxied: Proxied) -> None:
    proxied.home.read_log()
    found = {one["id"]: one for one in proxied.home.run("posture")["findings"]}
    assert found["listeners.expected"]["state"] == "ok", found["listeners.expected"]
    assert proxied.proxy.rpartition(":")[2].strip("/") in found["listener.proxy"]["seen"]
    assert "tls.proxy" not in found
