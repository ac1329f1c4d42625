"""A gateway over a real vault on SQLite, driven without sockets, with the simulator as Amazon."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from strongroom.accounts import Accounts, ClientGuard, Networks
from strongroom.audit.log import AuditLog
from strongroom.crypto import note
from strongroom.crypto.root import FileRoot
from strongroom.db import schema
from strongroom.db.engine import Database
from strongroom.gateway import Gateway, UpstreamLimits, create_gateway
from strongroom.policy.catalogue import Catalogue
from strongroom.simulator import SellerAccount, Simulator, SimulatorConfig
from strongroom.terms import (
    Action,
    AuthMethod,
    Caller,
    Category,
    Environment,
    PrincipalId,
    PrincipalKind,
    Purpose,
    SellerId,
)
from strongroom.vault import GrantStore, Keystore, LwaCredentials, SellerStore, Vault
from strongroom.vault.archive import ArchivePlace

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
CONSOLE = Caller(PrincipalId(1), PrincipalKind.PERSON, "ada", AuthMethod.CONSOLE)
ORDERS = "/orders/v0/orders"
MARKETPLACES = "MarketplaceIds=ATVPDKIKX0DER,A1PA6795UKMFR9,A1VC38T7YXB528"
SEARCH = f"{ORDERS}?{MARKETPLACES}&CreatedAfter=2025-01-01T00:00:00Z"
RECENT = f"{ORDERS}?{MARKETPLACES}&CreatedAfter=2026-02-15T00:00:00Z"
SEARCH_2026 = "/orders/2026-01-01/orders?createdAfter=2026-02-15T00:00:00Z"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass
class Clock:
    """An instant that a test moves."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **span: float) -> None:
        self.now += timedelta(**span)


@dataclass(frozen=True)
class Response:
    """What the gateway answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


@dataclass(frozen=True)
class App:
    """An app of ours with its credentials for one selling partner."""

    name: str
    principal: PrincipalId
    seller: SellerId
    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)

    @property
    def form(self) -> dict[str, str]:
        return {
            "grant_type": "refresh_token",
            "refresh_token": self.refresh_token,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
        }


class Door:
    """The gateway and everything under it; `call` sends one request through its ASGI interface."""

    def __init__(
        self,
        directory: Path,
        limits: UpstreamLimits,
        clock: Clock,
        catalogue: Catalogue | None = None,
    ) -> None:
        self.clock = clock
        self.runner = asyncio.Runner()
        self.database = _database(directory / "vault.db", schema.vault)
        self.keys = _database(directory / "keys.db", schema.keystore)
        self.environment = environment = Environment.TEST
        provider = FileRoot("file:root.key", bytes(range(32)), environment)
        self.keystore = keystore = Keystore(self.keys, provider, environment, "home-1")
        keystore.create_master(clock())
        keystore.open()
        secret = keystore.secret
        signer = note.Signer("strongroom.invalid/audit/home-1/1", secret("signer", clock()))
        self.audit = AuditLog(
            self.database,
            signer=signer,
            verifier=note.Verifier(signer.vkey),
            memory=keystore.signer_memory(signer.name),
            node="node-1",
            boot="boot-1",
            pseudonym_key=secret("log-pseudonym", clock()),
            monotonic=lambda: 1,
            entropy=os.urandom,
        )
        self.accounts = Accounts(
            self.database, secret("accounts", clock()), self.audit, environment
        )
        self.accounts.console("ada", clock())
        self.networks = Networks(self.database, self.audit, one_person=True)
        self.address = "127.0.0.1"
        self.grants = GrantStore(self.database, self.audit, one_person=True)
        self.sellers = SellerStore(
            self.database, secret("sellers", clock()), self.audit, environment
        )
        self.vault = Vault(
            self.database,
            keystore,
            self.audit,
            environment=environment,
            token_key=secret("token", clock()),
            subject_key=secret("subject", clock()),
            copy_lifetime=timedelta(hours=24),
            archive=ArchivePlace(directory, one_person=True),
        )
        self.gateway: Gateway = create_gateway(
            catalogue=catalogue or Catalogue.load(),
            vault=self.vault,
            accounts=self.accounts,
            networks=self.networks,
            guard=ClientGuard(self.database, self.audit),
            sellers=self.sellers,
            audit=self.audit,
            clock=clock,
            token_key=secret("gateway-tickets", clock()),
            environment=environment,
            limits=limits,
        )

    def close(self) -> None:
        self.runner.run(self.gateway.shutdown())
        self.runner.close()
        self.database.close()
        self.keys.close()

    def add_seller(self, simulator: Simulator, account: SellerAccount, **changes: Any) -> SellerId:
        entry: dict[str, Any] = {
            "name": account.name,
            "region": "eu",
            "marketplaces": account.marketplace_ids,
            "credentials": LwaCredentials(
                account.client_id, account.client_secret, account.refresh_token
            ),
            "endpoint": simulator.endpoint,
            "lwa_url": simulator.lwa_url,
            "upstream_ca": simulator.ca_path.read_text(),
            **changes,
        }
        return self.sellers.add(CONSOLE, now=self.clock(), **entry).id

    def add_app(self, name: str, seller: SellerId) -> App:
        new = self.accounts.add_app(name, "ada", caller=CONSOLE, now=self.clock())
        permit = self.accounts.authorize(name, seller, caller=CONSOLE, now=self.clock())
        return App(name, new.app.id, seller, new.client_id, new.client_secret, permit.refresh_token)

    def grant(
        self, app: App, action: Action = Action.REVEAL, purpose: Purpose = Purpose.FULFILMENT
    ) -> None:
        self.grants.add(
            CONSOLE,
            principal=app.principal,
            action=action,
            purpose=purpose,
            categories=frozenset(Category),
            sellers=frozenset({app.seller}),
            lifetime=timedelta(days=30),
            now=self.clock(),
        )

    def call(
        self,
        method: str,
        target: str,
        headers: dict[str, str] | None = None,
        body: bytes | dict[str, Any] = b"",
    ) -> Response:
        return self.runner.run(self.acall(method, target, headers, body))

    async def acall(
        self,
        method: str,
        target: str,
        headers: dict[str, str] | None = None,
        body: bytes | dict[str, Any] = b"",
    ) -> Response:
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        path, _, query = target.partition("?")
        pairs = [(k.lower().encode(), v.encode()) for k, v in (headers or {}).items()]
        if raw:
            pairs.append((b"content-length", str(len(raw)).encode()))
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": pairs,
            "client": (self.address, 40000),
        }
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": raw, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.gateway(scope, receive, send)
        found = {k.decode(): v.decode() for k, v in sent[0]["headers"]}
        content = b"".join(message.get("body", b"") for message in sent[1:])
        assert method == "HEAD" or int(found["content-length"]) == len(content)
        return Response(sent[0]["status"], found, content)

    def token(self, app: App) -> str:
        answer = self.call("POST", "/auth/o2/token", {"content-type": "application/json"}, app.form)
        assert answer.status == 200, answer.body
        token: str = answer.json["access_token"]
        return token

    def get(self, app: App, target: str, token: str | None = None, **headers: str) -> Response:
        presented = token or self.token(app)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.call("GET", target, {"x-amz-access-token": presented, **named})

    def restricted(self, app: App, *resources: dict[str, Any]) -> Response:
        return self.call(
            "POST",
            "/tokens/2021-03-01/restrictedDataToken",
            {"x-amz-access-token": self.token(app), "content-type": "application/json"},
            {"restrictedResources": list(resources)},
        )

    def rdt(self, app: App, path: str, *elements: str) -> str:
        resource: dict[str, Any] = {"method": "GET", "path": path}
        if elements:
            resource["dataElements"] = list(elements)
        answer = self.restricted(app, resource)
        assert answer.status == 200, answer.body
        token: str = answer.json["restrictedDataToken"]
        return token

    def events(self, since: int = 0) -> list[dict[str, Any]]:
        return [entry.body for entry in self.audit.events()][since:]

    def gateway_events(self, since: int = 0) -> list[tuple[str, str, str | None]]:
        """Return (type, outcome, reason) of what the gateway itself recorded, beyond what came with it."""
        own = ("gateway.", "token.", "rdt.", "system.")
        return [
            (event["type"], event["outcome"], event.get("reason"))
            for event in self.events(since)
            if event["type"].startswith(own)
        ]

    def count(self) -> int:
        return len(self.events())


def _database(path: Path, metadata: Any) -> Database:
    database = Database(f"sqlite:///{path}")
    with database.write() as tx:
        metadata.create_all(tx)
    return database


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """Amazon, for one file's tests: two selling partners, no usage plans, marked values."""
    config = SimulatorConfig(
        orders=260,
        seed=7,
        clock=lambda: NOW,
        markers=True,
        sellers=(SellerAccount("acme"), SellerAccount("globex")),
    )
    with Simulator(config) as running:
        yield running


