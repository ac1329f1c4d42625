"""What a listener must not have: TRACE, listings, version control, debuggers, somebody else's documentation."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from tests.support.home import Home

pytestmark = pytest.mark.clause("1.1")

NOT_THERE = (
    "/.git/HEAD",
    "/.git/config",
    "/.svn/entries",
    "/.env",
    "/static/",
    "/static",
    "/static/../strongroom.toml",
    "/strongroom.toml",
    "/log/checkpoint",
    "/docs",
    "/redoc",
    "/debug",
    "/__debug__/",
    "/server-status",
)
ONLY = {
    "/openapi.json": "api",
    "/v1/health": "api",
    "/metrics": "health",
    "/health": "health",
    "/sign-on": "desk",
}
LISTENERS = ("gateway", "api", "desk", "health")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with Home.make(tmp_path_factory.mktemp("exposed")) as home:
        home.start()
        yield home


def asked(
    home: Home, listener: str, method: str, path: str, headers: dict[str, str] | None = None
) -> tuple[int, bytes]:
    netloc = urlsplit(home.ready[listener]).netloc.replace("127.0.0.1", "localhost")
    connection = http.client.HTTPSConnection(netloc, context=home.tls(), timeout=20)
    try:
        connection.request(method, path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize("listener", LISTENERS)
def test_trace_is_refused_and_repeats_nothing(served: Home, listener: str) -> None:
    path = urlsplit(served.ready[listener]).path or "/"
    for method in ("TRACE", "TRACK"):
        status, body = asked(served, listener, method, path, {"X-Mark": "marked-header"})
        assert status >= 400
        assert b"marked-header" not in body


@pytest.mark.parametrize("listener", LISTENERS)
def test_there_is_nothing_but_what_is_meant_to_be(served: Home, listener: str) -> None:
    for path in NOT_THERE:
        status, body = asked(served, listener, "GET", path)
        assert status in (400, 401, 403, 404), (path, status)
        assert b"ref:" not in body
        assert b"Index of" not in body


def test_documentation_and_measurements_are_on_their_own_listener_only(served: Home) -> None:
    for path, home in ONLY.items():
        for listener in LISTENERS:
            status, _body = asked(served, listener, "GET", path)
            assert (status == 200) is (listener == home), (path, listener, status)
