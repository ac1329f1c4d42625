"""Grants page by page: by state, by whose they are, and by what they let out [1.2, 1.3]. Decides nothing by itself."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.errors import NotFound
from strongroom.policy.grants import READING
from strongroom.policy.limits import REVIEW_EVERY, REVIEW_GRACE
from strongroom.policy.purposes import may_serve
from strongroom.terms import Category, PrincipalId, Purpose
from strongroom.vault.granted import GrantRow, grant_row, select_grants

STATES: Final = ("pending", "active", "suspended", "expired", "ended", "rejected", "revoked")
_CHUNK: Final = 500
_MOST_LOOKED_AT: Final = 20_000
_table: Final = schema.grant


@dataclass(frozen=True, slots=True)
class Sought:
    """Which grants are asked for; None asks for all."""

    state: str | None = None
    principal: PrincipalId | None = None
    category: Category | None = None
    """Those that let values of it out: the purpose has to need it, too."""
    ends_before: datetime | None = None


class GrantsListed:
    """Reads the grants of one home."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(
        self, sought: Sought, now: datetime, *, before: int | None, after: int | None, limit: int
    ) -> list[GrantRow]:
        """Return grants by number: falling ones below `before` or from the newest, or rising ones above `after`."""
        forward = after is not None
        found: list[GrantRow] = []
        at, looked_at = (after if forward else before), 0
        with self._database.read() as tx:
            while looked_at < _MOST_LOOKED_AT:
                query = _narrowed(sought, now).limit(_CHUNK).order_by(None)
                query = query.order_by(_table.c.id if forward else _table.c.id.desc())
                if at is not None:
                    query = query.where(_table.c.id > at if forward else _table.c.id < at)
                chunk = [grant_row(row) for row in tx.execute(query)]
                for row in chunk:
                    if _fits(row, sought, now):
                        found.append(row)
                        if len(found) == limit:
                            return found
                if len(chunk) < _CHUNK:
                    break
                looked_at += len(chunk)
                at = chunk[-1].grant.id
        return found

    def one(self, number: int) -> GrantRow:
        """Return a grant. Raises: NotFound."""
        with self._database.read() as tx:
            row = tx.execute(select_grants().where(_table.c.id == number)).first()
        if row is None:
            raise NotFound(f"there is no grant {number}")
        return grant_row(row)

    def counts(self, of: Collection[PrincipalId], now: datetime) -> dict[PrincipalId, int]:
        """Return how many approved grants that were not revoked and have not run out each of these principals has."""
        query = (
            sa.select(_table.c.principal_id, sa.func.count())
            .where(_table.c.principal_id.in_(of), _living(now))
            .group_by(_table.c.principal_id)
        )
        with self._database.read() as tx:
            return {PrincipalId(id_): count for id_, count in tx.execute(query)}

    def totals(self, now: datetime, soon: datetime) -> tuple[int, int, int]:
        """Return how many wait for a second person, how many live, and how many of those end by then."""
        waiting = _table.c.approved_at.is_(None) & _table.c.revoked_at.is_(None)
        columns = (
            sa.func.count().filter(waiting & (_table.c.expires_at > now)),
            sa.func.count().filter(_living(now)),
            sa.func.count().filter(_living(now) & (_table.c.expires_at <= soon)),
        )
        with self._database.read() as tx:
            pending, living, ending = tx.execute(sa.select(*columns)).one()
        return pending, living, ending


@dataclass(frozen=True, slots=True)
class Reader:
    """Who may have values read, searched, relayed or exported now: of all its grants that say the same, one."""

    principal: PrincipalId
    name: str
    purpose: Purpose
    categories: frozenset[Category]


def readers(tx: Transaction, now: datetime) -> list[Reader]:
    """Return who may read what for which purpose at this instant, as the rule of `state` has it."""
    people, confirmed = (
        schema.principal,
        sa.func.coalesce(_table.c.reviewed_at, _table.c.approved_at),
    )
    ends = people.c.ended_at
    held = schema.principal_suspension.c
    suspended = sa.select(held.principal_id).where(
        held.lifted_at.is_(None), held.until.is_(None) | (held.until > now)
    )
    said = (people.c.id, people.c.name, _table.c.purpose, _table.c.categories)
    query = (
        sa.select(*said)
        .join(people, people.c.id == _table.c.principal_id)
        .where(
            _table.c.action.in_([action.value for action in READING]),
            _living(now),
            _table.c.approved_at <= now,
            _table.c.review_by.is_(None) | (_table.c.review_by > now - REVIEW_GRACE),
            confirmed > now - REVIEW_EVERY - REVIEW_GRACE,
            ends.is_(None) | (ends > now),
            people.c.id.not_in(suspended),
        )
        .distinct()
        .order_by(*said)
    )
    return [
        Reader(
            PrincipalId(row.id),
            row.name,
            Purpose(row.purpose),
            frozenset(Category(name) for name in row.categories.split(",")),
        )
        for row in tx.execute(query)
    ]


def _living(now: datetime) -> sa.ColumnElement[bool]:
    return (
        _table.c.approved_at.is_not(None)
        & _table.c.revoked_at.is_(None)
        & (_table.c.expires_at > now)
    )


def _may_be_suspended(now: datetime) -> sa.ColumnElement[bool]:
    """Return the condition that every suspended grant meets: its principal is, or no review confirmed it in time."""
    rows = schema.principal_suspension.c
    held = sa.select(rows.principal_id).where(rows.lifted_at.is_(None))
    confirmed = sa.func.coalesce(_table.c.reviewed_at, _table.c.approved_at)
    return (
        _table.c.principal_id.in_(held)
        | (_table.c.review_by <= now)
        | (confirmed <= now - REVIEW_EVERY)
    )


def _narrowed(sought: Sought, now: datetime) -> sa.Select[tuple[object, ...]]:
    """Return the query for the rows among which those asked for are; the rule of `state` has the last word."""
    query = select_grants()
    match sought.state:
        case "pending":
            query = query.where(_table.c.approved_at.is_(None), _table.c.revoked_at.is_(None))
        case "active":
            query = query.where(_living(now))
        case "suspended":
            query = query.where(_living(now), _may_be_suspended(now))
        case "revoked" | "rejected":
            query = query.where(_table.c.revoked_at.is_not(None))
        case "expired":
            query = query.where(_table.c.expires_at <= now)
    if sought.principal is not None:
        query = query.where(_table.c.principal_id == sought.principal)
    if sought.ends_before is not None:
        query = query.where(_table.c.expires_at <= sought.ends_before)
    if sought.category is not None:
        query = query.where(
            _table.c.action.in_([action.value for action in READING]),
            _table.c.categories.contains(sought.category.value, autoescape=True),
        )
    return query


def _fits(row: GrantRow, sought: Sought, now: datetime) -> bool:
    grant = row.grant
    category = sought.category
    return (sought.state is None or row.state(now) == sought.state) and (
        category is None or (category in grant.categories and may_serve(grant.purpose, category))
    )
