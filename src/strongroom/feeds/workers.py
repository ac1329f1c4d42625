"""Runs one job at a time for each of several others' servers, so that one that hangs holds up nobody else."""

import threading
import time
from collections.abc import Callable, Hashable


class Workers:
    """Threads by key. `failed` hears of an error that a job let out; the next start tries again."""

    def __init__(self, failed: Callable[[BaseException], None]) -> None:
        self._failed = failed
        self._running: dict[Hashable, threading.Thread] = {}
        self._stopping = threading.Event()

    def stopping(self) -> bool:
        """Return whether jobs are to come to an end."""
        return self._stopping.is_set()

    def start(self, key: Hashable, job: Callable[[], None]) -> None:
        """Run a job, unless the one before of the same key still runs."""
        before = self._running.get(key)
        if self.stopping() or (before is not None and before.is_alive()):
            return
        # What hangs in somebody's server must not keep the process from ending.
        thread = threading.Thread(target=self._run, args=(job,), daemon=True)
        self._running[key] = thread
        thread.start()

    def wait(self, seconds: float) -> bool:
        """Return whether everything that runs ended within this time."""
        until = time.monotonic() + seconds
        for thread in list(self._running.values()):
            thread.join(max(0.0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in self._running.values())

    def stop(self, seconds: float) -> None:
        """Start nothing more, and wait for what runs."""
        self._stopping.set()
        self.wait(seconds)

    def _run(self, job: Callable[[], None]) -> None:
        try:
            job()
        except Exception as exc:  # noqa: BLE001 - told, and tried again
            # After a stop the home is closed under us: what was under way is done again next time.
            if not self.stopping():
                self._failed(exc)
