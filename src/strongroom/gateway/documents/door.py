"""Serves our addresses of documents: down to the app with tokens in them, up to Amazon with values put back.

Going down, each piece is sealed and its event durable before a byte of it leaves [2.6]; whatever goes wrong later ends
the connection without its last chunk, so that no client takes half a document for a whole one, and is recorded. Going
up, each token is opened under the app's own grant for relaying, or the upload ends. Neither way is anything written to
a file.
"""

import asyncio
import contextlib
import logging
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final

from strongroom import web
from strongroom.audit.entry import Event, Outcome, Reason
from strongroom.audit.event_types import EventType
from strongroom.audit.log import AuditLog
from strongroom.crypto.token import find_tokens
from strongroom.errors import Malformed, StrongroomError, Tampered, Unavailable
from strongroom.gateway import answers
from strongroom.gateway.answers import Refusal
from strongroom.gateway.documents.document import Document, Said, Sealed
from strongroom.gateway.documents.encoding import JAPANESE, Decoder, Encoder, known_encoding
from strongroom.gateway.documents.fetching import (
    DocumentLimits,
    Fetcher,
    breathe,
    read_whole,
)
from strongroom.gateway.documents.links import LINK_PATH, Link, Links, Way
from strongroom.gateway.documents.page import Origin, Page
from strongroom.gateway.documents.places import Found, place_reader
from strongroom.gateway.documents.restoring import Restorer, Written, form_of
from strongroom.gateway.documents.whole import (
    CONTENT_TYPE,
    SLOT,
    Volume,
    answer_of,
    sighting_of,
)
from strongroom.gateway.exchange import Exchange
from strongroom.gateway.lwa import Doorman
from strongroom.gateway.outgoing import misplaced, purpose_of
from strongroom.leaks.markers import Markers
from strongroom.paper.forms import UNKNOWN, kind_of
from strongroom.policy.catalogue.feeds import FeedPlaces
from strongroom.policy.catalogue.reports import Reports
from strongroom.terms import Action, Category, Purpose, RecordNumber, Scalar, SellerId
from strongroom.vault import Placed, SellerStore, Vault
from strongroom.vault.sellers import Seller

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_JAPAN: Final = "A1VC38T7YXB528"
"""The marketplace whose reports are in its own encoding."""

_CONTENT_TYPE: Final = re.compile(
    r"[a-z0-9.+/-]{3,80}(?:; ?charset=[A-Za-z0-9_-]{2,20})?", re.IGNORECASE
)
_PIECE_BYTES: Final = 64 * 1024
_GZIP: Final = b"\x1f\x8b"
_log = logging.getLogger(__name__)


