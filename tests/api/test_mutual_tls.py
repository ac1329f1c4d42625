"""Client certificates over real TLS, by `strongroom serve`: apps and nodes, strangers, and open connections."""

from __future__ import annotations

import asyncio
import http.client
import ssl
import threading
import time
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.support.certificates import Made, make
from tests.support.home import OWNER, Home

from strongroom.client import ApiError, AsyncClient, Client, Principal

pytestmark = pytest.mark.clause("1.2", "1.5")

REFUSED = (ssl.SSLError, ConnectionError, http.client.HTTPException)
"""How a handshake ends that the other side breaks off."""


@dataclass
class Served:
    home: Home
    directory: Path
    app: dict[str, Any]
    mine: Made
    node: Made

    def client(self, made: Made | None = None, *credentials: str) -> Client:
        pair = None if made is None else made.files(self.directory / made.thumbprint)
        return Client(
            self.home.ready["api"],
            *credentials,
            ca_file=str(self.home.ca_path),
            client_certificate=pair,
        )

    @property
    def secret(self) -> tuple[str, str]:
        return self.app["client_id"], self.app["client_secret"]

    def register(self, made: Made) -> int:
        found = self.home.ask("app.certificate", name="erp", certificate=made.pem)
        number: int = found["certificate"]
        return number

    def when_known(self, made: Made) -> Principal:
        """Ask who a certificate stands for until the listener takes it; it looks every two seconds."""
        until = time.monotonic() + 20
        while True:
            try:
                with self.client(made) as client:
                    return client.principal()
            except (*REFUSED, ApiError):
                if time.monotonic() > until:
                    raise
                threading.Event().wait(0.2)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    directory = tmp_path_factory.mktemp("served")
    with Home.make(directory) as home:
        home.start(face="api")
        # Two with one name: a name tells nothing apart.
        mine, node = make("depot"), make("depot")
        app = home.ask("app.add", name="erp", owner=OWNER)
        home.ask("node.add", name="depot-1", owner=OWNER, certificate=node.pem)
        found = Served(home, directory, app, mine, node)
        found.register(mine)
        found.when_known(mine)
        yield found


def test_a_certificate_stands_for_its_app_or_node(served: Served) -> None:
    with served.client(served.mine) as client:
        who = client.principal()
        assert (who.name, who.kind, who.owner, who.auth) == ("erp", "app", OWNER, "certificate")
        assert who.certificate is not None
        assert who.certificate["thumbprint"] == served.mine.thumbprint
        assert client.grants() == []
    with served.client(served.node) as client:
        who = client.principal()
        assert (who.name, who.kind, who.auth) == ("depot-1", "node", "certificate")
        with pytest.raises(ApiError) as caught:
            client.grants()
        assert (caught.value.kind, caught.value.status) == ("denied", 403)


def test_the_same_calls_for_asyncio(served: Served) -> None:
    pair = served.mine.files(served.directory / served.mine.thumbprint)

    async def ask() -> Principal:
        url, ca = served.home.ready["api"], str(served.home.ca_path)
        async with AsyncClient(url, ca_file=ca, client_certificate=pair) as client:
            return await client.principal()

    assert asyncio.run(ask()).name == "erp"


def test_a_token_is_bound_to_the_certificate_it_was_asked_for_with(served: Served) -> None:
    with served.client(served.mine, *served.secret) as client:
        who = client.principal()
        assert (who.name, who.auth) == ("erp", "access_token")
        token = client._access
    assert status(served, token, None) == 401
    assert status(served, token, served.node) == 401
    assert status(served, token, served.mine) == 200


def test_a_client_without_a_certificate_is_unaffected(served: Served) -> None:
    with served.client(None, *served.secret) as client:
        who = client.principal()
        assert (who.name, who.auth, who.certificate) == ("erp", "access_token", None)
    with pytest.raises(ValueError, match="client_certificate"):
        served.client(None)


def test_strangers_do_not_get_through_the_handshake(served: Served) -> None:
    """A certificate of the same name, and one that a registered leaf signed as if it were an authority."""
    for made in (make("depot"), make("other", issuer=served.mine)):
        with pytest.raises((*REFUSED, ApiError)):
            status_of(served.client(made, *served.secret))


def test_a_revoked_certificate_is_refused_on_the_connection_it_opened(served: Served) -> None:
    made = make("next")
    number = served.register(made)
    assert served.when_known(made).name == "erp"
    with served.client(made) as client:
        assert client.principal().name == "erp"
        (connection,) = client._idle
        opened = connection.sock
        served.home.ask("app.certificate.revoke", name="erp", number=number)
        with pytest.raises(ApiError) as caught:
            client.principal()
        assert (caught.value.kind, caught.value.status) == ("unauthenticated", 401)
        assert connection.sock is opened
    # And what was registered while the home was served is left alone.
    with served.client(served.mine) as client:
        assert client.principal().name == "erp"


def status_of(client: Client) -> Principal:
    with client:
        return client.principal()


def status(served: Served, token: str, made: Made | None) -> int:
    """Return the status of one request with this token over a connection with this certificate."""
    trust = served.home.tls()
    if made is not None:
        trust.load_cert_chain(*made.files(served.directory / made.thumbprint))
    host = urllib.parse.urlsplit(served.home.ready["api"]).netloc
    connection = http.client.HTTPSConnection(host, context=trust, timeout=15)
    try:
        connection.request("GET", "/v1/principal", headers={"Authorization": f"Bearer {token}"})
        return connection.getresponse().status
    finally:
        connection.close()
