"""Runs what takes long apart from who asked for it, one work at a time for each notice [1.7].

Nothing of it is kept: what a work did is in the log, and one that was ended goes on when it is asked for again.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from strongroom.errors import Conflict, StrongroomError, Unavailable

_STOPS_WITHIN: Final = 10.0

Progress = Callable[[int], None]

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Work:
    """One work: what is done since when for whom, how far it is, and why it failed."""

    what: str
    by: str
    began_at: datetime
    done: int = 0
    fault: StrongroomError | None = None
    thread: threading.Thread | None = field(default=None, repr=False)

    @property
    def runs(self) -> bool:
        """Whether it is still being done."""
        return self.thread is not None and self.thread.is_alive()


class Works:
    """The works of one process. Safe between threads."""

    def __init__(self) -> None:
        self._works: dict[int, Work] = {}
        self._lock = threading.Lock()
        self._stopping = False

    def begin(
        self,
        notice: int,
        what: str,
        by: str,
        now: datetime,
        work: Callable[[Progress], object],
        *,
        waits: float,
    ) -> Work:
        """Begin a work and wait some seconds for its end, which a short one reaches.

        Raises:
            Conflict: another one of this notice runs.
            Unavailable: the process ends.
            StrongroomError: what the work raised within that time.

        """
        made = Work(what, by, now)

        def told(more: int) -> None:
            made.done += more
            if self._stopping:
                raise Unavailable("the process was stopped", hint="ask for it again: it goes on")

        def run() -> None:
            try:
                work(told)
            except StrongroomError as exc:
                made.fault = exc
            except Exception as exc:  # noqa: BLE001 - a thread has nobody above it to tell
                _log.error("work on a notice failed: %s", type(exc).__name__)
                made.fault = Unavailable("it failed: the process's log says of what")

        with self._lock:
            if self._stopping:
                raise Unavailable("the process is being stopped")
            before = self._works.get(notice)
            if before is not None and before.runs:
                raise Conflict(f"notice {notice} is being worked on")
            made.thread = threading.Thread(target=run, name=f"notice-{notice}", daemon=True)
            self._works[notice] = made
            made.thread.start()
        made.thread.join(waits)
        if made.fault is not None:
            raise made.fault
        return made

    def of(self, notice: int) -> Work | None:
        """Return the last work of a notice that runs or failed."""
        found = self._works.get(notice)
        return found if found is not None and (found.runs or found.fault is not None) else None

    def stop(self) -> None:
        """Have works end at their next step, and wait for that some seconds."""
        self._stopping = True
        for work in list(self._works.values()):
            if work.thread is not None:
                work.thread.join(_STOPS_WITHIN)