class DocumentDoor:
    """The way of documents through the vault. Belongs to one event loop."""

    def __init__(
        self,
        *,
        vault: Vault,
        sellers: SellerStore,
        audit: AuditLog,
        doorman: Doorman,
        links: Links,
        markers: Markers,
        clock: Callable[[], datetime],
        limits: DocumentLimits,
    ) -> None:
        self._vault = vault
        self._sellers = sellers
        self._audit = audit
        self._doorman = doorman
        self._links = links
        self._markers = markers
        self._clock = clock
        self._limits = limits
        self._fetcher = Fetcher(limits)
        self._reports = Reports.load()
        self._feed_places = FeedPlaces.load()
        self._restoring = asyncio.Semaphore(1)
        """One feed of the process is rewritten at a time: it is in memory twice meanwhile."""
        self._volume = Volume(limits.whole_bytes_per_day)
        self._storing = asyncio.Semaphore(1)
        """One whole document of the process is stored at a time, likewise."""
        self._under_way: Counter[SellerId] = Counter()

    async def close(self) -> None:
        """Drop every connection."""
        await self._fetcher.close()

    async def serve(self, exchange: Exchange, receive: Receive, send: Send) -> None:
        """Answer a request for one of our addresses, to its end.

        Raises:
            Refusal, StrongroomError: before a byte was sent; nothing is recorded yet.

        """
        link = self._links.open(exchange.path, exchange.now)
        exchange.op, exchange.seller = link.op, link.seller
        exchange.caller = self._doorman.stand(
            link.authorization, link.principal, link.seller, exchange.address, exchange.now
        )
        if exchange.method != ("GET" if link.way is Way.DOWN else "PUT"):
            raise Refusal(
                answers.amazon_error(405, "The document's link is not for this method."),
                Reason.MALFORMED_REQUEST,
            )
        if exchange.version == "1.0":
            # It has no chunks, and so no way to tell a document's end from a broken connection (ADR 0162).
            raise answers.bad_request("A document needs HTTP/1.1.")
        seller = self._sellers.get(link.seller)
        async with self._place(link.seller):
            if link.way is Way.UP:
                async with _within(self._limits.total_seconds):
                    await self._upload(exchange, link, seller, receive, send)
            else:
                await self._download(exchange, link, seller, receive, send)

    @asynccontextmanager
    async def _place(self, seller: SellerId) -> AsyncIterator[None]:
        if self._under_way[seller] >= self._limits.at_once:
            answer = answers.amazon_error(
                429,
                "Too many documents of this selling partner are under way.",
                headers=((b"retry-after", b"5"),),
            )
            raise Refusal(answer, Reason.RATE_LIMITED)
        self._under_way[seller] += 1
        try:
            yield
        finally:
            self._under_way[seller] -= 1

    # -- down --

    async def _download(
        self, exchange: Exchange, link: Link, seller: Seller, receive: Receive, send: Send
    ) -> None:
        if link.whole or not await self._transform(exchange, link, seller, receive, send):
            await self._keep(exchange, link, seller, receive, send)

    async def _transform(
        self, exchange: Exchange, link: Link, seller: Seller, receive: Receive, send: Send
    ) -> bool:
        """Send a document with tokens in it; False where nothing can be replaced in it, and nothing was sent."""
        sending = _Sending(exchange, receive, send)
        document: Document | None = None
        try:
            async with (
                _within(self._limits.total_seconds),
                self._fetcher.get(seller, link.url) as response,
            ):
                said = Said(
                    response.headers.get("content-type", ""),
                    link.packed,
                    JAPANESE if seller.marketplaces == (_JAPAN,) else "",
                    link.lines,
                )
                document = Document(self._origin(link, exchange.now), said)
                async for data in response.content.iter_chunked(_PIECE_BYTES):
                    await self._pass(exchange, document, document.feed(data), sending)
                await self._pass(exchange, document, document.end(), sending)
            rest = document.close()
            # The whole document is there: its event comes first, its last bytes after it.
            self._tell(exchange, EventType.GATEWAY_DOCUMENT_SERVED, None, document)
            exchange.recorded = True
            await sending.finish(document.content_type, rest)
        except Sealed:
            return False
        except _ClientLeft:
            self._tell(exchange, EventType.GATEWAY_DOCUMENT_SERVED, Reason.UNREACHABLE, document)
        except asyncio.CancelledError:
            self._tell(exchange, EventType.GATEWAY_DOCUMENT_SERVED, Reason.UNAVAILABLE, document)
            raise
        except Exception as exc:
            if not sending.started:
                raise _refusal(exc) from exc
            if not isinstance(exc, Refusal | Malformed):
                _log.error("a document failed", exc_info=web.loggable(exc))
            # Returning without the last chunk makes the server close the connection.
            reason = _refusal(exc).reason
            self._tell(exchange, EventType.GATEWAY_DOCUMENT_SERVED, reason, document)
        return True

    async def _keep(
        self, exchange: Exchange, link: Link, seller: Seller, receive: Receive, send: Send
    ) -> None:
        """Keep a document whole, and send its token. Raises: Refusal."""
        try:
            async with (
                _within(self._limits.total_seconds),
                self._fetcher.get(seller, link.url) as response,
            ):
                content = await read_whole(response, self._limits.whole_bytes)
            self._refuse_too_many(link.seller, len(content))
            async with self._storing:
                # Megabytes take a second to seal and to write, which everybody else would wait for.
                answer = await asyncio.to_thread(self._stored, exchange, link, content)
            self._tell(
                exchange, EventType.GATEWAY_DOCUMENT_SERVED, None, None, n=1, size=len(content)
            )
        except Exception as exc:
            raise _refusal(exc) from exc
        exchange.recorded = True
        await _Sending(exchange, receive, send).finish(CONTENT_TYPE, answer)

    def _refuse_too_many(self, seller: SellerId, size: int) -> None:
        """Count a document. Raises: Refusal where the day has no room for it."""
        wait = self._volume.take(seller, size, self._clock())
        if wait:
            answer = answers.amazon_error(
                429,
                "No more documents of this selling partner are kept today.",
                headers=((b"retry-after", str(wait).encode()),),
            )
            raise Refusal(answer, Reason.VOLUME_LIMITED)

    def _stored(self, exchange: Exchange, link: Link, content: bytes) -> bytes:
        """Put a whole document into the vault; return the answer with its token. Raises: StrongroomError."""
        form = kind_of(content)
        if form == UNKNOWN and not link.whole:
            # It should have been text, and is nothing that anybody prints either.
            raise Sealed("the document has no form that is known")
        now = self._clock()
        document = f"{link.op}/{link.document}"
        seen = sighting_of(document, content, link.seen_at, int(now.timestamp()))
        (placed,) = self._vault.put(
            link.seller,
            [seen],
            caller=exchange.caller,
            op=link.op,
            now=now,
            req=exchange.request_id,
            src_ip=exchange.src_ip,
        )
        return answer_of(placed.token(SLOT), form, content)

    async def _pass(
        self, exchange: Exchange, document: Document, pages: Iterator[Page], sending: "_Sending"
    ) -> None:
        """Store pages, then send them."""
        for page in pages:
            placed: list[Placed] = []
            if page.sightings or page.drift:
                placed = self._vault.put(
                    exchange.seller or SellerId(0),
                    page.sightings,
                    caller=exchange.caller,
                    op=exchange.op or "",
                    now=self._clock(),
                    drift=page.drift,
                    req=exchange.request_id,
                    src_ip=exchange.src_ip,
                )
            data = document.write(page, placed)
            if data:
                await sending.send(document.content_type, data)
            await breathe()

    def _origin(self, link: Link, now: datetime) -> Origin:
        kind = self._reports.kind(link.kind)
        document = f"{link.op}/{link.document}"
        return Origin(kind, document, link.made_at, link.seen_at, int(now.timestamp()))

    # -- up --

    async def _upload(
        self, exchange: Exchange, link: Link, seller: Seller, receive: Receive, send: Send
    ) -> None:
        content_type = exchange.header(b"content-type") or ""
        if content_type and not _CONTENT_TYPE.fullmatch(content_type):
            raise answers.bad_request("The content type is not valid.")
        purpose = purpose_of(exchange.header(b"x-strongroom-purpose"))
        body = await _read_upload(exchange, receive, self._limits.upload_bytes)
        opened: set[RecordNumber] = set()
        try:
            restored = await self._restored(exchange, body, content_type, purpose, opened)
            self._refuse_canaries(restored)
            await self._fetcher.put(seller, link.url, restored, content_type)
        except BaseException:
            self._tell_opened(exchange, opened, Outcome.FAILURE)
            raise
        self._tell_opened(exchange, opened, Outcome.SUCCESS)
        self._tell(exchange, EventType.GATEWAY_DOCUMENT_UPLOADED, None, None, n=len(opened))
        exchange.recorded = True
        await _Sending(exchange, receive, send).finish("", b"")

    async def _restored(
        self,
        exchange: Exchange,
        body: bytes,
        content_type: str,
        purpose: Purpose,
        opened: set[RecordNumber],
    ) -> bytes:
        """Return an upload with its tokens replaced. Raises: Refusal."""
        if body.startswith(_GZIP):
            raise answers.bad_request("A feed must be sent unpacked.")
        if b"\0" in body[:4096] and not body.startswith((b"\xff\xfe", b"\xfe\xff")):
            # No text: nothing can be put in its place.
            if find_tokens(body.decode("latin-1")):
                raise answers.bad_request(
                    "The document holds a token where none can be replaced.", Reason.UNCLASSIFIED
                )
            return body
        try:
            async with self._restoring:
                return await self._rewritten(
                    exchange, body, Said(content_type).charset, purpose, opened
                )
        except Malformed as exc:
            raise answers.bad_request(f"The document can't be sent: {exc.message}.") from None

    async def _rewritten(
        self,
        exchange: Exchange,
        body: bytes,
        charset: str,
        purpose: Purpose,
        opened: set[RecordNumber],
    ) -> bytes:
        """Return a feed with its tokens replaced, read piece by piece as often as it takes. Raises: Malformed."""
        told, decoder = Counter[str](), Decoder(charset, "")
        restorer: Restorer | None = None
        form = Written.TABS

        def note(token: str) -> str:
            told[token] += 1
            return token

        async for text in _texts(body, decoder):
            if restorer is None:
                form = form_of(text)
                restorer = Restorer(form, note)
            restorer.feed(text)
        if restorer is not None:
            restorer.end()
        if not told:
            return body
        found = Found(self._feed_places)
        reader = place_reader(form, found)
        async for text in _texts(body, Decoder(charset, "")):
            reader.feed(text)
        reader.end()
        # Whatever stands in a place of no personal data, in a name or in a comment, is one too many.
        if found.count != told:
            raise misplaced()
        known: dict[str, Scalar] = {}

        def value_of(token: str) -> Scalar:
            if token not in known:
                allowed = found.categories[token]
                known[token] = self._reveal(exchange, token, allowed, purpose, opened)
            return known[token]

        encoding = decoder.found or known_encoding(charset) or "utf-8"
        encoder, restorer = Encoder(encoding, decoder.mark), Restorer(form, value_of)
        pieces = [
            encoder.encode(restorer.feed(text)) async for text in _texts(body, Decoder(charset, ""))
        ]
        pieces.append(encoder.encode(restorer.end()))
        return b"".join(pieces)

    def _reveal(
        self,
        exchange: Exchange,
        token: str,
        allowed: set[Category],
        purpose: Purpose,
        opened: set[RecordNumber],
    ) -> Scalar:
        try:
            revealed = self._vault.reveal(
                exchange.caller,
                token,
                purpose=purpose,
                now=self._clock(),
                action=Action.RELAY,
                seller=exchange.seller,
                req=exchange.request_id,
            )
        except (Tampered, Unavailable):
            raise
        except StrongroomError as exc:
            # One answer for all: whether a token exists is nothing to a caller without a grant.
            raise answers.denied(answers.UNUSABLE_TOKEN, Reason.NO_GRANT) from exc
        opened.add(revealed.record)
        if allowed != {revealed.category}:
            raise misplaced()
        return revealed.value.unwrap()

    def _refuse_canaries(self, content: bytes) -> None:
        if self._markers.find(content) is not None:
            raise Refusal(
                answers.denied(answers.UNUSABLE_TOKEN, Reason.CANARY).answer,
                Reason.CANARY,
                type_=EventType.EGRESS_REFUSED,
            )

    # -- what is recorded --

    def _tell(
        self,
        exchange: Exchange,
        type_: EventType,
        reason: Reason | None,
        document: Document | None,
        n: int | None = None,
        size: int | None = None,
    ) -> None:
        """Record how a document ended; a good end goes out only after this."""
        event = Event(
            type_,
            Outcome.FAILURE if reason is not None else Outcome.SUCCESS,
            exchange.caller,
            reason=reason,
            op=exchange.op,
            n=document.records if document is not None else n,
            bytes_=document.bytes if document is not None else size,
            seller=exchange.seller,
            req=exchange.request_id,
            src_ip=exchange.src_ip,
        )
        if reason is None:
            self._audit.record(event, now=self._clock())
            return
        try:
            self._audit.record(event, now=self._clock())
        except StrongroomError as exc:
            _log.error("a document's end is not recorded", exc_info=web.loggable(exc))

    def _tell_opened(self, exchange: Exchange, opened: set[RecordNumber], outcome: Outcome) -> None:
        if not opened:
            return
        event = Event(
            EventType.EGRESS_DELIVERED,
            outcome,
            exchange.caller,
            op=exchange.op,
            n=len(opened),
            seller=exchange.seller,
            req=exchange.request_id,
            src_ip=exchange.src_ip,
        )
        with contextlib.suppress(StrongroomError):  # what is missing here shows as unreconciled
            self._audit.record(event, now=self._clock())


