"""The ASGI application of `/v1`: it reads, authenticates, counts, and only then lets a route see the request.

Every request that shows a token, or should, ends in an event before its answer leaves [2.6]: the vault's own where a
value was asked for, one of the door's otherwise. Where it can't be written the answer is 503 and nothing else. A body
may hold an e-mail address and an answer a value: neither is ever logged, and a URL never holds one. What reads or
writes the database runs in threads: a disk that is slow for one app holds up no other.
"""

import logging
import re
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from strongroom import web
from strongroom.accounts import (
    Accounts,
    Certificates,
    Channel,
    Channels,
    ClientGuard,
    KeyReused,
    Networks,
    RequestKeys,
)
from strongroom.api import document, problems, proof, token
from strongroom.api.exchange import Exchange
from strongroom.api.limits import Allowances, ApiLimits, VolumeSpent
from strongroom.api.models import FIELD_NAMES
from strongroom.api.problems import Problem
from strongroom.api.routes import Rooms, router
from strongroom.audit.entry import Event, Outcome, Reason
from strongroom.audit.event_types import EventType
from strongroom.audit.log import AuditLog
from strongroom.crypto.ticket import TicketBox, TicketKind
from strongroom.db.engine import Database
from strongroom.errors import Malformed, StrongroomError, Throttled, Unauthenticated
from strongroom.leaks.markers import Markers
from strongroom.paper import Paper
from strongroom.relay import Relay
from strongroom.terms import AuthMethod, Environment, PrincipalId
from strongroom.vault import GrantStore, SellerStore, Vault

