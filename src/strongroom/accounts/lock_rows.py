"""Locks of people and addresses as they are listed, and the rows behind them [1.2].

Private writes: only the guard sets and lifts locks, each in one transaction with its event.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

import sqlalchemy as sa

from strongroom.accounts.changes import Changes
from strongroom.audit import EventType, ObjKind, Reason
from strongroom.db import schema
from strongroom.db.engine import Transaction
from strongroom.errors import NotFound, Unauthenticated
from strongroom.policy.lockout import Disposition, LockReason
from strongroom.terms import PrincipalId

_table: Final = schema.account_lock
_SELECT: Final = (
    sa.select(_table, schema.principal.c.name)
    .outerjoin(schema.principal, schema.principal.c.id == _table.c.principal_id)
    .order_by(_table.c.id)
)


class Locked(Unauthenticated):
    """The person is locked out: answer as for a wrong password, after the same work, and record it as such."""


class LockScope(StrEnum):
    """What a lock holds."""

    PERSON = "person"
    ADDRESS = "address"


@dataclass(frozen=True, slots=True)
class Lock:
    """One lock. `target` is the pseudonym of the name or the address, as events have it."""

    id: int
    scope: LockScope
    principal: PrincipalId | None
    name: str | None
    target: str
    reason: LockReason
    locked_at: datetime
    until: datetime | None
    """It ends by itself then; None: when somebody lifts it."""
    lifted_at: datetime | None
    lifted_by: PrincipalId | None
    """None with `lifted_at`: it ended by itself."""
    disposition: Disposition | None
    disposed_by: PrincipalId | None
    disposed_at: datetime | None

    def holds(self, now: datetime) -> bool:
        """Tell whether it keeps anybody out."""
        return self.lifted_at is None and (self.until is None or now < self.until)


def of_person(tx: Transaction, principal: PrincipalId) -> Lock | None:
    """Return the lock of a person that nobody lifted and that is not recorded as ended."""
    return _open(tx, _table.c.principal_id == principal, LockScope.PERSON)


def of_address(tx: Transaction, target: str) -> Lock | None:
    """Return the lock of an address that nobody lifted and that is not recorded as ended."""
    return _open(tx, _table.c.target == target, LockScope.ADDRESS)


def one(tx: Transaction, id_: int, *, to_change: bool = False) -> Lock:
    """Return a lock; `to_change` holds its row until the transaction ends. Raises: NotFound."""
    query = _SELECT.where(_table.c.id == id_)
    if to_change:
        query = query.with_for_update(of=_table)
    row = tx.execute(query).first()
    if row is None:
        raise NotFound(f"there is no lock {id_}")
    return _lock(row)


def listed(tx: Transaction, *, every: bool) -> list[Lock]:
    """Return the locks that hold or have no disposition, or every one, oldest first."""
    query = _SELECT
    if not every:
        query = query.where(_table.c.lifted_at.is_(None) | _table.c.disposition.is_(None))
    return [_lock(row) for row in tx.execute(query)]


def name_of(tx: Transaction, principal: PrincipalId) -> str:
    """Return a person's name, empty where there is none; their row is held until the transaction ends."""
    people = schema.principal
    query = sa.select(people.c.name).where(people.c.id == principal)
    return tx.execute(query.with_for_update()).scalar() or ""


def run_out(tx: Transaction, now: datetime) -> list[Lock]:
    """Return the locks that have ended by themselves and are not recorded as ended."""
    query = _SELECT.where(_table.c.lifted_at.is_(None), _table.c.until <= now)
    return [_lock(row) for row in tx.execute(query)]


def set_(
    change: Changes,
    reason: LockReason,
    *,
    target: str,
    principal: PrincipalId | None,
    until: datetime | None,
    src_ip: str | None,
) -> int:
    """Lock a person, or, without one, the address `target`; return the lock's number."""
    scope = LockScope.ADDRESS if principal is None else LockScope.PERSON
    id_: int = change.tx.execute(
        _table.insert()
        .values(
            scope=scope.value,
            principal_id=principal,
            target=target,
            reason=reason.value,
            locked_at=change.now,
            until=until,
        )
        .returning(_table.c.id)
    ).scalar_one()
    change.record(
        EventType.LOCK_SET,
        ObjKind.LOCK,
        id_,
        op=_op(scope, principal),
        reason=Reason(reason.value),
        src_ip=src_ip,
    )
    return id_


def lift(change: Changes, lock: Lock, disposition: Disposition, at: datetime) -> None:
    """End a lock; with `EXPIRED` it is the service that notes an end which came by itself."""
    by = None if disposition is Disposition.EXPIRED else change.caller.principal
    values: dict[str, object] = {"lifted_at": at, "lifted_by": by}
    if lock.disposition is None or by is not None:
        values |= _disposed(change, disposition)
    lifted = change.tx.execute(
        _table.update().where(_table.c.id == lock.id, _table.c.lifted_at.is_(None)).values(**values)
    )
    if lifted.rowcount == 0:
        return  # by another thread, which recorded it
    change.record(
        EventType.LOCK_LIFTED,
        ObjKind.LOCK,
        lock.id,
        op=disposition.value,
        reason=Reason(lock.reason.value),
    )


def dispose(change: Changes, lock: Lock, disposition: Disposition) -> None:
    """Note what a lock turned out to be."""
    change.tx.execute(
        _table.update().where(_table.c.id == lock.id).values(**_disposed(change, disposition))
    )
    change.record(
        EventType.LOCK_DISPOSED,
        ObjKind.LOCK,
        lock.id,
        op=disposition.value,
        reason=Reason(lock.reason.value),
    )


def _disposed(change: Changes, disposition: Disposition) -> dict[str, object]:
    return {
        "disposition": disposition.value,
        "disposed_by": change.caller.principal,
        "disposed_at": change.now,
    }


def _op(scope: LockScope, principal: PrincipalId | None) -> str:
    return f"lock.{scope.value}" if principal is None else f"lock.{scope.value}.{principal}"


def _open(tx: Transaction, whose: sa.ColumnElement[bool], scope: LockScope) -> Lock | None:
    row = tx.execute(
        _SELECT.where(whose, _table.c.scope == scope.value, _table.c.lifted_at.is_(None))
    ).first()
    return None if row is None else _lock(row)


def _lock(row: sa.Row[tuple[object, ...]]) -> Lock:
    return Lock(
        row.id,
        LockScope(row.scope),
        None if row.principal_id is None else PrincipalId(row.principal_id),
        row.name,
        row.target,
        LockReason(row.reason),
        row.locked_at,
        row.until,
        row.lifted_at,
        None if row.lifted_by is None else PrincipalId(row.lifted_by),
        None if row.disposition is None else Disposition(row.disposition),
        None if row.disposed_by is None else PrincipalId(row.disposed_by),
        row.disposed_at,
    )