class _ClientLeft(Exception):
    """The client went away in the middle of a document."""


class _Sending:
    """One streamed answer: begins with its first bytes, and is whole only after `finish`."""

    def __init__(self, exchange: Exchange, receive: Receive, send: Send) -> None:
        self.started = False
        self._exchange = exchange
        self._receive = receive
        self._send = send

    async def send(self, content_type: str, data: bytes) -> None:
        """Send a piece. Raises: _ClientLeft."""
        await self._start(content_type)
        if await self._left():
            raise _ClientLeft
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def finish(self, content_type: str, data: bytes) -> None:
        """Send the last piece."""
        await self._start(content_type)
        await self._send({"type": "http.response.body", "body": data, "more_body": False})

    async def _start(self, content_type: str) -> None:
        if self.started:
            return
        self.started = True
        headers = [(b"x-amzn-requestid", self._exchange.request_id.encode()), *web.SECURITY_HEADERS]
        if content_type:
            headers.append((b"content-type", content_type.encode()))
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})

    async def _left(self) -> bool:
        with contextlib.suppress(TimeoutError):
            # A client that is gone is told at once; of one that waits there is nothing to hear.
            async with asyncio.timeout(0):
                return bool((await self._receive())["type"] == "http.disconnect")
        return False


@asynccontextmanager
async def _within(seconds: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise answers.upstream_failed(
            504, "The document took too long.", Reason.UPSTREAM_TIMEOUT
        ) from None


async def _texts(body: bytes, decoder: Decoder) -> AsyncIterator[str]:
    """Yield an upload's text by pieces. Raises: Malformed."""
    for start in range(0, len(body), _PIECE_BYTES):
        yield decoder.feed(body[start : start + _PIECE_BYTES])
        await breathe()
    yield decoder.end()


async def _read_upload(exchange: Exchange, receive: Receive, limit: int) -> bytes:
    length = exchange.header(b"content-length") or ""
    try:
        return await web.read_body(receive, length.encode(), limit=limit, seconds=300.0)
    except web.BodyTooLarge:
        answer = answers.amazon_error(413, "The document is larger than this endpoint takes.")
        raise Refusal(answer, Reason.MALFORMED_REQUEST) from None
    except web.BodyTooSlow:
        answer = answers.amazon_error(408, "The document took too long.")
        raise Refusal(answer, Reason.MALFORMED_REQUEST) from None


def _refusal(exc: Exception) -> Refusal:
    """Return how a document that did not begin ends."""
    if isinstance(exc, Refusal):
        return exc
    if isinstance(exc, Sealed):
        return answers.upstream_failed(
            502,
            "The document is no text: Strongroom can't replace anything in it.",
            Reason.UNCLASSIFIED,
        )
    if isinstance(exc, Malformed):
        return answers.upstream_failed(
            502, f"The document is not readable: {exc.message}.", Reason.MALFORMED_UPSTREAM
        )
    if isinstance(exc, StrongroomError):
        return answers.refusal_for(exc)
    return answers.our_fault()


def is_link(path: str) -> bool:
    """Say whether a path is one of our addresses of documents."""
    return path.startswith(LINK_PATH)
