"""What reaches the listener before any application code: old TLS, twisted HTTP, and patience."""

from __future__ import annotations

import resource
import socket
import ssl
import time
from collections.abc import Iterator

import pytest
from tests.gateway.conftest import ORDERS, SEARCH, Shop
from tests.support.listening import Listening, drained, listening
from tests.support.offline import Offline

from strongroom import listener
from strongroom.gateway import proxy

pytestmark = pytest.mark.clause("1.1", "1.5")

UNKNOWN = ("gateway.request.refused", "unknown_operation")


@pytest.fixture
def door(shop: Shop, made_home: Offline) -> Iterator[Listening]:
    with listening(shop.door.gateway, made_home.path) as running:
        yield running


@pytest.fixture
def access(shop: Shop) -> str:
    """Give an access token as a header line."""
    return f"x-amz-access-token: {shop.door.token(shop.app)}"


def recorded(shop: Shop, since: int) -> list[tuple[str, str | None]]:
    return [(type_, reason) for type_, _outcome, reason in shop.door.gateway_events(since)]


# -- transport -------------------------------------------------------------------------------------


def client_hello(version: bytes) -> bytes:
    """Return the greeting of a client that speaks nothing newer than this version."""
    suites = b"\xc0\x09\xc0\x13\xc0\x0a\xc0\x14\x00\x2f\x00\x35\xc0\x2b\xc0\x2f"
    name = b"\x00\x00\x00\x0e\x00\x0c\x00\x00\x09localhost"
    groups = b"\x00\x0a\x00\x04\x00\x02\x00\x17" + b"\x00\x0b\x00\x02\x01\x00"
    groups += b"\x00\x0d\x00\x06\x00\x04\x04\x03\x04\x01"
    extensions = name + groups
    body = version + bytes(32) + b"\x00" + len(suites).to_bytes(2) + suites + b"\x01\x00"
    body += len(extensions).to_bytes(2) + extensions
    message = b"\x01" + len(body).to_bytes(3) + body
    return b"\x16\x03\x01" + len(message).to_bytes(2) + message


def test_tls_before_1_2_ends_in_the_handshake(door: Listening) -> None:
    """SSL 3.0, TLS 1.0 and 1.1 get no greeting back; the same greeting at TLS 1.2 does."""
    for version in (b"\x03\x00", b"\x03\x01", b"\x03\x02", b"\x03\x03"):
        with socket.create_connection(("127.0.0.1", door.port), timeout=10) as connection:
            connection.sendall(client_hello(version))
            answer = connection.recv(4096)
        # A record of a handshake (22), else an alert (21) or a closed connection.
        assert (answer[:1] == b"\x16") == (version == b"\x03\x03")


