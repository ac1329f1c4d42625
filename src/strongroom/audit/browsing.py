"""Finds entries of the log by type, who, outcome, object and time, page by page, in a bounded time however long it is.

Type and who are looked up in indexes, time by halving; what else is asked for is compared entry by entry, of a few
thousand at most, and the answer says where it stopped [2.6]. Nothing here verifies.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
import sqlalchemy as sa

from strongroom.audit.entry import ObjKind, Outcome, micros
from strongroom.audit.event_types import EventType
from strongroom.audit.reading import EVENTS, Entry
from strongroom.db.engine import Transaction
from strongroom.db.schema import audit_event, audit_head
from strongroom.terms import PrincipalId

MOST_LOOKED_AT: Final = 5000
_CHUNK: Final = 500
_column: Final = audit_event.c


@dataclass(frozen=True, slots=True)
class Wanted:
    """What entries are asked for; None asks for all."""

    type: EventType | None = None
    actor: PrincipalId | None = None
    outcome: Outcome | None = None
    obj_kind: ObjKind | None = None
    since: datetime | None = None
    until: datetime | None = None
    """The first instant that is asked for no more."""


@dataclass(frozen=True, slots=True)
class Browsed:
    """Entries in the order they were looked for, and the number where looking stopped before there were enough."""

    entries: list[Entry]
    stopped_at: int | None


def browse(
    tx: Transaction, wanted: Wanted, *, before: int | None, after: int | None, limit: int
) -> Browsed:
    """Return up to `limit` entries: falling numbers below `before`, or rising ones above `after`."""
    low, high = _bounds(tx, wanted)
    forward = after is not None
    if before is not None:
        high = min(high, before)
    if after is not None:
        low = max(low, after + 1)
    found: list[Entry] = []
    looked_at = 0
    while low < high:
        chunk = _chunk(tx, wanted, low, high, forward=forward)
        for row in chunk:
            entry = _fitting(row, wanted)
            if entry is not None:
                found.append(entry)
                if len(found) == limit:
                    return Browsed(found, None)
        looked_at += len(chunk)
        if len(chunk) < _CHUNK:
            break
        if forward:
            low = chunk[-1].seq + 1
        else:
            high = chunk[-1].seq
        if looked_at >= MOST_LOOKED_AT:
            return Browsed(found, chunk[-1].seq)
    return Browsed(found, None)


def _chunk(tx: Transaction, wanted: Wanted, low: int, high: int, *, forward: bool) -> Sequence[Any]:
    query = EVENTS.where(_column.seq >= low, _column.seq < high).limit(_CHUNK)
    # One index is enough, and two conditions could make a long walk of either.
    if wanted.actor is not None:
        query = query.where(_column.actor == wanted.actor)
    elif wanted.type is not None:
        query = query.where(_column.type == wanted.type.value)
    return tx.execute(query.order_by(_column.seq if forward else _column.seq.desc())).all()


def _fitting(row: Any, wanted: Wanted) -> Entry | None:  # noqa: ANN401 - a row of EVENTS
    """Return the entry of a row that is asked for; only such a one's bytes are read."""
    if wanted.type is not None and row.type != wanted.type.value:
        return None
    if wanted.outcome is not None and row.outcome != wanted.outcome.value:
        return None
    body = orjson.loads(row.body) if row.body else {}
    if wanted.obj_kind is not None and body.get("obj", {}).get("kind") != wanted.obj_kind.value:
        return None
    return Entry(row.seq, row.type, row.outcome, body)


def _bounds(tx: Transaction, wanted: Wanted) -> tuple[int, int]:
    """Return the first number in the time that is asked for, and the first one after it."""
    size = tx.execute(sa.select(sa.func.max(audit_head.c.size))).scalar() or 0
    low = 0 if wanted.since is None else _first_at(tx, wanted.since, size)
    high = size if wanted.until is None else _first_at(tx, wanted.until, size)
    return low, high


def _first_at(tx: Transaction, at: datetime, size: int) -> int:
    """Return the number of the first entry at or after an instant, by halving: numbers rise with time."""
    low, high, wanted = 0, size, micros(at)
    while low < high:
        middle = (low + high) // 2
        ts = tx.execute(sa.select(_column.ts).where(_column.seq == middle)).scalar()
        if ts is None or ts < wanted:
            low = middle + 1
        else:
            high = middle
    return low
