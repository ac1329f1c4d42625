"""Runs the listeners and the schedule over one open home until it is told to stop.

Everything speaks TLS 1.2 or newer [1.5]. One process, one loop: the gateway commits inline, the rest
runs in threads. A stop finishes what was begun, then closes the home with a last checkpoint.
"""

import asyncio
import contextlib
import gc
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import uvloop

from strongroom import logs
from strongroom.accounts.visits import Site
from strongroom.alarms import tampered
from strongroom.anchors.cadence import ROUND_EVERY
from strongroom.anchors.door import WitnessDoor
from strongroom.app import System, machine_clock
from strongroom.audit import Event as AuditEvent
from strongroom.audit import EventType, Outcome, Reason
from strongroom.audit.deliveries import reconcile_since_last
from strongroom.checks import Checks
from strongroom.control.server import ControlServer
from strongroom.db.group import Failed
from strongroom.desks import api_of, desk_of
from strongroom.doctor import open_checks
from strongroom.errors import Conflict, Misconfigured, StrongroomError, Tampered, Unavailable
from strongroom.home import certificates
from strongroom.home.transport import Refused, Taken, Transport
from strongroom.listener import Address, Listener, Proxy, allow_connections, listen, open_listener
from strongroom.metrics import CONTENT_TYPE, Metrics
from strongroom.opening import open_system
from strongroom.perimeter import Perimeter
from strongroom.sync import Dates
from strongroom.terms import SYSTEM
from strongroom.vault.clockwatch import CONFIRM

CHECKPOINT_SECONDS: Final = 1.0
HEARTBEAT_SECONDS: Final = 60.0
PROBE_SECONDS: Final = 60.0
WATCH_SECONDS: Final = 2.0
DELIVERY_SECONDS: Final = 1.0
"""How long a notice or an entry of the log may wait before it is on its way."""
CERTIFICATE_SECONDS: Final = 2.0
"""How long a certificate that was put into `tls/`, or a client's that was registered, may wait to be used."""

_REASONS: Final = {Tampered: Reason.TAMPERED, Unavailable: Reason.UNAVAILABLE}
_RENEWAL_EVERY: Final = timedelta(hours=1)
_BACKUPS_EVERY: Final = timedelta(hours=1)
_CHECKS_EVERY: Final = timedelta(minutes=1)
_FIRST_CHECKS: Final = timedelta(seconds=3)
_FIRST_BACKUP: Final = timedelta(seconds=5)
_FIRST_SYNC: Final = timedelta(seconds=2)
_FIRST_DATES: Final = timedelta(minutes=10)
"""Apps come first after a start: they share Amazon's plans."""
_COLLECTIONS: Final = (50_000, 10, 20)
"""How many more new objects than dropped ones call for a collection, and of each so many the next older ones join."""


class Face(StrEnum):
    """What to serve; health and the control socket come with each."""

    ALL = "all"
    GATEWAY = "gateway"
    API = "api"
    DESK = "desk"
    WITNESS = "witness"


@dataclass(frozen=True, slots=True)
class Ready:
    """The addresses of a home that is being served; None for what is not."""

    gateway: str | None
    token_endpoint: str | None
    api: str | None
    desk: str | None
    """As people type it: the certificate and passkeys are for this name."""
    proxy: str | None
    """Where clients whose host is hard-coded get to the gateway; only where the settings say so."""
    witness: str | None
    """Where other logs ask us to cosign; only while one is followed, or when it was asked for."""
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
    allow_connections()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_Serving(system, face).run(ready))
    finally:
        system.close(anchored=True)
    logs.say(logs.Happening.SERVE_STOPPED, pid=os.getpid())


