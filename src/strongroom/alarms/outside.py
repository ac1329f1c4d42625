"""Raises what the log cannot tell of, because it is the log, or its file, that is wrong [1.6, 2.6].

Each way is tried whatever became of the others: a line of the process's own log, the alarm's row with its event, the
row without it, and the channels themselves. The same thing is said again once an hour and not every second.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from strongroom.accounts.changes import Changes
from strongroom.alarms.kinds import AlarmKind, Response, Severity, Signal
from strongroom.alarms.raising import RUNBOOKS, Raising
from strongroom.audit import AuditLog
from strongroom.db.engine import Database
from strongroom.errors import StrongroomError
from strongroom.feeds import Notice, Step
from strongroom.terms import SYSTEM

AGAIN_AFTER: Final = timedelta(hours=1)

Tell = Callable[[Signal], None]
"""Writes a line to the process's own log."""

Direct = Callable[[Notice], None]
"""Gives a notice to a channel now, without the database."""


class Outside:
    """Raises from outside of the log. Safe between threads; returns when every way was tried."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        raising: Raising,
        *,
        tell: Tell,
        channels: Sequence[Direct],
    ) -> None:
        self._database = database
        self._audit = audit
        self._raising = raising
        self._tell = tell
        self._channels = channels
        self._lock = threading.Lock()
        self._said: dict[str, datetime] = {}

    @property
    def raised(self) -> bool:
        """Whether anything was: such a process is not well until it is started again."""
        return bool(self._said)

    def raise_outside(self, signal: Signal, now: datetime) -> None:
        """Make one sign known that no entry of the log stands for."""
        with self._lock:
            last = self._said.get(signal.key)
            if last is not None and timedelta(0) <= now - last < AGAIN_AFTER:
                return
            self._said[signal.key] = now
        self._tell(signal)
        try:
            self._store(signal, now, recorded=True)
        except StrongroomError:
            # Nothing else may be done unrecorded; that the log is not what it was must be.
            with suppress(StrongroomError):
                self._store(signal, now, recorded=False)
        notice = Notice(
            Step.RAISED,
            signal.kind.value,
            signal.severity.value,
            now,
            count=signal.count,
            runbook=f"{RUNBOOKS}/{signal.kind.value}.md",
        )
        for channel in self._channels:
            # One that is down is no reason not to try the next.
            with suppress(Exception):
                channel(notice)

    def _store(self, signal: Signal, now: datetime, *, recorded: bool) -> None:
        with self._database.write() as tx:
            change = Changes(tx, SYSTEM, now)
            self._raising.raise_in(change, [signal])
            if recorded:
                self._audit.append(tx, *change.events, now=now)


def tampered(task: str, now: datetime) -> Signal:
    """Return the sign that a task found the log, or its file, to be another than it was."""
    return Signal(
        AlarmKind.LOG_TAMPERED,
        Severity.CRITICAL,
        Response.NOTIFY,
        f"outside:{task}",
        now,
        target=f"task:{task}",
    )
