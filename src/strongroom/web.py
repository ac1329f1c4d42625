"""What every HTTP door of ours does alike: statuses for error kinds, headers of answers, and reading a request.

The one table from kinds to statuses: errors themselves know no HTTP. Serves clauses 2.4 (nothing of an answer is kept
in a cache or guessed to be another type) and 2.6 (a fault's message never reaches a log).
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any, Final

from strongroom.errors import (
    Conflict,
    Denied,
    Gone,
    InUse,
    Malformed,
    Misconfigured,
    NotFound,
    StrongroomError,
    Tampered,
    Throttled,
    Unauthenticated,
    Unavailable,
)

STATUS: Final[dict[type[StrongroomError], int]] = {
    Malformed: 400,
    Unauthenticated: 401,
    Denied: 403,
    NotFound: 404,
    Conflict: 409,
    InUse: 409,
    Gone: 410,
    Throttled: 429,
    Tampered: 500,
    Unavailable: 503,
    # A running process meets this only where one selling partner's entry is wrong: the caller can't mend it.
    Misconfigured: 500,
}

SECURITY_HEADERS: Final[tuple[tuple[bytes, bytes], ...]] = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
)
"""On every answer of every listener, in the form ASGI takes."""


def status_of(error: StrongroomError) -> int:
    """Return the HTTP status of the nearest kind; a kind not in the table is a fault of ours."""
    for kind in type(error).__mro__:
        if kind in STATUS:
            return STATUS[kind]
    return 500


class InternalFault(Exception):
    """A fault of ours as it may be logged: the place and the kind, never the message, which could hold a value."""


def loggable(exc: BaseException) -> InternalFault:
    """Return what may be logged of an exception."""
    return InternalFault(type(exc).__name__).with_traceback(exc.__traceback__)


def unambiguous(pairs: list[tuple[bytes, bytes]], once: Collection[bytes]) -> dict[bytes, bytes]:
    """Return the headers by name; one of `once` that stands there twice counts as empty.

    Whoever checked the request before us may have looked at the other one.
    """
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _value in pairs]
        found |= {name: b"" for name in once if names.count(name) > 1}
    return found


class BodyTooLarge(Exception):
    """A request's body is longer than the door takes."""


class BodyTooSlow(Exception):
    """A request's body did not come in time."""


class ClientGone(Exception):
    """The client went away before its request was complete."""


async def send_watched(
    send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
    start: MutableMapping[str, Any],
    body: bytes,
) -> bool:
    """Send an answer; return whether its client was still there when the last of it had been handed over.

    Later nobody knows: what the machine's network has taken may still be lost.
    """
    await send(start)
    await send({"type": "http.response.body", "body": body, "more_body": True})
    gone = False
    with contextlib.suppress(TimeoutError):
        # A client that is gone is told at once; of one that waits there is nothing to hear.
        async with asyncio.timeout(0):
            gone = (await receive())["type"] == "http.disconnect"
    await send({"type": "http.response.body", "body": b"", "more_body": False})
    return not gone


async def read_body(
    receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
    length: bytes,
    *,
    limit: int,
    seconds: float,
) -> bytes:
    """Return the whole body; `length` is what the client announced, in bytes of a header, or nothing.

    Raises:
        BodyTooLarge, BodyTooSlow, ClientGone: it did not come as it should.

    """
    if length.isdigit() and int(length) > limit:
        raise BodyTooLarge
    chunks: list[bytes] = []
    total = 0
    try:
        async with asyncio.timeout(seconds):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise ClientGone
                chunk = message.get("body", b"")
                total += len(chunk)
                if total > limit:
                    raise BodyTooLarge
                chunks.append(chunk)
                if not message.get("more_body", False):
                    return b"".join(chunks)
    except TimeoutError:
        raise BodyTooSlow from None
