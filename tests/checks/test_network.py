"""What can be reached, by whom, over what: each check red and green for the right reason."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from strongroom.app import machine_clock
from strongroom.checks import network
from strongroom.compliance.overseen import Verdict
from strongroom.control.asking import short_path
from strongroom.home.transport import server_context
from strongroom.posture import Surroundings, listening
from strongroom.vault.sellers import LwaCredentials
from tests.checks.looking import House
from tests.posture.test_posture import Place

PASS, FAIL, UNKNOWN = Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN


@contextmanager
def serving(house: House) -> Iterator[None]:
    """Hold the socket that commands come to, as the process that serves does."""
    with socket.socket(socket.AF_UNIX) as control:
        with short_path(house.system.home) as path:
            control.bind(path)
        house.system.home.control.chmod(0o600)
        control.listen()
        yield
    house.system.home.control.unlink()


@pytest.mark.clause("1.1-a")
def test_a_listener_that_nobody_asked_for_is_red(house: House) -> None:
    # Servers of other tests live in this process too.
    others = set(listening.bound())
    look = network.listening_on(lambda: [o for o in listening.bound() if o not in others])
    assert look(house.system, house.now).verdict is UNKNOWN
    with serving(house):
        assert look(house.system, house.now).verdict is PASS
        with socket.create_server(("127.0.0.1", 0)):
            found = look(house.system, house.now)
            assert found.verdict is FAIL
            assert "also 127.0.0.1 port" in found.why
        assert look(house.system, house.now).verdict is PASS


def machine(directory: Path, policy: str) -> Surroundings:
    """Return a machine whose nft tells of one chain with this policy."""
    directory.mkdir()
    chain = {"family": "inet", "table": "filter", "name": "input", "hook": "input"}
    rules = json.dumps({"nftables": [{"chain": chain | {"policy": policy}}]})
    nft = directory / "nft"
    nft.write_text(f"#!/bin/sh\necho '{rules}'\n")
    nft.chmod(0o700)
    return Surroundings(Path("/nowhere"), f"{directory}:/bin")


@pytest.mark.clause("1.1-a")
def test_a_firewall_that_lets_everything_in_is_red_and_one_nobody_sees_unknown(
    house: House, tmp_path: Path
) -> None:
    def verdict(surroundings: Surroundings) -> Verdict:
        return network.denying(surroundings)(house.system, house.now).verdict

    assert verdict(machine(tmp_path / "open", "accept")) is FAIL
    assert verdict(machine(tmp_path / "closed", "drop")) is PASS
    assert verdict(Surroundings(Path("/nowhere"), "/nowhere")) is UNKNOWN


@pytest.mark.clause("1.1-b")
def test_a_list_that_was_edited_is_red(house: House) -> None:
    house.ask("network.allow", cidr="198.51.100.0/24", listener="api")
    assert house.verdict("network.lists") is PASS
    house.edit("UPDATE network_range SET cidr = '192.0.2.0/24'")
    found = house.look("network.lists")
    assert (found.verdict, found.why[:6]) == (FAIL, "1 line")
    house.edit("UPDATE network_range SET cidr = '198.51.100.0/24'")
    assert house.verdict("network.lists") is PASS
    # Approved, and yet it lets in addresses that are nobody's.
    row = house.ask("network.allow", cidr="192.0.2.0/24", listener="desk")
    assert house.look("network.lists").why == "whoever comes is let in: desk"
    house.ask("network.remove", network=row["id"])
    assert house.verdict("network.lists") is PASS


@contextmanager
def answering(context: Callable[[], object]) -> Iterator[int]:
    """Answer handshakes in a thread until the block ends, each by the context of that moment; give the port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            try:
                with context().wrap_socket(plain, server_side=True) as secured:  # type: ignore[attr-defined]
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
        thread.join(5)


@pytest.mark.clause("1.5-a")
def test_a_listener_with_a_certificate_that_has_ended_is_red(house: House) -> None:
    assert house.verdict("tls.listeners") is UNKNOWN
    now = machine_clock()

    def look(at: datetime) -> Verdict:
        return network.served(lambda: at)(house.system, house.now).verdict

    with answering(lambda: server_context(house.system.home)) as port:
        house.system.listening["api"] = port
        assert look(now) is PASS
        assert look(now + timedelta(days=91)) is FAIL
        house.ask("tls.rotate")
        assert look(machine_clock()) is PASS
    assert look(now) is FAIL
    del house.system.listening["api"]


@pytest.mark.clause("1.5-a")
def test_the_certificate_in_tls_is_red_a_week_before_its_end(house: House, tmp_path: Path) -> None:
    assert house.verdict("tls.certificate") is PASS
    at = machine_clock() + timedelta(days=85)
    look = network.certificate(lambda: at)
    assert look(house.system, house.now).verdict is FAIL
    place = Place(tmp_path)
    chain, key = (house.system.home.tls / name for name in ("gateway.pem", "gateway.key"))
    before = chain.read_bytes(), key.read_bytes()
    chain.write_text(place.pem(days=-1))
    assert house.verdict("tls.certificate") is FAIL
    chain.write_bytes(before[0])
    assert house.verdict("tls.certificate") is PASS


@pytest.mark.clause("1.5-b")
def test_a_place_we_send_to_is_red_when_its_certificate_ends_and_unknown_when_it_is_silent(
    bare: House, tmp_path: Path
) -> None:
    place = Place(tmp_path)
    pem = place.pem()

    def verdict(days: float = 0) -> Verdict:
        at = machine_clock() + timedelta(days=days)
        return network.endpoints(lambda: at)(bare.system, bare.now).verdict

    assert verdict() is PASS
    with answering(lambda: place.context(pem)) as port:
        asks(bare, "globex", f"https://localhost:{port}", pem)
        assert verdict() is PASS
        assert verdict(91) is FAIL
        asks(bare, "initech", f"https://localhost:{port}", Place(tmp_path).pem())
        found = bare.look("tls.endpoints")
        assert found.verdict is FAIL
        assert found.proof == ("tls.initech.endpoint", "tls.initech.lwa")
        bare.edit("DELETE FROM seller WHERE name = 'initech'")
        assert verdict() is PASS
    assert verdict() is UNKNOWN


def asks(house: House, name: str, url: str, ca: str | None) -> None:
    """Add a selling partner who is asked there."""
    house.system.sellers.add(
        house.console,
        name=name,
        region="eu",
        marketplaces=("A1PA6795UKMFR9",),
        credentials=LwaCredentials("amzn1.app", "a secret of the tests", "Atzr|of the tests"),
        endpoint=url,
        lwa_url=f"{url}/auth/o2/token",
        upstream_ca=ca,
        now=house.now,
    )


@pytest.mark.clause("1.5-c")
def test_an_app_behind_a_proxy_is_red_until_it_has_a_key(house: House) -> None:
    house.ask("app.add", name="shipper", owner="olga", behind_proxy=True)
    found = house.look("channels.sealed")
    assert (found.verdict, found.why) == (FAIL, "1 app behind a proxy without a key of its own")
    house.ask("app.key", name="shipper", public_key=KEY)
    assert house.verdict("channels.sealed") is PASS
    house.ask("app.add", name="other", owner="olga", behind_proxy=True)
    assert house.verdict("channels.sealed") is FAIL
    house.ask("app.end", name="other")
    assert house.verdict("channels.sealed") is PASS


KEY = json.dumps(
    {
        "kty": "EC",
        "crv": "P-256",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    }
)
