"""A real OpenID Connect provider in a process of its own: npm's `oidc-provider` over TLS, driven as by a browser.

`scripts/node.sh` installs it, once, with the versions and hashes of tests/clients/oidc/package-lock.json.
"""

from __future__ import annotations

import json
import ssl
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx
from joserfc.jwk import ECKey, OKPKey, RSAKey

from strongroom.simulator.certificates import make_context

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "tests/clients/oidc/provider.js"
MODULES = ROOT / ".venv/oidc-provider/node_modules"
CLIENT_ID = "strongroom desk"
CLIENT_SECRET = "of the tests: +/ %&=~"
"""With what a form would change, so that a client that does not encode it fails."""


@dataclass
class Provider:
    """One provider. As a context manager it ends with the block."""

    directory: Path
    algorithm: str = "RS256"
    _process: subprocess.Popen[str] | None = field(default=None, repr=False)
    _port: int = 0

    def __enter__(self) -> Self:
        subprocess.run(["sh", ROOT / "scripts/node.sh"], check=True, timeout=110)
        make_context(self.directory, "good")
        self._process = subprocess.Popen(
            ["node", SCRIPT, self.directory / "simulator-server.pem", MODULES],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._port = self._heard()["port"]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        process = self._running
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        try:
            process.wait(10)
        finally:
            process.kill()
            process.stdout.close()

    @property
    def issuer(self) -> str:
        """Return its name and address: another site than the desk's `localhost`, as a browser sees it."""
        return f"https://127.0.0.1:{self._port}"

    @property
    def ca_path(self) -> Path:
        """Return the PEM to trust it by."""
        return self.directory / "simulator-ca.pem"

    def know(self, redirect_uris: Sequence[str], *, secret: bool = True, pkce: bool = True) -> None:
        """Have it know us, with new keys; it forgets whatever was under way. `pkce`: whether it insists on it."""
        client: dict[str, Any] = {
            "client_id": CLIENT_ID,
            "redirect_uris": list(redirect_uris),
            "id_token_signed_response_alg": self.algorithm,
        }
        if secret:
            client["client_secret"] = CLIENT_SECRET
        else:
            client["token_endpoint_auth_method"] = "none"
        keys = [RSAKey.generate_key(2048, {"alg": "RS256", "use": "sig"})]
        others: list[ECKey | OKPKey] = [
            ECKey.generate_key("P-256", {"alg": "ES256", "use": "sig"}),
            OKPKey.generate_key("Ed25519", {"alg": "EdDSA", "use": "sig"}),
        ]
        settings = {
            "clients": [client],
            "jwks": {"keys": [key.as_dict(private=True) for key in (*keys, *others)]},
            "pkce": pkce,
        }
        process = self._running
        assert process.stdin is not None
        process.stdin.write(json.dumps(settings) + "\n")
        process.stdin.flush()
        assert self._heard()["issuer"] == self.issuer

    def sign_on(self, url: str, subject: str, *, amr: str = "pwd") -> dict[str, str]:
        """Go where the desk sends the browser, sign on there, and return what the browser brings back.

        An empty `subject` goes back without signing on.
        """
        trusted = ssl.create_default_context(cafile=str(self.ca_path))
        with httpx.Client(verify=trusted) as browser:
            page = self._local(browser.get(url), browser)
            answer = self._local(
                browser.post(page.url, data={"subject": subject, "amr": amr}), browser
            )
        return dict(parse_qsl(urlsplit(answer.headers["location"]).query))

    def _local(self, answer: httpx.Response, browser: httpx.Client) -> httpx.Response:
        """Follow redirects as long as they stay at the provider."""
        while answer.is_redirect:
            target = urljoin(str(answer.url), answer.headers["location"])
            if not target.startswith(self.issuer + "/"):
                return answer
            answer = browser.get(target)
        assert answer.status_code == 200, answer.text
        return answer

    @property
    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            raise AssertionError("the provider does not run")
        return self._process

    def _heard(self) -> Mapping[str, Any]:
        process = self._running
        assert process.stdout is not None
        heard: dict[str, Any] = json.loads(process.stdout.readline() or "{}")
        return heard
