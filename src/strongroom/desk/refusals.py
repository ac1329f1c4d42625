"""How often strangers were refused, so that a flood of them is recorded as a number and not one by one [2.6]."""

import threading
from datetime import datetime, timedelta
from typing import Final

TELL_EVERY: Final = timedelta(minutes=1)
"""One event for each address and reason in this span: each is a write to the disk."""

_MOST: Final = 1024


class Refusals:
    """Counts by address and reason. Thread-safe; forgets with the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[tuple[str | None, str], tuple[datetime, int]] = {}

    def untold(self, address: str | None, reason: str, now: datetime) -> int:
        """Count one refusal and return how many to record now; 0 while the last record is too fresh."""
        with self._lock:
            key = (address, reason)
            if key not in self._seen and len(self._seen) >= _MOST:
                # More addresses than anybody's own: from here on they count as one.
                key = (None, reason)
            told_at, count = self._seen.get(key, (None, 0))
            if told_at is not None and timedelta(0) <= now - told_at < TELL_EVERY:
                self._seen[key] = (told_at, count + 1)
                return 0
            self._seen[key] = (now, 0)
            self._forget(now)
            return count + 1

    def _forget(self, now: datetime) -> None:
        """Drop what is old and told, once the table is full."""
        if len(self._seen) < _MOST:
            return
        for key, (told_at, count) in list(self._seen.items()):
            if count == 0 and now - told_at >= TELL_EVERY:
                del self._seen[key]