__all__ = ["Api", "ApiLimits", "create_api"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

OPEN: Final = frozenset({token.PATH, "/v1/health", document.PATH})
"""Paths without an access token: how to get one, whether anybody is here, and what there is."""

_BODY_SECONDS: Final = 10.0
_KEY: Final = b"idempotency-key"
_KEY_FORM: Final = re.compile(document.KEY_PATTERN, re.ASCII)
_ONCE: Final = (b"authorization", b"content-length", b"content-type", _KEY)
_MAX_ADDRESSES: Final = 1024
_HEADERS: Final = (
    *web.SECURITY_HEADERS,
    (b"strict-transport-security", b"max-age=63072000"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
)
_PROBLEM_TYPE: Final = (b"content-type", problems.MEDIA_TYPE.encode())

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Api:
    """The ASGI callable."""

    def __init__(  # noqa: PLR0913 - made by create_api, by name
        self,
        *,
        inner: FastAPI,
        channels: Channels,
        networks: Networks,
        guard: ClientGuard,
        certificates: Certificates,
        audit: AuditLog,
        clock: Callable[[], datetime],
        tickets: TicketBox,
        allowances: Allowances,
        requests: RequestKeys,
        request_bytes: int,
        relay_bytes: int,
        markers: Markers,
    ) -> None:
        self._inner = inner
        self._markers = markers
        self._channels = channels
        self._networks = networks
        self._guard = guard
        self._certificates = certificates
        self._audit = audit
        self._clock = clock
        self._tickets = tickets
        self._allowances = allowances
        self._requests = requests
        self._request_bytes = request_bytes
        self._relay_bytes = relay_bytes
        self._document = document.written(inner)
        self._addresses: dict[str, str] = {}
        inner.add_exception_handler(StrongroomError, self._refuse)
        inner.add_exception_handler(RequestValidationError, self._refuse)
        inner.add_exception_handler(HTTPException, self._refuse)

    @property
    def routes(self) -> list[tuple[str, str]]:
        """Method and path of everything that is answered."""
        return [
            (method.upper(), path)
            for path, methods in self._inner.openapi()["paths"].items()
            for method in methods
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        if scope["type"] != "http":
            return
        exchange = self._begin(scope)
        try:
            answer = await self._answer(exchange, scope, receive)
        except web.ClientGone:
            return
        except Exception as exc:  # noqa: BLE001 - the last line: all else ends in 500, never in a traceback
            _report(exc)
            answer = await self._recorded(exchange, problems.internal())
        headers = [
            *answer.headers,
            (b"content-length", str(len(answer.body)).encode()),
            (b"x-request-id", exchange.request_id.encode()),
            *_HEADERS,
        ]
        start = {"type": "http.response.start", "status": answer.status, "headers": headers}
        if exchange.opened or exchange.at_door:
            await self._deliver(exchange, answer, start, receive, send)
            return
        await send(start)
        body = b"" if scope["method"] == "HEAD" else answer.body
        await send({"type": "http.response.body", "body": body})

    async def _deliver(
        self, exchange: Exchange, answer: _Answer, start: Message, receive: Receive, send: Send
    ) -> None:
        """Send what came of asking the vault, and record with the same `req` whether it left, and how much [2.6].

        What was opened and has no such event by the end of the day is told by the reconciliation.
        """
        whole = answer.status < HTTPStatus.BAD_REQUEST
        left = False
        try:
            left = await web.send_watched(send, receive, start, answer.body)
        finally:
            event = Event(
                EventType.API_REQUEST_ANSWERED,
                Outcome.SUCCESS if whole and left else Outcome.FAILURE,
                exchange.caller,
                reason=None if left else Reason.UNREACHABLE,
                op=exchange.op,
                n=len(exchange.opened) if whole else 0,
                bytes_=len(answer.body),
                req=exchange.request_id,
                src_ip=exchange.src_ip,
            )
            try:
                await run_in_threadpool(self._tell, event)
            except Exception as exc:  # noqa: BLE001 - the answer has left: what is missing here shows as unreconciled
                _report(exc)

    def _tell(self, event: Event) -> None:
        self._audit.record(event, now=self._clock())

    def _begin(self, scope: Scope) -> Exchange:
        client = scope.get("client")
        return Exchange(
            str(uuid.uuid4()),
            self._clock(),
            web.unambiguous(scope["headers"], _ONCE),
            client[0] if client else "",
            self._pseudonym(client[0]) if client else None,
            _peer(scope),
        )

    def _pseudonym(self, address: str) -> str:
        known = self._addresses.get(address)
        if known is None:
            if len(self._addresses) >= _MAX_ADDRESSES:
                self._addresses.clear()
            known = self._addresses[address] = self._audit.pseudonym("ip", address)
        return known

    async def _answer(self, exchange: Exchange, scope: Scope, receive: Receive) -> _Answer:
        """Return the answer to a request, its event durable."""
        path, method = scope["path"], scope["method"]
        relayed = path.startswith(document.RELAY)
        if path == document.PATH and method == "GET":
            return _Answer(200, [(b"content-type", b"application/json")], self._document)
        try:
            if path not in OPEN:
                await run_in_threadpool(self._admit, exchange, path)
            try:
                limit = self._relay_bytes if relayed else self._request_bytes
                exchange.body = await _read_body(exchange, receive, limit)
            finally:
                exchange.now = self._clock()
            if path not in OPEN:
                # A body may take seconds; who has ended meanwhile has no use of having begun before.
                await run_in_threadpool(self._recognise, exchange, method, path)
            if scope.get("query_string") and not relayed:
                # Proxies log URLs: so nothing is ever read from one.
                raise Malformed("there are no query parameters here")
        except HTTPException as exc:
            return await self._recorded(exchange, problems.of_status(exc.status_code, None))
        except StrongroomError as exc:
            return await self._refused(exchange, exc)
        return await self._routed(exchange, scope)

    def _admit(self, exchange: Exchange, path: str) -> None:
        """Find out who asks, count, and whether a node may. Raises: as `_identify`, Throttled, Refused."""
        channel = self._identify(exchange)
        self._channels.refuse_hasty(channel.caller.principal, exchange.now)
        # What a node may not is counted as well: each refusal is a write to the disk.
        self._allowances.admit(channel.caller.principal, exchange.now)
        proof.refuse_beyond_node(channel.caller, path)

    def _identify(self, exchange: Exchange) -> Channel:
        """Find out who asks, still living.

        Raises:
            Unauthenticated: the token is missing, wrong or too old, its app has ended, or may not act from there; or
                the client certificate is not valid, another's, or not the one that the token is bound to.

        """
        exchange.proved = False
        shown = exchange.shown = proof.shown_by(self._certificates, exchange)
        if shown is not None and b"authorization" not in exchange.headers:
            known = self._channels.check(shown.caller.principal, exchange.now)
            caller = replace(known.caller, auth=AuthMethod.CERTIFICATE)
            exchange.channel = replace(known, caller=caller)
            self._networks.admit(caller, exchange.address)
            exchange.proved = True
            return exchange.channel
        scheme, _, presented = exchange.header(b"authorization").partition(" ")
        if scheme.lower() != "bearer" or not presented:
            raise Unauthenticated("an access token is missing")
        payload = self._tickets.open(presented.strip(), exchange.now)
        exchange.channel = self._channels.check(PrincipalId(payload["p"]), exchange.now)
        proof.refuse_unproved(exchange.caller, shown)
        proof.refuse_unbound(payload, shown)
        self._networks.admit(exchange.caller, exchange.address)
        exchange.proved = True
        return exchange.channel

    def _recognise(self, exchange: Exchange, method: str, path: str) -> None:
        """Find out again who asks, and whether the app sent this very request before.

        Raises:
            Malformed: the idempotency key has another form.
            Refused: it stands for another request, or nothing is ever repeated there.

        And as `_identify`.

        """
        channel = self._identify(exchange)
        if _KEY not in exchange.headers or method != "POST":
            return
        if path.startswith(document.RELAY):
            raise problems.no_key_here()
        key = _KEY_FORM.fullmatch(exchange.header(_KEY))
        if key is None:
            raise Malformed("an idempotency key has 1 to 64 of letters, digits, '-' and '_'")
        request = path.encode() + b"\n" + exchange.body
        try:
            exchange.repeated = self._requests.claim(
                channel.caller, key[1], request, exchange.now, op="api.request"
            )
        except KeyReused:
            raise problems.key_reused() from None

    async def _routed(self, exchange: Exchange, scope: Scope) -> _Answer:
        """Return what the route answers; held back until it is whole, so that a fault shows nothing of it."""
        sent: list[Message] = []
        body = exchange.body

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        inner = {**scope, "state": {"exchange": exchange}}
        await self._inner(inner, receive, send)
        headers = [(n, v) for n, v in sent[0]["headers"] if n != b"content-length"]
        if exchange.repeated:
            headers.append((b"idempotency-replayed", b"true"))
        content = b"".join(message.get("body", b"") for message in sent[1:])
        if (
            not exchange.opened
            and self._markers.find(content) is not None
            # A refusal repeats the token it is about: whether that is a canary's must not show.
            and self._markers.find(body) is None
        ):
            # It did not come through the vault's door, so it must not be here.
            return await self._recorded(
                exchange,
                problems.internal(),
                type_=EventType.EGRESS_REFUSED,
                reason=Reason.CANARY,
            )
        return _Answer(sent[0]["status"], headers, content)

    async def _refuse(self, request: Request, exc: Exception) -> Response:
        """Answer what a route raised."""
        exchange: Exchange = request.state.exchange
        if isinstance(exc, RequestValidationError):
            answer = await self._recorded(exchange, problems.malformed(exc.errors(), FIELD_NAMES))
        elif isinstance(exc, HTTPException):
            answer = await self._recorded(
                exchange, problems.of_status(exc.status_code, exc.headers)
            )
        elif isinstance(exc, StrongroomError):
            answer = await self._refused(exchange, exc)
        else:
            raise exc
        response = Response(answer.body, answer.status)
        response.raw_headers = answer.headers
        return response

    async def _refused(self, exchange: Exchange, exc: StrongroomError) -> _Answer:
        problem = problems.problem_for(exc)
        if not isinstance(exc, Throttled):
            return await self._recorded(exchange, problem)
        reason = Reason.VOLUME_LIMITED if isinstance(exc, VolumeSpent) else Reason.RATE_LIMITED
        count = self._allowances.untold(exchange.caller.principal, exchange.now)
        exchange.recorded = count == 0
        return await self._recorded(exchange, problem, reason=reason, n=count)

    async def _recorded(
        self,
        exchange: Exchange,
        problem: Problem,
        *,
        type_: EventType = EventType.API_REQUEST_REFUSED,
        reason: Reason | None = None,
        n: int | None = None,
    ) -> _Answer:
        """Return a refusal's answer, its event durable; a plain 503 where that can't be written."""
        if not exchange.recorded or type_ is EventType.EGRESS_REFUSED:
            event = Event(
                type_,
                problem.outcome,
                exchange.caller,
                reason=reason or problem.reason,
                op=exchange.op,
                n=n,
                req=exchange.request_id,
                src_ip=exchange.src_ip,
            )
            try:
                await run_in_threadpool(self._append, exchange, event)
            except Throttled as exc:
                problem = problems.problem_for(exc)
            except Exception as exc:  # noqa: BLE001 - whatever it is: no event, no answer
                _report(exc)
                problem = problems.unrecorded()
            exchange.recorded = True
        return _Answer(problem.status, [_PROBLEM_TYPE, *problem.headers], problem.body())

    def _append(self, exchange: Exchange, event: Event) -> None:
        """Record a refusal. Raises: Throttled where it is the answer to who proves nothing and asks too often."""
        if not exchange.proved:
            # Whoever has a stolen token and lacks its certificate or network is slowed as if it was wrong.
            if event.reason is Reason.EXPIRED_CREDENTIAL:
                self._guard.refuse_late(event, exchange.now)
                return
            self._guard.refuse_stranger(exchange.address, exchange.now)
        self._audit.record(event, now=exchange.now)


def create_api(  # noqa: PLR0913 - the objects that app.py wires, by name
    *,
    vault: Vault,
    accounts: Accounts,
    channels: Channels,
    networks: Networks,
    guard: ClientGuard,
    certificates: Certificates,
    sellers: SellerStore,
    grants: GrantStore,
    audit: AuditLog,
    database: Database,
    relay: Relay,
    paper: Paper,
    clock: Callable[[], datetime],
    ticket_key: bytes,
    environment: Environment,
    limits: ApiLimits = ApiLimits(),  # noqa: B008 - frozen
) -> Api:
    """Return the API as an ASGI callable; `ticket_key` (32 bytes) seals its access tokens and cursors."""
    tickets = TicketBox(ticket_key, TicketKind.API, environment)
    cursors = TicketBox(ticket_key, TicketKind.CURSOR, environment)
    allowances = Allowances(limits, audit)
    # No pages that load scripts from elsewhere, no redirects that repeat a URL, and no telemetry: it would carry URLs
    # and what exceptions say to wherever a variable of the environment points.
    inner = FastAPI(
        telemetry={
            "tracing": False,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
            "auto_configure": False,
        },
        title="Strongroom",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    inner.include_router(token.router(accounts, networks, guard, certificates, audit, tickets))
    inner.include_router(
        router(Rooms(vault, accounts, sellers, grants, audit, allowances, cursors, relay, paper))
    )
    return Api(
        inner=inner,
        channels=channels,
        networks=networks,
        guard=guard,
        certificates=certificates,
        audit=audit,
        clock=clock,
        tickets=tickets,
        allowances=allowances,
        requests=RequestKeys(database, audit),
        request_bytes=limits.request_bytes,
        relay_bytes=limits.relay_bytes,
        markers=Markers(vault.canaries, vault.made),
    )


def _peer(scope: Scope) -> bytes | None:
    """Return the DER of the certificate that the listener saw in the handshake."""
    tls = (scope.get("extensions") or {}).get("tls") or {}
    der: bytes | None = tls.get("client_cert")
    return der or None


def _report(exc: BaseException) -> None:
    _log.error("a request failed", exc_info=web.loggable(exc))


async def _read_body(exchange: Exchange, receive: Receive, limit: int) -> bytes:
    """Return the whole body. Raises: HTTPException for one too large or too slow, ClientGone where the client left."""
    length = exchange.header(b"content-length").encode("latin-1")
    try:
        return await web.read_body(receive, length, limit=limit, seconds=_BODY_SECONDS)
    except web.BodyTooLarge:
        raise HTTPException(413) from None
    except web.BodyTooSlow:
        raise HTTPException(408) from None
