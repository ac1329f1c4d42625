"""The forward proxy over real sockets and TLS: what leads to the gateway, and what is turned away."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.gateway import tunnel as tunnels
from strongroom.gateway.tunnel import Tunnel
from strongroom.simulator.certificates import make_context

pytestmark = pytest.mark.clause("1.1", "1.5", "2.6")

HOST = "localhost"


class Answering(asyncio.Protocol):
    """What stands for the gateway: it says where its client is, and repeats."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        peer = transport.get_extra_info("peername")
        self.transport.write(f"{peer[0]}|".encode())

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


@dataclass
class Served:
    port: int
    ca: Path
    permitted: set[str] = field(default_factory=lambda: {"127.0.0.1"})
    strangers: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def ask(self, request: bytes) -> tuple[socket.socket, bytes]:
        """Send a request to the proxy; return the socket and the answer's head."""
        connection = socket.create_connection(("127.0.0.1", self.port), 5)
        with contextlib.suppress(OSError):
            connection.sendall(request)
        answer = b""
        while b"\r\n\r\n" not in answer:
            part = connection.recv(1)
            if not part:
                break
            answer += part
        return connection, answer

    def refused(self, request: bytes) -> bytes:
        """Return the status line of an answer after which the connection ends."""
        connection, answer = self.ask(request)
        with connection:
            assert connection.recv(1) == b""
        return answer.partition(b"\r\n")[0]

    def enter(self, host: str = HOST) -> ssl.SSLSocket:
        connection, answer = self.ask(
            f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
        )
        assert answer.startswith(b"HTTP/1.1 200 ")
        context = ssl.create_default_context(cafile=str(self.ca))
        return context.wrap_socket(connection, server_hostname=HOST)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    context, ca = make_context(tmp_path, "good")
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    made = Served(listener.getsockname()[1], ca)

    async def stranger(address: str) -> None:
        made.strangers.append(address)

    async def elsewhere(address: str) -> None:
        made.elsewhere.append(address)

    tunnel = Tunnel(
        lambda: frozenset({HOST}),
        lambda address: address in made.permitted,
        context,
        Answering,
        stranger=stranger,
        elsewhere=elsewhere,
    )
    started, loops = threading.Event(), []

    async def run() -> None:
        loops.append(asyncio.get_running_loop())
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(tunnel.run(listener))
            await tunnel.ready()
            started.set()

    def serve() -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run())

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    assert started.wait(10)
    yield made
    loops[0].call_soon_threadsafe(tunnel.stop)
    thread.join(10)
    assert not thread.is_alive()
    listener.close()


def test_a_connection_becomes_the_gateways_with_its_own_address(served: Served) -> None:
    with served.enter() as inside:
        inside.sendall(b"hello")
        answer = b""
        while b"hello" not in answer:
            answer += inside.recv(100)
        assert answer == b"127.0.0.1|hello"
    assert served.elsewhere == []


def test_what_comes_with_the_end_of_the_handshake_is_not_lost(served: Served) -> None:
    for _ in range(20):
        with served.enter() as inside:
            inside.sendall(b"x" * 50)
            answer = b""
            while len(answer) < 60:
                answer += inside.recv(100)
            assert answer == b"127.0.0.1|" + b"x" * 50


@pytest.mark.parametrize(
    "request_",
    [
        b"CONNECT evil.example:443 HTTP/1.1\r\n\r\n",
        b"CONNECT localhost:80 HTTP/1.1\r\n\r\n",
        b"CONNECT localhost.evil.example:443 HTTP/1.1\r\n\r\n",
        b"CONNECT 127.0.0.1:443 HTTP/1.1\r\n\r\n",
        b"CONNECT user@localhost:443 HTTP/1.1\r\n\r\n",
        b"CONNECT localhost:443 HTTP/2\r\n\r\n",
        b"GET http://localhost/ HTTP/1.1\r\n\r\n",
        b"GET https://localhost:443/ HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\n\r\n",
        b"\r\n\r\n",
    ],
)
def test_any_other_place_is_refused_and_told(served: Served, request_: bytes) -> None:
    assert served.refused(request_) == b"HTTP/1.1 403 Forbidden"
    assert served.elsewhere == ["127.0.0.1"]


def test_who_speaks_before_the_answer_hides_no_second_request(served: Served) -> None:
    early = b"CONNECT localhost:443 HTTP/1.1\r\n\r\nCONNECT evil.example:443 HTTP/1.1\r\n\r\n"
    assert served.refused(early) == b"HTTP/1.1 400 Bad Request"


def test_who_may_not_come_is_refused_before_a_word_is_read(served: Served) -> None:
    served.permitted.clear()
    assert served.refused(b"") == b"HTTP/1.1 403 Forbidden"
    assert served.strangers == ["127.0.0.1"]


def test_an_endless_head_and_a_slow_one_are_dropped(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert served.refused(b"CONNECT " + b"x" * 10_000).startswith(b"HTTP/1.1 400")
    monkeypatch.setattr(tunnels, "HEAD_SECONDS", 0.2)
    connection = socket.create_connection(("127.0.0.1", served.port), 5)
    with connection, contextlib.suppress(ConnectionError):
        connection.sendall(b"CONN")
        assert connection.recv(1) == b""


def test_no_more_than_so_many_enter_at_a_time(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tunnels, "MOST_ENTERING", 2)
    with contextlib.ExitStack() as waiting:
        for _ in range(2):
            one = waiting.enter_context(socket.create_connection(("127.0.0.1", served.port), 5))
            one.sendall(b"CONN")
        assert served.refused(b"").endswith(b"Forbidden")
    with served.enter() as inside:
        assert inside.recv(100).startswith(b"127.0.0.1|")


def test_a_handshake_that_fails_ends_that_connection_alone(served: Served) -> None:
    connection, answer = served.ask(b"CONNECT localhost:443 HTTP/1.1\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")
    with connection, contextlib.suppress(ConnectionError):
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        while connection.recv(100):
            pass
    with served.enter() as inside:
        assert inside.recv(100).startswith(b"127.0.0.1|")


def test_generated_requests_lead_nowhere(served: Served) -> None:
    """Hypothesis makes heads; only the one that is right is answered with 200."""

    @settings(max_examples=150, deadline=None, database=None)
    @given(st.one_of(st.binary(max_size=200), st.text(max_size=40).map(connecting)))
    def attempt(head: bytes) -> None:
        connection, answer = served.ask(head + b"\r\n\r\n")
        connection.close()
        asked_right = head.startswith(b"CONNECT localhost:443 HTTP/1.")
        assert asked_right or not answer.startswith(b"HTTP/1.1 200")

    attempt()
    with served.enter() as inside:
        assert inside.recv(100).startswith(b"127.0.0.1|")


def connecting(host: str) -> bytes:
    return f"CONNECT {host}:443 HTTP/1.1".encode()


def test_an_address_that_cannot_be_judged_does_not_come(served: Served) -> None:
    served.permitted = None  # type: ignore[assignment] # so that asking it raises
    with socket.create_connection(("127.0.0.1", served.port), 5) as connection:
        answer = b""
        with contextlib.suppress(ConnectionError):
            connection.sendall(f"CONNECT {HOST}:443 HTTP/1.1\r\n\r\n".encode())
            answer = connection.recv(100)
    assert answer == b""
