"""Rows of suspended and slowed principals: set by alarms and at the door, obeyed by all that let somebody in [2.6].

Here because the rooms that set them and those that obey them never meet. The event is the caller's to append.
"""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa

from strongroom.db.engine import Database, Transaction, UtcDateTime, mark_changed
from strongroom.db.schema import principal_slowing as slowings
from strongroom.db.schema import principal_suspension as rows
from strongroom.terms import PrincipalId

FOREVER: Final = datetime(9999, 12, 31, tzinfo=UTC)
"""The end of what ends only when somebody lifts it."""

_NAME: Final = "suspensions"
_OLDEST_SECONDS: Final = 1.0


def suspend(
    tx: Transaction,
    principal: PrincipalId,
    *,
    why: str,
    frozen: bool,
    now: datetime,
    until: datetime | None = None,
) -> bool:
    """Suspend a principal as part of the caller's transaction; False where it already is, as strictly and as long."""
    for row in tx.execute(_live(now).where(rows.c.principal_id == principal)):
        as_long = row.until is None or (until is not None and row.until >= until)
        if as_long and (row.frozen or not frozen):
            return False
    values = {"principal_id": principal, "frozen": frozen, "why": why, "since": now, "until": until}
    tx.execute(sa.insert(rows).values(values))
    mark_changed(tx, _NAME)
    return True


def suspended(tx: Transaction, now: datetime) -> dict[PrincipalId, bool]:
    """Return who is suspended at this instant, and whether frozen as well."""
    found: dict[PrincipalId, bool] = {}
    for row in tx.execute(_live(now)):
        number = PrincipalId(row.principal_id)
        found[number] = found.get(number, False) or row.frozen
    return found


def is_frozen(tx: Transaction, principal: PrincipalId, now: datetime) -> bool:
    """Tell whether a principal's own proofs are refused at this instant."""
    query = _live(now).where(rows.c.principal_id == principal, rows.c.frozen.is_(True))
    return tx.execute(query.limit(1)).first() is not None


def lift(
    tx: Transaction, principals: Collection[PrincipalId], by: PrincipalId, now: datetime
) -> int:
    """End every live suspension and slowing of these principals; return how many there were."""
    statement = (
        sa.update(rows)
        .where(rows.c.principal_id.in_(principals), _is_live(now))
        .values(lifted_at=now, lifted_by=by)
    )
    lifted: int = tx.execute(statement).rowcount
    slowed = sa.delete(slowings).where(slowings.c.principal_id.in_(principals))
    # One that has ended by itself goes with the others, and is nothing that was lifted.
    slow = tx.execute(slowed.returning(slowings.c.until)).scalars().all()
    mark_changed(tx, _NAME)
    return lifted + len([until for until in slow if until > now])


def slow(tx: Transaction, principal: PrincipalId, until: datetime) -> None:
    """Slow a principal until then as part of the caller's transaction, or longer where it already is."""
    mine = slowings.c.principal_id == principal
    known = tx.execute(sa.select(slowings.c.until).where(mine).with_for_update()).scalar()
    if known is None:
        tx.execute(sa.insert(slowings).values(principal_id=principal, until=until))
    elif known < until:
        tx.execute(sa.update(slowings).where(mine).values(until=until))
    mark_changed(tx, _NAME)


def suspended_until(
    principal: sa.ColumnElement[Any], *, frozen: bool = False
) -> sa.ScalarSelect[datetime | None]:
    """Return, for a query, when a principal's longest suspension ends: `FOREVER`, an instant, or null.

    `frozen`: only those that refuse its proofs too. An instant may have passed: compare it.
    """
    wanted = [rows.c.principal_id == principal, rows.c.lifted_at.is_(None)]
    if frozen:
        wanted.append(rows.c.frozen.is_(True))
    ends = sa.func.coalesce(rows.c.until, sa.literal(FOREVER, UtcDateTime), type_=UtcDateTime)
    latest = sa.func.max(ends, type_=UtcDateTime)
    return sa.select(latest).where(*wanted).correlate_except(rows).scalar_subquery()


@dataclass(frozen=True, slots=True)
class _Known:
    version: int
    read_at: float
    frozen: dict[PrincipalId, datetime]
    slowed: dict[PrincipalId, datetime]


class Suspensions:
    """Who is frozen or slowed, from memory. Safe between threads.

    What this process changed shows with the next question, whichever room changed it; what another process on the same
    PostgreSQL changed shows within a second.
    """

    def __init__(
        self, database: Database, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._monotonic = monotonic
        self._known: _Known | None = None

    def is_frozen(self, principal: PrincipalId, now: datetime) -> bool:
        """Tell whether a principal's own proofs are refused at this instant."""
        until = self._read().frozen.get(principal)
        return until is not None and now < until

    def is_slowed(self, principal: PrincipalId, now: datetime) -> bool:
        """Tell whether a principal is slowed at this instant."""
        until = self._read().slowed.get(principal)
        return until is not None and now < until

    def _read(self) -> _Known:
        # Before the read: what changes meanwhile makes it stale at once.
        version = self._database.version(_NAME)
        known = self._known
        if known is None or known.version != version or self._is_old(known):
            read_at = self._monotonic()
            with self._database.read() as tx:
                frozen: dict[PrincipalId, datetime] = {}
                query = sa.select(rows.c.principal_id, rows.c.until)
                unlifted = query.where(rows.c.lifted_at.is_(None), rows.c.frozen.is_(True))
                for row in tx.execute(unlifted):
                    number, until = PrincipalId(row.principal_id), row.until or FOREVER
                    frozen[number] = max(until, frozen.get(number, until))
                slowed = {PrincipalId(row.principal_id): row.until for row in tx.execute(_SLOWED)}
            known = self._known = _Known(version, read_at, frozen, slowed)
        return known

    def _is_old(self, known: _Known) -> bool:
        # A SQLite file has one process.
        is_shared = not self._database.is_sqlite
        return is_shared and self._monotonic() - known.read_at >= _OLDEST_SECONDS


_SLOWED: Final = sa.select(slowings.c.principal_id, slowings.c.until)


def _live(now: datetime) -> sa.Select[tuple[int, bool, datetime | None]]:
    return sa.select(rows.c.principal_id, rows.c.frozen, rows.c.until).where(_is_live(now))


def _is_live(now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(rows.c.lifted_at.is_(None), sa.or_(rows.c.until.is_(None), rows.c.until > now))
