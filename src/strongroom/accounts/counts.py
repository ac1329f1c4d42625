"""Counts of failures and tries, in the database, so that a restart forgives nothing [1.2].

Names, addresses and client ids stand here as keyed HMACs. Private to this room: what the numbers mean is in
`policy/lockout.py`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from strongroom.db import schema
from strongroom.db.engine import Transaction
from strongroom.policy import lockout
from strongroom.policy.limits import CONCURRENT_WINDOW, SPRAYING_WINDOW
from strongroom.policy.lockout import Budget

_table: Final = schema.login_count
_STRANGERS_ROW: Final = timedelta(days=1)


EVERYBODY: Final = "*"
"""The target of what is counted of all together."""


class Scope(StrEnum):
    """What is counted."""

    NAME = "name"
    DEVICE = "device"
    """A name together with the device cookie that was shown."""
    ADDRESS = "address"
    EVERYBODY = "all"
    ROW = "row"
    """Failures of a person in a row."""
    FACTORS = "factors"
    """Wrong second factors of a person in a row."""
    STRANGER = "stranger"
    """Failures in a row of a name that nobody has: counted so that it costs what a person's do."""
    SPRAY = "spray"
    """Names that an address failed for."""
    UNFINISHED = "unfinished"
    SEEN = "seen"
    """Places that a person's sessions act from."""
    CLIENT_ID = "client.id"
    CLIENT_ADDRESS = "client.address"
    CLIENTS = "client.all"
    BEARER_ADDRESS = "bearer.address"
    BEARERS = "bearer.all"


BUDGETS: Final = {
    Scope.NAME: lockout.NAME,
    Scope.DEVICE: lockout.NAME,
    Scope.ADDRESS: lockout.ADDRESS,
    Scope.EVERYBODY: lockout.EVERYBODY,
    Scope.UNFINISHED: lockout.UNFINISHED,
    Scope.CLIENT_ID: lockout.CLIENT_ID,
    Scope.CLIENT_ADDRESS: lockout.CLIENT_ADDRESS,
    Scope.CLIENTS: lockout.CLIENT_EVERYBODY,
    Scope.BEARER_ADDRESS: lockout.CLIENT_ADDRESS,
    Scope.BEARERS: lockout.CLIENT_EVERYBODY,
}
"""Scopes counted in slices of a window. Those of a row last until a success or until a lock is lifted."""

_KEPT: Final = {
    **{scope: budget.window + budget.slice for scope, budget in BUDGETS.items()},
    Scope.SPRAY: SPRAYING_WINDOW,
    Scope.SEEN: CONCURRENT_WINDOW,
    Scope.STRANGER: _STRANGERS_ROW,
}


class _Row(NamedTuple):
    member: str
    last_at: datetime
    number: int


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """One row."""

    scope: Scope
    target: str
    member: str = ""

    def at(self, now: datetime, rest: str = "") -> "Key":
        """Return the row of the slice that `now` is in."""
        number = BUDGETS[self.scope].slice_of(now)
        return Key(self.scope, self.target, f"{number}:{rest}")


def add(tx: Transaction, keys: Iterable[Key], now: datetime) -> dict[Key, int]:
    """Count one more on each row; return the new numbers."""
    # In one order everywhere: two transactions never wait for each other.
    return {key: _add(tx, key, now) for key in sorted(keys)}


def _add(tx: Transaction, key: Key, now: datetime) -> int:
    insert = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
    statement = insert(_table).values(
        scope=key.scope.value,
        target=key.target,
        member=key.member,
        since=now,
        last_at=now,
        count=1,
    )
    number: int = tx.execute(
        statement.on_conflict_do_update(
            index_elements=[_table.c.scope, _table.c.target, _table.c.member],
            set_={"count": _table.c.count + 1, "last_at": statement.excluded.last_at},
        ).returning(_table.c.count)
    ).scalar_one()
    return number


def by_slice(tx: Transaction, scope: Scope, target: str) -> dict[int, int]:
    """Return the counts of a target by slice, whatever else its rows tell apart."""
    found: dict[int, int] = {}
    for row in _rows(tx, scope, target):
        number = int(row.member.partition(":")[0])
        found[number] = found.get(number, 0) + row.number
    return found


def wait(
    tx: Transaction, scope: Scope, target: str, now: datetime, in_flight: int = 0
) -> float | None:
    """Return how many seconds a target's next try is to be put off, or None."""
    budget: Budget = BUDGETS[scope]
    return budget.wait(by_slice(tx, scope, target), now, in_flight)


def instants(tx: Transaction, scope: Scope, target: str) -> list[datetime]:
    """Return when each member of a target was last counted."""
    return [row.last_at for row in _rows(tx, scope, target)]


def has_any(tx: Transaction, targets: Iterable[tuple[Scope, str]], now: datetime) -> bool:
    """Tell whether anything is counted of these targets that is not older than its window."""
    return any(
        scope not in _KEPT or row.last_at > now - _KEPT[scope]
        for scope, target in targets
        for row in _rows(tx, scope, target)
    )


def take_back(tx: Transaction, key: Key, now: datetime) -> None:
    """Count one less among the slices that end in the key's member, the newest first."""
    ending = f":{key.member}"
    rows = [row for row in _rows(tx, key.scope, key.target) if row.member.endswith(ending)]
    oldest = BUDGETS[key.scope].slice_of(now - BUDGETS[key.scope].window)
    live = {int(row.member.partition(":")[0]): row for row in rows if row.number > 0}
    newest = max((number for number in live if number >= oldest), default=None)
    if newest is not None:
        tx.execute(
            _table.update()
            .where(_is(key.scope, key.target), _table.c.member == live[newest].member)
            .values(count=_table.c.count - 1)
        )


def clear(tx: Transaction, keys: Iterable[tuple[Scope, str]]) -> None:
    """Forget all that is counted of these targets."""
    for scope, target in sorted(keys):
        tx.execute(_table.delete().where(_is(scope, target)))


def prune(tx: Transaction, now: datetime) -> None:
    """Drop the rows that are older than their window: nothing asks for them any more."""
    for scope, kept in sorted(_KEPT.items()):
        tx.execute(
            _table.delete().where(_table.c.scope == scope.value, _table.c.last_at <= now - kept)
        )


def _rows(tx: Transaction, scope: Scope, target: str) -> list[_Row]:
    query = sa.select(_table.c.member, _table.c.last_at, _table.c.count)
    return [_Row(*row) for row in tx.execute(query.where(_is(scope, target)))]


def _is(scope: Scope, target: str) -> sa.ColumnElement[bool]:
    return sa.and_(_table.c.scope == scope.value, _table.c.target == target)
