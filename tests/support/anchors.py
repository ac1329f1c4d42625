"""Whatever binds a log outside: real servers over real TLS, honest or as a test has them."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from strongroom.anchors import AnchorKind, Anchors, Following
from strongroom.anchors.anchors import Round
from strongroom.anchors.door import WitnessDoor
from strongroom.audit import AuditLog, Event, EventType, Outcome
from strongroom.crypto.cosignature import Cosigner
from strongroom.crypto.note import Signer
from strongroom.db.engine import Database
from strongroom.outbound import Outbound, client_context
from strongroom.simulator.certificates import make_context
from strongroom.terms import SYSTEM, Environment
from tests.support import tables
from tests.support.audit import NOW, Bench, Memory
from tests.support.listening import listening

KEY = bytes(range(32, 64))


@dataclass
class Bound:
    """A log and what binds it."""

    bench: Bench
    log: AuditLog
    anchors: Anchors

    @classmethod
    def of(cls, bench: Bench, *, needed: int = 1, seconds: float = 10.0) -> Bound:
        log = bench.start()
        return cls(bench, log, anchors_of(bench.database, log, needed=needed, seconds=seconds))

    def grow(self, number: int = 1) -> None:
        self.bench.fill(self.log, number)

    def add(
        self, kind: AnchorKind, place: str, key: str = "", ca: str | None = None, **other: Any
    ) -> int:
        secret = other.pop("secret", "")
        return self.anchors.add(kind, place, key, ca, secret, SYSTEM, NOW).id

    def witness(self, one: Other) -> int:
        """Have a witness asked that follows this log."""
        return self.add(AnchorKind.WITNESS, one.url, one.following.vkey, one.ca)

    def ask(self, kind: AnchorKind = AnchorKind.WITNESS, now: datetime = NOW) -> Round:
        return self.anchors.run({kind}, now)

    def fault(self, kind: AnchorKind = AnchorKind.WITNESS, now: datetime = NOW) -> str | None:
        """Return the reason the only anchor of a kind gave in a round; None where it took the log."""
        (done,) = self.ask(kind, now).done
        return None if done.reason is None else done.reason.value

    def told(self, *types: EventType) -> list[tuple[str, str | None]]:
        """Return type and reason of the events about anchors."""
        wanted = {type_.value for type_ in types} or {
            "log.witnessed", "log.timestamped", "log.copied", "log.anchor.failed", "log.cosigned"
        }  # fmt: skip
        return [(e.type, e.body.get("reason")) for e in self.log.events() if e.type in wanted]


def anchors_of(
    database: Database, log: AuditLog, *, needed: int = 1, seconds: float = 10.0
) -> Anchors:
    return Anchors(
        database,
        log,
        key=KEY,
        environment=Environment.TEST,
        needed=needed,
        round_seconds=seconds,
    )


@dataclass
class Memories:
    """What a witness's keystore remembers."""

    known: dict[str, Memory] = field(default_factory=dict)

    def __call__(self, origin: str) -> Memory:
        return self.known.setdefault(origin, Memory())


@dataclass
class Other:
    """Another Strongroom that is a witness: its rows, and the listener in front of them."""

    bench: Bench
    log: AuditLog
    following: Following
    memories: Memories
    url: str = ""
    ca: str = ""

    @classmethod
    def of(
        cls, bench: Bench, seed: int = 7, name: str = "strongroom.invalid/witness/other"
    ) -> Other:
        log, memories = bench.start(), Memories()
        cosigner = Cosigner(name, bytes([seed]) * 32)
        following = Following(bench.database, log, cosigner, memories)
        return cls(bench, log, following, memories)

    def follow(self, log: AuditLog) -> None:
        with log.prover() as prover:
            self.following.follow(prover.vkey, SYSTEM, NOW)


@contextmanager
def other(directory: Path, seed: int = 7) -> Iterator[Other]:
    """Run a witness with a log of its own, under another origin than the tests' log, for the block."""
    directory.mkdir()
    database = Database(tables.copy_to(directory / "vault.db"))
    signer = Signer(f"strongroom.invalid/audit/other-{seed}/1", bytes([seed]) * 32)
    found = Other.of(Bench(database, directory / "checkpoint", signer=signer), seed)
    context, ca = make_context(directory / "tls", "good")
    door = WitnessDoor(found.following, lambda: NOW)
    with listening(door, directory, context, lifespan="off") as at:
        found.url = f"https://localhost:{at.port}"
        found.ca = ca.read_text()
        yield found
    database.close()


