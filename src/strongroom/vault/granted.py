"""Grants as they are listed and asked for, and the rows behind them [1.2, 1.3]. Only `GrantStore` writes them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from strongroom.db import schema
from strongroom.db.engine import Transaction
from strongroom.db.suspensions import suspended_until
from strongroom.errors import Malformed
from strongroom.policy import grants as rules
from strongroom.policy.grants import Grant
from strongroom.terms import Action, Category, PrincipalId, Purpose, SellerId

_ALL = "*"
_OF_ALL = {Action.AUDIT: "the log is", Action.OVERSEE: "records of compliance are"}
"""What is of all selling partners or of nobody."""


@dataclass(frozen=True, slots=True)
class GrantRow:
    """A grant with what a reviewer wants to see of it."""

    grant: Grant
    principal_name: str
    requested_by: PrincipalId
    approved_by: PrincipalId | None
    one_person: bool
    created_at: datetime
    reason: str | None
    role: str | None

    def state(self, now: datetime) -> str:
        """Return `pending`, `active`, `suspended`, `expired`, `ended`, `rejected` or `revoked`."""
        return rules.state(self.grant, now)


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asks a grant to say. `sellers` None means every selling partner."""

    principal: PrincipalId
    action: Action
    purpose: Purpose
    categories: frozenset[Category]
    sellers: frozenset[SellerId] | None
    lifetime: timedelta
    budget: int | None = None
    reason: str | None = None
    role: str | None = None


def check(wish: Wish, longest: timedelta) -> None:
    """Refuse what no grant may say. Raises: Malformed."""
    if not wish.categories:
        raise Malformed("a grant needs at least one category")
    rules.check_purpose(wish.action, wish.purpose, wish.categories)
    if not timedelta(0) < wish.lifetime <= longest:
        if longest < timedelta(days=1):
            raise Malformed(f"it lives up to {longest // timedelta(hours=1)} hours")
        raise Malformed(f"a grant lives between 1 and {longest.days} days")
    if wish.budget is not None and wish.budget < 1:
        raise Malformed("a budget is a number of records a day")
    if wish.action in _OF_ALL and wish.sellers is not None:
        raise Malformed(
            f"{_OF_ALL[wish.action]} of all selling partners", hint="give --all-sellers"
        )
    if wish.reason is not None:
        rules.check_reason(wish.reason)


def cycles_from(tx: Transaction, now: datetime) -> datetime:
    """Return the instant from which cycles of review count."""
    campaign, grant = schema.review_campaign, schema.grant
    last: datetime | None = tx.execute(sa.select(sa.func.max(campaign.c.started_at))).scalar()
    if last is None:
        last = tx.execute(sa.select(sa.func.min(grant.c.approved_at))).scalar()
    return last or now


def joined(categories: Iterable[Category]) -> str:
    """Return categories as the column has them."""
    return ",".join(sorted(categories))


def sellers_text(sellers: frozenset[SellerId] | None) -> str:
    """Return selling partners as the column has them."""
    return _ALL if sellers is None else ",".join(str(id_) for id_ in sorted(sellers))


def select_grants() -> sa.Select[tuple[object, ...]]:
    """Return the query for grants, oldest first, with whose they are, when those end, and who is suspended."""
    return _GRANTS


def grant_row(row: sa.Row[tuple[object, ...]]) -> GrantRow:
    """Return the listed form of a row."""
    sellers = (
        None
        if row.sellers == _ALL
        else frozenset(SellerId(int(id_)) for id_ in row.sellers.split(","))
    )
    grant = Grant(
        row.id,
        PrincipalId(row.principal_id),
        Action(row.action),
        Purpose(row.purpose),
        frozenset(Category(name) for name in row.categories.split(",")),
        sellers,
        row.approved_at,
        row.expires_at,
        row.revoked_at,
        row.kind,
        row.budget,
        row.review_by,
        row.reviewed_at,
        row.principal_ends_at,
        row.suspended_until,
    )
    return GrantRow(
        grant,
        row.principal_name,
        row.requested_by,
        row.approved_by,
        row.one_person,
        row.created_at,
        row.reason,
        row.role,
    )


# Built once: the door asks with each reveal.
_GRANTS: Final = (
    sa.select(
        schema.grant,
        schema.principal.c.name.label("principal_name"),
        schema.principal.c.ended_at.label("principal_ends_at"),
        suspended_until(schema.grant.c.principal_id).label("suspended_until"),
    )
    .join(schema.principal, schema.principal.c.id == schema.grant.c.principal_id)
    .order_by(schema.grant.c.id)
)
