"""The forward proxy: `CONNECT` to a host of Amazon's leads to the gateway in this very process, and to no other place.

For clients whose host is hard-coded [1.5], and a boundary for what leaves [2.6]: every other host, port and method gets
403, and is recorded. Nothing is ever connected to. The client's own connection becomes the gateway's, so the gateway
sees the client's address, and its network lists count as well as the proxy's own [1.1]. RFC 9110, 9.3.6.
"""

import asyncio
import logging
import re
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Final

from strongroom import web
from strongroom.errors import Malformed
from strongroom.policy.network import parse_address

HEAD_SECONDS: Final = 10.0
"""How long a client may take to say where it wants to go."""

HEAD_BYTES: Final = 8 * 1024
HANDSHAKE_SECONDS: Final = 15.0
MOST_ENTERING: Final = 256
"""Connections that have not become the gateway's yet."""

_BACKLOG: Final = 256
_CONNECT: Final = re.compile(rb"CONNECT ([A-Za-z0-9.-]{1,253}):([0-9]{1,5}) HTTP/1\.[01]\r\n")
_END: Final = b"\r\n\r\n"
_ESTABLISHED: Final = b"HTTP/1.1 200 Connection established\r\n\r\n"
_REFUSED: Final = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_MALFORMED: Final = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_PORT: Final = 443

_log = logging.getLogger(__name__)

Told = Callable[[str], Awaitable[None]]
"""Records that an address, empty where there is none, was turned away."""


class Tunnel:
    """One listener of the proxy. `hosts` gives those that lead to the gateway now; one event loop serves it.

    `enter` makes what the gateway does with one connection, `permits` says whether an address may come; `stranger`
    hears of one that may not, `elsewhere` of one that asked for another place.
    """

    def __init__(
        self,
        hosts: Callable[[], frozenset[str]],
        permits: Callable[[str], bool],
        context: ssl.SSLContext,
        enter: Callable[[], asyncio.Protocol],
        *,
        stranger: Told,
        elsewhere: Told,
    ) -> None:
        self._hosts = hosts
        self._permits = permits
        self._context = context
        self._enter = enter
        self._stranger = stranger
        self._elsewhere = elsewhere
        self._entering: set[_Head] = set()
        self._listening = asyncio.Event()
        self._stopped = asyncio.Event()
        self._tasks: asyncio.TaskGroup | None = None

    async def run(self, listener: socket.socket) -> None:
        """Take connections until `stop`; those that became the gateway's go on."""
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            server = await loop.create_server(lambda: _Head(self), sock=listener, backlog=_BACKLOG)
            self._listening.set()
            await self._stopped.wait()
            server.close()
            for head in list(self._entering):
                head.drop()

    async def ready(self) -> None:
        """Return once connections are taken."""
        await self._listening.wait()

    def stop(self) -> None:
        """Take no more connections and end `run`."""
        self._stopped.set()

    def begun(self, head: "_Head", address: str) -> bool:
        """Count a connection; False where it may not come, or too many are entering."""
        if len(self._entering) >= MOST_ENTERING:
            return False
        if not self._permits(address):
            self._spawn(self._telling(self._stranger, address))
            return False
        self._entering.add(head)
        return True

    def ended(self, head: "_Head") -> None:
        """Count a connection that has entered, or gone."""
        self._entering.discard(head)

    def leads_to(self, host: str, port: int) -> bool:
        """Tell whether the gateway stands for a place."""
        return port == _PORT and host.lower() in self._hosts()

    def refuse(self, address: str) -> None:
        """Record that somebody wanted to go elsewhere."""
        self._spawn(self._telling(self._elsewhere, address))

    def splice(self, head: "_Head", transport: asyncio.Transport) -> None:
        """Make a connection the gateway's, after a handshake over what the client sends from now on."""
        self._spawn(self._splice(head, transport))

    def _spawn(self, work: Awaitable[None]) -> None:
        if self._tasks is not None:
            self._tasks.create_task(_awaited(work))

    async def _telling(self, told: Told, address: str) -> None:
        try:
            await told(address)
        except Exception as exc:  # noqa: BLE001 - refused all the same; the next one is recorded again
            _log.error("a refusal was not recorded", exc_info=web.loggable(exc))

    async def _splice(self, head: "_Head", transport: asyncio.Transport) -> None:
        inside = _Inside(self._enter())
        loop = asyncio.get_running_loop()
        try:
            secured = await loop.start_tls(
                transport,
                inside,
                self._context,
                server_side=True,
                ssl_handshake_timeout=HANDSHAKE_SECONDS,
            )
        except (OSError, ssl.SSLError, TimeoutError):
            transport.abort()
        except Exception as exc:  # noqa: BLE001 - one connection must not end the others
            _log.error("a connection was not taken", exc_info=web.loggable(exc))
            transport.abort()
        else:
            if secured is not None:
                inside.begin(secured)
        finally:
            self.ended(head)


