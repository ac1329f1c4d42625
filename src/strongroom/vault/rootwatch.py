"""Watches whether the root key's provider still opens the master key, and puts all keys away where it stays away [2.4].

A home whose provider fails goes on with the master that it holds: an outage elsewhere is no outage here. But a key that
was disabled, a token that was pulled out or a grant that was taken back has to end what it opened, so after a while
without an answer the keys are forgotten, and every call that needs one is refused until the provider answers again.
Disposal goes on all the while: to destroy takes no key.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from strongroom.audit.entry import Event, ObjKind, Outcome, Reason
from strongroom.audit.event_types import EventType
from strongroom.audit.log import AuditLog
from strongroom.errors import Misconfigured, StrongroomError, Tampered, Unavailable
from strongroom.terms import SYSTEM
from strongroom.vault.keystore import Keystore

UNREACHABLE: Final = "unreachable"
SHUT: Final = "shut"
REACHED: Final = "reached"


@dataclass(frozen=True, slots=True)
class RootStanding:
    """How the provider stands: since when it fails and with what words, and whether the keys are put away."""

    provider: str
    key_id: str
    failing_for: timedelta | None
    fault: str | None
    shut: bool


class RootWatch:
    """Asks the provider of one home now and then. Safe between threads; `steady` is a clock that nobody sets."""

    def __init__(
        self,
        keystore: Keystore,
        audit: AuditLog,
        steady: Callable[[], timedelta],
        grace: timedelta | None,
    ) -> None:
        self._keystore = keystore
        self._audit = audit
        self._steady = steady
        self._grace = grace
        self._lock = threading.Lock()
        self._reached = steady()
        """When it answered last: the master was opened just before this was made."""
        self._fault: str | None = None
        self._is_shut = False

    @property
    def is_elsewhere(self) -> bool:
        """Whether the root is anywhere but in a file, which was read at the start and is not needed again."""
        return self._provider != "file"

    def look(self, now: datetime) -> None:
        """Ask the provider to open the master key; record what changed, durably.

        Raises:
            Unavailable: as `judge`.

        """
        if not self.is_elsewhere:
            return
        try:
            self._keystore.probe_root()
        except StrongroomError as exc:
            self._failed(exc, now)
        else:
            self._answered(now)
        self.judge(now)

    def judge(self, now: datetime) -> None:
        """Put the keys away where the provider has not answered for too long, whether or not a call hangs.

        Raises:
            Unavailable: they are put away.

        """
        if not self.is_elsewhere:
            return
        with self._lock:
            away = self._steady() - self._reached
            late = self._grace is not None and away > self._grace
            first = late and not self._is_shut
            self._is_shut = self._is_shut or late
            shut = self._is_shut
        if first:
            self._keystore.shut()
            self._record(SHUT, Outcome.FAILURE, Reason.UNAVAILABLE, now, away)
        if shut:
            raise Unavailable("the root key's provider does not answer: keys are put away")

    def standing(self) -> RootStanding:
        """Return how it stands, without a call."""
        with self._lock:
            failing = None if self._fault is None else self._steady() - self._reached
            return RootStanding(
                self._provider,
                self._keystore.provider.key_id,
                failing,
                self._fault,
                self._is_shut,
            )

    # -- private ---------------------------------------------------------------------------------

    @property
    def _provider(self) -> str:
        return self._keystore.provider.uri.partition(":")[0]

    def _failed(self, exc: StrongroomError, now: datetime) -> None:
        with self._lock:
            first = self._fault is None
            self._fault = exc.message
            away = self._steady() - self._reached
        if first:
            match exc:
                case Tampered():
                    reason = Reason.TAMPERED
                case Misconfigured():
                    reason = Reason.MISCONFIGURED
                case _:
                    reason = Reason.UNREACHABLE
            self._record(UNREACHABLE, Outcome.FAILURE, reason, now, away)

    def _answered(self, now: datetime) -> None:
        with self._lock:
            was, away = self._fault is not None or self._is_shut, self._steady() - self._reached
            self._reached, self._fault, self._is_shut = self._steady(), None, False
        if was:
            self._record(REACHED, Outcome.SUCCESS, None, now, away)

    def _record(
        self, op: str, outcome: Outcome, reason: Reason | None, now: datetime, away: timedelta
    ) -> None:
        event = Event(
            EventType.ROOT_PROBED,
            outcome,
            SYSTEM,
            reason=reason,
            op=op,
            obj_kind=ObjKind.KEY,
            obj_ref="root",
            n=int(away.total_seconds()),
        )
        self._audit.record(event, now=now)
