"""One listener: its socket, and what it does with each connection before and after any application code.

Everything speaks TLS [1.5], as `home/transport.py` has it, and every answer tells browsers to keep to it. A connection
that is slow or sends a head without end is dropped here; a stop finishes what was begun.
"""

import asyncio
import contextlib
import resource
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, Protocol, Self

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from strongroom.accounts import Networks
from strongroom.accounts.strangers import ELSEWHERE, Strangers
from strongroom.errors import Misconfigured
from strongroom.gateway.tunnel import Tunnel
from strongroom.home.transport import Transport
from strongroom.terms import Environment

GRACE_SECONDS: Final = 30
"""How long a stop waits for requests that were begun."""

HANDSHAKE_SECONDS: Final = 15.0
"""How long a client may take from connecting to the end of the handshake."""

REQUEST_SECONDS: Final = 15.0
"""How long a client may take from the handshake, or from its request's first byte, to the last one."""

HEAD_BYTES: Final = 512 * 1024
"""How long a request's line and headers may be together; a body has the gateway's own limit."""

STRICT_TRANSPORT: Final = "max-age=63072000"
"""Two years, as Mozilla's profile has it (RFC 6797). Without subdomains: they are not ours."""

MOST_DESCRIPTORS: Final = 65_536
"""How many files and connections the process may hold at once, where the machine allows it that many."""

_STRICT_TRANSPORT_NAME: Final = "strict-transport-security"
_BACKLOG: Final = 1024
_KEEP_ALIVE_SECONDS: Final = 60
_HANG_UP_SECONDS: Final = 0.05


class Address(Protocol):
    """Where to listen, as a section of the settings says it."""

    @property
    def host(self) -> str:
        """An address of this machine."""
        ...

    @property
    def port(self) -> int:
        """0 picks a free one."""
        ...


class _Server(uvicorn.Server):
    """A listener that leaves the signals to us: two of them share the process."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        # uvicorn's own way of listening gives a client a minute for the handshake.
        await super().startup([])
        loop = asyncio.get_running_loop()
        for listening in sockets or ():
            server = await loop.create_server(
                self.protocol,
                sock=listening,
                ssl=self.config.ssl,
                backlog=_BACKLOG,
                ssl_handshake_timeout=HANDSHAKE_SECONDS,
            )
            self.servers.append(server)
        self.listening.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish what was begun, and leave idle connections without waiting for their goodbye."""
        async with asyncio.TaskGroup() as tasks:
            hanging_up = tasks.create_task(self._hang_up())
            await super().shutdown(sockets)
            hanging_up.cancel()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def protocol(self) -> asyncio.Protocol:
        """Return what is done with one connection."""
        return _BoundedProtocol(self.config, self.server_state, self.lifespan.state)

    async def _hang_up(self) -> None:
        # Clients that pool connections answer TLS's close only when they next use one: every stop
        # would take the whole grace.
        while True:
            await asyncio.sleep(_HANG_UP_SECONDS)
            for connection in list(self.server_state.connections):
                if not isinstance(connection, HttpToolsProtocol):
                    continue
                answered = connection.cycle is None or connection.cycle.response_complete
                if answered and connection.transport.is_closing():
                    connection.transport.abort()


@dataclass(frozen=True, slots=True)
class Listener:
    """A socket that listens, and the server that answers on it once `run` is awaited."""

    name: str
    socket: socket.socket
    server: _Server

    @property
    def url(self) -> str:
        """How a client on this machine reaches it."""
        host, port = self.socket.getsockname()[:2]
        if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
            host = "localhost"
        return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"

    @property
    def port(self) -> int:
        """The port, also where a free one was asked for."""
        number: int = self.socket.getsockname()[1]
        return number

    async def run(self) -> None:
        """Answer until `stop`, then finish what was begun."""
        await self.server.serve(sockets=[self.socket])

    async def ready(self) -> None:
        """Return once connections are answered."""
        await self.server.listening.wait()

    def enter(self) -> asyncio.Protocol:
        """Return what is done with one more connection, that came in another way."""
        return self.server.protocol()

    def stop(self) -> None:
        """Take no more connections and end `run`."""
        self.server.should_exit = True


