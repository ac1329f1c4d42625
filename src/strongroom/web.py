"""How the error kinds look over HTTP, and the headers every answer carries.

The one table from kinds to statuses: errors themselves know no HTTP. Serves clause 2.4 (nothing of an answer is kept
in a cache or guessed to be another type).
"""

from typing import Final

from strongroom.errors import (
    Conflict,
    Denied,
    Gone,
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
