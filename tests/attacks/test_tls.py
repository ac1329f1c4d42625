"""What a client gets from the listener itself: patience while it greets, TLS and nothing else, its own certificate."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.certificates import make
from tests.support.listening import Listening, listening
from tests.support.offline import Offline

from strongroom import listener
from strongroom.home import layout
from strongroom.home.transport import Transport, server_context

pytestmark = pytest.mark.clause("1.5")


async def answering(scope: Any, receive: Any, send: Any) -> None:
    """Tell the client's certificate, or fail, or set a rule for browsers of one's own."""
    shown = scope["extensions"]["tls"]["client_cert"]
    if scope["path"] == "/fails":
        raise RuntimeError("on purpose")
    told = shown or b"none"
    headers = [
        (b"strict-transport-security", b"max-age=0"),
        (b"content-length", str(len(told)).encode()),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": told})


@pytest.fixture
def door(made_home: Offline) -> Iterator[Listening]:
    with listening(answering, made_home.path, lifespan="off") as running:
        yield running


@pytest.mark.parametrize(
    "ciphers",
    [
        "AES128-GCM-SHA256",  # no forward secrecy
        "ECDHE-ECDSA-AES256-SHA384",  # CBC
        "ECDHE-ECDSA-AES128-SHA",
        "DHE-RSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-NULL-SHA:AECDH-NULL-SHA",
        "AECDH-AES128-SHA:ADH-AES128-GCM-SHA256",  # nobody proves anything
    ],
)
def test_a_client_that_knows_only_weaker_ciphers_is_refused(door: Listening, ciphers: str) -> None:
    visitor = ssl.create_default_context(cafile=str(door.ca))
    visitor.maximum_version = ssl.TLSVersion.TLSv1_2
    visitor.set_ciphers(f"@SECLEVEL=0:{ciphers}")
    with pytest.raises(ssl.SSLError, match=r"(?i)handshake.failure|eof"):
        greeted(door, visitor)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_a_downgrade_is_refused(door: Listening, version: ssl.TLSVersion) -> None:
    visitor = ssl.create_default_context(cafile=str(door.ca))
    visitor.set_ciphers("@SECLEVEL=0:ALL")
    visitor.minimum_version = visitor.maximum_version = version
    with pytest.raises(ssl.SSLError, match=r"(?i)protocol"):
        greeted(door, visitor)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_no_ticket_is_given(door: Listening, version: ssl.TLSVersion) -> None:
    """What sealed it would open every connection recorded since the start."""
    visitor = ssl.create_default_context(cafile=str(door.ca))
    visitor.minimum_version = visitor.maximum_version = version
    with greeted(door, visitor) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.recv(1) == b"H"
        assert connection.session is None or not connection.session.has_ticket


def greeted(door: Listening, visitor: ssl.SSLContext) -> ssl.SSLSocket:
    """Return a connection after the handshake. Raises: ssl.SSLError."""
    plain = socket.create_connection(("127.0.0.1", door.port), timeout=10)
    try:
        return visitor.wrap_socket(plain, server_hostname="localhost")
    except ssl.SSLError:
        plain.close()
        raise


def test_a_handshake_that_never_ends_is_ended(
    made_home: Offline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever only connects, or greets byte by byte, holds a place for seconds and not for a minute."""
    monkeypatch.setattr(listener, "HANDSHAKE_SECONDS", 0.4)
    with listening(answering, made_home.path, lifespan="off") as door:
        began = time.monotonic()
        waiting = [
            socket.create_connection(("127.0.0.1", door.port), timeout=10) for _ in range(20)
        ]
        for connection in waiting[10:]:
            connection.sendall(b"\x16\x03\x01\x02\x00\x01")
        for connection in waiting:
            with connection, contextlib.suppress(ConnectionError):
                assert connection.recv(1) == b""
        assert time.monotonic() - began < 5
        assert door.ask("GET", "/")[0] == 200


def test_every_answer_keeps_browsers_to_tls(door: Listening) -> None:
    """Once, for two years: an application's own word, a fault, and what is no request at all change nothing of it."""
    for path, status in ((b"GET / HTTP/1.1", 200), (b"GET /fails HTTP/1.1", 500), (b"\0", 400)):
        answer = door.send(path + b"\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        head = answer.partition(b"\r\n\r\n")[0].lower().split(b"\r\n")
        assert int(head[0].split()[1]) == status
        rules = [line for line in head if line.startswith(b"strict-transport-security")]
        assert rules == [b"strict-transport-security: max-age=63072000"]


def test_what_is_told_of_a_client_is_its_verified_certificate(
    made_home: Offline, tmp_path: Path
) -> None:
    """Neither a header nor a certificate of the same name stands for the one that was registered."""
    erp, forged = make("erp"), make("erp")
    context = server_context(layout(made_home.path), [erp.pem])
    with listening(answering, made_home.path, context, lifespan="off") as door:
        header = "X-Client-Certificate: " + forged.der.hex()
        assert door.ask("GET", "/", header)[1] == b"none"
        assert asked(door, *erp.files(tmp_path / "erp")) == erp.der
        with pytest.raises(OSError, match=r"(?i)alert|eof|reset|pipe|remote"):
            asked(door, *forged.files(tmp_path / "forged"))


def test_an_open_connection_keeps_its_certificate_and_the_next_one_has_to_show_another(
    made_home: Offline, tmp_path: Path
) -> None:
    """Each request on it is judged anew by whoever reads the certificate; the handshake is not made twice."""
    erp = make("erp")
    registered = [erp.pem]
    transport = Transport(layout(made_home.path), lambda: registered)
    files = erp.files(tmp_path / "erp")
    with listening(answering, made_home.path, transport.mutual, lifespan="off") as door:
        connection = http.client.HTTPSConnection(
            "localhost", door.port, context=trusting(door, *files), timeout=10
        )
        assert told(connection) == erp.der
        registered[:] = [make("erp").pem]
        transport.refresh(transport.leaf.not_before)
        assert told(connection) == erp.der
        connection.close()
        with pytest.raises(OSError, match=r"(?i)alert|eof|reset|pipe|remote"):
            asked(door, *files)


def trusting(door: Listening, certificate: str, key: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(door.ca))
    context.load_cert_chain(certificate, key)
    return context


def asked(door: Listening, certificate: str, key: str) -> bytes:
    """Return what a client with this certificate is told."""
    connection = http.client.HTTPSConnection(
        "localhost", door.port, context=trusting(door, certificate, key), timeout=10
    )
    try:
        return told(connection)
    finally:
        connection.close()


def told(connection: http.client.HTTPSConnection) -> bytes:
    connection.request("GET", "/")
    return connection.getresponse().read()