@dataclass(frozen=True, slots=True)
class Proxy:
    """The forward proxy's socket, and what answers on it."""

    listening: socket.socket
    tunnel: Tunnel

    @classmethod
    def open(
        cls,
        listening: socket.socket,
        enter: Callable[[], asyncio.Protocol],
        transport: Transport,
        *,
        networks: Networks,
        strangers: Strangers,
        clock: Callable[[], datetime],
        environment: Environment,
    ) -> Self:
        """Return the proxy for a socket that listens, leading to what `enter` makes.

        Raises:
            Misconfigured: there is no certificate for hosts of Amazon's.

        """
        if not transport.hosts:
            raise Misconfigured(
                "the proxy has no certificate for Amazon's hosts",
                hint="it is of the home's own CA: `strongroom tls rotate`, or proxy.enabled = false",
            )

        def hosts() -> frozenset[str]:
            if environment is not Environment.PRODUCTION:
                return transport.hosts
            # Who asks for the sandbox would get real orders.
            return frozenset(host for host in transport.hosts if not host.startswith("sandbox."))

        def telling(listener: str) -> Callable[[str], Awaitable[None]]:
            async def tell(address: str) -> None:
                now = clock()
                events = strangers.refused(listener, address or None, now)
                if events:
                    await asyncio.to_thread(strangers.record, events, now)

            return tell

        # The lists are read with the log beside them: before the first connection, not within it.
        networks.permits_listener("proxy", "127.0.0.1")
        tunnel = Tunnel(
            hosts,
            lambda address: networks.permits_listener("proxy", address),
            transport.gateway,
            enter,
            stranger=telling("proxy"),
            elsewhere=telling(ELSEWHERE),
        )
        return cls(listening, tunnel)

    @property
    def url(self) -> str:
        """How a client on this machine names it."""
        host, port = self.listening.getsockname()[:2]
        if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
            host = "localhost"
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def allow_connections() -> None:
    """Let this process hold as many connections as the machine allows it; call it before listening.

    Most systems begin with 1024, of which strangers who only connect, each for `HANDSHAKE_SECONDS`, could take all:
    then no database opens either.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MOST_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def open_listener(
    name: str,
    at: Address,
    app: Any,  # noqa: ANN401 - an ASGI application
    context: ssl.SSLContext,
    sockets: contextlib.ExitStack,
    *,
    lifespan: Literal["on", "off"] = "off",
) -> Listener:
    """Return a listener for the application, its socket closed with `sockets`.

    Raises:
        Misconfigured: the address or the port cannot be had.

    """
    listening = listen(at.host, at.port, name, sockets)
    return Listener(name, listening, server_of(app, context, lifespan=lifespan))


def server_of(
    app: Any,  # noqa: ANN401 - an ASGI application
    context: ssl.SSLContext,
    *,
    lifespan: Literal["on", "off"],
) -> _Server:
    """Return a server for sockets that listen already.

    `context` may change what it does while the server runs: see `LiveContext`.
    """
    return _Server(
        uvicorn.Config(
            _without_header(app, _STRICT_TRANSPORT_NAME.encode()),
            lifespan=lifespan,
            interface="asgi3",
            http=_BoundedProtocol,
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            # On what uvicorn answers by itself too: a request that is none, an application that failed.
            headers=[(_STRICT_TRANSPORT_NAME, STRICT_TRANSPORT)],
            backlog=_BACKLOG,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=GRACE_SECONDS,
            ssl_context_factory=lambda _config, _default: context,
        )
    )


def _without_header(app: Any, dropped: bytes) -> Any:  # noqa: ANN401 - an ASGI application
    """Return the application without a header of its own that every answer has anyway."""

    async def within(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI
        async def tell(message: Any) -> None:  # noqa: ANN401 - ASGI
            if message["type"] == "http.response.start":
                headers = [pair for pair in message.get("headers", ()) if pair[0] != dropped]
                message = {**message, "headers": headers}
            await send(message)

        await app(scope, receive, tell)

    return within


class _BoundedProtocol(HttpToolsProtocol):
    """One connection. uvicorn itself bounds neither a request's time nor the size of its head.

    Of the client's certificate it tells the application, as `scope["extensions"]["tls"]["client_cert"]`, the DER that
    the handshake verified, or None. Connections outlive registrations: whoever reads it asks again whether it counts.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._timer: asyncio.TimerHandle | None = None
        self._between = True
        self._in_head = True
        self._head_bytes = 0
        shown = transport.get_extra_info("ssl_object")
        self._certificate = None if shown is None else shown.getpeercert(binary_form=True)
        self._end_in(REQUEST_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_in(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # After the parser: what it left in the head is all that counts.
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self.transport.abort()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {"tls": {"client_cert": self._certificate}}
        self._between = False
        self._end_in(REQUEST_SECONDS)

    def on_headers_complete(self) -> None:
        self._in_head, self._head_bytes = False, 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._between = self._in_head = True
        self._end_in(_KEEP_ALIVE_SECONDS if self.cycle.response_complete else None)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        # Answered before the body was whole: the request's own time still runs.
        if self._between:
            self._end_in(_KEEP_ALIVE_SECONDS)

    def _end_in(self, seconds: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        # Dropped, not closed: who was slow so far would be slow with TLS's goodbye as well.
        self._timer = (
            None if seconds is None else self.loop.call_later(seconds, self.transport.abort)
        )


def listen(host: str, port: int, what: str, sockets: contextlib.ExitStack) -> socket.socket:
    """Return a socket that listens, closed with `sockets`. Raises: Misconfigured."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = sockets.enter_context(socket.socket(family, socket.SOCK_STREAM))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as exc:
        raise Misconfigured(
            f"the {what} cannot listen on port {port}: {exc.strerror}",
            hint=f"set {what}.port in strongroom.toml; 0 picks a free one",
        ) from None
    listener.listen(_BACKLOG)
    listener.setblocking(False)  # noqa: FBT003 - the standard library's own form
    return listener
