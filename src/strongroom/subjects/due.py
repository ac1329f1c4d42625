"""Tells, once each, which requests near the day the law gives them, and which went past it [2.2]."""

from datetime import datetime, timedelta
from typing import Final

from strongroom.audit.entry import Event, ObjKind, Outcome, Reason
from strongroom.audit.event_types import EventType
from strongroom.audit.log import AuditLog
from strongroom.db.engine import Database
from strongroom.subjects import store
from strongroom.terms import SYSTEM

WARN_BEFORE: Final = timedelta(days=7)


def watch(database: Database, audit: AuditLog, now: datetime) -> list[tuple[int, str]]:
    """Record what is near its day or past it and was not told so yet; return number and `near` or `over`."""
    with database.read() as tx:
        waiting = [one for one in store.listed(tx) if one.closed_at is None]
    told = []
    for one in waiting:
        for column, op, at in (
            ("warned_at", "near", one.due_at - WARN_BEFORE),
            ("overdue_at", "over", one.due_at),
        ):
            if now >= at and _tell_once(database, audit, one.id, column, op, now):
                told.append((one.id, op))
    return told


def _tell_once(
    database: Database, audit: AuditLog, number: int, name: str, op: str, now: datetime
) -> bool:
    column, over = store.requests.c[name], op == "over"
    event = Event(
        EventType.REQUEST_DUE,
        Outcome.FAILURE if over else Outcome.SUCCESS,
        SYSTEM,
        reason=Reason.OVERDUE if over else None,
        op=op,
        obj_kind=ObjKind.REQUEST,
        obj_ref=str(number),
    )
    with database.write() as tx:
        changed = tx.execute(
            store.requests.update()
            .where(store.requests.c.id == number, column.is_(None))
            .values({name: now})
        )
        if changed.rowcount:
            audit.append(tx, event, now=now)
    return bool(changed.rowcount)
