"""The browsers people sign on from: which are known, which are new and to whom that was said [1.2].

A browser is known by a cookie that only a sign-on gives out; what is stored is a keyed digest bound to its person. The
value is kept only where it is this person's own living device: one that somebody else planted is never taken over.
"""

from datetime import datetime
from typing import Final

import sqlalchemy as sa

from strongroom.accounts.changes import Changes
from strongroom.accounts.sealing import Sealing
from strongroom.accounts.visits import Device, Visit
from strongroom.audit import EventType, ObjKind
from strongroom.db import schema
from strongroom.db.engine import Transaction
from strongroom.errors import Denied, NotFound
from strongroom.policy.limits import DEVICE_LIFETIME, DEVICE_NEW_FOR
from strongroom.terms import PrincipalId

_table: Final = schema.login_device


class Devices:
    """The known browsers of one home's people; durable with the caller's transaction."""

    def __init__(self, sealing: Sealing) -> None:
        self._sealing = sealing

    def is_known(
        self, tx: Transaction, principal: PrincipalId, cookie: str | None, now: datetime
    ) -> bool:
        """Tell whether this person signed on from the browser that shows this cookie."""
        return self._find(tx, principal, cookie, now) is not None

    def recognise(
        self,
        change: Changes,
        principal: PrincipalId,
        visit: Visit,
        src_ip: str,
        *,
        expected: bool = False,
    ) -> tuple[int, str]:
        """Return the device of a sign-on and the cookie it keeps; a new one is recorded, and told to its person.

        The first one ever is nobody's surprise, nor one that was `expected`.
        """
        known = self._find(change.tx, principal, visit.device, change.now)
        if known is not None and visit.device is not None:
            change.tx.execute(
                _table.update().where(_table.c.id == known).values(last_seen_at=change.now)
            )
            return known, visit.device
        is_first = (
            change.tx.execute(
                sa.select(_table.c.id).where(_table.c.principal_id == principal).limit(1)
            ).first()
            is None
        )
        cookie = self._sealing.token()
        id_: int = change.tx.execute(
            _table.insert()
            .values(
                principal_id=principal,
                digest=self._sealing.of_device(principal, cookie),
                agent=visit.agent,
                first_seen_at=change.now,
                last_seen_at=change.now,
                told_at=change.now if is_first or expected else None,
            )
            .returning(_table.c.id)
        ).scalar_one()
        change.record(EventType.DEVICE_NEW_SEEN, ObjKind.DEVICE, id_, src_ip=src_ip)
        return id_, cookie

    def is_of(self, tx: Transaction, device: int, principal: PrincipalId, cookie: str) -> bool:
        """Tell whether this cookie is this device's, whatever its age."""
        digest = self._sealing.of_device(principal, cookie)
        query = sa.select(_table.c.id).where(
            _table.c.id == device, _table.c.digest == digest, _table.c.ended_at.is_(None)
        )
        return tx.execute(query).first() is not None

    def listed(
        self, tx: Transaction, principal: PrincipalId, current: int, now: datetime
    ) -> list[Device]:
        """Return this person's known devices, the latest first; `current` is marked."""
        query = _living(principal, now).order_by(_table.c.last_seen_at.desc(), _table.c.id.desc())
        return [_device(row, current) for row in tx.execute(query)]

    def untold(
        self, tx: Transaction, principal: PrincipalId, current: int, now: datetime
    ) -> list[Device]:
        """Return devices that nobody called their own yet; never the `current` one: it can't speak for itself."""
        query = _living(principal, now).where(_table.c.told_at.is_(None), _table.c.id != current)
        return [_device(row, current) for row in tx.execute(query.order_by(_table.c.id))]

    def acknowledge(self, change: Changes, principal: PrincipalId, current: int, id_: int) -> None:
        """Note that a device is its person's own.

        Raises:
            Denied: it speaks for itself, or is new too: whoever just came in could silence the notice about it.
            NotFound: it is not theirs, or not alive.

        """
        if id_ == current or self._is_new(change, principal, current):
            raise Denied(
                "a new device can't speak for itself, nor for another",
                hint=f"use one that was known before, or this one in {DEVICE_NEW_FOR.days} days",
            )
        done = change.tx.execute(
            _table.update().where(*_own(principal, id_)).values(told_at=change.now)
        )
        if done.rowcount != 1:
            raise NotFound("no such device")

    def end(self, change: Changes, principal: PrincipalId, id_: int) -> None:
        """Forget a device of this person. Raises: NotFound."""
        done = change.tx.execute(
            _table.update().where(*_own(principal, id_)).values(ended_at=change.now)
        )
        if done.rowcount != 1:
            raise NotFound("no such device")

    def end_all(self, change: Changes, principal: PrincipalId) -> None:
        """Forget every device of this person."""
        change.tx.execute(
            _table.update()
            .where(_table.c.principal_id == principal, _table.c.ended_at.is_(None))
            .values(ended_at=change.now)
        )

    @staticmethod
    def _is_new(change: Changes, principal: PrincipalId, id_: int) -> bool:
        """Tell whether a device came lately, and nobody called it theirs: two of these could vouch for each other."""
        query = sa.select(_table.c.id).where(
            *_own(principal, id_),
            _table.c.told_at.is_(None),
            _table.c.first_seen_at > change.now - DEVICE_NEW_FOR,
        )
        return change.tx.execute(query).first() is not None

    def _find(
        self, tx: Transaction, principal: PrincipalId, cookie: str | None, now: datetime
    ) -> int | None:
        if cookie is None:
            return None
        digest = self._sealing.of_device(principal, cookie)
        row = tx.execute(_living(principal, now).where(_table.c.digest == digest)).first()
        return None if row is None else row.id


def _living(principal: PrincipalId, now: datetime) -> sa.Select[tuple[object, ...]]:
    return sa.select(_table).where(
        _table.c.principal_id == principal,
        _table.c.ended_at.is_(None),
        _table.c.last_seen_at > now - DEVICE_LIFETIME,
    )


def _own(principal: PrincipalId, id_: int) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        _table.c.id == id_,
        _table.c.principal_id == principal,
        _table.c.ended_at.is_(None),
    )


def _device(row: sa.Row[tuple[object, ...]], current: int) -> Device:
    return Device(row.id, row.agent, row.first_seen_at, row.last_seen_at, row.id == current)
