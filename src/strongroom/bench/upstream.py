"""The benchmark's Amazon: a TLS server that answers a page of orders, new ones on every request. A process of its own.

It knows Login with Amazon's endpoint, the one for Restricted Data Tokens, and getOrders; `CreatedAfter` says which page
is meant. It checks nothing: it has to be fast, not right.
"""

import asyncio
import itertools
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, cast

import uvloop

from strongroom.app import machine_clock
from strongroom.bench.page import ORDERS, Page, make_page
from strongroom.home import layout
from strongroom.home.transport import server_context

PLAIN: Final = "2026-01-01T00:00:00Z"
SEARCHABLE: Final = "2026-01-02T00:00:00Z"
UNCHANGED: Final = "2026-01-03T00:00:00Z"

_ACCESS: Final = b'{"access_token":"Atza|bench","token_type":"bearer","expires_in":3600}'
_RESTRICTED: Final = b'{"restrictedDataToken":"Atz.sprdt|bench","expiresIn":3600}'
_FIRST_NEW: Final = 10**9
"""Orders with smaller numbers are those that never change."""


class _Answers:
    """What is answered to which request line."""

    def __init__(self) -> None:
        now = machine_clock()
        self._plain = make_page(now, searchable=False)
        self._searchable = make_page(now, searchable=True)
        self._unchanged = self._searchable.body(1)
        self._numbers: Iterator[int] = itertools.count(_FIRST_NEW, ORDERS)

    def body(self, line: bytes) -> bytes:
        """Return the answer's body."""
        if line.startswith(b"POST"):
            return _ACCESS if b"o2/token" in line else _RESTRICTED
        if UNCHANGED.encode() in line:
            return self._unchanged
        page: Page = self._searchable if SEARCHABLE.encode() in line else self._plain
        return page.body(next(self._numbers))


class _Connection(asyncio.Protocol):
    def __init__(self, answers: _Answers) -> None:
        self._answers = answers
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not an asyncio.Transport where the loop is uvloop's, but it does the same.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end]
            length = 0
            for field in head.split(b"\r\n")[1:]:
                name, _, value = field.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            if len(self._received) < end + 4 + length:
                return
            self._received = self._received[end + 4 + length :]
            body = self._answers.body(head.partition(b"\r\n")[0].replace(b"%3A", b":"))
            self._transport.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                b"x-amzn-requestid: 00000000-0000-4000-8000-000000000000\r\n"
                b"x-amzn-ratelimit-limit: 0.0167\r\ncontent-length: %d\r\n\r\n%b"
                % (len(body), body)
            )


async def _serve(context: ssl.SSLContext) -> None:
    answers = _Answers()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(answers), "127.0.0.1", 0, ssl=context)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    # Whoever started this process ends it by closing its standard input.
    await asyncio.to_thread(sys.stdin.read)
    server.close()


if __name__ == "__main__":
    uvloop.run(_serve(server_context(layout(Path(sys.argv[1])))))
