"""Runs the listeners and the schedule over one open home until it is told to stop.

Everything speaks TLS 1.2 or newer [1.5]. One process, one loop: the gateway commits inline, the rest
runs in threads. A stop finishes what was begun, then closes the home with a last checkpoint.
"""

import asyncio
import contextlib
import gc
import os
import signal
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Protocol

import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from strongroom import logs
from strongroom.api import Api, ApiLimits, create_api
from strongroom.app import System, open_system
from strongroom.audit import Event as AuditEvent
from strongroom.audit import EventType, Outcome
from strongroom.control import ControlServer
from strongroom.errors import Conflict, Misconfigured, Tampered
from strongroom.gateway import create_gateway
from strongroom.home import certificates
from strongroom.policy.catalogue import Catalogue
from strongroom.terms import SYSTEM

CHECKPOINT_SECONDS: Final = 1.0
HEARTBEAT_SECONDS: Final = 60.0
GRACE_SECONDS: Final = 30
"""How long a stop waits for requests that were begun."""

REQUEST_SECONDS: Final = 15.0
"""How long a client may take from connecting, or from its request's first byte, to the last one."""

HEAD_BYTES: Final = 512 * 1024
"""How long a request's line and headers may be together; a body has the gateway's own limit."""

_BACKLOG: Final = 1024
_COLLECTIONS: Final = (50_000, 10, 20)
"""How many more new objects than dropped ones call for a collection, and of each so many the next older ones join."""
_KEEP_ALIVE_SECONDS: Final = 60
_HANG_UP_SECONDS: Final = 0.05


class Face(StrEnum):
    """What to serve; health and the control socket come with each."""

    ALL = "all"
    GATEWAY = "gateway"
    API = "api"


class _Address(Protocol):
    @property
    def host(self) -> str: ...

    @property
    def port(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Ready:
    """The addresses of a home that is being served; None for what is not."""

    gateway: str | None
    token_endpoint: str | None
    api: str | None
    health: str
    ca: Path
    pid: int


def serve(
    home: Path,
    *,
    starts_at: datetime | None,
    passphrase: str | None,
    ready: Callable[[Ready], None],
    face: Face = Face.ALL,
) -> None:
    """Serve the home in this thread, the main one, until SIGTERM or SIGINT; `ready` hears once.

    Raises:
        Misconfigured: as `open_system`; also when another process has the home, or a port is taken.
        Tampered: the log is not the one its signer vouched for.

    """
    try:
        system = open_system(home, starts_at=starts_at, passphrase=passphrase)
    except Conflict as exc:
        raise Misconfigured(exc.message, hint=exc.hint) from exc
    tune_memory()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_Serving(system, face).run(ready))
    finally:
        system.close()
    logs.say(logs.Happening.SERVE_STOPPED, pid=os.getpid())


class _BoundedProtocol(HttpToolsProtocol):
    """One connection. uvicorn itself bounds neither a request's time nor the size of its head."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._timer: asyncio.TimerHandle | None = None
        self._between = True
        self._in_head = True
        self._head_bytes = 0
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


def tune_memory() -> None:
    """Keep the garbage collector off what lives as long as the process; call it once that is built.

    A page of orders makes thousands of objects and no cycles: as it comes, Python would look through the whole heap
    again and again for garbage that is not there.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECTIONS)