@pytest.fixture
def clean_simulator(simulator: Simulator) -> Iterator[Simulator]:
    """Give the simulator without anybody's faults."""
    simulator.clear_faults()
    yield simulator
    simulator.clear_faults()


MakeDoor = Callable[..., Door]


@pytest.fixture
def make_door(tmp_path: Path) -> Iterator[MakeDoor]:
    """Make gateways, each with a home of its own."""
    made: list[Door] = []

    def make(catalogue: Catalogue | None = None, **limits: Any) -> Door:
        directory = tmp_path / f"home-{len(made)}"
        directory.mkdir()
        door = Door(directory, UpstreamLimits(**limits), Clock(), catalogue)
        made.append(door)
        return door

    yield make
    for door in made:
        door.close()


@dataclass
class Shop:
    """One gateway with two selling partners and an app for each."""

    door: Door
    simulator: Simulator
    app: App
    other: App


@pytest.fixture
def shop(make_door: MakeDoor, clean_simulator: Simulator) -> Shop:
    """Give a gateway that knows both selling partners of the simulator."""
    return open_shop(make_door(), clean_simulator)


def open_shop(door: Door, simulator: Simulator) -> Shop:
    """Register the simulator's two selling partners and an app for each."""
    acme = door.add_seller(simulator, simulator.seller("acme"))
    globex = door.add_seller(simulator, simulator.seller("globex"))
    return Shop(door, simulator, door.add_app("erp", acme), door.add_app("billing", globex))


def leaked(simulator: Simulator, response: Response) -> list[str]:
    """Return the personal data that an answer carries."""
    text = response.body.decode() + repr(response.headers)
    return [marker for marker in simulator.markers() if marker in text]


def code(response: Response) -> str:
    found: str = response.json["errors"][0]["code"]
    return found


def unshipped(shop: Shop, seller: str = "acme") -> str:
    """Return the id of an order that is still to be delivered to an address the seller sees."""
    for order in shop.simulator.orders(seller):
        if order.outline.status == "Unshipped" and order.outline.channel == "MFN":
            return order.outline.order_id
    raise AssertionError("no such order")
