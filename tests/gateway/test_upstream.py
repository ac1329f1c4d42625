from __future__ import annotations

import asyncio
import gzip
import os
import ssl
import time
import zlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from strongroom.audit.entry import Reason
from strongroom.gateway.answers import Refusal
from strongroom.gateway.upstream import (
    Deadline,
    Line,
    Lines,
    Reply,
    UpstreamLimits,
    too_many_containers,
)
from strongroom.outbound import client_context, is_https_url
from strongroom.simulator import Simulator, SimulatorConfig
from strongroom.terms import SellerId
from strongroom.vault import LwaCredentials, Seller
from tests.gateway.raw_server import RawServer, http, raw_server

SMALL = UpstreamLimits(body_bytes=1_000_000, total_seconds=2.0, connect_seconds=1.0)


class Sellers:
    """The selling partners, by number."""

    def __init__(self, *sellers: Seller) -> None:
        self.known = {seller.id: seller for seller in sellers}

    def get(self, id_: SellerId) -> Seller:
        return self.known[id_]


def seller(endpoint: str, ca: str | None, **changes: Any) -> Seller:
    """Make a selling partner that lives at `endpoint`."""
    entry = Seller(
        SellerId(1),
        "acme",
        "eu",
        ("A1PA6795UKMFR9",),
        endpoint,
        endpoint + "/auth/o2/token",
        ca,
        None,
        LwaCredentials("client", "secret", "refresh"),
    )
    return replace(entry, **changes)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RawServer]:
    with raw_server(tmp_path) as running:
        yield running


def using(
    entry: Seller, work: Callable[[Line], Awaitable[Any]], limits: UpstreamLimits = SMALL
) -> Any:
    """Run `work` on a line to this selling partner, within the deadline."""

    async def run() -> Any:
        lines = Lines(Sellers(entry), limits)  # type: ignore[arg-type]
        try:
            async with Deadline(limits.total_seconds).enforce():
                return await work(await lines.line(entry.id))
        finally:
            await lines.close()
            # A connection that broke closes by itself, in the loop's own time.
            await asyncio.sleep(0.05)

    return asyncio.run(run())


def get(server: RawServer, limits: UpstreamLimits = SMALL, *, repeatable: bool = False) -> Reply:
    """Send one GET to the server."""

    async def work(line: Line) -> Reply:
        headers = {"x-amz-access-token": "Atza|secret"}
        return await line.send("GET", line.endpoint + "/x", headers=headers, repeatable=repeatable)

    reply: Reply = using(seller(server.endpoint, server.ca), work, limits)
    return reply


def refused(action: Callable[[], object]) -> Refusal:
    """Return the refusal that the action ends in."""
    with pytest.raises(Refusal) as caught:
        action()
    return caught.value


def test_an_answer_comes_back_whole(server: RawServer) -> None:
    server.answer = http(b'{"a":1}', "200 OK", "X-Amzn-RateLimit-Limit: 0.5")
    reply = get(server)
    assert (reply.status, reply.body) == (200, b'{"a":1}')
    assert reply.headers["x-amzn-ratelimit-limit"] == "0.5"


@pytest.mark.parametrize("chunked", [True, False])
def test_an_answer_over_the_limit_ends_in_502(server: RawServer, *, chunked: bool) -> None:
    if chunked:
        block = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        server.answer = [head, *[block] * 40]
    else:
        server.answer = http(b"x" * 1_000_001)
    refusal = refused(lambda: get(server))
    assert (refusal.answer.status, refusal.reason) == (502, Reason.MALFORMED_UPSTREAM)


def test_a_packed_answer_is_unpacked(server: RawServer) -> None:
    server.answer = http(gzip.compress(b'{"a":1}'), "200 OK", "Content-Encoding: gzip")
    assert get(server).body == b'{"a":1}'


@pytest.mark.parametrize(
    ("body", "coding"),
    [
        (gzip.compress(b"\0" * 50_000_000), "gzip"),
        (gzip.compress(b'{"a":1}')[:-4], "gzip"),
        (gzip.compress(b'{"a":1}') + gzip.compress(b'{"b":2}'), "gzip"),
        (b"no gzip at all", "gzip"),
        (zlib.compress(b'{"a":1}'), "deflate"),
        (b"\x0b\x03\x80{}\x03", "br"),
        (gzip.compress(gzip.compress(b"{}")), "gzip, gzip"),
    ],
)
def test_bombs_and_odd_packings_end_in_502(server: RawServer, body: bytes, coding: str) -> None:
    server.answer = http(body, "200 OK", f"Content-Encoding: {coding}")
    assert refused(lambda: get(server)).answer.status == 502


