"""Marks that a form carries and that are good for one answer: who sends it again, or a copy of it, gets nothing [1.3].

They live in this process for some minutes, each for the session that was shown the form.
"""

import secrets
import threading
from datetime import datetime, timedelta
from typing import Final

GOOD_FOR: Final = timedelta(minutes=10)
_MOST: Final = 4096
_BYTES: Final = 18


class Once:
    """The marks of one process. Safe between threads."""

    def __init__(self) -> None:
        self._given: dict[str, tuple[int, datetime]] = {}
        self._lock = threading.Lock()

    def give(self, session: int, now: datetime) -> str:
        """Return a fresh mark for a form; where there are many, the oldest count no more."""
        mark = secrets.token_urlsafe(_BYTES)
        with self._lock:
            while len(self._given) >= _MOST:
                self._given.pop(next(iter(self._given)))
            self._given[mark] = (session, now + GOOD_FOR)
        return mark

    def take(self, mark: str, session: int, now: datetime) -> bool:
        """Use a mark up; say whether it was good."""
        with self._lock:
            owner, until = self._given.pop(mark, (None, now))
        return owner == session and now < until
