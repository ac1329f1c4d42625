"""Speaks to Amazon for the selling partners: one line for each, over verified TLS only [2.4, 2.5].

A line has its own connections, queue and tokens, so that a slow answer for one selling partner costs no other one
anything. Answers are read up to a limit and within a deadline; redirects are not followed and proxies named in the
environment are not used, because either would send a token to a host nobody configured. No secret, path or byte of an
answer is ever part of an error or a log line.
"""

import asyncio
import secrets
import ssl
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import aiohttp
from yarl import URL

from strongroom.audit.entry import Reason
from strongroom.gateway.answers import Refusal, amazon_error, upstream_failed
from strongroom.outbound import client_context, is_https_url
from strongroom.terms import SellerId
from strongroom.vault.sellers import Seller, SellerStore

_AGENT: Final = "strongroom/0.1 (Language=Python)"
_RETRY_PAUSE_MS: Final = (50, 200)


@dataclass(frozen=True, slots=True)
class UpstreamLimits:
    """How long and how large; seconds and bytes. With the total below five the client gets its answer within five."""

    connect_seconds: float = 3.0
    total_seconds: float = 4.5
    body_bytes: int = 8 * 1024 * 1024
    request_bytes: int = 1024 * 1024
    connections: int = 16
    """Calls under way at once, for each selling partner."""
    waiting: int = 64
    """Calls that may queue behind those."""
    queue_seconds: float = 2.0
    """How long a call may wait for its place in Amazon's usage plan, before the rest of its time."""
    plans_everywhere: bool = False
    """Hold endpoints that are not Amazon's to its usage plans as well."""
    json_containers: int = 200_000
    """Objects and arrays in one answer: eight megabytes of empty ones would take hundreds as Python objects."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: header names in lower case, the body whole and unpacked."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def succeeded(self) -> bool:
        """Say whether this is a success."""
        return 200 <= self.status < 300  # noqa: PLR2004 - RFC 9110, 15.3

    @property
    def failed(self) -> bool:
        """Say whether this is an error; what is neither this nor a success does not pass."""
        return 400 <= self.status < 600  # noqa: PLR2004 - RFC 9110, 15.5 and 15.6


class Deadline:
    """The instant, on the event loop's clock, by which a request's work upstream ends."""

    __slots__ = ("_at",)

    def __init__(self, seconds: float) -> None:
        self._at = asyncio.get_running_loop().time() + seconds

    def left(self) -> float:
        """Return the seconds that remain; never negative."""
        return max(self._at - asyncio.get_running_loop().time(), 0.0)

    @asynccontextmanager
    async def enforce(self) -> AsyncIterator[None]:
        """End the block when the time has come. Raises: Refusal with 504."""
        try:
            async with asyncio.timeout_at(self._at):
                yield
        except TimeoutError:
            raise timed_out() from None


def timed_out() -> Refusal:
    """Return the end of a request that Amazon took too long for."""
    return upstream_failed(504, "Amazon did not answer in time.", Reason.UPSTREAM_TIMEOUT)


class Line:
    """One selling partner's connections. Belongs to one event loop."""

    def __init__(self, seller: Seller, tls: ssl.SSLContext, limits: UpstreamLimits) -> None:
        self.seller = seller
        self.endpoint = seller.endpoint.rstrip("/")
        self._limits = limits
        self._slots = asyncio.Semaphore(limits.connections)
        self._waiting = 0
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                ssl=tls, limit=limits.connections, ttl_dns_cache=60, keepalive_timeout=55
            ),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=limits.connect_seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            read_bufsize=256 * 1024,
            skip_auto_headers=("content-type", "accept", "accept-encoding", "user-agent"),
        )

    async def close(self) -> None:
        """Drop the connections; calls under way fail."""
        await self._session.close()

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: dict[str, str],
        body: bytes | None = None,
        repeatable: bool = False,
    ) -> Reply:
        """Return the answer to one HTTP request; a repeatable one that found no server is sent once more.

        Raises:
            Refusal: 429 where too many wait already, 502 or 504 where Amazon's side failed.

        """
        if self._waiting >= self._limits.waiting:
            answer = amazon_error(
                429,
                "Too many calls of this selling partner are waiting.",
                headers=((b"retry-after", b"1"),),
            )
            raise Refusal(answer, Reason.RATE_LIMITED)
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1
        try:
            if repeatable:
                return await self._send_twice(method, url, headers, body)
            return await self._send_once(method, url, headers, body)
        finally:
            self._slots.release()

    async def _send_twice(
        self, method: str, url: str, headers: dict[str, str], body: bytes | None
    ) -> Reply:
        """Send, and where no server was found, or an unwilling one, send once more."""
        try:
            reply = await self._send_once(method, url, headers, body)
            if reply.status != HTTPStatus.SERVICE_UNAVAILABLE:
                return reply
        except Refusal as refusal:
            if not isinstance(refusal.__cause__, _WORTH_ANOTHER_TRY):
                raise
        low, high = _RETRY_PAUSE_MS
        await asyncio.sleep((low + secrets.randbelow(high - low)) / 1000)
        return await self._send_once(method, url, headers, body)

    async def _send_once(
        self, method: str, url: str, headers: dict[str, str], body: bytes | None
    ) -> Reply:
        all_headers = {
            "accept": "application/json",
            # Unpacking costs more than the bytes it saves on the way into this machine.
            "accept-encoding": "identity",
            "user-agent": _AGENT,
            **headers,
        }
        try:
            async with self._session.request(
                method,
                # Already encoded: what was checked is what is sent.
                URL(url, encoded=True),
                data=body,
                headers=all_headers,
                allow_redirects=False,
            ) as response:
                content = await _read_bounded(response, self._limits.body_bytes)
                lowered = {name.lower(): value for name, value in response.headers.items()}
                packed = lowered.get("content-encoding", "identity").strip().lower()
                if packed not in ("", "identity"):
                    content = _unpack(content, packed, self._limits.body_bytes)
                return Reply(response.status, lowered, content)
        except (aiohttp.ClientSSLError, ssl.SSLError) as exc:
            raise upstream_failed(
                502, "Amazon's certificate could not be verified.", Reason.UPSTREAM_TLS
            ) from exc
        except aiohttp.ServerTimeoutError as exc:
            raise upstream_failed(
                504, "Amazon did not answer in time.", Reason.UPSTREAM_TIMEOUT
            ) from exc
        except (aiohttp.ClientError, OSError, ValueError) as exc:
            raise upstream_failed(
                502, "The connection to Amazon failed.", Reason.UPSTREAM_ERROR
            ) from exc


