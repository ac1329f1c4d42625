"""Rows of suspended principals: set by alarms and at the door, obeyed by all that let somebody in [2.6].

Here because the rooms that set them and those that obey them never meet. The event is the caller's to append.
"""

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from strongroom.db.engine import Transaction
from strongroom.db.schema import principal_suspension as rows
from strongroom.terms import PrincipalId


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
    return True


def suspended(tx: Transaction, now: datetime) -> dict[PrincipalId, bool]:
    """Return who is suspended at this instant, and whether frozen as well."""
    found: dict[PrincipalId, bool] = {}
    for row in tx.execute(_live(now)):
        number = PrincipalId(row.principal_id)
        found[number] = found.get(number, False) or row.frozen
    return found


def lift(
    tx: Transaction, principals: Collection[PrincipalId], by: PrincipalId, now: datetime
) -> int:
    """End every live suspension of these principals; return how many there were."""
    statement = (
        sa.update(rows)
        .where(rows.c.principal_id.in_(principals), _is_live(now))
        .values(lifted_at=now, lifted_by=by)
    )
    return tx.execute(statement).rowcount


def _live(now: datetime) -> sa.Select[tuple[int, bool, datetime | None]]:
    return sa.select(rows.c.principal_id, rows.c.frozen, rows.c.until).where(_is_live(now))


def _is_live(now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(rows.c.lifted_at.is_(None), sa.or_(rows.c.until.is_(None), rows.c.until > now))
