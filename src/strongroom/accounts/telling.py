"""Bounds how often one thing is recorded: once, and then once a minute with the number since [2.6].

Each event is a write to the disk. Without a bound whoever has no credential at all could fill it.
"""

import threading
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar

from strongroom.policy.limits import TELL_STRANGERS_EVERY

_MOST: Final = 4096

_K = TypeVar("_K", bound=Hashable)


@dataclass(slots=True)
class _Told:
    at: datetime
    untold: int = 0


class Telling(Generic[_K]):
    """Counts what happens over and over, by a key. Thread-safe; holds a bounded number of keys."""

    def __init__(self, overflow: _K, *, every: timedelta = TELL_STRANGERS_EVERY) -> None:
        self._every = every
        self._overflow = overflow
        self._lock = threading.Lock()
        self._told: dict[_K, _Told] = {}

    def count(self, key: _K, now: datetime) -> tuple[_K, int]:
        """Count once; return the key and number to record now, 0 while the last record is fresh.

        The key is `overflow` where there are too many keys at a time: a flood from everywhere is one thing.
        """
        with self._lock:
            if key not in self._told and len(self._told) >= _MOST:
                self._forget(now)
                if len(self._told) >= _MOST:
                    key = self._overflow
            told = self._told.get(key)
            if told is None:
                self._told[key] = _Told(now)
                return key, 1
            told.untold += 1
            if timedelta(0) <= now - told.at < self._every:
                return key, 0
            count, told.untold, told.at = told.untold, 0, now
            return key, count

    def rest(self, now: datetime) -> dict[_K, int]:
        """Return what was counted, and not recorded, of keys that have been quiet since; they are told by this."""
        with self._lock:
            quiet = [key for key, told in self._told.items() if now - told.at >= self._every]
            return {key: told.untold for key in quiet if (told := self._told.pop(key)).untold}

    def _forget(self, now: datetime) -> None:
        for key in [k for k, t in self._told.items() if now - t.at >= self._every and not t.untold]:
            del self._told[key]