Answers = Callable[[str, str, bytes], tuple[int, dict[str, str], bytes]]
"""From method, path and body of a request to status, headers and body of its answer."""


@contextmanager
def answering(directory: Path, answers: Answers) -> Iterator[tuple[str, str]]:
    """Run a server that answers as told, over TLS; give its address and the PEM it may be trusted by."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            status, headers, content = answers(self.command, self.path, body)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(content)))
            self.send_header("connection", "close")
            self.end_headers()
            self.wfile.write(content)
            self.close_connection = True

        def do_GET(self) -> None:
            self._answer()

        def do_PUT(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def log_message(self, *_arguments: object) -> None:
            pass

    context, ca = make_context(directory, "good")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"https://localhost:{server.server_address[1]}", ca.read_text()
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


@contextmanager
def silent(directory: Path) -> Iterator[tuple[str, str]]:
    """Take connections, finish the handshake, read, and never answer."""
    context, ca = make_context(directory, "good")
    listener = socket.create_server(("127.0.0.1", 0))
    held: list[ssl.SSLSocket] = []

    def take() -> None:
        while True:
            try:
                plain, _ = listener.accept()
                held.append(context.wrap_socket(plain, server_side=True))
            except OSError:
                return

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    try:
        yield f"https://localhost:{listener.getsockname()[1]}", ca.read_text()
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)
        for connection in held:
            connection.close()


@dataclass(frozen=True)
class Authority:
    """A timestamp authority as `openssl ts` is one."""

    directory: Path
    roots: str

    @classmethod
    def make(cls, directory: Path) -> Authority:
        """Make its keys and certificates."""
        directory.mkdir()
        root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        root_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Stamp root")])
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Stamps")])
        since = datetime(2020, 1, 1, tzinfo=UTC)

        def built(subject: x509.Name, public: Any) -> x509.CertificateBuilder:
            return (
                x509.CertificateBuilder()
                .subject_name(subject)
                .issuer_name(root_name)
                .public_key(public)
                .serial_number(x509.random_serial_number())
                .not_valid_before(since)
                .not_valid_after(since + timedelta(days=365 * 29))
            )

        root = (
            built(root_name, root_key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(root_key.public_key()), critical=False
            )
            .sign(root_key, hashes.SHA256())
        )
        leaf = (
            built(name, key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()),
                critical=False,
            )
            .sign(root_key, hashes.SHA256())
        )
        (directory / "key.pem").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        (directory / "leaf.pem").write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
        roots = root.public_bytes(serialization.Encoding.PEM).decode()
        (directory / "root.pem").write_text(roots)
        (directory / "serial").write_text("01\n")
        (directory / "openssl.cnf").write_text(
            "[tsa]\ndefault_tsa = it\n[it]\n"
            f"serial = {directory}/serial\nsigner_cert = {directory}/leaf.pem\n"
            f"signer_key = {directory}/key.pem\n"
            "signer_digest = sha256\ndefault_policy = 1.2.3.4.1\ndigests = sha256\n"
            "accuracy = secs:1\ness_cert_id_alg = sha256\n"
        )
        return cls(directory, roots)

    def reply(self, query: bytes) -> bytes:
        """Return its answer to a query."""
        (self.directory / "query").write_bytes(query)
        subprocess.run(
            ["openssl", "ts", "-reply", "-config", str(self.directory / "openssl.cnf"),
             "-queryfile", str(self.directory / "query"), "-out", str(self.directory / "reply")],
            check=True, capture_output=True,
        )  # fmt: skip
        return (self.directory / "reply").read_bytes()

    def answers(self, _method: str, _path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        return 200, {"content-type": "application/timestamp-reply"}, self.reply(body)


def outbound(ca: str) -> Outbound:
    return Outbound(client_context(ca))


def heartbeat(log: AuditLog, database: Database, now: datetime) -> None:
    with database.write() as tx:
        log.append(tx, Event(EventType.LOG_HEARTBEAT, Outcome.SUCCESS, SYSTEM), now=now)
