"""Gives an answer more time where the law does: once, on one of its grounds, and told within its first day [2.2].

GDPR 12(3): two more months where a request is complex or there were many, and whoever asked hears of it, with the
reason, within the first month. From then on the later day counts; the earlier one stays written beside it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from strongroom.audit.event_types import EventType
from strongroom.audit.log import AuditLog
from strongroom.db import schema
from strongroom.db.engine import Database
from strongroom.errors import Conflict
from strongroom.policy.laws import Longer
from strongroom.subjects import store
from strongroom.subjects.ledger import Ledger
from strongroom.subjects.store import SubjectRequest
from strongroom.terms import Caller, PrincipalId

_extensions: Final = schema.subject_extension


@dataclass(frozen=True, slots=True)
class Extension:
    """Why an answer takes longer, who told them so when, and which day it had before."""

    ground: Longer
    told_at: datetime
    told_by: PrincipalId
    due_before: datetime


class Extensions:
    """The extensions of one home's requests. Durable on return, with their events. Thread-safe."""

    def __init__(self, database: Database, audit: AuditLog) -> None:
        self._database = database
        self._ledger = Ledger(database, audit)

    def of(self, number: int) -> Extension | None:
        """Return the extension of a request; None where it has none."""
        with self._database.read() as tx:
            row: Any = tx.execute(
                sa.select(_extensions).where(_extensions.c.request_id == number)
            ).first()
        if row is None:
            return None
        return Extension(Longer(row.ground), row.told_at, row.told_by, row.due_before)

    def extend(self, caller: Caller, number: int, ground: Longer, now: datetime) -> SubjectRequest:
        """Record that a letter tells whoever asked that the answer takes longer, and let the later day count.

        Raises:
            Denied: the caller does not handle it. Recorded.
            Malformed: its law gives no more time.
            Conflict: it is closed or was extended, or the law's first day has gone by.

        """
        kind = EventType.REQUEST_EXTENDED
        with self._ledger.acting(caller, number, kind, now, proved=False) as (tx, request):
            law = request.law
            later = law.extended(request.received_at)
            known = tx.execute(
                sa.select(_extensions.c.request_id).where(_extensions.c.request_id == number)
            ).first()
            if known is not None:
                raise Conflict(f"request {number} was extended already: a law gives more time once")
            if now >= law.due(request.received_at):
                raise Conflict(
                    f"the first day of request {number} has gone by: they had to hear of it before",
                    hint="answer with what is ready, and write why the rest is late",
                )
            tx.execute(
                _extensions.insert().values(
                    request_id=number,
                    ground=ground.value,
                    told_at=now,
                    told_by=caller.principal,
                    due_before=request.due_at,
                )
            )
            tx.execute(
                store.requests.update()
                .where(store.requests.c.id == number)
                .values(due_at=later, warned_at=None, overdue_at=None)
            )
            self._ledger.step(tx, caller, number, kind, now, op=ground.value)
            return store.request(tx, number)
