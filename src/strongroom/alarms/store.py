"""Rows of alarms and investigations; the SQL of this room's other files [1.6, 2.6]. Decides nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from strongroom.alarms.clocks import Clock, Disposition
from strongroom.alarms.kinds import AlarmKind, Response, Severity
from strongroom.db import schema
from strongroom.db.engine import Transaction
from strongroom.errors import NotFound
from strongroom.terms import PrincipalId

_alarms: Final = schema.alarm
_investigations: Final = schema.investigation
_people: Final = schema.principal
_owner: Final = schema.principal.alias("owner")
_closer: Final = schema.principal.alias("closer")


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm with its investigation; both have the same number."""

    id: int
    kind: AlarmKind
    severity: Severity
    response: Response
    acted: Response
    key: str
    principal: PrincipalId | None
    principal_name: str | None
    target: str | None
    count: int
    first_at: datetime
    last_at: datetime
    evidence: tuple[int, ...]
    drill: bool
    owner: PrincipalId | None
    owner_name: str | None
    opened_at: datetime
    clock: Clock
    taken_at: datetime | None
    level: int
    escalate_at: datetime
    closed_at: datetime | None
    closed_by: str | None
    disposition: Disposition | None
    note: str | None

    def is_overdue(self, now: datetime) -> bool:
        """Tell whether nobody took it up, or closed it, in time."""
        if self.closed_at is not None:
            return False
        return now >= (self.clock.look_by if self.taken_at is None else self.clock.close_by)


def of_key(tx: Transaction, key: str) -> Alarm | None:
    """Return the open alarm of a key, held until the transaction ends."""
    query = sa.select(_alarms.c.id).where(_alarms.c.open_key == key).with_for_update()
    number = tx.execute(query).scalar()
    return None if number is None else one(tx, number)


def one(tx: Transaction, number: int, *, to_change: bool = False) -> Alarm:
    """Return one alarm, held where it is `to_change`. Raises: NotFound."""
    if to_change:
        held = sa.select(_alarms.c.id).where(_alarms.c.id == number).with_for_update()
        tx.execute(held)
    row = tx.execute(_select().where(_alarms.c.id == number)).first()
    if row is None:
        raise NotFound(f"there is no alarm {number}")
    return _alarm(row)


def listed(tx: Transaction, *, every: bool) -> list[Alarm]:
    """Return the alarms that nobody closed yet, or all there ever were, oldest first."""
    query = _select().order_by(_alarms.c.id)
    if not every:
        query = query.where(_investigations.c.closed_at.is_(None))
    return [_alarm(row) for row in tx.execute(query)]


def page(tx: Transaction, *, before: int | None, after: int | None, limit: int) -> list[Alarm]:
    """Return some of all alarms: falling numbers below `before` or from the newest on, or rising ones above `after`."""
    query = _select().limit(limit)
    if after is not None:
        query = query.where(_alarms.c.id > after).order_by(_alarms.c.id)
    else:
        query = query.order_by(_alarms.c.id.desc())
        if before is not None:
            query = query.where(_alarms.c.id < before)
    return [_alarm(row) for row in tx.execute(query)]


def to_escalate(tx: Transaction, now: datetime) -> list[Alarm]:
    """Return the open alarms about which more people are to be asked by now, oldest first."""
    due = _investigations.c.closed_at.is_(None) & (_investigations.c.escalate_at <= now)
    return [_alarm(row) for row in tx.execute(_select().where(due).order_by(_alarms.c.id))]


def count_open(tx: Transaction, kind: AlarmKind) -> int:
    """Return how many alarms of a kind are open."""
    mine = (_alarms.c.kind == kind.value) & _alarms.c.open_key.is_not(None)
    return tx.execute(sa.select(sa.func.count()).where(mine)).scalar_one()


def add(tx: Transaction, values: dict[str, Any]) -> int:
    """Make the row of an alarm and return its number."""
    statement = sa.insert(_alarms).values(values).returning(_alarms.c.id)
    return int(tx.execute(statement).scalar_one())


