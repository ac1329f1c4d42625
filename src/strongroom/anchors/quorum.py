"""Lets an operation answer only once enough witnesses have seen that it was done: the synchronous-witness mode [2.6].

For exports, operations on keys, and administration. First what is intended is recorded and witnessed; then it is done,
with its own events; then these are witnessed; then it answers. Without the first nothing is done. Without the second it
is done and recorded, and its answer, a credential that is shown once among it, is held back.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from strongroom.anchors.anchors import Anchors
from strongroom.audit import AuditLog, Event, EventType, ObjKind, Outcome, Reason
from strongroom.db.engine import Database
from strongroom.errors import Unavailable
from strongroom.terms import Caller

_HINT: Final = "`strongroom audit witness list` says why; log.synchronous asks for it"


class Quorum:
    """The mode of one home; off, it does nothing."""

    def __init__(
        self, database: Database, audit: AuditLog, anchors: Anchors, *, synchronous: bool
    ) -> None:
        self.synchronous: Final = synchronous
        self._database = database
        self._audit = audit
        self._anchors = anchors

    @contextmanager
    def witnessed(self, operation: str, caller: Caller, now: datetime) -> Iterator[None]:
        """Have an operation's intent witnessed before the block, and what it recorded after it.

        An operation that fails, fails as it would otherwise.

        Raises:
            Unavailable: too few witnesses cosigned. Before the block: nothing was done.

        """
        if not self.synchronous:
            yield
            return
        self._record(EventType.OPERATION_ANNOUNCED, operation, caller, now, None)
        self._require(operation, caller, now, "nothing was done")
        yield
        self._require(operation, caller, now, "it was done and is recorded, its answer is withheld")

    def _require(self, operation: str, caller: Caller, now: datetime, what: str) -> None:
        found = len(self._anchors.witnessed(now).keys)
        # A home that asks for nobody would be one that nobody witnesses.
        needed = max(1, self._anchors.needed)
        if found < needed:
            reason = Reason.UNREACHED_QUORUM
            self._record(EventType.LOG_ANCHOR_FAILED, operation, caller, now, reason)
            raise Unavailable(f"{found} of {needed} witnesses saw it: {what}", hint=_HINT)

    def _record(
        self,
        type_: EventType,
        operation: str,
        caller: Caller,
        now: datetime,
        reason: Reason | None,
    ) -> None:
        event = Event(
            type_,
            Outcome.SUCCESS if reason is None else Outcome.FAILURE,
            caller,
            reason=reason,
            op=operation,
            obj_kind=ObjKind.OPERATION,
            obj_ref=operation,
        )
        with self._database.write() as tx:
            self._audit.append(tx, event, now=now)
