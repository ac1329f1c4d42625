"""Reconciles each day's reads with its answers, and records the counts [2.6]."""

from datetime import datetime, timedelta
from typing import Final

from strongroom.audit.entry import Event, Outcome, Reason
from strongroom.audit.event_types import EventType
from strongroom.audit.log import AuditLog
from strongroom.audit.reconciling import (
    DELIVERED,
    OPENED,
    Reconciled,
    delivered_of,
    opened_of,
    reconcile,
)
from strongroom.db.engine import Database
from strongroom.terms import SYSTEM

_UNDER_WAY: Final = timedelta(minutes=2)
"""An answer takes no longer to leave; what was opened later is left to the next run."""

_FIRST: Final = timedelta(days=1)
_FIGURES: Final = ("opened", "delivered", "undelivered", "unmatched")


def last_reconciled(audit: AuditLog) -> tuple[datetime, int] | None:
    """Return when records opened and delivered were last held together, and how many did not match."""
    found = None
    for entry in audit.of_types((EventType.EGRESS_RECONCILED,)):
        if entry.body.get("op") == "egress.unmatched":
            found = datetime.fromisoformat(entry.body["t"]), int(entry.body["n"])
    return found


def reconcile_since_last(audit: AuditLog, database: Database, now: datetime) -> Reconciled:
    """Reconcile what was opened since the last time, and record each figure. Durable on return."""
    last = last_reconciled(audit)
    begin = (now - _FIRST if last is None else last[0]) - _UNDER_WAY
    end = now - _UNDER_WAY
    opened, delivered = [], []
    for entry in audit.of_types(OPENED | DELIVERED, begin):
        if not entry.body:
            continue
        if entry.type in {type_.value for type_ in DELIVERED}:
            delivered.append(delivered_of(entry.body))
        elif datetime.fromisoformat(entry.body["t"]) < end:
            one = opened_of(entry.body)
            if one is not None:
                opened.append(one)
    result = reconcile(opened, delivered)
    events = [
        Event(
            EventType.EGRESS_RECONCILED,
            Outcome.FAILURE if figure == "unmatched" and result.unmatched else Outcome.SUCCESS,
            SYSTEM,
            reason=Reason.UNRECONCILED if figure == "unmatched" and result.unmatched else None,
            op=f"egress.{figure}",
            n=getattr(result, figure),
        )
        for figure in _FIGURES
    ]
    with database.write() as tx:
        audit.append(tx, *events, now=now)
    return result