def test_a_client_that_trusts_others_does_not_take_our_certificate(door: Listening) -> None:
    """There is no way in that skips verification: not our CA, no connection."""
    context = ssl.create_default_context()
    with (
        socket.create_connection(("127.0.0.1", door.port), timeout=10) as plain,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        context.wrap_socket(plain, server_hostname="localhost")


def test_plain_http_gets_no_answer(door: Listening, shop: Shop) -> None:
    """A token sent in the clear by mistake is not rewarded with one."""
    before = shop.door.count()
    with socket.create_connection(("127.0.0.1", door.port), timeout=10) as connection:
        connection.sendall(b"GET /orders/v0/orders HTTP/1.1\r\nHost: localhost\r\n\r\n")
        try:
            answer = connection.recv(4096)
        except ConnectionError:
            answer = b""
    assert b"HTTP/" not in answer
    assert shop.door.count() == before


# -- twisted requests ------------------------------------------------------------------------------


def test_two_credentials_are_none(door: Listening, shop: Shop, access: str) -> None:
    """A proxy in front may have checked the one, and we would have used the other."""
    other = f"X-Amz-Access-Token: {shop.door.token(shop.other)}"
    calls = len(shop.simulator.requests)
    for pair in ((access, other), (other, access), (access, access)):
        before = shop.door.count()
        status, _body = door.ask("GET", SEARCH, *pair)
        assert status == 403
        assert recorded(shop, before) == [("gateway.request.refused", "wrong_credential")]
    assert len(shop.simulator.requests) == calls


def test_two_purposes_are_none(door: Listening, access: str) -> None:
    purposes = ("x-strongroom-purpose: fulfilment", "x-strongroom-purpose: tax")
    assert door.ask("GET", SEARCH, access, *purposes)[0] == 400


FRAMINGS = [
    "Content-Length: 5\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nContent-Length: 5",
    "Content-Length: 5\r\nContent-Length: 6",
    "Content-Length: 5, 6",
    "Content-Length: -1",
    "Content-Length: +5",
    "Content-Length: 0x5",
    "Transfer-Encoding: chunked, identity",
    "Transfer-Encoding : chunked",
    "Transfer-Encoding: xchunked",
    "Content-Length: 99999999999999999999",
    "X: a\r\n b",
    "X\x00Y: a",
    "X: a\rContent-Length: 5",
    ": nameless",
]


def test_a_request_of_two_lengths_smuggles_no_second_one(
    door: Listening, shop: Shop, access: str
) -> None:
    """However its length is told, what follows is never answered as a request of its own."""
    calls = len(shop.simulator.requests)
    smuggled = f"GET {SEARCH} HTTP/1.1\r\nHost: localhost\r\n{access}\r\n\r\n"
    for framing in FRAMINGS:
        head = f"POST /auth/o2/token HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n\r\n"
        with door.connect() as connection:
            connection.settimeout(1.0)
            connection.sendall(f"{head}0\r\n\r\n{smuggled}".encode())
            try:
                answer = drained(connection)
            except TimeoutError:
                answer = b""
        assert b" 200 " not in answer, framing
    assert len(shop.simulator.requests) == calls


PATHS = [
    "//orders/v0/orders",
    "/orders//v0/orders",
    "/orders/v0/orders/",
    "/orders/v0/./orders",
    "/orders/v0/x/../orders",
    "/orders/v0/%6frders",
    "/%2e%2e/orders/v0/orders",
    "/orders%2Fv0%2Forders",
    "/orders/v0/orders%00",
    "/orders/v0/orders;x=1",
    "/Orders/V0/Orders",
    "/orders/v0/orders/..%2f..%2fadmin",
    "/orders/v0/orders/902-1000001-0000001/address/",
    "/orders/v0/orders/%39%30%32-1000001-0000001",
    "/orders/v0/orders/902-1000001-0000001%20",
    "/auth/o2/token/",
    "/auth/o2//token",
    "/",
    "/_control/markers",
    "/health",
    "/metrics",
]


def test_paths_that_only_look_like_an_operation_are_refused(
    door: Listening, shop: Shop, access: str
) -> None:
    """What was matched is what would be sent, no byte of it spelled otherwise; anything else is not known."""
    calls = len(shop.simulator.requests)
    for path in PATHS:
        before = shop.door.count()
        status, body = door.ask("GET", path, access)
        assert status == 403, path
        assert recorded(shop, before) == [UNKNOWN], path
        assert path == "/" or path.encode() not in body
    assert len(shop.simulator.requests) == calls


def test_an_absolute_form_url_leads_nowhere_else(door: Listening, shop: Shop, access: str) -> None:
    """Scheme and host of a request line, or of `Host`, choose no upstream (RFC 9112, 3.2.2)."""
    for target in ("https://evil.example", "http://169.254.169.254", "https://user@evil.example"):
        status, _body = door.ask("GET", f"{target}{SEARCH}", access, "X-Forwarded-Host: evil")
        assert status == 200
    hosts = {request.headers["host"] for request in shop.simulator.requests[-3:]}
    assert hosts == {f"127.0.0.1:{shop.simulator.port}"}
    for target in ("evil.example:443", "*"):
        assert door.ask("CONNECT" if ":" in target else "OPTIONS", target, access)[0] >= 400


def test_a_method_is_the_request_lines_alone(door: Listening, shop: Shop, access: str) -> None:
    """Neither another method, nor a header or parameter that claims one, reaches Amazon."""
    calls = len(shop.simulator.requests)
    overrides = ("X-HTTP-Method-Override: GET", "X-HTTP-Method: GET", "X-Method-Override: GET")
    for method in ("HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "PATCH", "POST"):
        before = shop.door.count()
        status, _body = door.ask(method, ORDERS, access, *overrides)
        assert status == 403
        assert recorded(shop, before) == [UNKNOWN]
    assert len(shop.simulator.requests) == calls


# -- patience --------------------------------------------------------------------------------------


def ended_within(connection: ssl.SSLSocket, seconds: float) -> bool:
    """Say whether the server ends the connection by then, however often it is fed."""
    connection.settimeout(0.05)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            connection.sendall(b"x")
            if connection.recv(65536) == b"":
                return True
        except TimeoutError:
            continue
        except OSError:
            return True
    return False


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make all patience short."""
    monkeypatch.setattr(listener, "REQUEST_SECONDS", 0.6)
    monkeypatch.setattr(proxy, "_BODY_SECONDS", 0.3)


BEGINNINGS = [
    b"",
    b"GET /orders/v0/orders HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
    b"GET /",
    b"POST /auth/o2/token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n",
    b"POST /auth/o2/token HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n",
]


def test_a_request_that_never_ends_is_ended(hasty: None, door: Listening) -> None:
    """Slow loris: a byte now and then keeps neither a head nor a body open."""
    for beginning in BEGINNINGS:
        with door.connect() as connection:
            connection.sendall(beginning)
            assert ended_within(connection, 5.0), beginning


def test_a_slow_body_is_recorded(hasty: None, door: Listening, shop: Shop) -> None:
    before = shop.door.count()
    head = b"POST /auth/o2/token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n"
    assert b" 408 " in door.send(head)
    assert recorded(shop, before)[-1][1] == "malformed_request"


def test_a_head_without_end_is_cut_off(door: Listening, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a URL nor headers fill the memory."""
    monkeypatch.setattr(listener, "HEAD_BYTES", 64 * 1024)
    for beginning in (b"GET /", b"GET / HTTP/1.1\r\nX: ", b"GET / HTTP/1.1\r\n"):
        sent = 0
        with door.connect() as connection:
            connection.sendall(beginning)
            piece = b"X: a\r\n" * 2000 if beginning.endswith(b"\n") else b"a" * 12_000
            try:
                for _ in range(100):
                    connection.sendall(piece)
                    sent += len(piece)
                    time.sleep(0.002)
            except OSError:
                pass
        assert sent < 1_200_000, beginning


def test_a_body_over_the_limit_is_refused_before_it_is_read(door: Listening, shop: Shop) -> None:
    before = shop.door.count()
    head = b"POST /auth/o2/token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n"
    with door.connect() as connection:
        connection.sendall(head)
        assert b" 413 " in connection.recv(65536)
    assert recorded(shop, before)[-1][1] == "malformed_request"


def test_chunks_over_the_limit_are_refused_while_they_come(door: Listening, shop: Shop) -> None:
    head = b"POST /auth/o2/token HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    with door.connect() as connection:
        connection.sendall(head)
        chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        try:
            for _ in range(20):
                connection.sendall(chunk)
        except OSError:
            pass
        assert b" 413 " in connection.recv(65536)


# -- connections -----------------------------------------------------------------------------------


def test_who_only_connects_does_not_use_up_the_few_files_a_process_begins_with() -> None:
    """A database that cannot be opened would be the end of every request."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (512, before[1]))
        listener.allow_connections()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = listener.MOST_DESCRIPTORS
        assert (soft, hard) == (most if hard < 0 else min(hard, most), before[1])
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        listener.allow_connections()
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= before[0], "never fewer"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
