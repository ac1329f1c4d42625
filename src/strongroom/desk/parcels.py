"""Sealed files that wait to be fetched by who had them made, for some minutes and in this process alone [2.2].

They are sealed already: what waits here opens only with a passphrase that was shown on another page, once.
"""

import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from strongroom.errors import NotFound

WAITS: Final = timedelta(minutes=10)
_MOST: Final = 16


@dataclass(frozen=True, slots=True)
class _Parcel:
    content: bytes = field(repr=False)
    until: datetime


class Parcels:
    """The files of one process, by session and number. Safe between threads."""

    def __init__(self) -> None:
        self._kept: dict[tuple[int, int], _Parcel] = {}
        self._lock = threading.Lock()

    def keep(self, session: int, number: int, content: bytes, now: datetime) -> None:
        """Keep a file in place of the one before; where there are many, the oldest goes."""
        with self._lock:
            self._kept.pop((session, number), None)
            while len(self._kept) >= _MOST:
                self._kept.pop(next(iter(self._kept)))
            self._kept[session, number] = _Parcel(content, now + WAITS)

    def fetch(self, session: int, number: int, now: datetime) -> bytes:
        """Return a file that this session had made. Raises: NotFound: it has none, or not any more."""
        with self._lock:
            found = self._kept.get((session, number))
            if found is None or now >= found.until:
                self._kept.pop((session, number), None)
                raise NotFound("the file is not here any more", hint="make it again")
            return found.content
