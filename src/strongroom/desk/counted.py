"""What takes a while to count: done apart from the pages that show it, and shown with its instant [2.1]."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar

FRESH: Final = timedelta(minutes=5)
_WAITS: Final = 0.5

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Counted(Generic[_T]):
    """What was counted, and when."""

    found: _T
    at: datetime


class Counting(Generic[_T]):
    """Counts again once what it has is old, in a thread of its own, one at a time. Safe between threads."""

    def __init__(self, count: Callable[[], _T]) -> None:
        self._count = count
        self._last: Counted[_T] | None = None
        self._running: threading.Thread | None = None
        self._lock = threading.Lock()

    def now(self, now: datetime) -> Counted[_T] | None:
        """Return what was counted last; None while it is counted for the first time."""
        with self._lock:
            last, running = self._last, self._running
            old = last is None or now - last.at >= FRESH
            if old and (running is None or not running.is_alive()):
                running = self._running = threading.Thread(
                    target=self._run, args=(now,), name="counting", daemon=True
                )
                running.start()
        if last is None and running is not None:
            running.join(_WAITS)
        return self._last

    def _run(self, now: datetime) -> None:
        try:
            self._last = Counted(self._count(), now)
        except Exception as exc:  # noqa: BLE001 - a page shows what is known; the next one tries again
            _log.error("counting failed: %s", type(exc).__name__)
