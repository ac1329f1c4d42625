"""Asks every page and route for an answer without proving anything: nobody unknown gets one [1.1].

The applications asked are the ones that the listeners serve, put together from the same home, asked in this process.
What they record of it stands in the log like any stranger's try, from addresses that RFC 5737 keeps for documents; a
round stays below what one address may before an alarm is raised.
"""

import asyncio
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from strongroom.app import System
from strongroom.audit import EventType
from strongroom.checks.check import (
    DAILY,
    HOURLY,
    Check,
    count,
    duties,
    failed,
    passed,
    some,
)
from strongroom.compliance.overseen import Finding
from strongroom.desks import api_of, desk_of
from strongroom.gateway import catalogue_with

Application = Any
"""An ASGI application."""

_OPEN_PAGES: Final = frozenset(("/", "/sign-on", "/welcome", "/provider", "/calendar.ics"))
"""Pages of the desk for who has not signed on yet, and the calendar, which asks for a code of its own."""

_OPEN_BELOW: Final = ("/join", "/sign-on", "/static/", "/provider/", "/policy/")
"""Pages below these carry their own proof, or hold what is public."""

_OPEN_API: Final = frozenset({"/v1/token", "/v1/health", "/openapi.json"})

_FROM: Final = {"api": "192.0.2.1", "gateway": "198.51.100.1", "desk": "203.0.113.1"}
_OF_GATEWAY: Final = 12
"""Operations asked each day, others tomorrow: an address that asks for more is one that searches."""

_REFUSED: Final = frozenset({401, 403, 404, 429})
_FOREIGN: Final = ("desk", "POST", "/sign-on")
"""Sent as another site's form: the one kind of request that the desk refuses a stranger and records."""

_ALIVE: Final = HOURLY * 24 * 30


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of a stranger, and the status it got."""

    door: str
    method: str
    path: str
    status: int
    leads_to: str = ""

    @property
    def refused(self) -> bool:
        """Whether nothing was given: refused, or led to the sign-on."""
        to_sign_on = self.status == 303 and self.leads_to.startswith("/sign-on")  # noqa: PLR2004 - See Other
        return self.status in _REFUSED or to_sign_on

    def __str__(self) -> str:
        return f"{self.door}: {self.method} {self.path} answers {self.status}"


def crawl(system: System, now: datetime) -> Finding:
    """Ask every page of the desk, every route of `/v1`, and some of the gateway's operations."""
    doors = {"desk": desk_of(system), "api": api_of(system), "gateway": system.gateway()}
    return judged(asyncio.run(ask_all(doors, [*wanted(system, doors, now), _FOREIGN])))


def wanted(
    system: System, doors: Mapping[str, Application], now: datetime
) -> list[tuple[str, str, str]]:
    """Return door, method and path of everything that a stranger is to be refused."""
    pages = [
        ("desk", route.method, _filled(route.path))
        for route in doors["desk"].routes
        if not (route.path in _OPEN_PAGES or route.path.startswith(_OPEN_BELOW))
    ]
    routes = [
        ("api", method, _filled(path))
        for method, path in doors["api"].routes
        if path not in _OPEN_API
    ]
    known = sorted(
        (o.method, o.template)
        for o in catalogue_with(system.settings.gateway.allow_unknown).operations.values()
    )
    first = now.toordinal() * _OF_GATEWAY % len(known)
    today = (known + known)[first : first + _OF_GATEWAY]
    return [*pages, *routes, *(("gateway", method, _filled(path)) for method, path in today)]


async def ask_all(
    doors: Mapping[str, Application], requests: Iterable[tuple[str, str, str]]
) -> list[Asked]:
    """Ask one after the other."""
    return [await _ask(doors[door], door, method, path) for door, method, path in requests]


def judged(asked: Iterable[Asked]) -> Finding:
    """Return whether every one of them was refused."""
    asked = list(asked)
    given = [str(one) for one in asked if not one.refused]
    by_door = {door: sum(one.door == door for one in asked) for door in _FROM}
    proof = tuple(f"{door}: {count(number, 'request')}" for door, number in by_door.items())
    if given:
        why = f"{count(len(given), 'route')} answer somebody who proved nothing"
        return failed(why, "stop serving, and report it: this is a fault of ours", *given[:10])
    return passed(f"{count(len(asked), 'request')} of a stranger, all refused", *proof)


def recorded(system: System, now: datetime) -> Finding:
    """See that each channel to personal data tells the log: what it recorded last, and when."""
    silent, seen = [], []
    for channel, types in _CHANNELS.items():
        found = [system.audit.latest(type_) for type_ in types]
        last = max((one.body["t"] for one in found if one is not None and one.body), default=None)
        if last is None or now - datetime.fromisoformat(last) > _ALIVE:
            silent.append(channel)
        else:
            seen.append(f"{channel}: last at {last[:16]} UTC")
    if silent:
        why = f"nothing of a month in the log from {some(silent)}"
        remedy = "`strongroom duty check 1.1-d` asks each; what it is refused has to appear"
        return failed(why, remedy, *seen)
    return passed("every channel tells the log", *seen)


_CHANNELS: Final[Mapping[str, tuple[EventType, ...]]] = {
    "gateway": (
        EventType.GATEWAY_REQUEST_REFUSED,
        EventType.GATEWAY_RESPONSE_SEALED,
        EventType.GATEWAY_REQUEST_FORWARDED,
    ),
    "api": (EventType.API_REQUEST_REFUSED, EventType.API_REQUEST_ANSWERED),
    "desk": (EventType.DESK_REQUEST_REFUSED, EventType.SESSION_STARTED),
    "storage": (EventType.RETENTION_SWEEP_FINISHED, EventType.RECORD_REVEALED),
    "process": (EventType.LOG_HEARTBEAT, EventType.HOME_OPENED),
}


def _filled(path: str) -> str:
    """Return a path with something in place of its parameters."""
    path = path.replace("{id}", "1").replace("{duty}", "2.1-a")
    return re.sub(r"\{[^}]*\}", "x", path)


async def _ask(door: Application, name: str, method: str, path: str) -> Asked:
    sent: list[Mapping[str, Any]] = []

    async def receive() -> Mapping[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Mapping[str, Any]) -> None:
        sent.append(message)

    origin = door.origin if name == "desk" else "https://localhost"
    headers = {"host": origin.removeprefix("https://"), "user-agent": "strongroom duty check"}
    if method == "POST":
        headers |= {
            "origin": origin,
            "sec-fetch-site": "cross-site" if path == _FOREIGN[2] else "same-origin",
            "content-type": "application/x-www-form-urlencoded",
            "content-length": "0",
        }
    scope = {
        "type": "http",
        "http_version": "1.1",
        "scheme": "https",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(k.encode(), v.encode()) for k, v in headers.items()],
        "client": (_FROM[name], 40000),
    }
    await door(scope, receive, send)
    answered = dict(sent[0]["headers"])
    leads_to = bytes(answered.get(b"location", b"")).decode("latin-1")
    return Asked(name, method, path, int(sent[0]["status"]), leads_to)


CHECKS: Final = (
    Check(
        "doors.strangers",
        duties("1.1-d"),
        DAILY,
        "every page, every route of the API and a dozen of the gateway's operations, asked without any proof",
        "each refuses, or leads to the sign-on",
        crawl,
    ),
    Check(
        "channels.recorded",
        duties("2.6-c"),
        DAILY,
        "the last entry of the log from gateway, API, desk, storage and process",
        "each has told the log something within a month; the strangers' round does",
        recorded,
    ),
)
