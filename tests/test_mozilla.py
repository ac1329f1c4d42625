"""Every listener against Mozilla's intermediate profile, as sslyze judges it from outside (`make tls`)."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.certificates import make
from tests.support.home import Home
from tests.support.listening import listening
from tests.support.offline import Offline

SSLYZE = Path(sys.executable).parent.parent / "tls" / "bin" / "sslyze"

pytestmark = pytest.mark.clause("1.5")


def scanned(targets: Sequence[str], ca: Path, report: Path) -> tuple[int, str, list[Any]]:
    """Scan listeners and return sslyze's exit code, its words, and one result for each of them."""
    assert SSLYZE.exists(), "sslyze is not installed: run `make tls`"
    done = subprocess.run(
        [
            str(SSLYZE),
            "--mozilla_config=intermediate",
            f"--certinfo_ca_file={ca}",
            "--http_headers",
            "--resum",
            "--early_data",
            f"--json_out={report}",
            *targets,
        ],
        check=False,
        capture_output=True,
        text=True,
        timeout=100,
    )
    results: list[Any] = json.loads(report.read_text())["server_scan_results"]
    return done.returncode, done.stdout + done.stderr, results


def test_every_listener_keeps_mozillas_intermediate_profile(tmp_path: Path) -> None:
    """Protocols, ciphers, groups, certificate, known weaknesses; and what the profile's checker leaves out."""
    with Home.make(tmp_path) as home:
        # So that the API's listener asks for a certificate, and is judged as it then is.
        resting = Offline(home.path)
        resting.command("app", "add", "erp", "--owner", "ada")
        certificate, _key = make("erp").files(tmp_path / "erp")
        resting.command("app", "certificate", "erp", "--certificate-file", certificate)
        home.start()
        addresses = {urlsplit(str(value)).netloc for value in home.ready.values()} - {""}
        assert len(addresses) == 4
        api = urlsplit(home.ready["api"]).port
        targets = [address.replace("127.0.0.1", "localhost") for address in sorted(addresses)]
        code, words, results = scanned(targets, home.ca_path, tmp_path / "report.json")
        assert code == 0, words
        assert len(results) == len(targets)
        for result in results:
            found = {name: part["result"] for name, part in result["scan_result"].items()}
            assert found["tls_compression"]["supports_compression"] is False
            assert (
                found["session_renegotiation"]["is_vulnerable_to_client_renegotiation_dos"] is False
            )
            assert found["tls_1_3_early_data"]["supports_early_data"] is False
            assert found["session_resumption"]["tls_ticket_resumption_result"] == "NOT_SUPPORTED"
            wanted = "OPTIONAL" if result["server_location"]["port"] == api else "DISABLED"
            assert result["connectivity_result"]["client_auth_requirement"] == wanted
            hsts = found["http_headers"]["strict_transport_security_header"]
            assert hsts["max_age"] == 63072000


def test_the_scan_finds_fault_with_what_the_library_gives_by_itself(tmp_path: Path) -> None:
    """Otherwise it would prove nothing."""
    path = Offline.make(tmp_path / "made").path
    tls = path / "tls"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls / "gateway.pem", tls / "gateway.key")

    async def silent(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    with listening(silent, path, context, lifespan="off") as weak:
        code, words, _results = scanned(
            [f"localhost:{weak.port}"], weak.ca, tmp_path / "report.json"
        )
    assert code == 1
    assert "should be rejected" in words
