"""What notices and the log are sent to: a mail server, a webhook and a syslog collector, each over real TLS."""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope

from strongroom.simulator.certificates import make_context
from strongroom.simulator.config import CertificateKind

PASSWORD = "mail-password-mark-1"
USER = "strongroom"
REMEDY = (
    "install rsyslog with its GnuTLS driver (as root on Debian `make test` does it; else: apt-get install"
    " rsyslog rsyslog-gnutls)"
)


@dataclass
class MailServer:
    """aiosmtpd with STARTTLS and a password. As a context manager it listens for the block."""

    directory: Path
    certificate: CertificateKind = "good"
    starttls: bool = True
    asks_password: bool = True
    passwords: set[str] = field(default_factory=lambda: {PASSWORD})
    refuses: str | None = None
    """What it answers to a mail, in place of taking it."""
    mails: list[Envelope] = field(default_factory=list)
    shown: list[bytes] = field(default_factory=list)
    """Every password that was sent, whether over TLS or not."""
    port: int = 0

    def __enter__(self) -> Self:
        context, _ = make_context(self.directory, self.certificate)
        self._loop = asyncio.new_event_loop()
        started = threading.Event()

        def make() -> SMTP:
            return SMTP(
                self,
                hostname="localhost",
                tls_context=context if self.starttls else None,
                require_starttls=self.starttls,
                authenticator=self._authenticate,
                auth_required=self.asks_password,
                auth_require_tls=self.starttls,
                loop=self._loop,
            )

        async def start() -> None:
            self._server = await self._loop.create_server(make, "127.0.0.1", 0)
            self.port = self._server.sockets[0].getsockname()[1]
            started.set()

        def run() -> None:
            asyncio.set_event_loop(self._loop)
            self._loop.run_until_complete(start())
            self._loop.run_forever()

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()
        assert started.wait(10)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        async def end() -> None:
            self._server.close()
            rest = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
            for task in rest:
                task.cancel()
            await asyncio.gather(*rest, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    @property
    def ca(self) -> str:
        """Return the PEM it may be trusted by."""
        return (self.directory / "simulator-ca.pem").read_text()

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Keep a mail, or refuse it."""
        if self.refuses is not None:
            return self.refuses
        self.mails.append(envelope)
        return "250 OK"

    def _authenticate(
        self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any
    ) -> AuthResult:
        self.shown.append(data.password)
        known = data.login.decode() == USER and data.password.decode() in self.passwords
        return AuthResult(success=known, handled=False)


@dataclass(frozen=True)
class Posted:
    """One request that a webhook got."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """An HTTPS server for webhooks. What a test sets holds from the next request on."""

    directory: Path
    certificate: CertificateKind = "good"
    status: int = 200
    location: str | None = None
    answer: bytes = b"ok"
    gate: threading.Event | None = None
    """Where set, nothing is answered before the event is."""
    posted: list[Posted] = field(default_factory=list)

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
    def url(self) -> str:
        """Return an address of its, with a part that is a secret at many services."""
        return f"https://localhost:{self._server.server_address[1]}/hook/path-secret-mark"

    @property
    def ca(self) -> str:
        """Return the PEM it may be trusted by."""
        return (self.directory / "simulator-ca.pem").read_text()

    def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - the handler has a self of its own
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.posted.append(Posted(self.path, headers, body))
                if receiver.gate is not None:
                    receiver.gate.wait(30)
                self.send_response(receiver.status)
                if receiver.location is not None:
                    self.send_header("location", receiver.location)
                self.send_header("content-length", str(len(receiver.answer)))
                self.end_headers()
                self.wfile.write(receiver.answer)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler


@dataclass
class Listener:
    """A TLS server that treats each connection as a test tells it, in a thread of its own."""

    directory: Path
    treat: Callable[[ssl.SSLSocket], None]
    certificate: CertificateKind = "good"

    def __enter__(self) -> Self:
        self._context, _ = make_context(self.directory, self.certificate)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._ended = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended = True
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(10)

    @property
    def port(self) -> int:
        """Return where it listens."""
        port: int = self._socket.getsockname()[1]
        return port

    @property
    def ca(self) -> str:
        """Return the PEM it may be trusted by."""
        return (self.directory / "simulator-ca.pem").read_text()

    def _run(self) -> None:
        while not self._ended:
            try:
                plain, _ = self._socket.accept()
            except OSError:
                return
            plain.settimeout(20)
            try:
                with self._context.wrap_socket(plain, server_side=True) as connection:
                    self.treat(connection)
            except OSError:
                continue
            finally:
                plain.close()


@dataclass
class Rsyslog:
    """A real rsyslogd that takes syslog over TLS and writes what it understood, as JSON lines."""

    certificate: CertificateKind = "good"

    def __enter__(self) -> Self:
        program = shutil.which("rsyslogd") or "/usr/sbin/rsyslogd"
        if not Path(program).exists():
            raise AssertionError(REMEDY)
        # Not pytest's folder: its name may be too long for a pid file's lock.
        self.directory = Path(tempfile.mkdtemp(prefix="sr-syslog-"))
        make_context(self.directory, self.certificate)
        chain = (self.directory / "simulator-server.pem").read_text()
        (self.directory / "key.pem").write_text(chain[: chain.index("-----BEGIN CERT")])
        (self.directory / "cert.pem").write_text(chain[chain.index("-----BEGIN CERT") :])
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        config = self.directory / "rsyslog.conf"
        config.write_text(self._config())
        command = [program, "-n", "-f", str(config), "-i", str(self.directory / "pid")]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        until = time.monotonic() + 20
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                if self._process.poll() is not None:
                    break
                time.sleep(0.05)
            else:
                return self
        self._process.kill()
        raise AssertionError("rsyslogd does not listen; " + REMEDY)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        finally:
            self._process.kill()
            if self._process.stderr is not None:
                self._process.stderr.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def ca(self) -> str:
        """Return the PEM it may be trusted by."""
        return (self.directory / "simulator-ca.pem").read_text()

    def lines(self, number: int) -> list[str]:
        """Return what it wrote, once there are so many lines; waits for them."""
        path = self.directory / "received"
        until = time.monotonic() + 20
        while time.monotonic() < until:
            found = path.read_text().splitlines() if path.exists() else []
            if len(found) >= number:
                return found
            time.sleep(0.05)
        raise AssertionError("rsyslogd did not write what was sent")

    def _config(self) -> str:
        at = self.directory
        return f"""
global(workDirectory="{at}" maxMessageSize="64k"
  defaultNetstreamDriver="gtls" defaultNetstreamDriverCAFile="{at}/simulator-ca.pem"
  defaultNetstreamDriverCertFile="{at}/cert.pem" defaultNetstreamDriverKeyFile="{at}/key.pem")
module(load="imtcp" StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.AuthMode="anon")
template(name="t" type="string"
  string="%pri%|%timereported:::date-rfc3339%|%hostname%|%app-name%|%procid%|%msgid%|%structured-data%|%msg%\\n")
input(type="imtcp" port="{self.port}" address="127.0.0.1" ruleset="all")
ruleset(name="all") {{ action(type="omfile" file="{at}/received" template="t" flushOnTXEnd="on") }}
"""


_MESSAGE = re.compile(
    rb"<(?P<pri>0|[1-9]\d{0,2})>1 "
    rb"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,6}(?:Z|[+-]\d\d:\d\d)) "
    rb"(?P<host>[!-~]{1,255}) (?P<app>[!-~]{1,48}) (?P<proc>[!-~]{1,128}) (?P<id>[!-~]{1,32}) "
    rb"(?P<data>-|(?:\[[!-<>-\\^-~]{1,32}(?: [!-<>-\\^-~]{1,32}=\"(?:[^\"\\\]]|\\[\"\\\]])*\")*\])+)"
    rb"(?: (?P<content>.*))?",
    re.DOTALL,
)


def parsed(message: bytes) -> dict[str, bytes]:
    """Return the parts of a message of RFC 5424, read strictly. Raises: AssertionError."""
    found = _MESSAGE.fullmatch(message)
    assert found is not None, "no message of RFC 5424"
    parts = found.groupdict()
    assert int(parts["pri"]) <= 191
    return parts


def frames(stream: bytes) -> list[bytes]:
    """Return the messages of a stream of RFC 5425. Raises: AssertionError."""
    found = []
    while stream:
        length, space, rest = stream.partition(b" ")
        assert space
        assert re.fullmatch(rb"[1-9]\d*", length)
        assert len(rest) >= int(length), "a frame was cut short"
        found.append(rest[: int(length)])
        stream = rest[int(length) :]
    return found
