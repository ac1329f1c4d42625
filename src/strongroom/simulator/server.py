"""The HTTP side: recognises a request, applies usage plans and faults, writes the answer.

Every answer carries `x-amzn-RequestId`; every SP-API answer `x-amzn-RateLimit-Limit`.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import threading
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl

import orjson
from aiohttp import web

from strongroom.simulator import faults as faulty
from strongroom.simulator.access import TokenOffice
from strongroom.simulator.answers import Answers, Call, Rooms
from strongroom.simulator.book import OrderBook
from strongroom.simulator.config import (
    Fault,
    FaultKind,
    ReceivedRequest,
    SellerAccount,
    SimulatorConfig,
)
from strongroom.simulator.control import Control
from strongroom.simulator.easy_ship import EasyShip
from strongroom.simulator.errors import (
    LwaError,
    SpApiError,
    invalid_input,
    quota_exceeded,
    unauthorized,
)
from strongroom.simulator.faults import TOKEN_OPERATION, FaultBoard
from strongroom.simulator.messages import Messages
from strongroom.simulator.notices import Notices
from strongroom.simulator.operations import MESSAGES, UsagePlans, find_operation
from strongroom.simulator.outbound import Outbound
from strongroom.simulator.parcels import Parcels
from strongroom.simulator.queries import PageTokens
from strongroom.simulator.reports import DOCUMENT_PATH, Cabinet
from strongroom.simulator.shapes import Json
from strongroom.simulator.vendor import Vendor

TOKEN_PATH = "/auth/o2/token"  # noqa: S105 - a path
DOCUMENT_OPERATION = "document"
"""By which a fault hits the storage of documents."""

_STATUSES: Final = {
    "reports_2021-06-30.createReport": 202,
    "feeds_2021-06-30.createFeedDocument": 201,
    **{f"messaging.{name}": 201 for name in MESSAGES},
    "vendorDirectFulfillmentOrders_2021-12-28.submitAcknowledgement": 202,
    "vendorDirectFulfillmentShipping_2021-12-28.submitShippingLabelRequest": 202,
    "vendorDirectFulfillmentShipping_2021-12-28.submitShipmentConfirmations": 202,
}
_WITH_BODY: Final = frozenset({"POST", "PATCH"})
_JSON = "application/json"
_MOST_BYTES = 16 * 1024 * 1024
_DRIPS = 20
# Linger on, zero seconds: closing sends RST instead of FIN.
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


@dataclass(slots=True)
class _Exchange:
    """One request under way, for the record and for its headers."""

    request_id: str
    operation: str = ""
    seller: str = ""
    rate_limit: str = ""
    faults: tuple[Fault, ...] = ()


class Server:
    """Answers HTTP requests from the parts of the simulator."""

    def __init__(
        self, config: SimulatorConfig, accounts: tuple[SellerAccount, ...], book: OrderBook
    ) -> None:
        """Build every part that a request passes."""
        self.board = FaultBoard(config.seed)
        self._clock: Callable[[], datetime] = config.clock
        self._book = book
        self._accounts = accounts
        self._office = TokenOffice(accounts, config.seed, config.clock)
        self._plans = UsagePlans(config.throttle, config.clock)
        self.cabinet = Cabinet(book, config.clock)
        self.messages = Messages(book)
        self.notices = Notices(config.seed, config.clock)
        rooms = Rooms(
            self.cabinet,
            Parcels(book, config.seed, config.clock),
            Outbound(config.clock),
            self.messages,
            EasyShip(book, self.cabinet, config.seed, config.clock),
            Vendor(book, config.seed, config.clock),
            self.notices,
        )
        book.changed = self._tell_of
        pages = PageTokens(config.seed, config.clock)
        self._answers = Answers(book, self._office, pages, rooms, config.clock)
        self._rng = random.Random(f"{config.seed}/requests")  # noqa: S311 - request ids
        self._lock = threading.Lock()
        self._received: deque[ReceivedRequest] = deque(maxlen=config.capture)
        self._control = Control(book, self.board, self.notices, self.received)

    def application(self) -> web.Application:
        """Return the aiohttp application: one handler for everything."""
        app = web.Application(client_max_size=_MOST_BYTES)
        app.router.add_route("*", "/{tail:.*}", self._handle)
        return app

    def received(self) -> list[ReceivedRequest]:
        """Return the requests received so far, oldest first."""
        with self._lock:
            return list(self._received)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if request.path.startswith("/_control/"):
            status, document = self._control.answer(request.method, request.path, body)
            return web.Response(status=status, body=orjson.dumps(document), content_type=_JSON)
        if request.path.startswith(DOCUMENT_PATH):
            return await self._storage(request, body)
        exchange = _Exchange(str(uuid.UUID(int=self._rng.getrandbits(128), version=4)))
        status, content, content_type = self._decide(request, body, exchange)
        self._remember(request, body, exchange, status)
        return await self._send(request, exchange, status, content, content_type)

    async def _storage(self, request: web.Request, body: bytes) -> web.StreamResponse:
        """Answer as Amazon's storage does: a link is all it asks for."""
        link = request.path.removeprefix(DOCUMENT_PATH)
        exchange = _Exchange("", DOCUMENT_OPERATION)
        exchange.faults = tuple(self.board.take(DOCUMENT_OPERATION, ""))
        stored = self.cabinet.fetch(link) if request.method == "GET" else None
        kept = request.method == "PUT" and self.cabinet.store(
            link, body, request.headers.get("content-type", "")
        )
        status = 200 if stored is not None or kept else 403
        self._remember(request, body, exchange, status)
        content = stored.content if stored is not None else b""
        content_type = stored.content_type if stored is not None else "application/xml"
        return await self._send(request, exchange, status, content, content_type)

    def _decide(
        self, request: web.Request, body: bytes, exchange: _Exchange
    ) -> tuple[int, bytes, str]:
        """Return status, body and content type, faults included; no waiting happens here."""
        try:
            if request.path == TOKEN_PATH:
                status, document = 200, self._grant(request, body, exchange)
            else:
                document = self._answer(request, body, exchange)
                status = _STATUSES.get(exchange.operation, 200)
        except SpApiError as error:
            status, document = error.status, error.body()
        except LwaError as error:
            status, document = error.status, error.body()
        hits = list(exchange.faults)
        whole = faulty.whole_answer(hits, lambda: self._echo(request.path, exchange.seller))
        if whole is not None:
            status, content, content_type = whole
        else:
            content, content_type = orjson.dumps(faulty.change_document(hits, document)), _JSON
        content, content_type = faulty.change_bytes(hits, content, content_type)
        return status, content, content_type

    def _tell_of(self, order_id: str) -> None:
        """Have Amazon notify of an order that changed."""
        order = self._book.find(order_id)
        account = next(
            (one for one in self._accounts if order and one.name == order.outline.seller), None
        )
        if order is not None and account is not None:
            self.notices.order_changed(account, order)

    def consent(self, account: SellerAccount, redirect_uri: str) -> str:
        """Return the code of a consent."""
        return self._office.consent(account, redirect_uri)

    def _grant(self, request: web.Request, body: bytes, exchange: _Exchange) -> Json:
        exchange.operation = TOKEN_OPERATION
        if request.method != "POST":
            raise LwaError(405, "invalid_request", "The request method is not supported")
        form: Mapping[str, object] = _read_form(body, request.content_type)
        document, account = self._office.grant(form)
        exchange.seller = account.name if account else ""
        exchange.faults = tuple(self.board.take(TOKEN_OPERATION, exchange.seller))
        return document

    def _answer(self, request: web.Request, body: bytes, exchange: _Exchange) -> Json:
        found = find_operation(request.method, request.path)
        caller = self._office.authenticate(request.headers.get("x-amz-access-token"))
        exchange.seller = "" if caller.scopes else caller.account.name
        if found is None:
            raise unauthorized()
        operation, path = found
        exchange.operation = operation.id
        exchange.rate_limit = self._plans.limit(operation)
        account, elements = self._office.authorize(caller, operation, request.path)
        if not self._plans.take(operation, account.name):
            raise quota_exceeded()
        exchange.faults = tuple(self.board.take(operation.id, account.name))
        if faulty.replaces_answer(list(exchange.faults)):
            return {}
        query: dict[str, str] = {}
        for name, value in request.rel_url.query.items():
            query[name] = f"{query[name]},{value}" if name in query else value
        document = _read_json(body) if request.method in _WITH_BODY else None
        return self._answers.answer(Call(operation, account, elements, path, query, document))

    def _echo(self, path: str, seller: str) -> str:
        """Return an order's personal data in one line: of the order asked for, or of any."""
        asked = [part for part in path.split("/") if self._book.find(part)]
        for order_id in asked or self._book.ids(seller or None):
            order = self._book.find(order_id)
            if order is not None and order.slots:
                names = ("recipient.name", "recipient.address_line_1", "buyer.email")
                return ", ".join(str(order.slots[name]) for name in names if name in order.slots)
        return ""

    def _remember(
        self, request: web.Request, body: bytes, exchange: _Exchange, status: int
    ) -> None:
        received = ReceivedRequest(
            method=request.method,
            path=request.path,
            query=request.query_string,
            seller=exchange.seller,
            operation=exchange.operation,
            at=self._clock(),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=body,
            status=status,
        )
        with self._lock:
            self._received.append(received)

    async def _send(
        self, request: web.Request, exchange: _Exchange, status: int, body: bytes, content_type: str
    ) -> web.StreamResponse:
        hits = list(exchange.faults)
        if wait := faulty.seconds_of(hits, FaultKind.SLOW):
            await asyncio.sleep(wait)
        headers = {"x-amzn-RequestId": exchange.request_id, "Content-Type": content_type}
        if exchange.rate_limit:
            headers["x-amzn-RateLimit-Limit"] = exchange.rate_limit
        if exchange.operation == TOKEN_OPERATION:
            headers |= {"Cache-Control": "no-store", "Pragma": "no-cache"}
        whole = web.Response(status=status, body=body, headers=headers)
        if faulty.has(hits, FaultKind.RESET):
            _reset(request)
            return whole
        spread = faulty.seconds_of(hits, FaultKind.DRIP)
        broken = faulty.has(hits, FaultKind.RESET_MID_BODY)
        if not spread and not broken:
            return whole

        stream = web.StreamResponse(status=status, headers=headers)
        stream.content_length = len(body)
        await stream.prepare(request)
        sent = body[: len(body) // 2] if broken else body
        step = max(len(sent) // _DRIPS, 1)
        for start in range(0, len(sent), step):
            await stream.write(sent[start : start + step])
            await asyncio.sleep(spread / _DRIPS)
        if broken:
            _reset(request)
        else:
            await stream.write_eof()
        return stream


def _read_form(body: bytes, content_type: str) -> dict[str, object]:
    if content_type == _JSON:
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError as exc:
            raise LwaError(400, "invalid_request", "The request body is not valid JSON") from exc
        return document if isinstance(document, dict) else {}
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def _read_json(body: bytes) -> object:
    try:
        document: object = orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        raise invalid_input("The request body is not valid JSON") from exc
    return document


def _reset(request: web.Request) -> None:
    """Break the connection so that the client sees a reset, not an orderly end."""
    transport = request.transport
    if transport is None:
        return
    raw = transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    transport.abort()