def tune_memory() -> None:
    """Keep the garbage collector off what lives as long as the process; call it once that is built.

    A page of orders makes thousands of objects and no cycles: as it comes, Python would look through the whole heap
    again and again for garbage that is not there.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECTIONS)


class _Serving:
    """One run of `serve`."""

    def __init__(self, system: System, face: Face) -> None:
        self._system = system
        self._face = face
        self._stop = asyncio.Event()
        self._faults: set[str] = set()
        self._published = -1
        self._transport = Transport(
            system.home, lambda: system.certificates.anchors(system.clock()).pems
        )
        self._renewal_at = machine_clock() + _RENEWAL_EVERY
        self._metrics = Metrics(system)
        self._checks = Checks(system)
        system.compliance.findings.looks_with(self._checks.again)
        self._proxy: Proxy | None = None

    async def run(self, ready: Callable[[Ready], None]) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(logs.handle_loop_error)
        settings = self._system.settings
        with contextlib.ExitStack() as sockets:
            listeners: dict[str, Listener] = {}

            def add(
                name: str,
                at: Address,
                app: Any,  # noqa: ANN401 - ASGI
                lifespan: Literal["on", "off"] = "off",
            ) -> None:
                guarded = self._perimeter(name, app)
                kinds = {"api": self._transport.mutual, "gateway": self._transport.gateway}
                context = kinds.get(name, self._transport.plain)
                listeners[name] = open_listener(
                    name, at, guarded, context, sockets, lifespan=lifespan
                )
                self._system.listening[name] = listeners[name].port

            if self._face in (Face.ALL, Face.GATEWAY):
                add("gateway", settings.gateway, self._gateway(), "on")
                self._proxy = self._open_proxy(listeners["gateway"], sockets)
            if self._face in (Face.ALL, Face.API):
                add("api", settings.api, api_of(self._system))
            if self._face in (Face.ALL, Face.DESK):
                add(
                    "desk",
                    settings.desk,
                    desk_of(self._system, checks=partial(open_checks, self._system)),
                )
                self._place_desk(listeners["desk"].url)
            if self._witnesses():
                door = WitnessDoor(self._system.following, self._system.clock)
                add("witness", settings.witness, door)
            add("health", settings.health, self._health)
            # Before the first request, so that none waits for it at the door.
            await self._do(logs.Task.CANARIES, self._system.vault.canaries.load)
            control = ControlServer(self._system)
            await control.start()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self._stop.set)
            self._stop_with_the_disk(loop)
            async with asyncio.TaskGroup() as tasks:
                for listener in listeners.values():
                    tasks.create_task(listener.run())
                self._schedule(tasks)
                if self._proxy is not None:
                    tasks.create_task(self._proxy.tunnel.run(self._proxy.listening))
                    await self._proxy.tunnel.ready()
                for listener in listeners.values():
                    await listener.ready()
                self._tell(ready, {name: listener.url for name, listener in listeners.items()})
                await self._stop.wait()
                logs.say(logs.Happening.SERVE_STOPPING, pid=os.getpid())
                self._system.sync.stop()
                self._checks.stop()
                if self._proxy is not None:
                    self._proxy.tunnel.stop()
                for listener in listeners.values():
                    listener.stop()
            await control.stop()

    def _stop_with_the_disk(self, loop: asyncio.AbstractEventLoop) -> None:
        """End serving once the disk failed: what cannot be recorded is not done, and nobody shall wait for it."""

        def stop(failure: Failed) -> None:
            logs.say_error(logs.Happening.DATABASE_FAILED, failure, code=failure.code)
            with contextlib.suppress(RuntimeError):  # the loop has ended already
                loop.call_soon_threadsafe(self._stop.set)

        self._system.database.on_unsound(stop)
        self._system.keystore.on_unsound(stop)

    def _tell(self, ready: Callable[[Ready], None], urls: Mapping[str, str]) -> None:
        authority = certificates.certificates(self._system.home).authority
        pid = os.getpid()
        logs.say(logs.Happening.SERVE_STARTED, pid=pid)
        base = urls.get("gateway")
        tokens = None if base is None else f"{base}/auth/o2/token"
        desk = self._system.signon.site.origin if "desk" in urls else None
        health = urls["health"] + "/health"
        proxy = None if self._proxy is None else self._proxy.url
        witness = urls.get("witness")
        ready(Ready(base, tokens, urls.get("api"), desk, proxy, witness, health, authority, pid))

    def _witnesses(self) -> bool:
        """Tell whether we listen for logs that want a cosignature."""
        if self._face is Face.ALL:
            return bool(self._system.following.listed())
        return self._face is Face.WITNESS

    def _place_desk(self, url: str) -> None:
        """Tell where the pages are, now that the port is known: by name, because passkeys take no address."""
        if not self._system.settings.desk.url:
            self._system.signon.site = Site.of(f"https://localhost:{urlsplit(url).port}")

    def _perimeter(self, name: str, app: Any) -> Any:  # noqa: ANN401 - ASGI applications
        """Return what of a listener's clients the application behind it gets to see [1.1]."""
        system = self._system
        proxies = system.settings.network.trusted_proxies
        guarded = Perimeter(app, name, system.networks, system.strangers, system.clock, proxies)
        return self._metrics.meter.around(name, guarded)

    def _open_proxy(self, gateway: Listener, sockets: contextlib.ExitStack) -> Proxy | None:
        """Return the forward proxy to the gateway, None where it is not wanted. Raises: Misconfigured."""
        system, at = self._system, self._system.settings.proxy
        if not at.enabled:
            return None
        listening = listen(at.host, at.port, "proxy", sockets)
        system.listening["proxy"] = listening.getsockname()[1]
        return Proxy.open(
            listening,
            gateway.enter,
            self._transport,
            networks=system.networks,
            strangers=system.strangers,
            clock=system.clock,
            environment=system.settings.environment,
        )

    def _gateway(self) -> Any:  # noqa: ANN401 - an ASGI application
        system = self._system
        gateway = system.gateway()
        # Syncs go through the gateway that serves, so that its buckets count their calls as well.
        system.sync.inside.serve(gateway, asyncio.get_running_loop())
        return gateway

    # -- schedule --------------------------------------------------------------------------------

    def _schedule(self, tasks: asyncio.TaskGroup) -> None:
        """Begin all that is done by the clock, each until the stop."""
        for work in (
            self._sweeps,
            self._backups,
            self._drifts,
            self._checkpoints,
            self._heartbeats,
            self._rounds,
            self._certificates,
            self._watching,
            self._deliveries,
            self._syncs,
            self._notifications,
            self._dates,
            self._probes,
            self._look_at_duties,
        ):
            tasks.create_task(work())

    async def _sweeps(self) -> None:
        """Sweep now, and then just after every full hour: what is due at midnight goes at midnight."""
        while True:
            await self._do(logs.Task.CLOCK, self._watch_clock)
            await self._do(logs.Task.SWEEP, self._sweep)
            await self._do(logs.Task.PRUNING, self._system.keeping.resume)
            await self._do(logs.Task.REQUESTS, self._watch_requests)
            await self._do(
                logs.Task.EVIDENCE,
                lambda: self._system.compliance.evidence.tend(self._system.clock()),
            )
            now = self._system.clock()
            hour = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
            if await self._stopped_within((hour - now).total_seconds() + 1):
                return

    async def _backups(self) -> None:
        """Soon after the start and each hour, take a backup that is due, and send what a target lacks [2.1]."""
        wait = _FIRST_BACKUP
        while not await self._stopped_within(wait.total_seconds()):
            wait = _BACKUPS_EVERY
            await self._do(logs.Task.BACKUPS, self._follow_backups)

    async def _look_at_duties(self) -> None:
        """Soon after the start and each minute, have the checks look that are due [2.2]."""
        wait = _FIRST_CHECKS
        while not await self._stopped_within(wait.total_seconds()):
            wait = _CHECKS_EVERY
            await self._do(logs.Task.CHECKS, lambda: self._checks.follow(self._system.clock()))

    def _follow_backups(self) -> None:
        """Take and send what is due, unless the clock that says so, and what is too old, cannot be believed."""
        now = self._system.clock()
        if not self._system.watch.look(now):
            self._system.backups.follow(now)

    def _expire_copies(self) -> None:
        """Destroy the copies of the keystore whose time is over, by a clock that can be believed."""
        now = self._system.clock()
        if not self._system.watch.look(now):
            self._system.copies.expire(now)

    def _sweep(self) -> None:
        """Destroy what is due, unless the clock that says so cannot be believed."""
        now = self._system.clock()
        if not self._system.watch.look(now):
            self._system.vault.sweep(now)

    def _watch_requests(self) -> None:
        """Record which subject requests are near their day or past it, and list what opened values [2.2, 2.3]."""
        self._system.subjects.requests.watch(self._system.clock())
        self._system.assurance.assets.discover(self._system.clock())

    def _watch_clock(self) -> None:
        """Record what happened to the clock. Raises: Conflict, for health to show, while sweeps are withheld."""
        if self._system.watch.look(self._system.clock()):
            raise Conflict("the clock is implausibly ahead", hint=CONFIRM)

    async def _drifts(self) -> None:
        """Just after every midnight UTC, hold who has access against what was reviewed and recorded [1.2]."""
        while True:
            now = self._system.clock()
            midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
            if await self._stopped_within((midnight - now).total_seconds() + 1):
                return
            await self._do(logs.Task.DRIFT, self._drift)
            await self._do(logs.Task.CANARIES, self._tend_canaries)
            await self._do(logs.Task.EGRESS, self._reconcile)
            await self._do(logs.Task.DOCUMENTS, self._look_at_published)

    def _tend_canaries(self) -> None:
        """Record what came and went, and plant for who has none: little comes with documents, or nothing did yet."""
        system, now = self._system, self._system.clock()
        for standing in system.vault.canaries.record(now):
            if standing.unburnt == 0 and standing.live:
                system.vault.plant(SYSTEM, standing.seller, standing.wanted, now)

    def _look_at_published(self) -> None:
        """Look whether the privacy policy stands where it is published [2.2]."""
        self._system.compliance.published.compare_if_due(self._system.clock())

    def _reconcile(self) -> None:
        system = self._system
        reconcile_since_last(system.audit, system.database, system.clock())

    def _drift(self) -> None:
        drift = self._system.access.drift(SYSTEM, self._system.clock())
        if drift.tampered or self._system.networks.drift():
            raise Tampered("grants or networks are not what was recorded of them")

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
            await self._do(logs.Task.CLOCK, self._watch_clock)
            await self._do(logs.Task.GUARD, self._settle)
            await self._do(
                logs.Task.INCIDENTS,
                lambda: self._system.compliance.incidents.remind(self._system.clock()),
            )
            await self._do(logs.Task.COPIES, self._expire_copies)
            # Here as well, and not only where the provider is asked: a call may hang.
            await self._do(
                logs.Task.ROOT, lambda: self._system.root_watch.judge(self._system.clock())
            )

    async def _probes(self) -> None:
        """Each minute, ask a root key's provider elsewhere whether it still opens the master key [2.4]."""
        watch = self._system.root_watch
        while watch.is_elsewhere and not await self._stopped_within(PROBE_SECONDS):
            await self._do(logs.Task.ROOT, lambda: watch.look(self._system.clock()))

    def _heartbeat(self) -> None:
        now, strangers = self._system.clock(), self._system.strangers
        event = AuditEvent(EventType.LOG_HEARTBEAT, Outcome.SUCCESS, SYSTEM)
        strangers.record([event, *strangers.over(now)], now)

    async def _deliveries(self) -> None:
        """Have notices and the log on their way to others, each in a thread that holds up nobody."""
        system = self._system
        while not await self._stopped_within(DELIVERY_SECONDS):
            await self._do(logs.Task.NOTICES, system.courier.tick)
            await self._do(logs.Task.FEEDS, system.pump.tick)
        await self._do(logs.Task.NOTICES, system.courier.stop)
        await self._do(logs.Task.FEEDS, system.pump.stop)

    async def _syncs(self) -> None:
        """Pull changed orders as often as the settings say."""
        wanted, sync = self._system.settings.sync, self._system.sync
        await self._every(wanted.orders_span, logs.Task.SYNC, lambda: sync.scheduled(wanted.app))

    async def _notifications(self) -> None:
        """Empty the queue of notifications as often as the settings say."""
        wanted, sync = self._system.settings.sync, self._system.sync
        await self._every(
            wanted.notifications_span,
            logs.Task.NOTIFICATIONS,
            lambda: sync.emptied(
                wanted.app, wanted.queue, wanted.notifications_to, wanted.region or None
            ),
        )

    async def _dates(self) -> None:
        """Look at how far orders are, whether or not an app does [2.1]."""
        wanted, sync = self._system.settings.sync, self._system.sync
        look = Dates(sync, wanted.app).look
        await self._every(wanted.dates_span, logs.Task.DATES, look, first=_FIRST_DATES)

    async def _every(
        self,
        span: timedelta | None,
        task: logs.Task,
        work: Callable[[], object],
        *,
        first: timedelta = _FIRST_SYNC,
    ) -> None:
        """Do what a gateway does each so often, the first time soon; nothing where there is no span."""
        if span is None or self._face not in (Face.ALL, Face.GATEWAY):
            return
        wait = min(span, first)
        while not await self._stopped_within(wait.total_seconds()):
            wait = span
            await self._do(task, work)

    async def _rounds(self) -> None:
        """Each minute, show the log to whoever binds it outside [2.6]."""
        while not await self._stopped_within(ROUND_EVERY.total_seconds()):
            await self._do(
                logs.Task.ANCHORS, lambda: self._system.anchors.follow_clock(self._system.clock())
            )

    async def _certificates(self) -> None:
        """Show within seconds what was put into `tls/`, and renew a certificate of ours in time [1.5]."""
        while not await self._stopped_within(CERTIFICATE_SECONDS):
            await self._do(logs.Task.CERTIFICATE, self._follow_certificate)

    def _follow_certificate(self) -> None:
        now = machine_clock()
        try:
            if now >= self._renewal_at:
                self._renewal_at = now + _RENEWAL_EVERY
                self._system.keep_certificate()
        finally:
            match self._transport.refresh(now):
                case Taken(leaf):
                    logs.say(logs.Happening.CERTIFICATE_RENEWED)
                    # Whoever made one of ours has recorded it.
                    if not leaf.ours:
                        self._system.record_certificate(
                            "tls.replaced", SYSTEM, self._system.clock()
                        )
                case Refused():
                    logs.say(logs.Happening.CERTIFICATE_REFUSED)
                    self._record_refusal()
                case None:
                    pass

    def _record_refusal(self) -> None:
        event = AuditEvent(
            EventType.CERTIFICATE_ROTATED,
            Outcome.FAILURE,
            SYSTEM,
            reason=Reason.MISCONFIGURED,
            op="tls.replaced",
        )
        self._system.audit.record(event, now=self._system.clock())

    async def _watching(self) -> None:
        """Hold the log against the rules every few seconds, and ask more people where nobody acts [1.6, 2.6]."""
        while not await self._stopped_within(WATCH_SECONDS):
            await self._do(logs.Task.WATCH, self._watch)

    def _watch(self) -> None:
        alarms = self._system.alarms
        alarms.watch.run(self._system.clock)
        alarms.investigations.escalate(self._system.clock())

    def _settle(self) -> None:
        now = self._system.clock()
        self._system.guard.settle(now)
        self._system.signon.settle(now)

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
            logs.say_error(logs.Happening.SCHEDULE_FAILED, exc, task=task.value)
            if task.value not in self._faults:
                await asyncio.to_thread(self._record_failure, task, exc)
            self._faults.add(task.value)
            if isinstance(exc, Tampered):
                await asyncio.to_thread(self._raise_outside, task)
        else:
            self._faults.discard(task.value)

    def _record_failure(self, task: logs.Task, exc: Exception) -> None:
        """Record that a task failed which did not fail before, where that is still possible."""
        reason = next((r for kind, r in _REASONS.items() if isinstance(exc, kind)), Reason.INTERNAL)
        event = AuditEvent(
            EventType.SYSTEM_ERROR, Outcome.ERROR, SYSTEM, reason=reason, op=f"task.{task.value}"
        )
        with contextlib.suppress(StrongroomError):
            self._system.audit.record(event, now=self._system.clock())

    def _raise_outside(self, task: logs.Task) -> None:
        now = self._system.clock()
        self._system.alarms.outside.raise_outside(tampered(task.value, now), now)

    def _failing(self) -> list[str]:
        faults = set(self._faults)
        if self._system.alarms.outside.raised:
            faults.add(logs.Task.ALARM.value)
        if self._transport.fault(machine_clock()) is not None:
            faults.add(logs.Task.CERTIFICATE.value)
        return sorted(faults)

    # -- health ----------------------------------------------------------------------------------

    async def _health(self, scope: Any, _receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI
        """Answer monitoring: 200 while all is well, 503 when scheduled work failed last time."""
        status, body, kind = 404, b"not found\n", "text/plain; charset=utf-8"
        failing = self._failing()
        if scope["type"] == "http" and scope["method"] not in ("GET", "HEAD"):
            status, body = 405, b"method not allowed\n"
        elif scope["type"] == "http" and scope["path"] == "/health":
            status = 503 if failing else 200
            body = f"failing: {' '.join(failing)}\n".encode() if failing else b"ok\n"
        elif scope["type"] == "http" and scope["path"] == "/metrics":
            ends = self._transport.leaf.not_after.timestamp()
            status, kind = 200, CONTENT_TYPE
            body = await asyncio.to_thread(self._metrics.exposition, failing, ends)
        headers = [
            (b"content-type", kind.encode()),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
