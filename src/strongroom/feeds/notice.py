"""What people are told of an alarm, and where that is handed in; no person's data but the names of our own users."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from strongroom.db.engine import Transaction


class Step(StrEnum):
    """What of an alarm's course is told."""

    RAISED = "raised"
    ESCALATED = "escalated"
    CLOSED = "closed"
    DRILL = "drill"
    HEARTBEAT = "heartbeat"
    """Nothing is wrong: the channel itself is tried."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One message. `kind` and `severity` are words of `alarms.kinds`; `alarm` and `investigation` their numbers.

    `principal` is the name of a person or app of this home, or None; `runbook` the page that says what to do; `done`
    the word of `alarms.kinds.Response` for what was done at once; `target` what it is about where that is no principal.
    """

    step: Step
    kind: str
    severity: str
    at: datetime
    alarm: int | None = None
    investigation: int | None = None
    principal: str | None = None
    count: int = 1
    runbook: str | None = None
    drill: bool = False
    done: str | None = None
    target: str | None = None


class Outbox(Protocol):
    """Takes notices in the caller's transaction; what was taken is delivered at least once, later, to every channel."""

    def enqueue(self, tx: Transaction, notice: Notice, now: datetime) -> None:
        """Keep the notice; durable when the transaction is."""
        ...
