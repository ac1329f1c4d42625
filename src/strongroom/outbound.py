"""Speaks to servers of others from a thread: verified TLS, bounded in time and size, never led elsewhere [1.1, 1.5].

Whoever asks names the address; nothing of the environment (a proxy, a CA, a key log) is obeyed, no redirect is
followed, and no error repeats what was sent or answered. Sources: RFC 9325 (TLS), RFC 9110.
"""

import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

import certifi
import httpx

from strongroom.errors import Unavailable

STEP_SECONDS: Final = 5.0
WHOLE_SECONDS: Final = 10.0
ANSWER_BYTES: Final = 256 * 1024


class Fault(StrEnum):
    """Why nothing usable came back."""

    TLS = "tls"
    TIMEOUT = "timeout"
    FAILED = "failed"
    TOO_LARGE = "too_large"


class Unreachable(Unavailable):
    """The other side does not answer, or not as one; `fault` says which."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(f"the other side can't be used: {fault.value}")
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status. Header names are in lower case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Outbound:
    """Asks servers that one context trusts. Safe between threads; each call has a connection of its own."""

    def __init__(
        self,
        tls: ssl.SSLContext,
        *,
        step_seconds: float = STEP_SECONDS,
        whole_seconds: float = WHOLE_SECONDS,
        answer_bytes: int = ANSWER_BYTES,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tls = tls
        self._step_seconds = step_seconds
        self._whole_seconds = whole_seconds
        self._answer_bytes = answer_bytes
        self._monotonic = monotonic

    def send(
        self,
        method: str,
        address: str,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Return what a server answers to one request; `address` is one that `is_https_url` takes.

        Raises:
            Unreachable: no connection, no trust, too slow, or too much.

        """
        # Nothing compressed: a small answer must not become a large one in memory.
        asked = {"accept-encoding": "identity", **(headers or {})}
        try:
            with (
                httpx.Client(verify=self._tls, timeout=self._step_seconds, trust_env=False) as http,
                http.stream(
                    method, address, content=content, headers=asked, follow_redirects=False
                ) as answer,
            ):
                body, until = b"", self._monotonic() + self._whole_seconds
                for part in answer.iter_raw():
                    body += part
                    if len(body) > self._answer_bytes:
                        raise Unreachable(Fault.TOO_LARGE)
                    if self._monotonic() > until:
                        raise Unreachable(Fault.TIMEOUT)
                return Answer(answer.status_code, dict(answer.headers), body)
        except httpx.TimeoutException:
            raise Unreachable(Fault.TIMEOUT) from None
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            raise Unreachable(Fault.TLS if _is_tls(exc) else Fault.FAILED) from None


def client_context(pem: str | None) -> ssl.SSLContext:
    """Return a client context that trusts this PEM text only, or the public roots where there is none.

    Raises:
        ssl.SSLError, ValueError: the text holds no certificate.

    """
    # Not `create_default_context`: that one obeys SSLKEYLOGFILE, which writes session keys to a file.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Forward secrecy and AEAD alone, as our own listeners; Python would offer CBC too.
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
    if pem is None:
        context.load_verify_locations(cafile=certifi.where())
    else:
        context.load_verify_locations(cadata=pem)
    return context


def is_https_url(url: str, *, query: bool = False) -> bool:
    """Tell whether a configured address is HTTPS to a plain host, without credentials, query or fragment."""
    try:
        parts = urlsplit(url)
        port_is_number = parts.port is None or parts.port > 0
    except ValueError:
        return False
    return (
        parts.scheme == "https"
        and bool(parts.hostname)
        and port_is_number
        and parts.username is None
        and (query or not parts.query)
        and not parts.fragment
    )


def _is_tls(exc: BaseException) -> bool:
    found: BaseException | None = exc
    while found is not None:
        if isinstance(found, ssl.SSLError):
            return True
        found = found.__cause__ or found.__context__
    return False
