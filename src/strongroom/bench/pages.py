"""Measures the gateway: processor time of a page of 100 orders, beside peers that only forward it."""

import http.client
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from strongroom.bench.figures import Part, Row, take_turns
from strongroom.bench.page import ORDERS
from strongroom.bench.stage import App, Child, Stage, register
from strongroom.bench.upstream import PLAIN, SEARCHABLE, UNCHANGED
from strongroom.crypto.token import find_tokens
from strongroom.errors import Tampered, Unavailable

_PATH: Final = "/orders/v0/orders"
_ELEMENTS: Final = ["buyerInfo", "shippingAddress", "buyerTaxInformation"]
_CLIENTS: Final = 4
_FEWEST_TOKENS: Final = 10
"""Bare tokens an order must show at least, or something else was measured."""


class _Client:
    """One connection that is kept, as an app has it."""

    def __init__(self, base: str, authority: Path) -> None:
        parts = urlsplit(base)
        context = ssl.create_default_context(cafile=str(authority))
        self._connection = http.client.HTTPSConnection(
            parts.hostname or "localhost", parts.port, timeout=30, context=context
        )

    def ask(
        self, method: str, target: str, headers: dict[str, str], body: bytes | None = None
    ) -> None:
        self._connection.request(method, target, body=body, headers=headers)

    def answer(self) -> bytes:
        """Return the answer to what was asked last. Raises: Unavailable where it is no success."""
        response = self._connection.getresponse()
        content = response.read()
        if response.status != http.HTTPStatus.OK:
            raise Unavailable(f"benchmark: a request was answered with {response.status}")
        return content

    def close(self) -> None:
        """Hang up; the next request connects again."""
        self._connection.close()

    def json(
        self, target: str, body: dict[str, Any], headers: dict[str, str] | None = None
    ) -> dict[str, Any]:
        kind = {"content-type": "application/json", **(headers or {})}
        self.ask("POST", target, kind, orjson.dumps(body))
        found: dict[str, Any] = orjson.loads(self.answer())
        return found


@dataclass(frozen=True, slots=True)
class _Contestant:
    child: Child
    clients: tuple[_Client, ...]
    """They ask at the same time, as many apps do: a server that sleeps between pages finds its caches cold."""
    headers: dict[str, str]
    created: str

    def round(self, pages: int) -> Callable[[], float]:
        """Return what fetches about so many pages and tells the processor time of one."""
        turns = -(-pages // len(self.clients))

        def fetch_all() -> float:
            # A turn may come after the server gave the connections up.
            for client in self.clients:
                client.close()
            self.fetch()
            before = self.child.cpu_seconds()
            for _ in range(turns):
                self.fetch()
            return (self.child.cpu_seconds() - before) / (turns * len(self.clients))

        return fetch_all

    def fetch(self) -> list[bytes]:
        """Fetch a page by every client and return them."""
        target = f"{_PATH}?MarketplaceIds=A1PA6795UKMFR9&CreatedAfter={self.created}"
        for client in self.clients:
            client.ask("GET", target, self.headers)
        return [client.answer() for client in self.clients]


def measure(stage: Stage, *, rounds: int, pages: int) -> list[Row]:
    """Return the rows of the gateway: `rounds` of so many `pages` for each contestant."""
    authority = stage.authority()
    upstream = stage.start(["-m", "strongroom.bench.upstream", str(stage.home)])
    endpoint = f"https://127.0.0.1:{upstream.told}"
    with stage.system() as system:
        _, _, app = register(system, endpoint, authority.read_text())
    gateway = stage.start(
        ["-c", "from strongroom.cli import main; main()", "serve", "--json"],
        {
            "STRONGROOM_HOME": str(stage.home),
            "STRONGROOM_GATEWAY__PORT": "0",
            "STRONGROOM_API__PORT": "0",
            "STRONGROOM_DESK__PORT": "0",
            "STRONGROOM_HEALTH__PORT": "0",
        },
    )
    base = orjson.loads(gateway.told)["gateway"]
    contestants = {
        "plain": _gateway(gateway, base, authority, app, PLAIN),
        "searchable": _gateway(gateway, base, authority, app, SEARCHABLE),
        "unchanged": _gateway(gateway, base, authority, app, UNCHANGED),
        "forward": _peer(stage, endpoint, authority, "forward"),
        "parse": _peer(stage, endpoint, authority, "parse"),
    }
    times = take_turns(
        {name: contestant.round(pages) for name, contestant in contestants.items()}, rounds, 1
    )
    forward, parse = times["forward"].best * 1000, times["parse"].best * 1000
    rows = [
        Row(
            Part.PAGES,
            f"page of {ORDERS} orders, {work}",
            "ms",
            times[name].best * 1000,
            "forwarded by Python",
            forward,
            target,
            median=times[name].median * 1000,
        )
        for name, work, target in (
            ("plain", "new, no search tags", 2.5),
            ("searchable", "new, two search tags each", 3.0),
            ("unchanged", "unchanged", 1.9),
        )
    ]
    reread = "the same page, forwarded by Python with its JSON read and written"
    rows.append(Row(Part.PAGES, reread, "ms", parse, "forwarded by Python", forward, None))
    return rows


def _gateway(child: Child, base: str, authority: Path, app: App, created: str) -> _Contestant:
    clients = tuple(_Client(base, authority) for _ in range(_CLIENTS))
    form = {
        "grant_type": "refresh_token",
        "refresh_token": app.refresh_token,
        "client_id": app.client_id,
        "client_secret": app.client_secret,
    }
    access = clients[0].json("/auth/o2/token", form)["access_token"]
    resource = {"method": "GET", "path": _PATH, "dataElements": _ELEMENTS}
    restricted = clients[0].json(
        "/tokens/2021-03-01/restrictedDataToken",
        {"restrictedResources": [resource]},
        {"x-amz-access-token": access},
    )["restrictedDataToken"]
    headers = {"x-amz-access-token": restricted}
    contestant = _Contestant(child, clients, headers, created)
    for page in contestant.fetch():
        tokens = len(find_tokens(page.decode()))
        if tokens < ORDERS * _FEWEST_TOKENS:
            raise Tampered(f"benchmark: the gateway answered with {tokens} tokens")
    return contestant


def _peer(stage: Stage, endpoint: str, authority: Path, mode: str) -> _Contestant:
    child = stage.start(["-m", "strongroom.bench.peer", str(stage.home), endpoint, mode])
    base = f"https://127.0.0.1:{child.told}"
    clients = tuple(_Client(base, authority) for _ in range(_CLIENTS))
    return _Contestant(child, clients, {}, PLAIN)
