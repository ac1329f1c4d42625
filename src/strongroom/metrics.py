"""Counts for monitoring, in Prometheus' text format: how much, how quick, how it stands; never whose [2.6].

A label is a word of a closed list: a listener, a status, an event's type. No person, app, selling partner, order or
address is a label, because whoever collects metrics keeps them for long. What happened is counted from the log after
the fact, so that counting costs the door nothing. Format: prometheus.io/docs/instrumenting/exposition_formats.
"""

import threading
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from datetime import timedelta
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as CONTENT_TYPE
from prometheus_client.exposition import generate_latest

from strongroom.alarms import Severity
from strongroom.app import System
from strongroom.feeds.targets import Role
from strongroom.policy.secrets import SecretState
from strongroom.vault.keystore import PeriodKind

Message = MutableMapping[str, Any]
Application = Callable[[Any, Any, Any], Awaitable[None]]

_SECONDS: Final = (
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
)
_STATUSES: Final = ("1xx", "2xx", "3xx", "4xx", "5xx", "none")
_DAY: Final = timedelta(days=1)
_SWEPT_BY: Final = timedelta(hours=2)
"""After a day begins, its key is gone by then: a sweep runs every hour."""


class Meter:
    """Counts and times what the listeners answer. Safe between threads."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._answered = Counter(
            "strongroom_requests",
            "Requests answered, by listener and class of status; none: the client went away.",
            ("listener", "status"),
            registry=registry,
        )
        self._seconds = Histogram(
            "strongroom_request_seconds",
            "Seconds from a request's head to the end of its answer.",
            ("listener",),
            buckets=_SECONDS,
            registry=registry,
        )

    def around(self, listener: str, app: Application) -> Application:
        """Return the application with what it answers counted under the listener's name."""
        answered = {status: self._answered.labels(listener, status) for status in _STATUSES}
        seconds = self._seconds.labels(listener)

        async def within(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            began, status = time.perf_counter(), "none"

            async def tell(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = f"{message['status'] // 100}xx"
                await send(message)

            try:
                await app(scope, receive, tell)
            finally:
                seconds.observe(time.perf_counter() - began)
                answered.get(status, answered["none"]).inc()

        return within


class Metrics:
    """All counts of one process that serves a home. `exposition` reads; nothing else costs anything."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._lock = threading.Lock()
        self._registry = CollectorRegistry()
        self.meter = Meter(self._registry)
        ProcessCollector(registry=self._registry)
        self._seen, _ = system.audit.counts(None)
        self._events = self._counter(
            "strongroom_events", "Events recorded since this process began.", "type", "outcome"
        )
        gauge = self._gauge
        gauge("strongroom_up", "1 while the process serves.").set(1)
        self._failing = gauge("strongroom_failing_tasks", "Scheduled tasks that failed last time.")
        self._certificate = gauge(
            "strongroom_certificate_ends_seconds", "When the certificate ends, seconds since 1970."
        )
        self._entries = gauge("strongroom_log_entries", "Entries of the log.")
        self._overdue = gauge(
            "strongroom_periods_overdue",
            "Keys of days whose personal data should be unreadable and is not: 0, or a sweep is late.",
        )
        self._oldest = gauge(
            "strongroom_oldest_past_its_date_days",
            "For how many days the oldest personal data should have been unreadable and is not; 0: none is.",
        )
        self._live = gauge("strongroom_periods_live", "Keys of days and windows yet to come.")
        self._root = gauge(
            "strongroom_root_failing_seconds",
            "For how long the root key's provider has not answered; 0: it did when it was asked last.",
        )
        self._shut = gauge("strongroom_keys_put_away", "1 while it was away for too long.")
        self._alarms = gauge("strongroom_alarms_open", "Open alarms, drills left out.", "severity")
        self._late = gauge("strongroom_alarms_overdue", "Open alarms whose time is over.")
        self._behind = gauge("strongroom_watch_behind", "Entries that some rule has not seen yet.")
        self._channels = gauge("strongroom_channels_down", "Channels of alarms that do not work.")
        self._lag = gauge("strongroom_feeds_lag", "Entries that the slowest feed has not got yet.")
        self._anchors = gauge(
            "strongroom_anchors_failing", "Witnesses, authorities and copies with a fault."
        )
        self._secrets = gauge(
            "strongroom_secrets", "Our own secrets, by how their age stands.", "state"
        )

    def exposition(self, failing: Iterable[str], certificate_ends: float) -> bytes:
        """Return the page that Prometheus reads. Blocks: it asks the databases."""
        with self._lock:
            self._seen, counts = self._system.audit.counts(self._seen)
            for (type_, outcome), number in counts.items():
                self._events.labels(type_, outcome).inc(number)
            self._entries.set(self._seen)
            self._failing.set(len(list(failing)))
            self._certificate.set(certificate_ends)
            self._observe()
            return generate_latest(self._registry)

    def _observe(self) -> None:
        system, now = self._system, self._system.clock()
        live = system.keystore.periods(live=True)
        self._live.set(len(live))
        swept = (now - _SWEPT_BY).timestamp() // _DAY.total_seconds()
        days = [period.day for period in live if period.kind is PeriodKind.DAY]
        self._overdue.set(sum(day <= swept for day in days))
        self._oldest.set(system.dates.standing(now - _SWEPT_BY).oldest_past_its_date_days)
        root = system.root_watch.standing()
        self._root.set(0 if root.failing_for is None else root.failing_for.total_seconds())
        self._shut.set(root.shut)
        waiting = [one for one in system.alarms.investigations.listed() if not one.drill]
        for severity in Severity:
            self._alarms.labels(severity.value).set(
                sum(one.severity is severity for one in waiting)
            )
        self._late.set(sum(one.is_overdue(now) for one in waiting))
        self._behind.set(system.alarms.watch.standing().behind)
        channels = system.targets.in_effect(Role.CHANNEL)
        down = [system.outbox.state(channel, now).down_since for channel in channels]
        self._channels.set(sum(since is not None for since in down))
        feeds = system.targets.in_effect(Role.FEED)
        self._lag.set(max((system.pump.state(feed).lag for feed in feeds), default=0))
        self._anchors.set(sum(one.fault is not None for one, _ in system.anchors.listed()))
        states = [secret.state(now) for secret in system.secrets.ages()]
        for state in SecretState:
            self._secrets.labels(state.value).set(states.count(state))

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self._registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self._registry)


__all__ = ["CONTENT_TYPE", "Meter", "Metrics"]
