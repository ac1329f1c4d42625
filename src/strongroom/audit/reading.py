"""Reads the log back: entries by number, by type, by who, and how many there are of each.

What was pruned has no bytes left: such an entry comes with an empty body. Nothing here verifies.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
import sqlalchemy as sa

from strongroom.audit.entry import Outcome, instant, micros
from strongroom.audit.event_types import EventType
from strongroom.db.engine import Database, Transaction
from strongroom.db.schema import audit_event, audit_head
from strongroom.terms import PrincipalId

_PAGE: Final = 1000
_SIZE: Final = sa.select(sa.func.max(audit_head.c.size))
EVENTS: Final = sa.select(
    audit_event.c.seq,
    audit_event.c.body,
    audit_event.c.leaf_hash,
    audit_event.c.ts,
    audit_event.c.type,
    audit_event.c.actor,
    audit_event.c.outcome,
    audit_event.c.obj_ref,
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One recorded event, as read back. `body` holds the members docs/formats/audit-log.md names; none once pruned."""

    seq: int
    type: str
    outcome: str
    body: dict[str, Any]


class Reader:
    """The entries of one home's log. No transaction stays open between two entries that are given."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def tail(self, limit: int) -> list[Entry]:
        """Return the last events, oldest first."""
        with self._database.read() as tx:
            query = EVENTS.order_by(audit_event.c.seq.desc()).limit(limit)
            return [_entry(row) for row in tx.execute(query)][::-1]

    def events(self, since: int = 0) -> Iterator[Entry]:
        """Give every event from number `since` on, in order; no transaction stays open meanwhile."""
        while True:
            with self._database.read() as tx:
                query = EVENTS.where(audit_event.c.seq >= since).order_by(audit_event.c.seq)
                page = [_entry(row) for row in tx.execute(query.limit(_PAGE))]
            yield from page
            if len(page) < _PAGE:
                return
            since = page[-1].seq + 1

    def of_types(
        self,
        types: Collection[EventType],
        since: datetime | None = None,
        tx: Transaction | None = None,
        *,
        first: int = 0,
    ) -> Iterator[Entry]:
        """Give the events of these types from an instant and from number `first` on, in order; as `events` otherwise.

        Within a transaction give it: a second one would wait for a connection while it keeps others waiting.
        """
        seq = first
        wanted = EVENTS.where(audit_event.c.type.in_([type_.value for type_ in types]))
        if since is not None:
            wanted = wanted.where(audit_event.c.ts >= micros(since))
        while True:
            with self._database.read() if tx is None else nullcontext(tx) as view:
                query = wanted.where(audit_event.c.seq >= seq).order_by(audit_event.c.seq)
                page = [_entry(row) for row in view.execute(query.limit(_PAGE))]
            yield from page
            if len(page) < _PAGE:
                return
            seq = page[-1].seq + 1

    def about(
        self, types: Collection[EventType], ref: str, tx: Transaction | None = None
    ) -> list[Entry]:
        """Return the events of these types about one object, in order; for types that are few of each object."""
        wanted = EVENTS.where(
            audit_event.c.type.in_([type_.value for type_ in types]), audit_event.c.obj_ref == ref
        )
        with self._database.read() if tx is None else nullcontext(tx) as view:
            return [_entry(row) for row in view.execute(wanted.order_by(audit_event.c.seq))]

    def counts(self, since: int | None) -> tuple[int, Mapping[tuple[str, str], int]]:
        """Return the log's size, and how many entries from number `since` on have which type and outcome.

        Without `since` nothing is counted.
        """
        column = audit_event.c
        with self._database.read() as tx:
            size = tx.execute(_SIZE).scalar() or 0
            if since is None:
                return size, {}
            query = (
                sa.select(column.type, column.outcome, sa.func.count())
                .where(column.seq >= since, column.seq < size)
                .group_by(column.type, column.outcome)
            )
            return size, {(type_, outcome): n for type_, outcome, n in tx.execute(query)}

    def totals(self, since: datetime, until: datetime, size: int) -> Mapping[str, int]:
        """Return how many of the first `size` entries there were of each type, from one instant to before another."""
        column = audit_event.c
        query = (
            sa.select(column.type, sa.func.count().label("n"))
            .where(column.ts >= micros(since), column.ts < micros(until), column.seq < size)
            .group_by(column.type)
        )
        with self._database.read() as tx:
            return {row.type: row.n for row in tx.execute(query)}

    def latest(self, type_: EventType) -> Entry | None:
        """Return the last event of one type."""
        query = EVENTS.where(audit_event.c.type == type_.value).order_by(audit_event.c.seq.desc())
        with self._database.read() as tx:
            row = tx.execute(query.limit(1)).first()
        return None if row is None else _entry(row)

    def last_active(self) -> dict[int, datetime]:
        """Return when each principal last did anything that was recorded, by its number."""
        query = sa.select(audit_event.c.actor, sa.func.max(audit_event.c.ts).label("ts"))
        with self._database.read() as tx:
            rows = tx.execute(query.group_by(audit_event.c.actor))
            return {row.actor: instant(row.ts) for row in rows}

    def objects(self, type_: EventType, actor: PrincipalId, since: datetime) -> frozenset[str]:
        """Return what a principal's successful events of one type were about, from an instant on.

        Reads back to that instant and no further, so it costs what has happened since.
        """
        column = audit_event.c
        earlier = (
            sa.select(column.seq)
            .where(column.ts < micros(since))
            .order_by(column.seq.desc())
            .limit(1)
        )
        with self._database.read() as tx:
            first = tx.execute(earlier).scalar()
            query = sa.select(column.obj_ref).where(
                column.seq > (-1 if first is None else first),
                column.type == type_.value,
                column.actor == actor,
                column.outcome == Outcome.SUCCESS.value,
                column.obj_ref.is_not(None),
            )
            return frozenset(tx.execute(query).scalars())


def _entry(row: Any) -> Entry:  # noqa: ANN401 - a row of EVENTS
    return Entry(row.seq, row.type, row.outcome, orjson.loads(row.body) if row.body else {})
