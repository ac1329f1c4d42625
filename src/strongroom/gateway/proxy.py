"""The ASGI application at the gateway's door: receives, authenticates, relays, and seals what comes back.

Every request ends in exactly one durable event before a byte of its answer leaves [2.6]; where the event can't be
written the answer is 503 and nothing else. A success of Amazon's passes only after its personal data is sealed and
replaced; whatever goes wrong on that way ends in 502 without a byte of Amazon's [1.3]. Paths hold order ids, bodies
hold people: neither is ever logged.
"""

import contextlib
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Any, Final

import orjson

from strongroom import web
from strongroom.accounts import ANONYMOUS, Accounts, ClientGuard, Networks
from strongroom.audit.entry import Event, ObjKind, Outcome, Reason
from strongroom.audit.event_types import EventType
from strongroom.audit.log import AuditLog
from strongroom.db.engine import Transaction
from strongroom.errors import StrongroomError, Throttled
from strongroom.gateway import answers, transform
from strongroom.gateway.answers import Answer, Refusal
from strongroom.gateway.consent import as_lwa, compare_account, exchange_code
from strongroom.gateway.documents.door import DocumentDoor, is_link
from strongroom.gateway.documents.fetching import DocumentLimits
from strongroom.gateway.documents.links import Links
from strongroom.gateway.exchange import INSIDE, Exchange
from strongroom.gateway.lwa import (
    Code,
    Doorman,
    FailedCheck,
    Issued,
    Pass,
    elements_for,
    hold_to_dates,
    parse_resources,
)
from strongroom.gateway.neutral import error_document
from strongroom.gateway.outgoing import (
    Asking,
    Outgoing,
    Sent,
    dated_views,
    holds_token,
    misplaced,
    purpose_of,
)
from strongroom.gateway.pacing import Pace
from strongroom.gateway.permits import RESTRICTED_TOKEN_PATH, Permits, says_expired
from strongroom.gateway.sealing import Sealing
from strongroom.gateway.upstream import Deadline, Line, Lines, Reply, UpstreamLimits
from strongroom.leaks.markers import Markers
from strongroom.policy.catalogue import Catalogue, Match, Operation
from strongroom.policy.sighting import Sighting
from strongroom.terms import Environment, PrincipalId, SellerId
from strongroom.vault import Held, Overtaken, SellerStore, Vault

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

TOKEN_PATHS: Final = frozenset({"/auth/o2/token", "/auth/O2/token"})

_BODY_SECONDS: Final = 10.0
"""How long a client may take to send its request."""

_ONCE: Final = (b"x-amz-access-token", b"x-strongroom-purpose", b"content-length")

_MAX_ADDRESSES: Final = 1024

_UNRECORDED: Final = answers.amazon_error(
    503, "Strongroom can't record this request now, so it does not answer it."
)

_JSON: Final = (b"content-type", b"application/json")

_log = logging.getLogger(__name__)


