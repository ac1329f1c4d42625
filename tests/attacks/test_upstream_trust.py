"""Somebody between us and Amazon, or a row that points somewhere else."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.gateway.conftest import SEARCH, Door, MakeDoor, Shop

from strongroom.db import schema
from strongroom.errors import Malformed
from strongroom.outbound import client_context
from strongroom.simulator import Fault, FaultKind, Simulator, SimulatorConfig
from strongroom.terms import SellerId

pytestmark = pytest.mark.clause("1.5", "2.4", "2.5")


def refused(door: Door, answer: Any, since: int, reason: str) -> None:
    """Check that nothing came through and that the reason is recorded."""
    assert answer.status in (500, 502)
    (event,) = [e for e in door.events(since) if e.get("reason") == reason]
    assert event["outcome"] in ("failure", "error")


# -- addresses -------------------------------------------------------------------------------------


UNSAFE = [
    "http://sellingpartnerapi-eu.amazon.com",
    "HTTP://sellingpartnerapi-eu.amazon.com",
    "ftp://sellingpartnerapi-eu.amazon.com",
    "file:///etc/passwd",
    "//sellingpartnerapi-eu.amazon.com",
    "https://",
    "https:sellingpartnerapi-eu.amazon.com",
    "https://user:word@sellingpartnerapi-eu.amazon.com",
    "https://sellingpartnerapi-eu.amazon.com:99999",
    "sellingpartnerapi-eu.amazon.com",
]


@pytest.mark.parametrize("which", ["endpoint", "lwa_url"])
def test_an_address_without_tls_is_not_added(shop: Shop, which: str) -> None:
    account = shop.simulator.seller("acme")
    before = shop.door.count()
    for url in UNSAFE:
        with pytest.raises(Malformed) as caught:
            shop.door.add_seller(shop.simulator, account, name="third", **{which: url})
        assert "https://" in str(caught.value)
        assert "word" not in str(caught.value)
    assert shop.door.count() == before


EDITS: list[dict[str, Any]] = [
    {"endpoint": "http://127.0.0.1:1"},
    {"endpoint": "https://evil.example"},
    {"lwa_url": "https://evil.example/auth/o2/token"},
    {"upstream_ca": None},
    {"upstream_ca": "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----"},
    {"name": "renamed"},
    {"secrets": b"\x01" + bytes(60)},
]


def test_an_edited_entry_sends_nothing_anywhere(shop: Shop) -> None:
    """The real credentials are sealed for their addresses: moved to another, they do not open."""
    token = shop.door.token(shop.app)
    row = schema.seller.c.id == shop.app.seller
    with shop.door.database.read() as tx:
        good = dict(tx.execute(sa.select(schema.seller).where(row)).mappings().one())
    calls = len(shop.simulator.requests)
    for edit in EDITS:
        with shop.door.database.write() as tx:
            tx.execute(schema.seller.update().where(row).values(**{**good, **edit}))
        shop.door.sellers._known.clear()
        before = shop.door.count()
        refused(shop.door, shop.door.get(shop.app, SEARCH, token), before, "tampered")
    assert len(shop.simulator.requests) == calls


def test_entries_that_change_places_do_not_open(shop: Shop) -> None:
    """One partner's credentials under another's number would answer for the wrong one."""
    table = schema.seller
    names = ("name", "endpoint", "lwa_url", "upstream_ca", "secrets")
    with shop.door.database.write() as tx:
        one, other = tx.execute(sa.select(table).order_by(table.c.id)).all()
        for row, source, name in (
            (one, other, "moving"),
            (other, one, one.name),
            (one, other, other.name),
        ):
            values = {column: getattr(source, column) for column in names} | {"name": name}
            tx.execute(table.update().where(table.c.id == row.id).values(**values))
    shop.door.sellers._known.clear()
    before = shop.door.count()
    refused(shop.door, shop.door.get(shop.app, SEARCH), before, "tampered")


# -- certificates ----------------------------------------------------------------------------------


@pytest.mark.parametrize("certificate", ["wrong_host", "expired", "other_ca", "self_signed"])
def test_a_bad_certificate_ends_the_call_before_a_secret_is_sent(
    make_door: MakeDoor, certificate: Any
) -> None:
    door = make_door()
    with Simulator(SimulatorConfig(orders=1, certificate=certificate)) as amazon:
        seller = door.add_seller(amazon, amazon.sellers[0])
        app = door.add_app("erp", seller)
        before = door.count()
        refused(door, door.get(app, SEARCH), before, "upstream_tls")
        assert amazon.requests == []


def test_a_public_certificate_is_not_enough_where_a_ca_is_named(shop: Shop) -> None:
    """A named CA stands alone: whoever gets a certificate from a public one is not trusted."""
    context = client_context(shop.simulator.ca_path.read_text())
    assert len(context.get_ca_certs()) == 1
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_without_its_own_ca_only_public_roots_count(make_door: MakeDoor, shop: Shop) -> None:
    """The simulator's CA is nobody's: a partner without one does not trust it."""
    door = make_door()
    seller = door.add_seller(shop.simulator, shop.simulator.seller("acme"), upstream_ca=None)
    app = door.add_app("erp", seller)
    before, calls = door.count(), len(shop.simulator.requests)
    refused(door, door.get(app, SEARCH), before, "upstream_tls")
    assert len(shop.simulator.requests) == calls


def test_proxies_and_key_logs_of_the_environment_are_not_used(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither HTTPS_PROXY nor SSLKEYLOGFILE nor SSL_CERT_FILE has a say in where tokens go."""
    log = tmp_path / "keys.log"
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("SSLKEYLOGFILE", str(log))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    assert shop.door.get(shop.app, SEARCH).status == 200
    assert not log.exists()


