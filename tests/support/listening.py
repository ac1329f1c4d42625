"""A gateway on a real TLS listener, in a thread of the test's own process, and bytes sent to it raw."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from strongroom.home import layout
from strongroom.home.transport import server_context
from strongroom.listener import server_of

_SECONDS = 10.0


@dataclass(frozen=True)
class Listening:
    """Where a gateway listens."""

    port: int
    ca: Path

    def connect(self) -> ssl.SSLSocket:
        """Return a verified TLS connection."""
        context = ssl.create_default_context(cafile=str(self.ca))
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=_SECONDS)
        return context.wrap_socket(plain, server_hostname="localhost")

    def send(self, raw: bytes) -> bytes:
        """Send bytes and return all that comes back until the server closes or falls silent."""
        with self.connect() as connection:
            connection.sendall(raw)
            return drained(connection)

    def ask(self, method: str, target: str, *headers: str, body: bytes = b"") -> tuple[int, bytes]:
        """Send one request with exactly this target and these headers; return status and body."""
        lines = [f"{method} {target} HTTP/1.1", "Host: localhost", "Connection: close", *headers]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        head, _, content = self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body).partition(
            b"\r\n\r\n"
        )
        return int(head.split()[1]), content


def drained(connection: ssl.SSLSocket) -> bytes:
    """Return everything until the other side ends the connection."""
    received = b""
    try:
        while part := connection.recv(65536):
            received += part
    except (ConnectionError, ssl.SSLError):
        pass
    return received


@contextmanager
def listening(
    application: Any,
    home: Path,
    context: ssl.SSLContext | None = None,
    *,
    lifespan: Literal["on", "off"] = "on",
) -> Iterator[Listening]:
    """Serve an application with the certificate of a home, or with a context of the test's own, as `serve` does."""
    context = context or server_context(layout(home))
    server = server_of(application, context, lifespan=lifespan)
    listener = socket.create_server(("127.0.0.1", 0))

    async def run() -> None:
        await server.serve(sockets=[listener])

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    try:
        port: int = listener.getsockname()[1]
        yield Listening(port, home / "tls" / "ca.pem")
    finally:
        server.should_exit = True
        thread.join(_SECONDS)
        listener.close()
