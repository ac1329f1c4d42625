"""Speaks to a third party: resolved once, every address checked, connected to what was checked, pinned [1.1, 1.5].

A name is asked for once, and the connection goes to an address of that very answer: a second answer, to a private
address, is never heard (DNS rebinding). One refused address refuses them all. No redirect is followed, nothing of the
environment is obeyed, and one deadline holds from the first packet to the last byte. No error repeats a byte.
"""

import http.client
import io
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from types import TracebackType
from typing import Final, Self

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from strongroom.audit.entry import Reason
from strongroom.errors import Unavailable
from strongroom.feeds.parties import Party
from strongroom.outbound import client_context

CONNECT_SECONDS: Final = 5.0
WHOLE_SECONDS: Final = 30.0
_MOST_ADDRESSES: Final = 8
_MOST_CONTEXTS: Final = 64

Resolve = Callable[[str, int], list[str]]
"""Returns the addresses of a host. Raises: OSError."""


class Failed(Unavailable):
    """The third party gave no answer that can be used; `reason` says why, for the log and the app."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(f"the destination can't be used: {reason.value}")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. Header names are in lower case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses that the system's resolver gives. Raises: OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Lines:
    """Opens connections to third parties. Safe between threads."""

    def __init__(
        self,
        *,
        resolve: Resolve = resolve,
        connect_seconds: float = CONNECT_SECONDS,
        whole_seconds: float = WHOLE_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._resolve = resolve
        self._connect_seconds = connect_seconds
        self._whole_seconds = whole_seconds
        self._monotonic = monotonic
        self._contexts: dict[str | None, ssl.SSLContext] = {}

    def open(self, party: Party) -> "Line":
        """Return a connection to the party, its certificate verified and its key one of the pins.

        Raises:
            Failed: it has an address that it must not have, does not answer, or is not who it should be.

        """
        until = self._monotonic() + self._whole_seconds
        addresses = self._addresses(party)
        plain = self._connect(addresses, party.port, until)
        try:
            plain.settimeout(self._within(until))
            secured = self._context(party.ca).wrap_socket(plain, server_hostname=party.host)
            _refuse_other_key(secured, party.pins)
        except TimeoutError:
            plain.close()
            raise Failed(Reason.UPSTREAM_TIMEOUT) from None
        except (ssl.SSLError, ssl.CertificateError, ValueError):
            plain.close()
            raise Failed(Reason.UPSTREAM_TLS) from None
        except OSError:
            plain.close()
            raise Failed(Reason.UNREACHABLE) from None
        except BaseException:
            plain.close()
            raise
        return Line(party, _Wire(secured, until, self._monotonic))

    def _addresses(self, party: Party) -> list[str]:
        try:
            found = self._resolve(party.host, party.port)[:_MOST_ADDRESSES]
        except (OSError, UnicodeError):
            raise Failed(Reason.UNREACHABLE) from None
        if not all(map(party.may_be_at, found)):
            raise Failed(Reason.WRONG_NETWORK)
        if not found:
            raise Failed(Reason.UNREACHABLE)
        return found

    def _connect(self, addresses: list[str], port: int, until: float) -> socket.socket:
        for address in addresses:
            try:
                # An address and never a name: nothing is looked up here.
                return socket.create_connection((address, port), self._within(until))
            except TimeoutError:
                if self._monotonic() >= until:
                    raise Failed(Reason.UPSTREAM_TIMEOUT) from None
            except OSError:
                continue
        raise Failed(Reason.UNREACHABLE)

    def _within(self, until: float) -> float:
        """Return how long a step may take: never beyond the one deadline. Raises: TimeoutError."""
        left = until - self._monotonic()
        if left <= 0:
            raise TimeoutError
        return min(left, self._connect_seconds)

    def _context(self, ca: str | None) -> ssl.SSLContext:
        found = self._contexts.get(ca)
        if found is None:
            if len(self._contexts) >= _MOST_CONTEXTS:
                self._contexts.clear()
            found = self._contexts[ca] = client_context(ca)
        return found


class Line:
    """One connection, for one request."""

    def __init__(self, party: Party, wire: "_Wire") -> None:
        self._party = party
        self._wire = wire

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._wire.end()

    def post(self, target: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Send one request and return its answer, whatever its status.

        Raises:
            Failed: too slow, too much, packed, elsewhere (a redirect), or not HTTP. It may have arrived all the same.

        """
        connection = http.client.HTTPConnection(self._party.host, self._party.port)
        connection.sock = self._wire  # all of a socket that http.client uses
        connection.auto_open = 0
        asked = {
            "host": self._party.authority,
            # Nothing packed: a small answer must not become a large one in memory.
            "accept-encoding": "identity",
            "connection": "close",
            **headers,
        }
        try:
            connection.request("POST", target, body, asked)
            with connection.getresponse() as response:
                content = response.read(self._party.answer_bytes + 1)
                found = {name.lower(): value for name, value in response.getheaders()}
                status, whole = response.status, not response.length
        except TimeoutError:
            raise Failed(Reason.UPSTREAM_TIMEOUT) from None
        except ssl.SSLError:
            raise Failed(Reason.UPSTREAM_TLS) from None
        except OSError:
            raise Failed(Reason.UNREACHABLE) from None
        except (http.client.HTTPException, ValueError):
            raise Failed(Reason.MALFORMED_UPSTREAM) from None
        packed = found.get("content-encoding", "identity").strip().lower()
        whole = whole and len(content) <= self._party.answer_bytes and packed in ("", "identity")
        if not whole or not (200 <= status < 300 or 400 <= status < 600):  # noqa: PLR2004 - RFC 9110
            raise Failed(Reason.MALFORMED_UPSTREAM)
        return Reply(status, found, content)


class _Wire:
    """A socket as `http.client` uses one, under one deadline: a byte every second must not hold us for a day."""

    def __init__(self, sock: ssl.SSLSocket, until: float, monotonic: Callable[[], float]) -> None:
        self._sock = sock
        self._until = until
        self._monotonic = monotonic

    def sendall(self, data: bytes) -> None:
        self._wait()
        self._sock.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        del mode  # reading is all that is asked for
        return io.BufferedReader(_Reading(self))

    def recv_into(self, buffer: memoryview) -> int:
        self._wait()
        return self._sock.recv_into(buffer)

    def close(self) -> None:
        """Do nothing: `http.client` lets go of a socket before it has read from it."""

    def end(self) -> None:
        self._sock.close()

    def _wait(self) -> None:
        left = self._until - self._monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(left)


class _Reading(io.RawIOBase):
    def __init__(self, wire: _Wire) -> None:
        super().__init__()
        self._wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # what BufferedReader hands in
        return self._wire.recv_into(buffer)


def _refuse_other_key(secured: ssl.SSLSocket, pins: tuple[str, ...]) -> None:
    """End a connection to a key that is not pinned. Raises: Failed."""
    if not pins:
        return
    der = secured.getpeercert(binary_form=True)
    key = x509.load_der_x509_certificate(der or b"").public_key()
    if (
        sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
        not in pins
    ):
        secured.close()
        raise Failed(Reason.UPSTREAM_TLS)
