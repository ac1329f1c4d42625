"""Asks the gateway as long as it takes: waits out usage plans, tries again what failed in passing, and then gives up.

What an answer says goes on as it came, with tokens in it; no error repeats any of it.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote, urlencode

from strongroom.errors import Conflict, Denied, Malformed, NotFound, Throttled, Unavailable
from strongroom.gateway.inside import Heard, Line, Standing

TRIES: Final = 5
"""Of a call that fails on Amazon's side."""

WAITS: Final = 20
"""How often in a row a call may find its usage plan spent."""

_FIRST_SECONDS: Final = 1.0
_LONGEST_SECONDS: Final = 300.0
_SECONDS: Final = re.compile(r"[0-9]{1,5}")

Pause = Callable[[float], None]
"""Waits so many seconds, or raises Stopped."""


class Asker:
    """One run's calls. `admit` raises when the run may not go on."""

    def __init__(
        self, line: Line, standing: Standing, admit: Callable[[], None], pause: Pause
    ) -> None:
        self._line = line
        self._standing = standing
        self._admit = admit
        self._pause = pause

    def get(self, path: str, **query: str) -> Any:  # noqa: ANN401 - any JSON
        """Return what a GET answers. Raises: as `_settled`."""
        asked = urlencode(query, quote_via=quote, safe=",:")
        return self._document(lambda: self._line.ask(self._standing, "GET", path, asked))

    def post(self, path: str, document: object) -> Any:  # noqa: ANN401 - any JSON
        """Return what a POST answers; one that may have been done is not sent again. Raises: as `_settled`."""
        return self._document(
            lambda: self._line.ask(self._standing, "POST", path, document=document),
            repeatable=False,
        )

    def delete(self, path: str) -> None:
        """Have something deleted; what is gone already counts as done. Raises: as `_settled`."""
        with suppress(NotFound):
            self._settled(lambda: self._line.ask(self._standing, "DELETE", path), repeatable=True)

    def fetch(self, address: str, take: Callable[[bytes], object]) -> None:
        """Hand a document to `take`; what it was handed counts only if this returns.

        Raises:
            Denied, Unavailable: it did not come, or not whole.

        """
        self._admit()
        heard = self._line.fetch(self._standing, address, take)
        if heard.status != HTTPStatus.OK:
            raise _fault(heard)

    def wait(self, seconds: float) -> None:
        """Wait. Raises: Stopped."""
        self._pause(seconds)

    def _document(self, call: Callable[[], Heard], *, repeatable: bool = True) -> Any:  # noqa: ANN401 - any JSON
        heard = self._settled(call, repeatable=repeatable)
        try:
            return heard.document
        except ValueError:
            raise Unavailable("the gateway's answer is no JSON") from None

    def _settled(self, call: Callable[[], Heard], *, repeatable: bool) -> Heard:
        """Return an answer that succeeded.

        Raises:
            Stopped: somebody ended the sync.
            Conflict, Denied, Malformed, NotFound: Amazon or the gateway refuses.
            Throttled, Unavailable: all the waiting did not help.

        """
        tries = waits = 0
        while True:
            self._admit()
            heard = call()
            if HTTPStatus.OK <= heard.status < HTTPStatus.MULTIPLE_CHOICES:
                return heard
            if heard.status == HTTPStatus.TOO_MANY_REQUESTS and waits < WAITS:
                self._pause(_told(heard) or _backoff(waits))
                waits += 1
                continue
            if heard.status >= HTTPStatus.INTERNAL_SERVER_ERROR and repeatable and tries < TRIES:
                self._pause(_told(heard) or _backoff(tries))
                tries += 1
                continue
            raise _fault(heard)


def _told(heard: Heard) -> float:
    """Return the seconds that an answer asks to wait; 0 where it does not say."""
    said = heard.headers.get("retry-after", "")
    return min(float(said), _LONGEST_SECONDS) if _SECONDS.fullmatch(said) else 0.0


def _backoff(before: int) -> float:
    return min(_FIRST_SECONDS * float(2**before), _LONGEST_SECONDS)


def _fault(heard: Heard) -> Conflict | Denied | Malformed | NotFound | Throttled | Unavailable:
    status = heard.status
    match status:
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return Denied(f"the call was refused with status {status}")
        case HTTPStatus.NOT_FOUND:
            return NotFound("Amazon does not know what was asked for")
        case HTTPStatus.CONFLICT:
            return Conflict("Amazon has this already, or something that stands in its way")
        case HTTPStatus.TOO_MANY_REQUESTS:
            return Throttled("Amazon's usage plan stays spent")
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return Malformed(f"the call was refused with status {status}")
    return Unavailable(f"Amazon did not answer: status {status}")