@contextmanager
def old_server(version: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """Answer every greeting with one of an older version of TLS; keep what the client says to it."""
    said: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))
    hello = version + bytes(32) + b"\x00" + b"\xc0\x13" + b"\x00" + b"\x00\x00"
    message = b"\x02" + len(hello).to_bytes(3) + hello
    record = b"\x16" + version + len(message).to_bytes(2) + message

    def run() -> None:
        try:
            while True:
                connection, _address = listener.accept()
                with connection:
                    connection.settimeout(5)
                    connection.recv(65536)
                    connection.sendall(record)
                    said.append(connection.recv(65536))
        except OSError:
            pass

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1], said
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


@pytest.mark.parametrize("version", [b"\x03\x01", b"\x03\x02"])
def test_an_upstream_that_speaks_old_tls_gets_nothing(
    make_door: MakeDoor, shop: Shop, version: bytes
) -> None:
    """TLS 1.0 and 1.1 are hung up on with an alert, before any request."""
    door = make_door()
    with old_server(version) as (port, said):
        address = f"https://127.0.0.1:{port}"
        seller = door.add_seller(
            shop.simulator,
            shop.simulator.seller("acme"),
            endpoint=address,
            lwa_url=f"{address}/auth/o2/token",
        )
        app = door.add_app("erp", seller)
        before = door.count()
        refused(door, door.get(app, SEARCH), before, "upstream_tls")
        assert all(words[:1] in (b"", b"\x15") for words in said)


# -- answers ---------------------------------------------------------------------------------------


def test_a_redirect_is_not_followed(shop: Shop) -> None:
    """Whoever answers in Amazon's place gets no token sent on to a place of theirs."""
    shop.door.get(shop.app, SEARCH)
    for status in (301, 302, 303, 307, 308):
        shop.simulator.add_fault(Fault(FaultKind.BODY, status=status, body=b"", count=1))
        before, calls = shop.door.count(), len(shop.simulator.requests)
        answer = shop.door.get(shop.app, SEARCH)
        assert answer.status == 502
        assert "location" not in answer.headers
        assert len(shop.simulator.requests) == calls + 1
        assert shop.door.gateway_events(before)[-1][0] == "gateway.upstream.failed"


def test_a_token_endpoint_that_turns_evil_gets_one_partners_credentials_only(shop: Shop) -> None:
    """Lines, tokens and credentials of two selling partners never meet."""
    shop.door.get(shop.app, SEARCH)
    shop.door.get(shop.other, SEARCH)
    for request in shop.simulator.requests:
        if request.operation == "lwa.token":
            foreign = {"acme": "globex", "globex": "acme"}[request.seller]
            account = shop.simulator.seller(foreign)
            assert account.refresh_token.encode() not in request.body
            assert account.client_secret.encode() not in request.body
    assert shop.app.seller != SellerId(shop.other.seller)
