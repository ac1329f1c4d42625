"""Two sellers, a clock that only tests move, and a small client that repeats nothing."""

from __future__ import annotations

import http.client
import json
import ssl
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from strongroom.simulator import Role, SellerAccount, Simulator, SimulatorConfig

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
ALL_TIME = "2020-01-01T00:00:00Z"
MARKETPLACES = "ATVPDKIKX0DER,A1PA6795UKMFR9,A1VC38T7YXB528"
EVERY_DATASET = "BUYER,RECIPIENT,PROCEEDS,FULFILLMENT,PACKAGES,TAX,PAYMENT,CANCELLATION"
# The first has every role, the second none.
SELLERS = (SellerAccount("alpha"), SellerAccount("beta", roles=frozenset()))
SHIPPING_ONLY = frozenset({Role.DIRECT_TO_CONSUMER_SHIPPING})


class Clock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, span: timedelta) -> None:
        self.now += span


@dataclass
class Reply:
    """An answer as it came."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def error(self) -> dict[str, str]:
        errors: list[dict[str, str]] = self.json()["errors"]
        return errors[0]


@dataclass
class Client:
    """Calls one simulator as one seller."""

    simulator: Simulator
    account: SellerAccount
    tokens: dict[str, str] = field(default_factory=dict)

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Reply:
        context = ssl.create_default_context(cafile=str(self.simulator.ca_path))
        # By hand: urllib leaves the socket open when the connection breaks.
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self.simulator.port, context=context, timeout=10
        )
        url = f"{path}?{urllib.parse.urlencode(query)}" if query else path
        try:
            connection.request(method, url, body, dict(headers or {}))
            with connection.getresponse() as answer:
                return Reply(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def login(self, **changes: str) -> Reply:
        form = {
            "grant_type": "refresh_token",
            "client_id": self.account.client_id,
            "client_secret": self.account.client_secret,
            "refresh_token": self.account.refresh_token,
        } | changes
        body = urllib.parse.urlencode({k: v for k, v in form.items() if v}).encode()
        content_type = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.send("POST", "/auth/o2/token", headers=content_type, body=body)

    @property
    def access_token(self) -> str:
        if "access" not in self.tokens:
            self.tokens["access"] = self.login().json()["access_token"]
        return self.tokens["access"]

    def get(self, path: str, token: str | None = None, **query: str) -> Reply:
        headers = {"x-amz-access-token": token or self.access_token}
        return self.send("GET", path, query=query, headers=headers)

    def restrict(self, *resources: Mapping[str, object], token: str | None = None) -> Reply:
        body = json.dumps({"restrictedResources": resources}).encode()
        headers = {
            "x-amz-access-token": token or self.access_token,
            "Content-Type": "application/json",
        }
        path = "/tokens/2021-03-01/restrictedDataToken"
        return self.send("POST", path, headers=headers, body=body)

    def restricted_token(self, path: str, *elements: str) -> str:
        resource: dict[str, object] = {"method": "GET", "path": path}
        if elements:
            resource["dataElements"] = elements
        reply = self.restrict(resource)
        assert reply.status == 200, reply.content
        token: str = reply.json()["restrictedDataToken"]
        return token

    def all_orders(self, **query: str) -> list[dict[str, Any]]:
        """Return every page of getOrders."""
        asked = {"MarketplaceIds": MARKETPLACES, "CreatedAfter": ALL_TIME} | query
        token = self.restricted_token(
            "/orders/v0/orders", "buyerInfo", "shippingAddress", "buyerTaxInformation"
        )
        found: list[dict[str, Any]] = []
        while True:
            payload = self.get("/orders/v0/orders", token, **asked).json()["payload"]
            found += payload["Orders"]
            if "NextToken" not in payload:
                return found
            asked = {"MarketplaceIds": MARKETPLACES, "NextToken": payload["NextToken"]}


Start = Callable[..., Simulator]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def start(clock: Clock) -> Iterator[Start]:
    """Start simulators that differ from the usual one in the settings given."""
    with ExitStack() as running:

        def _start(**settings: Any) -> Simulator:
            usual: dict[str, Any] = {"orders": 240, "seed": 7, "clock": clock, "sellers": SELLERS}
            return running.enter_context(Simulator(SimulatorConfig(**(usual | settings))))

        yield _start


@pytest.fixture
def simulator(start: Start) -> Simulator:
    return start()


@pytest.fixture
def client(simulator: Simulator) -> Client:
    return Client(simulator, simulator.seller("alpha"))


def find_order(simulator: Simulator, *slots: str, **facts: object) -> str:
    """Return an order of alpha's that has these slots and attributes."""
    for order in simulator.orders("alpha"):
        if all(slot in order.slots for slot in slots) and all(
            getattr(order, name) == value for name, value in facts.items()
        ):
            return order.order_id
    raise AssertionError("no such order: choose another seed")


@pytest.fixture
def find(simulator: Simulator) -> Callable[..., str]:
    """Find an order of the usual simulator by slots and attributes."""
    return lambda *slots, **facts: find_order(simulator, *slots, **facts)
