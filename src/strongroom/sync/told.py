"""What a sync tells of itself when it ends: numbers and closed words, never a value. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from strongroom.audit.entry import Reason
from strongroom.errors import (
    Conflict,
    Denied,
    Malformed,
    NotFound,
    StrongroomError,
    Tampered,
    Throttled,
    Unauthenticated,
    Unavailable,
)


class State(StrEnum):
    """How a run ended."""

    DONE = "done"
    STOPPED = "stopped"
    """Somebody ended it; the next one goes on from there."""
    REFUSED = "refused"
    """Neither grant nor authorization, or Amazon says no."""
    FAILED = "failed"
    """The next one goes on from there."""


class Stopped(StrongroomError):
    """The sync was told to end."""


@dataclass(slots=True)
class Run:
    """One selling partner's run of one stream.

    `seen` counts orders, documents or notifications, `pages` what they came in.
    """

    seller: str
    stream: str
    state: State = State.DONE
    seen: int = 0
    pages: int = 0
    resumed: bool = False
    """It went on with what an earlier run had begun."""
    restarted: bool = False
    """Amazon's place in the list had expired, so that the window began anew."""
    counts: dict[str, int] = field(default_factory=dict)
    """Of notifications: delivered, repeated, and refused by reason."""
    notes: list[str] = field(default_factory=list)
    fault: str | None = None

    @property
    def ok(self) -> bool:
        """Whether all that was asked for came."""
        return self.state is State.DONE and not any(
            count for name, count in self.counts.items() if name.startswith("refused")
        )

    def count(self, name: str) -> None:
        """Count one more."""
        self.counts[name] = self.counts.get(name, 0) + 1

    def end(self, error: StrongroomError) -> None:
        """Take down what ended it."""
        self.state = next((s for kind, s in _STATES.items() if isinstance(error, kind)), _FAILED)
        self.fault = error.message


_FAILED = State.FAILED
_STATES: Mapping[type[StrongroomError], State] = {
    Stopped: State.STOPPED,
    Denied: State.REFUSED,
    Unauthenticated: State.REFUSED,
}

_REASONS: Mapping[type[StrongroomError], Reason] = {
    Stopped: Reason.UNAVAILABLE,
    Denied: Reason.NOT_AUTHORIZED,
    Throttled: Reason.RATE_LIMITED,
    Unavailable: Reason.UNAVAILABLE,
    Tampered: Reason.TAMPERED,
    Malformed: Reason.MALFORMED_UPSTREAM,
    NotFound: Reason.NOT_FOUND,
    Conflict: Reason.CONFLICT,
}


def reason_of(error: StrongroomError) -> Reason:
    """Return the log's word for what ended a run."""
    return next((r for kind, r in _REASONS.items() if isinstance(error, kind)), Reason.INTERNAL)