def test_a_slow_drip_ends_in_504_within_the_deadline(server: RawServer) -> None:
    server.answer = [b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", *[b"x"] * 1000]
    server.pause = 0.05
    began = time.monotonic()
    refusal = refused(lambda: get(server))
    assert (refusal.answer.status, refusal.reason) == (504, Reason.UPSTREAM_TIMEOUT)
    assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n",
        b"",
    ],
)
def test_what_is_no_http_ends_in_502(server: RawServer, answer: bytes) -> None:
    server.answer = answer
    assert refused(lambda: get(server)).answer.status == 502


def test_a_redirect_is_not_followed(server: RawServer) -> None:
    location = f"Location: {server.endpoint}/elsewhere"
    server.answer = http(b"", "307 Temporary Redirect", location)
    assert get(server).status == 307
    assert len(server.requests) == 1


def test_only_a_repeatable_call_is_sent_again(server: RawServer) -> None:
    server.answer = http(b"{}", "503 Service Unavailable", "Connection: close")
    assert get(server, repeatable=False).status == 503
    assert len(server.requests) == 1
    assert get(server, repeatable=True).status == 503
    assert len(server.requests) == 3


def test_a_line_sends_no_cookie_and_names_no_client(server: RawServer) -> None:
    server.answer = http(b"{}", "200 OK", "Set-Cookie: a=b; Path=/")

    async def work(line: Line) -> None:
        for _ in range(2):
            await line.send("GET", line.endpoint + "/x", headers={})

    using(seller(server.endpoint, server.ca), work)
    head = server.requests[1].lower()
    assert b"cookie" not in head
    assert b"user-agent: strongroom/" in head
    assert b"accept-encoding: identity" in head


def test_too_many_calls_of_one_selling_partner_are_turned_away(server: RawServer) -> None:
    server.answer = [b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", *[b"x"] * 10]
    server.pause = 0.03
    limits = replace(SMALL, connections=1, waiting=1)

    async def work(line: Line) -> list[Any]:
        calls = [line.send("GET", line.endpoint + "/x", headers={}) for _ in range(4)]
        return await asyncio.gather(*calls, return_exceptions=True)

    results = using(seller(server.endpoint, server.ca), work, limits)
    turned_away = [r for r in results if isinstance(r, Refusal)]
    assert [r.answer.status for r in turned_away] == [429, 429]
    assert [r.reason for r in turned_away] == [Reason.RATE_LIMITED] * 2
    assert sum(isinstance(r, Reply) for r in results) == 2


@pytest.mark.clause("1.5", "2.4")
@pytest.mark.parametrize("kind", ["wrong_host", "expired", "other_ca", "self_signed"])
def test_a_wrong_certificate_ends_in_502_before_anything_is_sent(kind: Any) -> None:
    with Simulator(SimulatorConfig(orders=0, certificate=kind)) as simulator:
        entry = seller(simulator.endpoint, simulator.ca_path.read_text())

        async def work(line: Line) -> Reply:
            return await line.send("GET", line.endpoint + "/x", headers={}, repeatable=True)

        refusal = refused(lambda: using(entry, work))
        assert (refusal.answer.status, refusal.reason) == (502, Reason.UPSTREAM_TLS)
        assert simulator.requests == []


@pytest.mark.clause("2.4")
def test_a_selling_partners_own_ca_is_the_only_one_trusted(server: RawServer) -> None:
    async def work(line: Line) -> Reply:
        return await line.send("GET", line.endpoint + "/x", headers={})

    refusal = refused(lambda: using(seller(server.endpoint, None), work))
    assert refusal.reason is Reason.UPSTREAM_TLS
    assert server.requests == []


@pytest.mark.clause("2.4")
@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1",
        "https://user:secret@127.0.0.1",
        "https://",
        "ftp://127.0.0.1",
        "https://127.0.0.1/?a=b",
        "https://127.0.0.1/#a",
        "https://127.0.0.1:99999",
        "//127.0.0.1",
    ],
)
def test_an_endpoint_that_is_not_plain_https_is_refused(url: str) -> None:
    assert not is_https_url(url)

    async def work(line: Line) -> None:
        raise AssertionError(line)

    assert refused(lambda: using(seller(url, None), work)).reason is Reason.UPSTREAM_TLS