class _Server(uvicorn.Server):
    """A listener that leaves the signals to us: two of them share the process."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
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


class _Serving:
    """One run of `serve`."""

    def __init__(self, system: System, face: Face) -> None:
        self._system = system
        self._face = face
        self._stop = asyncio.Event()
        self._faults: set[str] = set()
        self._published = -1

    async def run(self, ready: Callable[[Ready], None]) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(logs.handle_loop_error)
        settings = self._system.settings
        context = certificates.server_context(self._system.home)
        with contextlib.ExitStack() as sockets:
            servers: list[tuple[_Server, socket.socket]] = []
            urls: dict[str, str] = {}

            def add(name: str, at: _Address, app: Any, lifespan: str = "off") -> None:  # noqa: ANN401 - ASGI
                listener = _listen(at.host, at.port, name, sockets)
                servers.append((_server(app, context, lifespan=lifespan), listener))
                urls[name] = _url(listener)

            if self._face in (Face.ALL, Face.GATEWAY):
                add("gateway", settings.gateway, self._gateway(), "on")
            if self._face in (Face.ALL, Face.API):
                add("api", settings.api, self._api())
            add("health", settings.health, self._health)
            control = ControlServer(self._system)
            await control.start()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self._stop.set)
            async with asyncio.TaskGroup() as tasks:
                for server, listener in servers:
                    tasks.create_task(server.serve(sockets=[listener]))
                tasks.create_task(self._sweeps())
                tasks.create_task(self._drifts())
                tasks.create_task(self._checkpoints())
                tasks.create_task(self._heartbeats())
                for server, _ in servers:
                    await server.listening.wait()
                self._tell(ready, urls)
                await self._stop.wait()
                logs.say(logs.Happening.SERVE_STOPPING, pid=os.getpid())
                for server, _ in servers:
                    server.should_exit = True
            await control.stop()

    def _tell(self, ready: Callable[[Ready], None], urls: Mapping[str, str]) -> None:
        authority = certificates.certificates(self._system.home).authority
        pid = os.getpid()
        logs.say(logs.Happening.SERVE_STARTED, pid=pid)
        base = urls.get("gateway")
        tokens = None if base is None else f"{base}/auth/o2/token"
        health = urls["health"] + "/health"
        ready(Ready(base, tokens, urls.get("api"), health, authority, pid))

    def _api(self) -> Api:
        system = self._system
        limits = system.settings.api
        return create_api(
            vault=system.vault,
            accounts=system.accounts,
            channels=system.channels,
            sellers=system.sellers,
            grants=system.grants,
            audit=system.audit,
            database=system.database,
            clock=system.clock,
            ticket_key=system.api_key,
            environment=system.settings.environment,
            limits=ApiLimits(limits.requests_per_second, limits.burst, limits.records_per_day),
        )

    def _gateway(self) -> Any:  # noqa: ANN401 - an ASGI application
        system = self._system
        return create_gateway(
            catalogue=Catalogue.load(),
            vault=system.vault,
            accounts=system.accounts,
            sellers=system.sellers,
            audit=system.audit,
            database=system.database,
            clock=system.clock,
            token_key=system.ticket_key,
            environment=system.settings.environment,
        )

    # -- schedule --------------------------------------------------------------------------------

    async def _sweeps(self) -> None:
        """Sweep now, and then just after every full hour: what is due at midnight goes at midnight."""
        while True:
            await self._do(logs.Task.SWEEP, lambda: self._system.vault.sweep(self._system.clock()))
            now = self._system.clock()
            hour = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
            if await self._stopped_within((hour - now).total_seconds() + 1):
                return

    async def _drifts(self) -> None:
        """Just after every midnight UTC, hold who has access against what was reviewed and recorded [1.2]."""
        while True:
            now = self._system.clock()
            midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
            if await self._stopped_within((midnight - now).total_seconds() + 1):
                return
            await self._do(logs.Task.DRIFT, self._drift)

    def _drift(self) -> None:
        drift = self._system.access.drift(SYSTEM, self._system.clock())
        if drift.tampered:
            raise Tampered("grants are not what was recorded of them")

    async def _checkpoints(self) -> None:
        while not await self._stopped_within(CHECKPOINT_SECONDS):
            await self._do(logs.Task.CHECKPOINT, self._checkpoint)

    def _checkpoint(self) -> None:
        last = self._system.audit.tail(1)
        if last and last[-1].seq != self._published:
            self._system.audit.checkpoint(self._system.clock())
            self._published = last[-1].seq

    async def _heartbeats(self) -> None:
        while not await self._stopped_within(HEARTBEAT_SECONDS):
            await self._do(logs.Task.HEARTBEAT, self._heartbeat)

    def _heartbeat(self) -> None:
        event = AuditEvent(EventType.LOG_HEARTBEAT, Outcome.SUCCESS, SYSTEM)
        with self._system.database.write() as tx:
            self._system.audit.append(tx, event, now=self._system.clock())

    async def _stopped_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        return self._stop.is_set()

    async def _do(self, task: logs.Task, work: Callable[[], object]) -> None:
        """Run scheduled work in a thread; a failure shows in the log and in health, and is retried."""
        try:
            await asyncio.to_thread(work)
        except Exception as exc:  # noqa: BLE001 - the next run may succeed; health says that this one did not
            self._faults.add(task.value)
            logs.say_error(logs.Happening.SCHEDULE_FAILED, exc, task=task.value)
        else:
            self._faults.discard(task.value)

    # -- health ----------------------------------------------------------------------------------

    async def _health(self, scope: Any, _receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI
        """Answer monitoring: 200 while all is well, 503 when scheduled work failed last time."""
        status, body = 404, "not found\n"
        if scope["type"] == "http" and scope["path"] == "/health":
            status = 503 if self._faults else 200
            body = "failing: " + " ".join(sorted(self._faults)) if self._faults else "ok"
        elif scope["type"] == "http" and scope["path"] == "/metrics":
            status = 200
            body = (
                "# TYPE strongroom_up gauge\nstrongroom_up 1\n"
                "# TYPE strongroom_failing_tasks gauge\n"
                f"strongroom_failing_tasks {len(self._faults)}"
            )
        headers = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body.rstrip("\n").encode() + b"\n"})


def _server(app: Any, context: ssl.SSLContext, *, lifespan: Any) -> _Server:  # noqa: ANN401 - ASGI
    return _Server(
        uvicorn.Config(
            app,
            lifespan=lifespan,
            interface="asgi3",
            http=_BoundedProtocol,
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=_BACKLOG,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=GRACE_SECONDS,
            ssl_context_factory=lambda _config, _default: context,
        )
    )


def _listen(host: str, port: int, what: str, sockets: contextlib.ExitStack) -> socket.socket:
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


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        host = "localhost"
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
