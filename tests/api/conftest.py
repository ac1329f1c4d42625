"""The API over a real vault on SQLite, driven without sockets: one app holds grants, one holds none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
from tests.vault.conftest import CONSOLE, EMAIL, NAME, NOW, PHONE, World, make_world, order

from strongroom.accounts import Accounts, Certificates, Channels, ClientGuard, Networks, Nodes
from strongroom.api import ApiLimits, create_api
from strongroom.feeds.targets import Targets
from strongroom.paper import Paper
from strongroom.relay import Disclosures, Lines, Relay
from strongroom.terms import Action, Category, PrincipalId, Purpose, SellerId

__all__ = ["make_world"]

ORDER = "902-1000001-0000001"
VALUES = {NAME: "Jürgen Groß", EMAIL: "juergen.gross@mail.example", PHONE: "+49 221 4710815"}
WHY = {"purpose": "fulfilment", "reason": "label 4711"}
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Response:
    """What the API answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def kind(self) -> str:
        """The kind of a problem."""
        assert self.headers["content-type"] == "application/problem+json"
        found: str = self.json["type"].removeprefix("urn:strongroom:problem:")
        assert self.json["status"] == self.status
        return found


@dataclass(frozen=True)
class App:
    name: str
    principal: PrincipalId
    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)


class Door:
    """One home's API and what lies under it; `call` sends one request through its ASGI interface."""

    def __init__(self, world: World, limits: ApiLimits) -> None:
        self.world = world
        self.now = NOW
        self.limits = limits
        self.accounts = Accounts(
            world.database, world.keystore.secret("accounts", NOW), world.audit, world.environment
        )
        self.channels = Channels(world.database, world.audit, lambda: self.accounts.generation)
        key = world.keystore.secret("accounts", NOW)
        self.certificates = Certificates(world.database, key, self.accounts, world.environment)
        self.nodes = Nodes(self.accounts, self.certificates, key, world.environment)
        self.peer: bytes | None = None
        """DER of the certificate that every request comes with."""
        self.networks = Networks(world.database, world.audit, one_person=True)
        self.targets = Targets(
            world.database,
            world.keystore.secret("deliveries", NOW),
            world.audit,
            world.environment,
            one_person=True,
        )
        self.disclosures = Disclosures(world.database, world.audit)
        self.lines = Lines()
        self.address = "127.0.0.1"
        self.gone_after: int | None = None
        """How many messages of a request come before its client goes away."""
        self.runner = asyncio.Runner()
        self.restart()

    def restart(self, **limits: Any) -> None:
        """Make the API anew, as a restart of the process does."""
        self.api = create_api(
            vault=self.world.vault,
            accounts=self.accounts,
            channels=self.channels,
            networks=self.networks,
            guard=ClientGuard(self.world.database, self.world.audit),
            certificates=self.certificates,
            sellers=self.world.sellers,
            grants=self.world.grants,
            audit=self.world.audit,
            database=self.world.database,
            relay=Relay(
                self.world.vault,
                self.targets,
                self.disclosures,
                self.world.audit,
                self.lines,
                lambda: self.now,
            ),
            paper=Paper(self.world.vault, self.world.audit),
            clock=lambda: self.now,
            ticket_key=self.world.keystore.secret("api-tickets", NOW),
            environment=self.world.environment,
            limits=ApiLimits(**limits) if limits else self.limits,
        )

    def add_app(self, name: str) -> App:
        new = self.accounts.add_app(name, "ada", caller=CONSOLE, now=NOW)
        return App(name, new.app.id, new.client_id, new.client_secret)

    def grant(
        self,
        app: App,
        action: Action = Action.REVEAL,
        *,
        categories: frozenset[Category] = frozenset(Category),
        seller: int = 1,
        purpose: Purpose = Purpose.FULFILMENT,
        days: int = 30,
    ) -> int:
        row = self.world.grants.add(
            CONSOLE,
            principal=app.principal,
            action=action,
            purpose=purpose,
            categories=categories,
            sellers=frozenset({SellerId(seller)}),
            lifetime=timedelta(days=days),
            now=NOW,
        )
        return row.grant.id

    def put(
        self, id_: str = ORDER, *, seller: int = 1, slots: dict[int, str] | None = None
    ) -> dict[int, str]:
        """Put an order into the vault; return its tokens."""
        values = VALUES if slots is None else slots
        (placed,) = self.world.vault.put(
            SellerId(seller),
            [order(id_, dict(values))],
            caller=CONSOLE,
            op="ordersV0.getOrder",
            now=NOW,
        )
        return {slot: placed.token(slot) for slot in values}

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
            "http_version": "1.1",
            "scheme": "https",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": pairs,
            "client": (self.address, 40000),
            "extensions": {"tls": {"client_cert": self.peer}},
            "server": ("127.0.0.1", 8444),
        }
        sent: list[Any] = []

        asked = 0

        async def receive() -> Any:
            nonlocal asked
            asked += 1
            if self.gone_after is not None and asked > self.gone_after:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": raw, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.api(scope, receive, send)
        found = {k.decode(): v.decode() for k, v in sent[0]["headers"]}
        content = b"".join(message.get("body", b"") for message in sent[1:])
        assert method == "HEAD" or int(found["content-length"]) == len(content)
        return Response(sent[0]["status"], found, content)

    def login(self, app: App) -> Response:
        form = {
            "grant_type": "client_credentials",
            "client_id": app.client_id,
            "client_secret": app.client_secret,
        }
        return self.call("POST", "/v1/token", {"content-type": FORM}, urlencode(form).encode())

    def token(self, app: App) -> str:
        answer = self.login(app)
        assert answer.status == 200, answer.body
        found: str = answer.json["access_token"]
        return found

    def post(self, app: App, path: str, **body: Any) -> Response:
        headers = {
            "authorization": f"Bearer {self.token(app)}",
            "content-type": "application/json",
        }
        return self.call("POST", path, headers, body)

    def get(self, app: App, path: str) -> Response:
        return self.call("GET", path, {"authorization": f"Bearer {self.token(app)}"})

    def events(self, since: int = 0) -> list[tuple[str, str, str | None]]:
        """Return (type, outcome, reason) of what was recorded, tokens issued left out."""
        return [event for event in self.world.events()[since:] if event[0] != "token.issued"]

    def close(self) -> None:
        self.runner.close()


@dataclass
class Shop:
    """A door, an app with grants for the first selling partner, one without any, and an order."""

    door: Door
    erp: App
    other: App
    tokens: dict[int, str]

    @property
    def now(self) -> datetime:
        return self.door.now


MakeDoor = Callable[..., Door]


@pytest.fixture
def make_door(make_world: Callable[[str], World]) -> Iterator[MakeDoor]:
    """Make APIs, each over a home of its own."""
    made: list[Door] = []

    def make(**limits: Any) -> Door:
        door = Door(make_world(f"api-{len(made)}"), ApiLimits(**limits))
        made.append(door)
        return door

    yield make
    for door in made:
        door.close()


@pytest.fixture
def shop(make_door: MakeDoor) -> Shop:
    """Give a door with two apps and one order."""
    return open_shop(make_door())


def open_shop(door: Door) -> Shop:
    """Register two apps, give the first its grants, and put an order."""
    erp, other = door.add_app("label-printer"), door.add_app("newsletter")
    door.grant(erp)
    door.grant(erp, Action.SEARCH)
    return Shop(door, erp, other, door.put())
