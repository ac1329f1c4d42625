"""Whether a principal that proved who it is may come in: not while it is frozen, and slowly while it is slowed [2.6].

Answered from memory, so that no request pays a query; what an alarm or a canary changed holds with the next request.
"""

import threading
from datetime import datetime, timedelta
from typing import Final

from strongroom.audit.entry import Reason
from strongroom.db.engine import Database
from strongroom.db.suspensions import Suspensions
from strongroom.errors import Throttled, Unauthenticated
from strongroom.policy.limits import SLOWED_TO
from strongroom.terms import PrincipalId

_MOST_SLOWED: Final = 4096


class Suspended(Unauthenticated):
    """What was shown is right and its principal is frozen; `reason` is for the log alone."""

    reason: Final = Reason.SUSPENDED

    def __init__(self) -> None:
        super().__init__("what was shown is not valid now")


class Standing:
    """The standing of every principal of one home. Safe between threads."""

    def __init__(self, database: Database) -> None:
        self._suspensions = Suspensions(database)
        self._lock = threading.Lock()
        self._admitted: dict[PrincipalId, datetime] = {}

    def is_frozen(self, principal: PrincipalId, now: datetime) -> bool:
        """Tell whether a principal's own proofs are refused at this instant."""
        return self._suspensions.is_frozen(principal, now)

    def refuse_frozen(self, principal: PrincipalId, now: datetime) -> None:
        """Refuse whoever is frozen. Raises: Suspended; record it with the refused request."""
        if self._suspensions.is_frozen(principal, now):
            raise Suspended

    def refuse_hasty(self, principal: PrincipalId, now: datetime) -> None:
        """Let a slowed principal in once in `SLOWED_TO`, and everybody else always.

        Raises:
            Throttled: it came too soon; record it with the refused request.

        """
        if not self._suspensions.is_slowed(principal, now):
            return
        with self._lock:
            last = self._admitted.get(principal)
            left = timedelta(0) if last is None else last + SLOWED_TO - now
            # A clock that was set back holds nobody for longer.
            if timedelta(0) < left <= SLOWED_TO:
                raise Throttled("slowed for a while", retry_after=left.total_seconds())
            if len(self._admitted) >= _MOST_SLOWED:
                self._admitted.clear()
            self._admitted[principal] = now