def change(tx: Transaction, number: int, values: dict[str, Any]) -> None:
    """Change the row of an alarm."""
    tx.execute(sa.update(_alarms).where(_alarms.c.id == number).values(values))


def open_investigation(tx: Transaction, values: dict[str, Any]) -> None:
    """Make the row of an investigation."""
    tx.execute(sa.insert(_investigations).values(values))


def change_investigation(tx: Transaction, number: int, values: dict[str, Any]) -> None:
    """Change the row of an investigation."""
    tx.execute(sa.update(_investigations).where(_investigations.c.id == number).values(values))


def close_alarm(tx: Transaction, number: int) -> None:
    """Have the next signal of its key make a new alarm."""
    change(tx, number, {"open_key": None})


def name_of(tx: Transaction, principal: PrincipalId) -> str | None:
    """Return a principal's name; None where there is none of this number."""
    found: str | None = tx.execute(
        sa.select(_people.c.name).where(_people.c.id == principal)
    ).scalar()
    return found


def owner_of(tx: Transaction, principal: PrincipalId) -> PrincipalId | None:
    """Return the person who answers for an app or node."""
    owner = tx.execute(sa.select(_people.c.owner_id).where(_people.c.id == principal)).scalar()
    return None if owner is None else PrincipalId(owner)


def is_living(tx: Transaction, principal: PrincipalId, now: datetime) -> bool:
    """Tell whether an account lives."""
    ends = sa.or_(_people.c.ended_at.is_(None), _people.c.ended_at > now)
    query = sa.select(_people.c.id).where(_people.c.id == principal, ends)
    return tx.execute(query).first() is not None


def accountable(tx: Transaction) -> frozenset[PrincipalId]:
    """Return everybody who answers for an app or node."""
    query = sa.select(_people.c.owner_id).where(_people.c.owner_id.is_not(None)).distinct()
    return frozenset(PrincipalId(owner) for owner in tx.execute(query).scalars())


def _select() -> sa.Select[tuple[object, ...]]:
    return (
        sa.select(
            _alarms,
            *(column for column in _investigations.c if column.name != "id"),
            _people.c.name.label("principal_name"),
            _owner.c.name.label("owner_name"),
            _closer.c.name.label("closer_name"),
        )
        .join(_investigations, _investigations.c.id == _alarms.c.id)
        .outerjoin(_people, _people.c.id == _alarms.c.principal_id)
        .outerjoin(_owner, _owner.c.id == _investigations.c.owner_id)
        .outerjoin(_closer, _closer.c.id == _investigations.c.closed_by)
    )


def _alarm(row: sa.Row[tuple[object, ...]]) -> Alarm:
    principal, owner = row.principal_id, row.owner_id
    return Alarm(
        row.id,
        AlarmKind(row.kind),
        Severity(row.severity),
        Response(row.response),
        Response(row.acted),
        row.key,
        None if principal is None else PrincipalId(principal),
        row.principal_name,
        row.target,
        row._mapping["count"],  # noqa: SLF001 - the name is a method of a row
        row.first_at,
        row.last_at,
        numbers(row.evidence),
        bool(row.drill),
        None if owner is None else PrincipalId(owner),
        row.owner_name,
        row.opened_at,
        Clock(row.look_by, row.close_by, row.report_by),
        row.taken_at,
        row.level,
        row.escalate_at,
        row.closed_at,
        "strongroom" if row.closed_by == 0 else row.closer_name,
        None if row.disposition is None else Disposition(row.disposition),
        row.note,
    )


def numbers(text: str) -> tuple[int, ...]:
    """Return the numbers of a column that holds several."""
    return tuple(int(part) for part in text.split(",") if part)


def joined(found: Sequence[int]) -> str:
    """Return numbers as the column has them."""
    return ",".join(map(str, found))