_WORTH_ANOTHER_TRY: Final = (
    aiohttp.ClientConnectorError,
    aiohttp.ServerDisconnectedError,
    aiohttp.ClientOSError,
    aiohttp.ServerTimeoutError,
)


class Lines:
    """Every selling partner's line, opened when first needed. Belongs to one event loop."""

    def __init__(self, sellers: SellerStore, limits: UpstreamLimits) -> None:
        self._sellers = sellers
        self._limits = limits
        self._lines: dict[SellerId, Line] = {}
        self._leaving: list[tuple[float, Line]] = []
        """Lines that were replaced, and when nothing can be under way on them any more."""
        self._contexts: dict[str | None, ssl.SSLContext] = {}

    async def line(self, seller_id: SellerId) -> Line:
        """Return the line of a selling partner, remade when its entry has changed.

        Raises:
            Refusal: its endpoint is not usable.
            NotFound: there is no such selling partner any more.

        """
        if self._leaving:
            await self._close_left()
        # Nothing is awaited from here on: two requests would open a line each.
        line = self._lines.get(seller_id)
        # From memory: a changed entry is another object.
        seller = self._sellers.get(seller_id)
        if line is not None:
            if seller is line.seller or _same_route(seller, line.seller):
                line.seller = seller
                return line
            # Calls under way end on it: one that was cut off could have been done at Amazon all the same.
            ends_at = asyncio.get_running_loop().time() + self._limits.total_seconds
            self._leaving.append((ends_at, self._lines.pop(seller_id)))
        for url in (seller.endpoint, seller.lwa_url):
            if not is_https_url(url):
                raise upstream_failed(
                    502, "The selling partner's endpoint is not HTTPS.", Reason.UPSTREAM_TLS
                )
        line = Line(seller, self._tls(seller.upstream_ca), self._limits)
        self._lines[seller_id] = line
        return line

    async def forget(self, seller_id: SellerId) -> None:
        """Drop a selling partner's line; the next call opens another."""
        line = self._lines.pop(seller_id, None)
        if line is not None:
            await line.close()

    async def close(self) -> None:
        """Drop every line."""
        for seller_id in list(self._lines):
            await self.forget(seller_id)
        await self._close_left(at_once=True)

    async def _close_left(self, *, at_once: bool = False) -> None:
        now = asyncio.get_running_loop().time()
        over = [line for ends_at, line in self._leaving if at_once or ends_at <= now]
        self._leaving = [one for one in self._leaving if one[1] not in over]
        for line in over:
            await line.close()

    def _tls(self, pem: str | None) -> ssl.SSLContext:
        known = self._contexts.get(pem)
        if known is None:
            try:
                known = self._contexts[pem] = client_context(pem)
            except (ssl.SSLError, ValueError) as exc:
                raise upstream_failed(
                    502, "The selling partner's CA certificate is unusable.", Reason.UPSTREAM_TLS
                ) from exc
        return known


