"""One home with three selling partners of one simulator, and the two clients pointed at it."""

from __future__ import annotations

import logging
import os
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.clients.views import AmazonClient, CommunityClient, Login
from tests.support.home import App, Home

from strongroom.simulator import SellerAccount, Simulator, SimulatorConfig

# One line a request, which nobody reads.
logging.getLogger("httpx").setLevel(logging.WARNING)

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
TWO_YEARS_BACK = (NOW - timedelta(days=730)).strftime("%Y-%m-%dT%H:%M:%SZ")
SELLERS = ("alpha", "beta", "gamma")
CLIENTS = (CommunityClient, AmazonClient)
Client = CommunityClient | AmazonClient


@dataclass(frozen=True)
class Seen:
    """One view of one order as a client got it."""

    client: str
    view: str
    order_id: str
    document: Any


@dataclass
class Shop:
    """The pretend Amazon, a home in front of it, and one app authorized for all its sellers."""

    simulator: Simulator
    home: Home
    apps: dict[str, App]
    directory: Path
    stack: ExitStack
    seen: list[Seen] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def client(self, kind: Callable[[Login], Any], seller: str) -> Any:
        """Make a client that has the app's credentials for one seller."""
        app = self.apps[seller]
        login = Login(
            self.home.endpoint,
            app.client_id,
            app.client_secret,
            app.refresh_token,
            self.home.tls(),
            self.home.ca_path,
        )
        return self.opened(kind(login))

    def amazon(self, seller: str) -> CommunityClient:
        """Make a client of the simulator itself, with the seller's own credentials."""
        account = self.simulator.seller(seller)
        login = Login(
            self.simulator.endpoint,
            account.client_id,
            account.client_secret,
            account.refresh_token,
            ssl.create_default_context(cafile=str(self.simulator.ca_path)),
            self.simulator.ca_path,
        )
        return self.opened(CommunityClient(login))

    def opened(self, client: Any) -> Any:
        self.stack.callback(client.close)
        client.login()
        return client

    def keep(self, client: Any, view: str, order_id: str, document: Any) -> None:
        with self.lock:
            self.seen.append(Seen(client.name, view, order_id, document))


def open_shop(directory: Path, stack: ExitStack, **settings: Any) -> Shop:
    """Start a simulator and a home that knows all its sellers, and serve it."""
    usual = {"orders": 360, "seed": 11, "markers": True, "clock": lambda: NOW}
    config = SimulatorConfig(**(usual | {"sellers": tuple(map(SellerAccount, SELLERS))} | settings))
    simulator = stack.enter_context(Simulator(config))
    home = stack.enter_context(Home.make(directory, now=NOW))
    home.start()
    for account in simulator.sellers:
        home.add_seller(simulator, account)
    apps = home.add_app("erp", *(account.name for account in simulator.sellers))
    # Where requests, under Amazon's client, looks for a CA; read with each request.
    before = os.environ.get("REQUESTS_CA_BUNDLE")
    os.environ["REQUESTS_CA_BUNDLE"] = str(home.ca_path)
    stack.callback(_put_back, before)
    return Shop(simulator, home, {app.seller: app for app in apps}, directory, stack)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Give one shop to a file's tests, which run in their order."""
    with ExitStack() as stack:
        yield open_shop(tmp_path_factory.mktemp("shop"), stack)


def _put_back(value: str | None) -> None:
    if value is None:
        del os.environ["REQUESTS_CA_BUNDLE"]
    else:
        os.environ["REQUESTS_CA_BUNDLE"] = value
