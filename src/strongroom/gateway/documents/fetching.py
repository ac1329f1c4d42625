"""Speaks to where Amazon keeps documents: verified TLS, no redirects, public addresses only [1.1, 2.4].

The address comes from Amazon's own answer, through a ticket nobody else can make; it is checked all the same, because
whoever could make us follow one of theirs would have a way into the network we stand in. A selling partner whose
endpoint is none of Amazon's (a simulator, a test) may have its documents there and nowhere else.
"""

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from strongroom.audit.entry import Reason
from strongroom.gateway.answers import Refusal, upstream_failed
from strongroom.outbound import client_context, is_https_url
from strongroom.policy.limits import WHOLE_BYTES_PER_DAY
from strongroom.vault.sellers import Seller

HOSTS: Final = (".amazonaws.com", ".amazonaws.com.cn", ".cloudfront.net", ".amazon.com")
"""Where Amazon keeps documents, each by its end."""

_HTTPS: Final = 443
_PIECE_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class DocumentLimits:
    """How long and how large; seconds and bytes."""

    connect_seconds: float = 3.0
    idle_seconds: float = 30.0
    total_seconds: float = 1800.0
    upload_bytes: int = 64 * 1024 * 1024
    """A feed is held in memory until it is complete: Amazon's storage takes none without its length."""
    whole_bytes: int = 16 * 1024 * 1024
    """A label or an invoice, as it comes; it is in memory some times over until it is stored."""
    whole_bytes_per_day: int = WHOLE_BYTES_PER_DAY
    at_once: int = 4
    """Documents under way, for each selling partner."""


class Fetcher:
    """The connections to Amazon's storage. Belongs to one event loop."""

    def __init__(self, limits: DocumentLimits) -> None:
        self._limits = limits
        self._sessions: dict[tuple[str | None, str], aiohttp.ClientSession] = {}

    async def close(self) -> None:
        """Drop the connections; documents under way fail."""
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            await session.close()

    @asynccontextmanager
    async def get(self, seller: Seller, url: str) -> AsyncIterator[aiohttp.ClientResponse]:
        """Give the answer of a document's address, its body not read yet. Raises: Refusal."""
        async with self._asked("GET", seller, url, None, {}) as response:
            if response.content_length is None and not _is_chunked(response):
                raise upstream_failed(
                    502, "Amazon's document has no length.", Reason.MALFORMED_UPSTREAM
                )
            yield response

    async def put(self, seller: Seller, url: str, body: bytes, content_type: str) -> None:
        """Store a document. Raises: Refusal."""
        headers = {"content-type": content_type} if content_type else {}
        async with self._asked("PUT", seller, url, body, headers):
            pass

    @asynccontextmanager
    async def _asked(
        self, method: str, seller: Seller, url: str, body: bytes | None, headers: dict[str, str]
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        session = self._session(seller, _checked(seller, url))
        try:
            async with session.request(
                method,
                URL(url, encoded=True),
                data=body,
                headers={"accept-encoding": "identity", **headers},
                allow_redirects=False,
            ) as response:
                if not 200 <= response.status < 300:  # noqa: PLR2004 - RFC 9110, 15.3
                    raise _refused(response.status)
                yield response
        except (aiohttp.ClientSSLError, ssl.SSLError) as exc:
            raise upstream_failed(
                502, "The document's server could not be verified.", Reason.UPSTREAM_TLS
            ) from exc
        except (TimeoutError, aiohttp.ServerTimeoutError) as exc:
            raise upstream_failed(
                504, "Amazon did not send the document in time.", Reason.UPSTREAM_TIMEOUT
            ) from exc
        except (aiohttp.ClientError, OSError, ValueError) as exc:
            raise upstream_failed(
                502, "The connection to Amazon's document failed.", Reason.UPSTREAM_ERROR
            ) from exc

    def _session(self, seller: Seller, exempt: str) -> aiohttp.ClientSession:
        key = seller.upstream_ca, exempt
        session = self._sessions.get(key)
        if session is None:
            try:
                tls = client_context(seller.upstream_ca)
            except (ssl.SSLError, ValueError) as exc:
                raise upstream_failed(
                    502, "The selling partner's CA certificate is unusable.", Reason.UPSTREAM_TLS
                ) from exc
            limits = self._limits
            session = self._sessions[key] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    ssl=tls, resolver=_PublicOnly(exempt), use_dns_cache=False
                ),
                timeout=aiohttp.ClientTimeout(
                    total=limits.total_seconds,
                    sock_connect=limits.connect_seconds,
                    sock_read=limits.idle_seconds,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                read_bufsize=256 * 1024,
                skip_auto_headers=("content-type", "accept", "accept-encoding", "user-agent"),
            )
        return session


class _PublicOnly(AbstractResolver):
    """Resolves names to public addresses; the one it connects to is the one it looked at, so DNS can't be turned."""

    def __init__(self, exempt: str) -> None:
        self._exempt = exempt

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        """Return the addresses of a host. Raises: OSError where one is not public."""
        resolver = aiohttp.ThreadedResolver()
        found = await resolver.resolve(host, port, family=family)  # type: ignore[arg-type]
        if host != self._exempt and not all(_is_public(entry["host"]) for entry in found):
            raise OSError("the document's server has an address that is not public")
        return found

    async def close(self) -> None:
        """Nothing is held."""


def _checked(seller: Seller, url: str) -> str:
    """Return the host that may have a private address, empty where none may. Raises: Refusal."""
    fault = upstream_failed(
        502, "Amazon's document is kept where Strongroom does not look.", Reason.UPSTREAM_ERROR
    )
    if not url.isascii() or not is_https_url(url, query=True):
        raise fault
    parts, endpoint = urlsplit(url), urlsplit(seller.endpoint)
    host = (parts.hostname or "").casefold()
    if not _is_amazon(endpoint.hostname or "") and _place(parts) == _place(endpoint):
        return host
    if not _is_amazon(host) or (parts.port or _HTTPS) != _HTTPS:
        raise fault
    return ""


def _place(parts: SplitResult) -> tuple[str, int]:
    return (parts.hostname or "").casefold(), parts.port or _HTTPS


def _is_amazon(host: str) -> bool:
    return host.casefold().endswith(HOSTS)


def _is_public(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return found.is_global and not found.is_multicast


def _is_chunked(response: aiohttp.ClientResponse) -> bool:
    return "chunked" in response.headers.get("transfer-encoding", "").casefold()


def _refused(status: int) -> Refusal:
    """Return the end of a document that Amazon's storage does not give; nothing it said is in it."""
    if status in (403, 404, 410):
        return upstream_failed(
            403, "Amazon's link to the document has expired.", Reason.UPSTREAM_ERROR
        )
    return upstream_failed(502, "Amazon did not give the document.", Reason.UPSTREAM_ERROR)


async def read_whole(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """Return a document's bytes. Raises: Refusal where there are none, too many, or fewer than were announced."""
    if (response.content_length or 0) > limit:
        raise _too_large()
    pieces, size = [], 0
    async for piece in response.content.iter_chunked(_PIECE_BYTES):
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            raise _too_large()
        await breathe()
    if not size:
        raise upstream_failed(502, "Amazon's document is empty.", Reason.MALFORMED_UPSTREAM)
    return b"".join(pieces)


def _too_large() -> Refusal:
    return upstream_failed(
        502, "The document is larger than Strongroom keeps.", Reason.MALFORMED_UPSTREAM
    )


async def breathe() -> None:
    """Let others have the event loop for a moment."""
    await asyncio.sleep(0)