def test_a_refused_connection_ends_in_502_and_a_silent_one_in_504(tmp_path: Path) -> None:
    async def work(line: Line) -> Reply:
        return await line.send("GET", line.endpoint + "/x", headers={})

    refusal = refused(lambda: using(seller("https://127.0.0.1:1", None), work))
    assert (refusal.answer.status, refusal.reason) == (502, Reason.UPSTREAM_ERROR)

    async def silent() -> None:
        async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await reader.read()
            finally:
                writer.transport.abort()

        listener = await asyncio.start_server(hold, "127.0.0.1", 0)
        entry = seller(f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}", None)
        lines = Lines(Sellers(entry), SMALL)  # type: ignore[arg-type]
        try:
            await work(await lines.line(entry.id))
        finally:
            await lines.close()
            listener.close()
            await asyncio.sleep(0.05)

    assert refused(lambda: asyncio.run(silent())).answer.status == 504


def test_a_changed_entry_gets_a_new_line(server: RawServer) -> None:
    async def run() -> None:
        first = seller(server.endpoint, server.ca)
        sellers = Sellers(first)
        lines = Lines(sellers, SMALL)  # type: ignore[arg-type]
        line = await lines.line(first.id)
        sellers.known[first.id] = replace(first, rdt_elements=frozenset({"buyerInfo"}))
        assert await lines.line(first.id) is line
        assert line.seller.rdt_elements == {"buyerInfo"}
        sellers.known[first.id] = replace(first, credentials=LwaCredentials("c", "other", "r"))
        assert await lines.line(first.id) is not line
        await lines.close()

    asyncio.run(run())


@pytest.mark.clause("1.4")
def test_calls_under_way_outlive_a_change_of_their_credentials(server: RawServer) -> None:
    """A call that is cut off may have been done at Amazon: whoever repeats it does it twice."""
    limits = replace(SMALL, total_seconds=0.5)
    server.answer, server.pause = [http(b"{}")[:-2], b"{}"], 0.2

    async def run() -> None:
        first = seller(server.endpoint, server.ca)
        sellers = Sellers(first)
        lines = Lines(sellers, limits)  # type: ignore[arg-type]
        before = await lines.line(first.id)
        async with asyncio.TaskGroup() as tasks:
            call = tasks.create_task(before.send("POST", server.endpoint + "/confirm", headers={}))
            for _ in range(500):
                await asyncio.sleep(0.01)
                if server.requests:
                    break
            other = LwaCredentials("c", "other", "r")
            sellers.known[first.id] = replace(first, credentials=other)
            after = [await lines.line(first.id) for _ in range(2)]
            assert after[0] is after[1] is not before
        assert call.result().body == b"{}"
        # What has not begun yet finds the connection it was to use; later nobody holds it open.
        assert (await before.send("GET", server.endpoint + "/", headers={})).status == 200
        await asyncio.sleep(limits.total_seconds)
        assert await lines.line(first.id) is after[0]
        with pytest.raises(RuntimeError, match="closed"):
            await before.send("GET", server.endpoint + "/", headers={})
        await lines.close()

    asyncio.run(run())


@pytest.mark.clause("2.4")
def test_tls_is_verified_recent_and_never_written_to_a_key_log(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    context = client_context(None)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.keylog_filename is None
    assert "SSLKEYLOGFILE" in os.environ


def test_an_answer_of_nothing_but_brackets_is_found_out() -> None:
    assert too_many_containers(orjson.dumps([{}] * 300_000), 200_000)
    assert not too_many_containers(orjson.dumps({"a": ["x" * 300_000]}), 200_000)
    assert not too_many_containers(b"[" * 1000, 200_000)


def test_no_error_shows_a_secret(server: RawServer) -> None:
    server.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"
    refusal = refused(lambda: get(server))
    text = repr(refusal) + str(refusal) + refusal.answer.body.decode()
    assert "secret" not in text
    assert "Atza" not in text
