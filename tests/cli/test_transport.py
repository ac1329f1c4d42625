"""The listeners' certificate as an operator meets it: shown, rotated, replaced, and told of when it is no good."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from tests.support.home import Home
from tests.support.offline import Offline

from strongroom.errors import Conflict

pytestmark = pytest.mark.clause("1.5")

_SECONDS = 15.0


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with Home.make(tmp_path_factory.mktemp("served")) as home:
        home.start()
        yield home


@pytest.fixture(scope="module")
def bought(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of another home's certificates: they stand for an operator's own."""
    return Offline.make(tmp_path_factory.mktemp("bought") / "made").path / "tls"


def shown(home: Home, name: str = "health") -> str:
    """Return the thumbprint of what a listener shows, whoever signed it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    address = urlsplit(home.ready[name])
    with (
        socket.create_connection((address.hostname, address.port), timeout=_SECONDS) as plain,
        context.wrap_socket(plain) as connection,
    ):
        der = connection.getpeercert(binary_form=True)
    assert der is not None
    return x509.load_der_x509_certificate(der).fingerprint(hashes.SHA256()).hex()


def thumbprint(chain: Path) -> str:
    return x509.load_pem_x509_certificate(chain.read_bytes()).fingerprint(hashes.SHA256()).hex()


def eventually(true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.1)
    return False


def health(home: Home, authority: Path | None = None) -> tuple[int, str]:
    context = ssl.create_default_context(cafile=str(authority or home.ca_path))
    try:
        with urllib.request.urlopen(home.ready["health"], context=context) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as exc:
        with exc:
            return exc.code, exc.read().decode()


def rotations(home: Home) -> list[Any]:
    """Return what the log says about certificates: outcome, operation, and which."""
    home.read_log()
    events = home.ask("audit.tail", limit=1000)["events"]
    return [
        (event["outcome"], event["op"], event.get("obj", {}).get("ref"))
        for event in events
        if event["type"] == "certificate.rotated"
    ]


def put(source: Path, home: Home, *names: str) -> None:
    for name in names:
        draft = home.path / "tls" / f"{name}.draft"
        draft.touch(mode=0o600)
        draft.write_bytes((source / name).read_bytes())
        draft.replace(home.path / "tls" / name)


def test_what_the_listeners_show_and_speak_is_told(served: Home) -> None:
    told = served.run("tls", "show")
    assert told["thumbprint"] == shown(served, "gateway") == shown(served, "api")
    assert told["ours"] is True
    assert 85 <= told["days_left"] <= 90
    assert told["protocols"] == ["TLSv1.2", "TLSv1.3"]
    assert not [name for name in told["ciphers"] if "GCM" not in name and "CHACHA" not in name]


def test_rotating_gives_every_listener_a_new_certificate_and_drops_no_connection(
    served: Home,
) -> None:
    address = urlsplit(served.ready["health"])
    kept = http.client.HTTPSConnection(
        "localhost", address.port, context=served.tls(), timeout=_SECONDS
    )
    kept.request("GET", "/health")
    assert kept.getresponse().read() == b"ok\n"
    old_key = (served.path / "tls" / "gateway.key").read_bytes()
    before = shown(served)
    after = served.ask("tls.rotate")["thumbprint"]
    assert after != before
    assert (served.path / "tls" / "gateway.key").read_bytes() != old_key
    for name in ("gateway", "api", "health"):
        assert eventually(lambda name=name: shown(served, name) == after)
    kept.request("GET", "/health")
    assert kept.getresponse().read() == b"ok\n"
    kept.close()
    assert health(served) == (200, "ok\n")
    assert rotations(served)[-1] == ("success", "tls.rotated", after)


def test_a_home_that_nobody_serves_is_given_a_new_certificate_too(tmp_path: Path) -> None:
    home = Offline.make(tmp_path / "made")
    before = home.command("tls", "show")
    after = home.command("tls", "rotate")
    assert after["thumbprint"] == thumbprint(home.path / "tls" / "gateway.pem")
    assert after["thumbprint"] != before["thumbprint"]
    home.read_log()
    last = home.command("audit", "tail")["events"]
    assert ("certificate.rotated", "tls.rotated") in [(e["type"], e.get("op")) for e in last]


def test_an_operators_pair_is_shown_once_both_files_are_there_and_then_left_alone(
    served: Home, bought: Path
) -> None:
    wanted = thumbprint(bought / "gateway.pem")
    put(bought, served, "gateway.pem", "gateway.key")
    assert eventually(lambda: shown(served) == wanted)
    assert eventually(lambda: rotations(served)[-1] == ("success", "tls.replaced", wanted))
    assert health(served, bought / "ca.pem") == (200, "ok\n")
    assert served.ask("tls.show")["ours"] is False
    with pytest.raises(Conflict):
        served.ask("tls.rotate")
    assert thumbprint(served.path / "tls" / "gateway.pem") == wanted


def test_a_bad_pair_keeps_the_old_one_and_shows_in_health_until_it_is_mended(served: Home) -> None:
    tls = served.path / "tls"
    for name in ("gateway.pem", "gateway.key"):
        (tls / name).unlink()
    ours = served.path.parent / "ours"
    ours.mkdir()
    # What the next start would do by itself.
    served.restart()
    before = shown(served)
    for name in ("gateway.pem", "gateway.key"):
        (ours / name).write_bytes((tls / name).read_bytes())
    (ours / "broken.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    (tls / "gateway.pem").write_bytes((ours / "broken.pem").read_bytes())
    assert eventually(lambda: health(served) == (503, "failing: certificate\n"))
    assert shown(served) == before
    assert rotations(served)[-1] == ("failure", "tls.replaced", None)
    checks = {c["id"]: c["state"] for c in served.run("doctor", code=1)["checks"]}
    assert checks["tls.certificate"] == "failed"
    put(ours, served, "gateway.pem")
    assert eventually(lambda: health(served) == (200, "ok\n"))
    assert shown(served) == before


def test_a_certificate_that_a_start_renews_is_recorded(tmp_path: Path) -> None:
    home = Offline.make(tmp_path / "made")
    (home.path / "tls" / "gateway.pem").unlink()
    made = home.command("tls", "show")["thumbprint"]
    home.read_log()
    events = home.command("audit", "tail")["events"]
    found = [
        (event["op"], event["obj"]["ref"], event["actor"]["kind"])
        for event in events
        if event["type"] == "certificate.rotated"
    ]
    assert found == [("tls.renewed", made, "system")]
