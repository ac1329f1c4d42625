"""Who sits between us and a mail server or collector, or is one, gets nothing and breaks nothing."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.support.audit import NOW
from tests.support.collectors import PASSWORD, USER, Listener, MailServer, Receiver, Rsyslog

from strongroom.feeds.destinations import Format, Mail, Security, Syslog, Webhook
from strongroom.feeds.mail import ANSWER_BYTES, Refused, compose, deliver
from strongroom.feeds.signed import Rejected, post
from strongroom.feeds.sinks import transmit
from strongroom.outbound import Fault, Unreachable
from strongroom.simulator.config import CertificateKind

pytestmark = pytest.mark.clause("1.5", "2.6")

BAD: tuple[CertificateKind, ...] = ("wrong_host", "expired", "other_ca", "self_signed")


def mail_to(port: int, ca: str | None, security: Security = Security.STARTTLS) -> Mail:
    return Mail("localhost", port, "from@example.com", ("ops@example.com",), security, USER, ca)


def send(where: Mail, **bounds: float) -> None:
    mail = compose(where, subject="s", text="t-mark", message="m", home="h", at=NOW)
    deliver(where, PASSWORD, mail, **bounds)


@contextmanager
def speaking(
    *lines: bytes, then_flood: bytes = b"", drip: bool = False
) -> Iterator[tuple[int, list[bytes]]]:
    """A server without TLS that says its lines, each after something was sent, whatever that was."""
    server = socket.create_server(("127.0.0.1", 0))
    heard: list[bytes] = []
    ended = threading.Event()

    def run() -> None:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        connection.settimeout(20)
        with connection:
            try:
                for line in lines:
                    connection.sendall(line)
                    heard.append(connection.recv(65536))
                while then_flood and not ended.is_set():
                    connection.sendall(then_flood)
                    if drip:
                        time.sleep(0.1)
            except OSError:
                return

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield server.getsockname()[1], heard
    finally:
        ended.set()
        server.close()
        thread.join(20)


# -- mail ------------------------------------------------------------------------------------------


def test_stripping_starttls_gets_neither_the_mail_nor_the_password(tmp_path: Path) -> None:
    with MailServer(tmp_path, starttls=False, asks_password=False) as server:
        with pytest.raises(Unreachable) as caught:
            send(mail_to(server.port, server.ca))
        assert caught.value.fault is Fault.TLS
        assert (server.mails, server.shown) == ([], [])


def test_an_offer_that_is_refused_ends_it(tmp_path: Path) -> None:
    """The man in the middle lets the offer stand and answers STARTTLS with an error."""
    says = (b"220 m\r\n", b"250-m\r\n250-AUTH PLAIN LOGIN\r\n250 STARTTLS\r\n", b"454 not now\r\n")
    with speaking(*says) as (port, heard), pytest.raises((Refused, Unreachable)):
        send(mail_to(port, None))
    sent = b"".join(heard)
    assert b"STARTTLS" in sent.upper()
    assert b"AUTH" not in sent.upper()
    assert b"t-mark" not in sent


def test_what_was_said_before_the_handshake_is_not_believed_after_it(tmp_path: Path) -> None:
    """Answers slipped in behind `220 go` (the STARTTLS injection of CVE-2011-0411, the other way round)."""
    says = (
        b"220 m\r\n",
        b"250-m\r\n250 STARTTLS\r\n",
        b"220 go\r\n250-m\r\n250 AUTH PLAIN\r\n235 ok\r\n",
    )
    with speaking(*says) as (port, heard), pytest.raises(Unreachable):
        send(mail_to(port, None), whole_seconds=5)
    assert PASSWORD.encode() not in b"".join(heard)


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
def test_a_mail_server_with_a_wrong_certificate_gets_nothing(
    tmp_path: Path, kind: CertificateKind, security: Security
) -> None:
    if security is Security.TLS:
        with Listener(tmp_path, lambda c: c.sendall(b"220 m\r\n"), kind) as listener:
            with pytest.raises(Unreachable) as caught:
                send(mail_to(listener.port, listener.ca, security))
            assert caught.value.fault is Fault.TLS
        return
    with MailServer(tmp_path, kind) as server:
        with pytest.raises(Unreachable) as caught:
            send(mail_to(server.port, server.ca))
        assert caught.value.fault is Fault.TLS
        assert (server.mails, server.shown) == ([], [])


def test_a_flood_of_answers_ends_at_a_bound() -> None:
    with speaking(b"220 m\r\n", then_flood=b"250-" + b"x" * 500 + b"\r\n") as (port, _heard):
        began = time.monotonic()
        with pytest.raises(Unreachable) as caught:
            send(mail_to(port, None))
        assert caught.value.fault is Fault.TOO_LARGE
        assert time.monotonic() - began < 20
    assert ANSWER_BYTES <= 64 * 1024


def test_a_server_that_answers_a_byte_at_a_time_is_left() -> None:
    with speaking(then_flood=b"2", drip=True) as (port, _heard):
        began = time.monotonic()
        with pytest.raises(Unreachable) as caught:
            send(mail_to(port, None), step_seconds=5, whole_seconds=1)
        assert caught.value.fault is Fault.TIMEOUT
        assert time.monotonic() - began < 15


# -- webhooks --------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_leads_nowhere(tmp_path: Path, status: int) -> None:
    with (
        Receiver(tmp_path / "a") as elsewhere,
        Receiver(tmp_path / "b", status=status, location=elsewhere.url) as receiver,
    ):
        with pytest.raises(Rejected):
            post(Webhook(receiver.url, ca=receiver.ca), b"{}", "application/json", "k", NOW)
        assert elsewhere.posted == []


@pytest.mark.parametrize("kind", BAD)
def test_a_webhook_with_a_wrong_certificate_gets_nothing(
    tmp_path: Path, kind: CertificateKind
) -> None:
    with Receiver(tmp_path, kind) as receiver:
        with pytest.raises(Unreachable) as caught:
            post(Webhook(receiver.url, ca=receiver.ca), b"{}", "application/json", "k", NOW)
        assert caught.value.fault is Fault.TLS
        assert receiver.posted == []


def test_a_webhook_that_floods_is_cut_off(tmp_path: Path) -> None:
    with Receiver(tmp_path, answer=b"x" * 2_000_000) as receiver:
        with pytest.raises(Unreachable) as caught:
            post(Webhook(receiver.url, ca=receiver.ca), b"{}", "application/json", "k", NOW)
        assert caught.value.fault is Fault.TOO_LARGE


# -- syslog ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["wrong_host", "expired", "other_ca", "self_signed"])
def test_a_collector_with_a_wrong_certificate_gets_nothing(
    tmp_path: Path, kind: CertificateKind
) -> None:
    got: list[bytes] = []
    with Listener(tmp_path, lambda c: got.append(c.recv(100)), kind) as listener:
        with pytest.raises(Unreachable) as caught:
            transmit(Syslog("localhost", listener.port, Format.OCSF, listener.ca), b"4 text")
        assert caught.value.fault is Fault.TLS
    assert b"".join(got) == b""


def test_a_collector_that_never_ends_the_connection_has_acknowledged_nothing(
    tmp_path: Path,
) -> None:
    gate = threading.Event()

    def keep(connection: ssl.SSLSocket) -> None:
        connection.recv(100)
        gate.wait(20)

    with Listener(tmp_path, keep) as listener:
        where = Syslog("localhost", listener.port, Format.OCSF, listener.ca)
        with pytest.raises(Unreachable) as caught:
            transmit(where, b"4 text", step_seconds=0.5)
        assert caught.value.fault is Fault.TIMEOUT
        gate.set()


def test_a_collector_that_dies_with_something_unread_has_acknowledged_nothing(
    tmp_path: Path,
) -> None:
    """Its kernel resets the connection: what lay in its buffer is lost, and goes again."""

    def die(connection: ssl.SSLSocket) -> None:
        connection.recv(10)
        time.sleep(0.3)

    with Listener(tmp_path, die) as listener:
        where = Syslog("localhost", listener.port, Format.OCSF, listener.ca)
        with pytest.raises(Unreachable):
            transmit(where, b"x" * 4_000_000, step_seconds=10)


def test_a_real_collector_that_is_killed_has_acknowledged_nothing() -> None:
    with Rsyslog() as server:
        where = Syslog("localhost", server.port, Format.OCSF, server.ca)
        transmit(where, b'35 <110>1 - h strongroom - t - {"a":1}')
        assert len(server.lines(1)) == 1
        server._process.kill()
        server._process.wait(10)
        with pytest.raises(Unreachable):
            transmit(where, b'35 <110>1 - h strongroom - t - {"a":2}')


# -- what is shown ---------------------------------------------------------------------------------


@pytest.mark.clause("1.4", "2.5")
def test_no_secret_is_in_an_error_or_a_list(tmp_path: Path) -> None:
    where = mail_to(1, None)
    hook = Webhook("https://localhost:1/path-secret-mark", "signing-secret-mark", ca=None)
    for act in (lambda: send(where), lambda: post(hook, b"body-mark", "text/plain", "k", NOW)):
        with pytest.raises(Unreachable) as caught:
            act()
        assert "mark" not in f"{caught.value!r} {caught.value} {json.dumps(str(caught.value.hint))}"
    assert "mark" not in repr(hook)