def _same_route(one: Seller, other: Seller) -> bool:
    """Tell whether both entries lead to the same place with the same credentials."""
    return (one.endpoint, one.lwa_url, one.upstream_ca, one.credentials) == (
        other.endpoint,
        other.lwa_url,
        other.upstream_ca,
        other.credentials,
    )


async def _read_bounded(response: aiohttp.ClientResponse, limit: int) -> bytes:
    length = response.content_length
    if length is not None and length > limit:
        response.close()
        raise _too_large()
    chunks: list[bytes] = []
    total = 0
    async for chunk in response.content.iter_any():
        total += len(chunk)
        if total > limit:
            # Closed, not drained: the connection carries the rest of the flood.
            response.close()
            raise _too_large()
        chunks.append(chunk)
    return b"".join(chunks)


def _unpack(content: bytes, coding: str, limit: int) -> bytes:
    """Return what gzip packed, never more than `limit` bytes of it."""
    if coding != "gzip":
        raise upstream_failed(502, "Amazon's answer is not readable.", Reason.MALFORMED_UPSTREAM)
    unpacker = zlib.decompressobj(wbits=31)
    try:
        plain = unpacker.decompress(content, limit + 1)
    except zlib.error:
        raise upstream_failed(
            502, "Amazon's answer is not readable.", Reason.MALFORMED_UPSTREAM
        ) from None
    if len(plain) > limit:
        raise _too_large()
    if not unpacker.eof or unpacker.unused_data:
        raise upstream_failed(502, "Amazon's answer is not readable.", Reason.MALFORMED_UPSTREAM)
    return plain


def _too_large() -> Refusal:
    return upstream_failed(502, "Amazon's answer is too large.", Reason.MALFORMED_UPSTREAM)


def too_many_containers(body: bytes, limit: int) -> bool:
    """Tell whether a JSON text may open more objects and arrays than `limit`; brackets in strings count too."""
    # Below this size even a body of brackets alone stays small in memory.
    if len(body) <= limit:
        return False
    return body.count(b"{") + body.count(b"[") > limit