class _Head(asyncio.Protocol):
    """A connection until it has said where it wants to go."""

    def __init__(self, tunnel: Tunnel) -> None:
        self._tunnel = tunnel
        self._head = b""
        self._address = ""
        self._done = True
        """What comes is not looked at: before it may come, and once it was answered."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment] # of a stream socket
        self._timer = asyncio.get_running_loop().call_later(HEAD_SECONDS, transport.abort)  # type: ignore[attr-defined] # as above
        peer = transport.get_extra_info("peername")
        try:
            self._address = str(parse_address(peer[0])) if peer else ""
        except Malformed:
            self._address = ""
        try:
            may_come = self._tunnel.begun(self, self._address)
        except Exception as exc:  # noqa: BLE001 - whoever can't be judged does not come
            _log.error("a connection was not judged", exc_info=web.loggable(exc))
            self._transport.abort()
            return
        self._done = not may_come
        if not may_come:
            self._answer(_REFUSED)

    def data_received(self, data: bytes) -> None:
        if self._done:
            return
        self._head += data
        head, end, rest = self._head.partition(_END)
        if len(self._head) > HEAD_BYTES:
            self._answer(_MALFORMED)
        elif end:
            self._asked(head + b"\r\n", rest)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._timer.cancel()
        if not self._done:
            self._tunnel.ended(self)

    def drop(self) -> None:
        """End the connection now."""
        self._transport.abort()

    def _asked(self, head: bytes, rest: bytes) -> None:
        asked = _CONNECT.match(head)
        if asked is None or not self._tunnel.leads_to(asked[1].decode(), int(asked[2])):
            self._tunnel.refuse(self._address)
            self._answer(_REFUSED)
        elif rest:
            # Whoever speaks before the answer was made to: another request may be hidden there.
            self._answer(_MALFORMED)
        else:
            self._done = True
            self._timer.cancel()
            self._transport.pause_reading()
            self._transport.write(_ESTABLISHED)
            self._tunnel.splice(self, self._transport)

    def _answer(self, answer: bytes) -> None:
        self._done = True
        self._tunnel.ended(self)
        self._transport.write(answer)
        self._transport.close()


class _Inside(asyncio.Protocol):
    """Holds back what comes with the end of the handshake until the gateway's protocol knows of its connection."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        self._protocol = protocol
        self._begun = False
        self._lost = False
        self._held: list[bytes] = []

    def begin(self, transport: asyncio.Transport) -> None:
        self._protocol.connection_made(transport)
        self._begun = True
        held, self._held = self._held, []
        for data in held:
            self._protocol.data_received(data)
        if self._lost:
            self._protocol.connection_lost(None)

    def data_received(self, data: bytes) -> None:
        if self._begun:
            self._protocol.data_received(data)
        else:
            self._held.append(data)

    def eof_received(self) -> bool | None:
        return self._protocol.eof_received() if self._begun else None

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        if self._begun:
            self._protocol.connection_lost(exc)

    def pause_writing(self) -> None:
        if self._begun:
            self._protocol.pause_writing()

    def resume_writing(self) -> None:
        if self._begun:
            self._protocol.resume_writing()


async def _awaited(work: Awaitable[None]) -> None:
    await work
