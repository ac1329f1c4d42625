"""A third party that the relay sends to, over real TLS: a carrier that answers as a test tells it."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from strongroom.simulator.certificates import make_context
from strongroom.simulator.config import CertificateKind


@dataclass(frozen=True)
class Got:
    """One request that it got."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Reply:
    """What it answers."""

    body: bytes = b"{}"
    content_type: str | None = "application/json"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


def echo(got: Got) -> Reply:
    """Answer what came, as it came."""
    return Reply(got.body, got.headers.get("content-type"))


@dataclass
class Carrier:
    """An HTTPS server. `answer` is asked with each request; `raw` writes bytes of its own in place of an answer."""

    directory: Path
    certificate: CertificateKind = "good"
    answer: Callable[[Got], Reply] = echo
    raw: Callable[[Got, Callable[[bytes], object]], None] | None = None
    got: list[Got] = field(default_factory=list)
    connections: int = 0

    def __enter__(self) -> Self:
        self.directory.mkdir(parents=True, exist_ok=True)
        context, _ = make_context(self.directory, self.certificate)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def reset(self) -> None:
        """Forget what a test asked for."""
        self.answer, self.raw, self.connections = echo, None, 0
        self.got.clear()

    @property
    def port(self) -> int:
        """Return where it listens."""
        port: int = self._server.server_address[1]
        return port

    @property
    def ca(self) -> str:
        """Return the PEM it may be trusted by."""
        return (self.directory / "simulator-ca.pem").read_text()

    @property
    def pin(self) -> str:
        """Return the SHA-256 of its public key, in hexadecimal."""
        pem = ssl.get_server_certificate(("127.0.0.1", self.port))
        key = x509.load_pem_x509_certificate(pem.encode()).public_key()
        spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return sha256(spki).hexdigest()

    def _handler(carrier: Carrier) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - the handler has a self of its own
        class Handler(BaseHTTPRequestHandler):
            def setup(self) -> None:
                carrier.connections += 1
                super().setup()

            def handle(self) -> None:
                try:
                    super().handle()
                except OSError:
                    return  # the other side has had enough

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                got = Got(self.path, headers, body)
                carrier.got.append(got)
                if carrier.raw is not None:
                    carrier.raw(got, self.connection.sendall)
                    self.close_connection = True
                    return
                reply = carrier.answer(got)
                self.send_response(reply.status)
                if reply.content_type is not None:
                    self.send_header("content-type", reply.content_type)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler
