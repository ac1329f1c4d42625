"""An OpenID Connect provider that says whatever a test has it say, over real TLS: what no honest one can be made to."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl

from joserfc.jwk import RSAKey

from strongroom.simulator.certificates import make_context
from strongroom.simulator.config import CertificateKind


@dataclass
class Liar:
    """As a context manager it listens for the block. What a test sets holds from the next request on."""

    directory: Path
    certificate: CertificateKind = "good"
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))
    metadata: dict[str, Any] = field(default_factory=dict)
    """In place of what the discovery document says otherwise; None takes a member away."""
    jwks: dict[str, Any] | None = None
    token: Any = None
    """The body of the token endpoint's answer; bytes go as they are."""
    token_status: int = 200
    compresses: bool = False
    """Every answer, whether or not anybody said that they take it so."""
    gate: threading.Event | None = None
    """Where set, nothing is answered before the event is."""
    arrived: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    """Released once for each request."""
    asked: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    """Every request: its path, and its form with the `authorization` header."""

    def __enter__(self) -> Self:
        context, _ = make_context(self.directory, self.certificate)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
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

    @property
    def issuer(self) -> str:
        """Return its name and address."""
        return f"https://localhost:{self._server.server_address[1]}"

    @property
    def ca(self) -> str:
        """Return the PEM it may be trusted by."""
        return (self.directory / "simulator-ca.pem").read_text()

    def answer(self, path: str) -> tuple[int, Any]:
        """Return status and body for a path."""
        if path == "/.well-known/openid-configuration":
            usual = {
                "issuer": self.issuer,
                "authorization_endpoint": self.issuer + "/auth",
                "token_endpoint": self.issuer + "/token",
                "jwks_uri": self.issuer + "/jwks",
                "authorization_response_iss_parameter_supported": True,
            }
            said = usual | self.metadata
            return 200, {name: value for name, value in said.items() if value is not None}
        if path == "/jwks":
            return 200, self.jwks or {"keys": [self.key.as_dict(private=False)]}
        return self.token_status, self.token

    def _handler(liar: Liar) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - the handler has a self of its own
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer({})

            def do_POST(self) -> None:
                length = int(self.headers.get("content-length", 0))
                self._answer(dict(parse_qsl(self.rfile.read(length).decode())))

            def _answer(self, form: dict[str, str]) -> None:
                shown = self.headers.get("authorization")
                liar.asked.append((self.path, form | ({"authorization": shown} if shown else {})))
                liar.arrived.release()
                if liar.gate is not None:
                    liar.gate.wait(10)
                status, document = liar.answer(self.path)
                body = document if isinstance(document, bytes) else json.dumps(document).encode()
                if liar.compresses:
                    body = gzip.compress(body)
                self.send_response(status)
                self.send_header("content-type", "application/json")
                if liar.compresses:
                    self.send_header("content-encoding", "gzip")
                self.send_header("content-length", str(len(body)))
                if status in (301, 302, 307, 308):
                    self.send_header("location", liar.issuer + "/elsewhere")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: object) -> None:
                pass

        return Handler
