"""Keeps the grants: rows that say who may do what with whose data [1.2, 1.3]. The rule itself is `policy.grants`."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from strongroom.audit.entry import Event, EventType, ObjKind, Outcome
from strongroom.audit.log import AuditLog
from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Conflict, Denied, Malformed, NotFound
from strongroom.policy.grants import Grant
from strongroom.policy.limits import GRANT_LIFETIME
from strongroom.terms import (
    Action,
    Caller,
    Category,
    PrincipalId,
    PrincipalKind,
    Purpose,
    SellerId,
)

_ALL = "*"


@dataclass(frozen=True, slots=True)
class GrantRow:
    """A grant with what a reviewer wants to see of it."""

    grant: Grant
    principal_name: str
    requested_by: PrincipalId
    approved_by: PrincipalId | None
    one_person: bool
    created_at: datetime

    def state(self, now: datetime) -> str:
        """Return `pending`, `active`, `expired` or `revoked`."""
        if self.grant.revoked_at is not None:
            return "revoked"
        if self.grant.expires_at <= now:
            return "expired"
        return "pending" if self.grant.approved_at is None else "active"


class GrantStore:
    """The table of grants. Every change is recorded in the same transaction; durable on return."""

    def __init__(self, database: Database, audit: AuditLog, *, one_person: bool) -> None:
        self._database = database
        self._audit = audit
        self._one_person = one_person

    def add(
        self,
        caller: Caller,
        *,
        principal: PrincipalId,
        action: Action,
        purpose: Purpose,
        categories: frozenset[Category],
        sellers: frozenset[SellerId] | None,
        lifetime: timedelta,
        now: datetime,
    ) -> GrantRow:
        """Ask for a grant; it is active at once only in a home that declared having one person.

        Raises:
            Malformed: no category is named, or the lifetime is not between nothing and 90 days [1.2].

        """
        if not categories:
            raise Malformed("a grant needs at least one category")
        if not timedelta(0) < lifetime <= GRANT_LIFETIME:
            raise Malformed(f"a grant lives between 1 and {GRANT_LIFETIME.days} days")
        approved_at = now if self._one_person else None
        with self._database.write() as tx:
            result = tx.execute(
                schema.grant.insert().values(
                    principal_id=principal,
                    action=action.value,
                    purpose=purpose.value,
                    categories=",".join(sorted(categories)),
                    sellers=_ALL
                    if sellers is None
                    else ",".join(str(id_) for id_ in sorted(sellers)),
                    requested_by=caller.principal,
                    one_person=self._one_person,
                    created_at=now,
                    approved_at=approved_at,
                    expires_at=now + lifetime,
                )
            )
            id_ = result.inserted_primary_key[0] if result.inserted_primary_key else 0
            self._record(tx, EventType.GRANT_REQUESTED, caller, id_, now, purpose, categories)
            if approved_at is not None:
                self._record(tx, EventType.GRANT_APPROVED, caller, id_, now, purpose, categories)
            return self._one(tx, id_)

    def approve(self, caller: Caller, grant_id: int, now: datetime) -> GrantRow:
        """Make a pending grant active.

        Raises:
            Denied: the approver asked for it, is who gets it, or is no person [1.3]. The attempt is recorded.
            Conflict: it is not pending any more.

        """
        with self._database.write() as tx:
            row = self._one(tx, grant_id)
            grant = row.grant
            allowed = caller.kind is PrincipalKind.PERSON and caller.principal not in (
                row.requested_by,
                grant.principal,
            )
            if not allowed:
                self._record(
                    tx,
                    EventType.GRANT_APPROVED,
                    caller,
                    grant_id,
                    now,
                    grant.purpose,
                    grant.categories,
                    Outcome.DENIED,
                )
            elif row.state(now) != "pending":
                raise Conflict(f"grant {grant_id} is {row.state(now)}")
            else:
                tx.execute(
                    schema.grant.update()
                    .where(schema.grant.c.id == grant_id)
                    .values(approved_by=caller.principal, approved_at=now)
                )
                self._record(
                    tx,
                    EventType.GRANT_APPROVED,
                    caller,
                    grant_id,
                    now,
                    grant.purpose,
                    grant.categories,
                )
                return self._one(tx, grant_id)
        raise Denied(
            f"grant {grant_id} needs another person's approval",
            hint="requester and receiver may not approve",
        )

    def revoke(self, caller: Caller, grant_id: int, now: datetime) -> GrantRow:
        """End a grant now."""
        with self._database.write() as tx:
            grant = self._one(tx, grant_id).grant
            if grant.revoked_at is None:
                tx.execute(
                    schema.grant.update()
                    .where(schema.grant.c.id == grant_id)
                    .values(revoked_at=now)
                )
                self._record(
                    tx,
                    EventType.GRANT_REVOKED,
                    caller,
                    grant_id,
                    now,
                    grant.purpose,
                    grant.categories,
                )
            return self._one(tx, grant_id)

    def all(self, principal: PrincipalId | None = None) -> list[GrantRow]:
        """Return all grants, or one principal's, oldest first."""
        query = _select()
        if principal is not None:
            query = query.where(schema.grant.c.principal_id == principal)
        with self._database.read() as tx:
            return [_grant_row(row) for row in tx.execute(query)]

    @staticmethod
    def of(tx: Transaction, principal: PrincipalId) -> list[Grant]:
        """Return one principal's grants, for a decision inside the caller's transaction."""
        query = _select().where(schema.grant.c.principal_id == principal)
        return [_grant_row(row).grant for row in tx.execute(query)]

    @staticmethod
    def _one(tx: Transaction, grant_id: int) -> GrantRow:
        row = tx.execute(_select().where(schema.grant.c.id == grant_id)).first()
        if row is None:
            raise NotFound(f"there is no grant {grant_id}")
        return _grant_row(row)

    def _record(
        self,
        tx: Transaction,
        type_: EventType,
        caller: Caller,
        grant_id: int,
        now: datetime,
        purpose: Purpose,
        categories: Iterable[Category],
        outcome: Outcome = Outcome.SUCCESS,
    ) -> None:
        event = Event(
            type_,
            outcome,
            caller,
            obj_kind=ObjKind.GRANT,
            obj_ref=str(grant_id),
            purpose=purpose,
            pii=tuple(sorted(categories)),
        )
        self._audit.append(tx, event, now=now)


def _select() -> sa.Select[tuple[object, ...]]:
    return (
        sa.select(schema.grant, schema.principal.c.name.label("principal_name"))
        .join(schema.principal, schema.principal.c.id == schema.grant.c.principal_id)
        .order_by(schema.grant.c.id)
    )


def _grant_row(row: sa.Row[tuple[object, ...]]) -> GrantRow:
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
    )
    return GrantRow(
        grant, row.principal_name, row.requested_by, row.approved_by, row.one_person, row.created_at
    )
