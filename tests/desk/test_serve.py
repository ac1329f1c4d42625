"""The desk as a process serves it: over TLS, under the name that passkeys are bound to."""

from __future__ import annotations

import http.client
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.support.home import Home


@pytest.mark.clause("1.2", "1.5")
def test_serve_tells_where_the_desk_is_and_the_desk_answers_there(tmp_path: Path) -> None:
    with Home.make(tmp_path) as home:
        home.start(face="desk")
        url = urlsplit(home.ready["desk"])
        assert (url.scheme, url.hostname) == ("https", "localhost")
        assert "gateway" not in home.ready
        trust = home.tls()
        connection = http.client.HTTPSConnection(url.netloc, context=trust, timeout=10)
        try:
            connection.request("GET", "/")
            answer = connection.getresponse()
            answer.read()
            assert (answer.status, answer.headers["location"]) == (303, "/sign-on")
            connection.request("GET", "/sign-on")
            answer = connection.getresponse()
            assert (answer.status, b"<h1>Sign on</h1>" in answer.read()) == (200, True)
            connection.request("GET", "/sign-on", headers={"Host": f"127.0.0.1:{url.port}"})
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 421
        finally:
            connection.close()
        assert home.stop() == 0