class Gateway:
    """The ASGI callable. One event loop serves it; everything but HTTP itself runs inline in that loop."""

    def __init__(  # noqa: PLR0913 - the objects that app.py wires, by name
        self,
        *,
        catalogue: Catalogue,
        vault: Vault,
        accounts: Accounts,
        networks: Networks,
        guard: ClientGuard,
        sellers: SellerStore,
        audit: AuditLog,
        clock: Callable[[], datetime],
        token_key: bytes,
        environment: Environment,
        limits: UpstreamLimits,
        document_limits: DocumentLimits = DocumentLimits(),  # noqa: B008 - frozen
    ) -> None:
        self._catalogue = catalogue
        self._audit = audit
        self._clock = clock
        self._limits = limits
        self._doorman = Doorman(accounts, networks, guard, token_key, environment)
        self._guard = guard
        self._outgoing = Outgoing(vault, token_key, environment)
        links = Links(vault.documents, token_key, environment)
        self._sealing = Sealing(vault, self._outgoing, links, limits)
        self._markers = Markers(vault.canaries)
        self._documents = DocumentDoor(
            vault=vault,
            sellers=sellers,
            audit=audit,
            doorman=self._doorman,
            links=links,
            markers=self._markers,
            clock=clock,
            limits=document_limits,
        )
        self._sellers = sellers
        self._lines = Lines(sellers, limits)
        self._pace = Pace(limits.queue_seconds, everywhere=limits.plans_everywhere)
        elements = frozenset[str]().union(*(o.rdt_elements for o in catalogue.operations.values()))
        self._permits = Permits(sellers, elements, clock)
        self._addresses: dict[str, str] = {}

    async def startup(self) -> None:
        """Be ready to serve in the running loop. Connections open when they are first needed."""

    async def shutdown(self) -> None:
        """Close every connection to Amazon. May be called twice."""
        await self._documents.close()
        await self._lines.close()

    async def forget(self, seller_id: SellerId) -> None:
        """Drop the tokens and connections of a selling partner whose entry has changed."""
        self._permits.forget(seller_id)
        await self._lines.forget(seller_id)

    def admit_inside(self, principal: PrincipalId, seller: SellerId, authorization: int) -> str:
        """Return an access token of ours for this home's own work as an app; each request checks it as any other."""
        return self._doorman.vouch(principal, seller, authorization, self._clock())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection: an HTTP request, or the server's own start and end."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        exchange = self._begin(scope)
        try:
            answer = await self._answer(exchange, receive, send)
        except web.ClientGone:
            return
        if answer is None:
            return
        headers = answers.to_wire(answer, answer.request_id or exchange.request_id)
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        body = b"" if exchange.method == "HEAD" else answer.body
        await send({"type": "http.response.body", "body": body})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self.startup()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self.shutdown()
                await send({"type": "lifespan.shutdown.complete"})
                return

    def _begin(self, scope: Scope) -> Exchange:
        raw_path = scope.get("raw_path") or scope["path"].encode()
        client = scope.get("client")
        return Exchange(
            request_id=str(uuid.uuid4()),
            now=self._clock(),
            method=scope["method"],
            path=raw_path.decode("latin-1").partition("?")[0],
            query=scope.get("query_string", b""),
            headers=web.unambiguous(scope["headers"], _ONCE),
            version=scope.get("http_version", "1.1"),
            address=client[0] if client else "",
            src_ip=self._pseudonym(client[0]) if client else None,
            inside=INSIDE in scope,
        )

    def _pseudonym(self, address: str) -> str:
        known = self._addresses.get(address)
        if known is None:
            if len(self._addresses) >= _MAX_ADDRESSES:
                self._addresses.clear()
            known = self._addresses[address] = self._audit.pseudonym("ip", address)
        return known

    async def _answer(self, exchange: Exchange, receive: Receive, send: Send) -> Answer | None:
        """Return the answer to a request, its event durable; None where a document was the answer."""
        try:
            if is_link(exchange.path):
                await self._documents.serve(exchange, receive, send)
                return None
            try:
                exchange.body = await _read_body(exchange, receive, self._limits.request_bytes)
            finally:
                # A body may take seconds; who has ended or was refused meanwhile has no use of having begun before.
                exchange.now = self._clock()
            return await self._decide(exchange)
        except FailedCheck as end:
            return end.answer
        except Refusal as end:
            return self._record_refusal(exchange, end)
        except StrongroomError as exc:
            return self._record_refusal(exchange, answers.refusal_for(exc))
        except web.ClientGone:
            raise
        except Exception as exc:  # noqa: BLE001 - the last line: all else ends in 500, never in a traceback
            _report(exc)
            return self._record_refusal(exchange, answers.our_fault())

    async def _decide(self, exchange: Exchange) -> Answer:
        if exchange.path in TOKEN_PATHS:
            return await self._issue(exchange)
        bearer = self._doorman.admit(
            exchange.header(b"x-amz-access-token"), exchange.address, exchange.now
        )
        exchange.caller, exchange.seller = bearer.caller, bearer.seller
        deadline = Deadline(self._limits.total_seconds)
        if exchange.path == RESTRICTED_TOKEN_PATH and exchange.method == "POST":
            async with deadline.enforce():
                return await self._restrict(exchange, bearer)
        match = self._catalogue.match(exchange.method, exchange.path)
        if match is None and holds_token(exchange.path):
            raise misplaced()
        if match is None:
            raise Refusal(
                answers.amazon_error(
                    403, "Strongroom's catalogue does not know this operation, so it does not pass."
                ),
                Reason.UNKNOWN_OPERATION,
            )
        exchange.op = match.operation.id
        hold_to_dates(bearer, match.operation)
        if match.operation.closed:
            raise answers.denied("This operation is not open to apps.", Reason.UNKNOWN_OPERATION)
        return await self._relay(exchange, bearer, match, deadline)

    async def _issue(self, exchange: Exchange) -> Answer:
        """Answer the token endpoint."""
        exchange.op = "lwa.token"
        if exchange.method != "POST":
            raise Refusal(
                answers.lwa_error(405, "invalid_request", "The request method is not supported"),
                Reason.MALFORMED_REQUEST,
                type_=EventType.TOKEN_ISSUED,
            )
        content_type = exchange.header(b"content-type") or ""
        issued = self._doorman.issue(exchange.body, content_type, exchange.address, exchange.now)
        if isinstance(issued, Code):
            issued = await self._consented(exchange, issued)
        event = Event(
            EventType.TOKEN_ISSUED,
            Outcome.SUCCESS,
            issued.caller,
            op=exchange.op,
            obj_kind=ObjKind.AUTHORIZATION,
            obj_ref=str(issued.authorization),
            seller=issued.seller,
            req=exchange.request_id,
            src_ip=exchange.src_ip,
        )
        return self._record(exchange, event, issued.answer)

    async def _consented(self, exchange: Exchange, asked: Code) -> Issued:
        """Exchange a code at Amazon, keep what comes back, and answer the app with tokens of ours."""
        seller = asked.consent.seller
        exchange.caller, exchange.seller = asked.caller, seller
        with as_lwa(asked):
            line = await self._lines.line(seller)
            deadline = Deadline(self._limits.total_seconds)
            token = await exchange_code(line, asked, deadline)
            await compare_account(line, asked, token, deadline)
            # Nothing is awaited from here on: whoever hangs up now changes nothing any more.
            now = self._clock()
            keep = partial(self._keep, asked, token, now)
            issued = self._doorman.consented(asked, keep, now)
        self._sellers.forget(seller)
        self._permits.forget(seller)
        return issued

    def _keep(self, asked: Code, token: str, now: datetime, tx: Transaction) -> Event:
        """Keep what a consent brought, as part of what it makes."""
        consent, app = asked.consent, asked.caller
        at = int(now.timestamp())
        held = Held(consent.id, app.principal, consent.opened_by, at, token)
        return self._sellers.consent(tx, app, consent.seller, held)

    async def _restrict(self, exchange: Exchange, bearer: Pass) -> Answer:
        """Answer createRestrictedDataToken, after Amazon gave what the resources need."""
        exchange.op = "tokens.createRestrictedDataToken"
        if bearer.resources is not None:
            raise answers.denied(
                "A restricted data token cannot ask for another.", Reason.WRONG_PATH
            )
        named = parse_resources(exchange.body, self._catalogue)
        line = await self._lines.line(bearer.seller)
        granted = []
        for operation, resource in named:
            _token, elements = await self._permits.restricted(
                line, operation, resource.elements, resource.path
            )
            granted.append(replace(resource, elements=elements))
        event = Event(
            EventType.RDT_ISSUED,
            Outcome.SUCCESS,
            bearer.caller,
            op=exchange.op,
            n=len(granted),
            seller=bearer.seller,
            req=exchange.request_id,
            src_ip=exchange.src_ip,
        )
        return self._record(
            exchange, event, self._doorman.restrict(bearer, tuple(granted), exchange.now)
        )

    async def _relay(
        self, exchange: Exchange, bearer: Pass, match: Match, deadline: Deadline
    ) -> Answer:
        """Pass a call of a known operation on to Amazon, and its answer back through the vault."""
        purpose = purpose_of(exchange.header(b"x-strongroom-purpose"))
        asking = Asking(
            bearer,
            match.operation,
            purpose,
            exchange.now,
            exchange.request_id,
            exchange.src_ip,
            exchange.base,
        )
        try:
            return await self._ask(exchange, asking, match.path_parameters, deadline)
        except BaseException:
            # Opened for this request, and no answer of Amazon's says that it arrived.
            self._tell_delivered(exchange, asking, Outcome.FAILURE)
            raise

    async def _ask(
        self, exchange: Exchange, asking: Asking, given: Mapping[str, str], deadline: Deadline
    ) -> Answer:
        bearer, operation = asking.bearer, asking.operation
        elements = elements_for(bearer, operation, exchange.path)
        sent = self._outgoing.sent(asking, given, exchange.query, exchange.headers, exchange.body)
        # After the checks above, which end whatever holds a token.
        self._refuse_canaries(*sent.parts())
        async with deadline.enforce():
            line = await self._lines.line(bearer.seller)
            for last in (False, True):
                asked_at = self._clock()
                reply = await self._call(
                    line,
                    operation,
                    sent,
                    elements=elements,
                    grantless=operation.grantless and exchange.inside,
                )
                self._tell_delivered(exchange, asking, Outcome.SUCCESS)
                if not (reply.succeeded and reply.body and operation.has_response):
                    break
                # The next answer is the latest for sure. What was done can't be asked for again: it is the latest, too.
                latest = last or not operation.read_only
                with contextlib.suppress(Overtaken):
                    return await self._seal(
                        exchange, asking, line, sent, reply, None if latest else asked_at
                    )
        return self._pass_on(exchange, asking, reply)

    def _refuse_canaries(self, *parts: bytes) -> None:
        """End a request that would carry what only canary records have. Raises: Refusal."""
        if self._markers.find(*parts) is not None:
            # What a token without a grant gets: nothing tells the app what it has met.
            raise Refusal(
                answers.denied(answers.UNUSABLE_TOKEN, Reason.CANARY).answer,
                Reason.CANARY,
                type_=EventType.EGRESS_REFUSED,
            )

    def _tell_delivered(self, exchange: Exchange, asking: Asking, outcome: Outcome) -> None:
        """Record, once, what became of the records whose values were put back into a request [2.6]."""
        if not asking.opened:
            return
        event = Event(
            EventType.EGRESS_DELIVERED,
            outcome,
            asking.bearer.caller,
            op=asking.operation.id,
            n=len(asking.opened),
            seller=asking.bearer.seller,
            req=exchange.request_id,
            src_ip=exchange.src_ip,
        )
        asking.opened.clear()
        try:
            self._audit.record(event, now=self._clock())
        except StrongroomError as exc:
            _report(exc)  # what is missing here shows as unreconciled

    async def _call(
        self,
        line: Line,
        operation: Operation,
        sent: Sent,
        *,
        elements: frozenset[str] | None = None,
        grantless: bool = False,
    ) -> Reply:
        """Return Amazon's answer; a token that Amazon calls expired is renewed once."""
        headers = dict(sent.headers)
        url = line.endpoint + sent.path + (f"?{sent.query}" if sent.query else "")
        for last in (False, True):
            if grantless:
                token = await self._permits.grantless(line)
            elif elements is None:
                token = await self._permits.access(line)
            else:
                token, shown = await self._permits.restricted(line, operation, elements, sent.path)
            headers["x-amz-access-token"] = token
            await self._pace.turn(line.seller, operation)
            reply = await line.send(
                operation.method,
                url,
                headers=headers,
                body=sent.body,
                repeatable=operation.read_only,
            )
            self._pace.heard(line.seller, operation, reply)
            if last or not says_expired(reply):
                break
            if elements is None:
                self._permits.forget_access(line, token)
            else:
                self._permits.forget_restricted(line, operation, shown, token)
        return reply

    async def _seal(
        self,
        exchange: Exchange,
        asking: Asking,
        line: Line,
        sent: Sent,
        reply: Reply,
        asked_at: datetime | None,
    ) -> Answer:
        """Return Amazon's success with its personal data in the vault and tokens in its place."""
        document = self._sealing.parse(reply)
        found = self._sealing.extract(asking.operation, document, sent.call(asking))
        dated: list[Sighting] = []
        unknown = self._sealing.undated(asking, found)
        if unknown:
            calls = dated_views(asking.operation, sent.path, sent.query, unknown)
            try:
                for path, its_query in calls:
                    dated += await self._dates(line, path, its_query, unknown)
            except Refusal:
                # What was done can't be asked for again: its answer passes, and what has no date is not kept.
                if asking.operation.read_only:
                    raise
        body = self._sealing.seal(asking, found, self._clock(), dated=dated, asked_at=asked_at)
        exchange.recorded = True
        headers = (_JSON, *answers.passed_headers(reply.headers))
        return Answer(reply.status, body, headers, answers.request_id_of(reply.headers))

    async def _dates(
        self, line: Line, path: str, query: str, orders: frozenset[str]
    ) -> list[Sighting]:
        """Return what Amazon says of the dates of these orders.

        Raises:
            Refusal: it says nothing. The client tries again: tokens of values that were thrown away would stay with it.

        """
        match = self._catalogue.match("GET", path)
        if match is None:
            raise answers.our_fault()
        reply = await self._call(line, match.operation, Sent(path, query))
        if reply.status != HTTPStatus.OK:
            status = reply.status if reply.failed else 502
            raise answers.upstream_failed(
                status, "Amazon did not tell the order's dates.", Reason.UPSTREAM_ERROR
            )
        return self._sealing.facts(match.operation, self._sealing.parse(reply), orders)

    def _pass_on(self, exchange: Exchange, asking: Asking, reply: Reply) -> Answer:
        """Return what carries no personal data: an empty success, or an error made neutral."""
        status = reply.status
        if not (reply.succeeded or reply.failed):
            raise answers.upstream_failed(
                502, "Amazon's answer is not one that passes.", Reason.MALFORMED_UPSTREAM
            )
        headers = answers.passed_headers(reply.headers)
        request_id = answers.request_id_of(reply.headers)
        if reply.failed:
            body = orjson.dumps(transform.neutral_errors(error_document(reply.body), status))
            answer = Answer(status, body, (_JSON, *headers), request_id)
        else:
            # What no model describes does not pass.
            answer = Answer(status, b"", headers, request_id)
        reason = None
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            reason = Reason.RATE_LIMITED
        elif reply.failed:
            reason = Reason.UPSTREAM_ERROR
        event = Event(
            EventType.GATEWAY_REQUEST_FORWARDED,
            Outcome.FAILURE if reply.failed else Outcome.SUCCESS,
            asking.bearer.caller,
            reason=reason,
            op=asking.operation.id,
            bytes_=len(answer.body),
            seller=asking.bearer.seller,
            req=exchange.request_id,
            src_ip=exchange.src_ip,
        )
        return self._record(exchange, event, answer)

    def _record(self, exchange: Exchange, event: Event, answer: Answer) -> Answer:
        """Return `answer` once its event is durable. Raises: StrongroomError where it is not."""
        self._audit.record(event, now=exchange.now)
        exchange.recorded = True
        return answer

    def _record_refusal(self, exchange: Exchange, refusal: Refusal) -> Answer:
        """Return a refusal's answer, its event durable; a plain 503 where the event can't be written."""
        if exchange.recorded:
            return refusal.answer
        event = Event(
            refusal.type,
            refusal.outcome,
            refusal.actor or exchange.caller,
            reason=refusal.reason,
            op=exchange.op,
            seller=exchange.seller,
            req=exchange.request_id,
            src_ip=exchange.src_ip,
        )
        try:
            if event.actor is ANONYMOUS:
                return self._refuse_stranger(exchange, event, refusal.answer)
            return self._record(exchange, event, refusal.answer)
        except Exception as exc:  # noqa: BLE001 - whatever it is: no event, no answer
            _report(exc)
            return _UNRECORDED

    def _refuse_stranger(self, exchange: Exchange, event: Event, answer: Answer) -> Answer:
        """Return the answer to who proved nothing; beyond what an address may, 429 and events by number."""
        if event.reason is Reason.EXPIRED_CREDENTIAL:
            self._guard.refuse_late(event, exchange.now)
            return answer
        for_token = exchange.path in TOKEN_PATHS
        try:
            # The doorman counts what asks for tokens.
            if not for_token or exchange.method != "POST":
                self._guard.refuse_stranger(exchange.address, exchange.now)
        except Throttled as exc:
            return answers.slowed(exc, as_lwa=for_token)
        return self._record(exchange, event, answer)


def _report(exc: BaseException) -> None:
    _log.error("a request failed", exc_info=web.loggable(exc))


async def _read_body(exchange: Exchange, receive: Receive, limit: int) -> bytes:
    """Return the whole body. Raises: Refusal where it is too large or too slow, ClientGone where the client left."""
    length = exchange.headers.get(b"content-length")
    if length is None and b"transfer-encoding" not in exchange.headers:
        return b""
    try:
        return await web.read_body(receive, length or b"", limit=limit, seconds=_BODY_SECONDS)
    except web.BodyTooLarge:
        raise _too_large() from None
    except web.BodyTooSlow:
        raise Refusal(
            answers.amazon_error(408, "The request took too long."), Reason.MALFORMED_REQUEST
        ) from None


def _too_large() -> Refusal:
    answer = answers.amazon_error(413, "The request is larger than this endpoint takes.")
    return Refusal(answer, Reason.MALFORMED_REQUEST)
