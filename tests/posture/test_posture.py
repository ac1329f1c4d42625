"""Listeners, lists and TLS, as they are seen on a home that is served and on places that are not well."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.support.home import Home
from tests.support.offline import Offline

from strongroom.app import machine_clock
from strongroom.posture import State, listening, transport
from strongroom.posture.finding import Finding
from strongroom.posture.listening import Bound, Face

pytestmark = pytest.mark.clause("1.1", "1.5")

CONTROL = "/home/x/control.sock"


# -- listeners -------------------------------------------------------------------------------------


def told(found: list[Finding]) -> dict[str, State]:
    return {finding.id: finding.state for finding in found}


def judged(*sockets: Bound, **lists: list[str]) -> dict[str, State]:
    faces = [Face("gateway", "127.0.0.1", 8443), Face("api", "0.0.0.0", 8444)]  # noqa: S104 - said, not bound
    faces += [Face("desk", "192.0.2.1", 0), Face("health", "::1", 8446)]
    everything = [*sockets, Bound(CONTROL, 0)]
    found = listening.matched(everything, faces)
    return told(listening.findings(everything, found, lists, CONTROL))


def test_each_listener_is_held_against_settings_and_lists() -> None:
    desk = Bound("192.0.2.1", 40_001)
    found = judged(Bound("127.0.0.1", 8443), Bound("0.0.0.0", 8444), desk, Bound("::1", 8446))  # noqa: S104 - said, not bound
    assert found == {
        "listeners.expected": State.OK,
        "listener.gateway": State.OK,
        "listener.api": State.WARNING,
        "listener.desk": State.WARNING,
        "listener.health": State.OK,
    }
    assert judged(desk, desk=["203.0.113.0/24"])["listener.desk"] is State.OK


@pytest.mark.parametrize(
    "strange",
    [Bound("127.0.0.1", 9229), Bound("::1", 8443), Bound("/tmp/debug.sock", 0)],
)
def test_what_nobody_asked_for_fails(strange: Bound) -> None:
    assert judged(Bound("127.0.0.1", 8443), strange)["listeners.expected"] is State.FAILED


def test_a_home_that_nothing_serves_is_not_taken_for_a_safe_one() -> None:
    faces = [Face("gateway", "127.0.0.1", 8443)]
    (found,) = listening.findings([], listening.matched([], faces), {}, CONTROL)
    assert found.state is State.UNKNOWN


def test_the_process_finds_its_own_sockets(tmp_path: Path) -> None:
    before = set(listening.bound())
    with ExitStack() as open_:
        tcp = open_.enter_context(socket.create_server(("127.0.0.1", 0)))
        unix = open_.enter_context(socket.socket(socket.AF_UNIX))
        unix.bind(str(tmp_path / "s"))
        unix.listen()
        quiet = open_.enter_context(socket.socket())
        quiet.bind(("127.0.0.1", 0))
        expected = {Bound("127.0.0.1", tcp.getsockname()[1]), Bound(str(tmp_path / "s"), 0)}
        assert set(listening.bound()) - before == expected
        assert tcp.fileno() != -1


# -- TLS -------------------------------------------------------------------------------------------


class Place:
    """A certificate and a TLS server that shows it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.key = ec.generate_private_key(ec.SECP256R1())

    def pem(self, *, days: float = 90, name: str = "localhost") -> str:
        now = machine_clock()
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=365))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self.key, hashes.SHA256())
        )
        return made.public_bytes(serialization.Encoding.PEM).decode()

    def context(self, pem: str) -> ssl.SSLContext:
        key = self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        path = self.directory / "place.pem"
        path.write_bytes(pem.encode() + key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    @contextmanager
    def open(self, context: ssl.SSLContext) -> Iterator[int]:
        """Answer handshakes in a thread until the block ends; give the port."""
        listener = socket.create_server(("127.0.0.1", 0))

        def answer() -> None:
            while True:
                try:
                    plain, _ = listener.accept()
                except OSError:
                    return
                try:
                    with context.wrap_socket(plain, server_side=True) as secured:
                        secured.recv(1)
                except OSError:
                    plain.close()

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            thread.join(10)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def ask(port: int, pem: str | None) -> Finding:
    one = transport.target("tls.acme.endpoint", f"https://localhost:{port}/path", pem)
    (found,) = transport.endpoints([one], machine_clock())
    return found


@pytest.mark.parametrize(
    ("days", "state"), [(90, State.OK), (10, State.WARNING), (-1, State.FAILED)]
)
def test_an_endpoint_is_judged_by_its_certificates_end(
    place: Place, days: float, state: State
) -> None:
    pem = place.pem(days=days)
    with place.open(place.context(pem)) as port:
        found = ask(port, pem)
    assert found.state is state
    assert days < 0 or "TLSv1.3" in found.seen


def test_an_endpoint_that_does_not_prove_who_it_is_fails(place: Place) -> None:
    pem, other = place.pem(), Place(place.directory).pem()
    with place.open(place.context(pem)) as port:
        for trusted in (None, other, "-"):
            assert ask(port, trusted).state is State.FAILED
    foreign = place.pem(name="elsewhere.example")
    with place.open(place.context(foreign)) as port:
        assert ask(port, foreign).state is State.FAILED


def test_an_endpoint_that_does_not_answer_is_unknown() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert ask(port, None).state is State.UNKNOWN


def test_places_that_sellers_share_are_asked_once(place: Place) -> None:
    pem = place.pem()
    with place.open(place.context(pem)) as port:
        url = f"https://localhost:{port}"
        targets = [transport.target(f"tls.s{n}.lwa", url, pem) for n in range(50)]
        found = transport.endpoints(targets, machine_clock())
    assert [finding.id for finding in found] == [one.id for one in targets]
    assert {finding.state for finding in found} == {State.OK}


def test_a_listener_that_speaks_old_tls_or_nothing_fails(place: Place) -> None:
    pem = place.pem()
    authority = place.directory / "ca.pem"
    authority.write_text(pem)
    now = machine_clock()

    def look(port: int) -> Finding:
        return transport.listener("api", "127.0.0.1", port, authority, now)

    with place.open(place.context(pem)) as port:
        assert look(port).state is State.OK
    with _greeting_anybody(place.context(pem)) as port:
        found = look(port)
    assert (found.state, found.seen) == (State.FAILED, "answers TLS 1.1")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert look(port).state is State.FAILED


@contextmanager
def _greeting_anybody(context: ssl.SSLContext) -> Iterator[int]:
    """Serve TLS, and answer a greeting of TLS 1.1 with a handshake record, as an old server does."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            with plain:
                greeting = plain.recv(11, socket.MSG_PEEK)
                if greeting[9:11] == b"\x03\x02":
                    plain.recv(4096)
                    plain.sendall(b"\x16\x03\x02\x00\x01\x02")
                    continue
                try:
                    context.wrap_socket(plain, server_side=True).close()
                except OSError:
                    continue

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


# -- the command -----------------------------------------------------------------------------------


def port_of(url: str) -> str:
    return ":" + url.split("/")[2].rpartition(":")[2]


def findings(document: Any) -> dict[str, Any]:
    return {finding["id"]: finding for finding in document["findings"]}


def test_a_served_home_tells_of_its_listeners_and_that_it_was_asked(tmp_path: Path) -> None:
    with Home.make(tmp_path) as home:
        home.start()
        home.read_log()
        found = findings(home.run("posture"))
        for name in ("gateway", "api", "desk", "health"):
            assert found[f"listener.{name}"]["state"] == "ok"
            assert port_of(home.ready[name]) in found[f"listener.{name}"]["seen"]
            assert found[f"tls.{name}"]["state"] == "ok", found[f"tls.{name}"]
        assert found["listeners.expected"]["state"] == "ok", found["listeners.expected"]
        assert found["files.modes"]["state"] == "ok"
        assert all(len(finding["why"]) > 20 for finding in found.values())
        assert home.ask("audit.tail", limit=3)["events"][-1]["type"] == "posture.checked"


def test_a_failed_look_is_exit_code_1_and_recorded_as_one(offline: Offline) -> None:
    offline.read_log()
    code, document, _error = offline.attempt("posture")
    assert (code, document["ok"]) == (0, True)
    assert findings(document)["listeners.expected"]["state"] == "unknown"
    # The home is opened before anybody looks, and refuses open files itself.
    shown: Callable[[], Any] = lambda: offline.command("audit", "tail", "-n", "5")["events"]  # noqa: E731
    assert [e["n"] for e in shown() if e["type"] == "posture.checked"] == [0]
    seller = ("seller", "add", "acme", "--region", "eu", "--marketplace", "A1PA6795UKMFR9")
    secret = offline.path.parent / "secret"
    secret.touch(mode=0o600)
    secret.write_text("lwa")
    place = Place(offline.path.parent)
    pem = place.pem()
    with place.open(place.context(pem)) as port:
        url = f"https://localhost:{port}"
        offline.command(
            *(*seller, "--client-id", "amzn1.application-oa2-client.0"),
            *("--client-secret-file", str(secret), "--refresh-token-file", str(secret)),
            *("--endpoint", url, "--lwa-url", url),
        )
        code, document, _error = offline.attempt("posture")
    assert (code, document["ok"]) == (1, False)
    assert findings(document)["tls.acme.endpoint"]["state"] == "failed"
    (last,) = [e for e in shown() if e["type"] == "posture.checked"][-1:]
    assert (last["outcome"], last["n"]) == ("failure", 2)


@pytest.mark.clause("1.5")
def test_where_the_relay_sends_is_looked_at_too(offline: Offline, place: Place) -> None:
    ca = offline.path.parent / "ca.pem"
    good, other = place.pem(), place.pem(name="elsewhere.example")
    for name, pem, state in (("good", good, "ok"), ("spoilt", other, "failed")):
        ca.write_text(pem)
        with place.open(place.context(pem)) as port:
            offline.command(
                *("destination", "add", name, "--host", f"localhost:{port}", "--ca", str(ca)),
                *("--categories", "name", "--purposes", "fulfilment"),
            )
            found = findings(offline.attempt("posture")[1])
        assert found[f"tls.destination.{name}"]["state"] == state, found
