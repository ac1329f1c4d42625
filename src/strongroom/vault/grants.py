"""Keeps the grants: rows that say who may do what with whose data [1.2, 1.3]. The rule itself is `policy.grants`."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from strongroom.audit.entry import Change, Event, Field, ObjKind, Outcome, Reason
from strongroom.audit.event_types import EventType
from strongroom.audit.log import AuditLog
from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.db.suspensions import suspended
from strongroom.errors import Conflict, Denied, Malformed, NotFound
from strongroom.policy import grants as rules
from strongroom.policy.grants import BREAK_GLASS, FIRST_ADMINISTRATOR, Grant
from strongroom.policy.limits import (
    BREAK_GLASS_LIFETIME,
    BREAK_GLASS_REVIEW,
    GRANT_LIFETIME,
    REVIEW_EVERY,
)
from strongroom.policy.reviews import first_review
from strongroom.policy.roles import built_in
from strongroom.terms import (
    SYSTEM,
    Action,
    AuthMethod,
    Caller,
    Category,
    PrincipalId,
    PrincipalKind,
    Purpose,
    SellerId,
)
from strongroom.vault.granted import (
    GrantRow,
    Wish,
    check,
    cycles_from,
    grant_row,
    joined,
    select_grants,
    sellers_text,
)

__all__ = ["GrantRow", "GrantStore", "Wish"]

_AT_ONCE: Final = 500
_FIRST_ROLES = ("operator", "auditor")
_OF: Final = select_grants().where(schema.grant.c.principal_id == sa.bindparam("principal"))


class GrantStore:
    """The table of grants. Every change is recorded in the same transaction; durable on return."""

    def __init__(self, database: Database, audit: AuditLog, *, one_person: bool) -> None:
        self._database = database
        self._audit = audit
        self._one_person = one_person

    @property
    def one_person(self) -> bool:
        """Whether the home declared at `init` that it has one person only."""
        return self._one_person

    def add(  # noqa: PLR0913 - what a grant says
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
        budget: int | None = None,
        reason: str | None = None,
    ) -> GrantRow:
        """Ask for one grant, as `request` does."""
        wish = Wish(
            principal, action, purpose, categories, sellers, lifetime, budget=budget, reason=reason
        )
        (row,) = self.request(caller, [wish], now)
        return row

    def request(self, caller: Caller, wishes: Sequence[Wish], now: datetime) -> list[GrantRow]:
        """Ask for grants, all or none; active at once only in a home that declared having one person.

        Raises:
            Malformed: no category is named, the lifetime is not between nothing and 90 days [1.2], the
                budget is not positive, or the reason could name a person.
            Denied: no person asks, in a home of more than one; recorded.

        """
        for wish in wishes:
            check(wish, GRANT_LIFETIME)
        refused = caller.kind is not PrincipalKind.PERSON and not self._one_person
        with self._database.write() as tx:
            made = []
            for wish in wishes:
                if refused:
                    self._refuse(tx, EventType.GRANT_REQUESTED, caller, wish, now)
                    continue
                approved_at = now if self._one_person else None
                row = self._insert(tx, caller, wish, now, approved_at=approved_at)
                self._record(tx, EventType.GRANT_REQUESTED, caller, row, now)
                if approved_at is not None:
                    self._record(tx, EventType.GRANT_APPROVED, caller, row, now)
                made.append(row)
        if refused:
            raise Denied("people ask for grants, programs do not", hint="its owner asks")
        return made

    def break_glass(self, caller: Caller, wish: Wish, now: datetime) -> GrantRow:
        """Take a grant to reveal without approval, for hours, for oneself; recorded and reviewed.

        Only a person may, whom an active grant lets administer these selling partners or who sits at
        the home's own console, and who has no such grant waiting for its review.

        Raises:
            Malformed: the lifetime is not between nothing and 4 hours, or no reason is stated.
            Denied: the person may not; recorded.

        """
        wish = replace(wish, principal=caller.principal, action=Action.REVEAL, role=None)
        check(wish, BREAK_GLASS_LIFETIME)
        if wish.reason is None:
            raise Malformed("breaking the glass needs a reason")
        with self._database.write() as tx:
            refused = self._refuses_glass(tx, caller, wish, now)
            if refused is None:
                row = self._insert(tx, caller, wish, now, approved_at=now, kind=BREAK_GLASS)
                tx.execute(
                    schema.review_item.insert().values(
                        grant_id=row.grant.id,
                        content=rules.terms(row.grant),
                        marks="",
                        reads=0,
                        created_at=now,
                        due_at=now + BREAK_GLASS_REVIEW,
                    )
                )
                self._record(tx, EventType.GRANT_GLASS_BROKEN, caller, row, now)
                return row
            self._refuse(tx, EventType.GRANT_GLASS_BROKEN, caller, wish, now, refused)
        raise Denied(
            f"{caller.name} may not break the glass: {refused}",
            hint="it takes a grant to administer these sellers, and no open review of one's own",
        )

    def first_administrator(
        self, tx: Transaction, principal: PrincipalId, now: datetime
    ) -> GrantRow:
        """Let a home's first administrator administer and read the log, within the caller's transaction.

        Nobody is there who could approve it, so each says by its kind what it is; it ends and is reviewed as any other.
        Returns the grant to administer.

        Raises:
            Conflict: somebody administers, or ever did or asked to.

        """
        if self.ever_administered(tx):
            raise Conflict("the home has had an administrator", hint="ask one for an invitation")
        rows = [
            self._insert(tx, SYSTEM, wish, now, approved_at=now, kind=FIRST_ADMINISTRATOR)
            for wish in _first_wishes(principal)
        ]
        for row in rows:
            self._record(tx, EventType.GRANT_REQUESTED, SYSTEM, row, now)
            self._record(tx, EventType.GRANT_APPROVED, SYSTEM, row, now)
        return rows[0]

    @staticmethod
    def ever_administered(tx: Transaction) -> bool:
        """Tell whether a grant to administer was ever asked for."""
        query = sa.select(schema.grant.c.id).where(schema.grant.c.action == Action.ADMINISTER)
        return tx.execute(query.limit(1)).first() is not None

    def approve(self, caller: Caller, grant_id: int, now: datetime) -> GrantRow:
        """Make a pending grant active.

        Raises:
            Denied: the approver asked for it, is who gets it, answers for an app that did or does, is
                suspended, or is no person [1.3]. The attempt is recorded.
            Conflict: it is not pending any more.

        """
        with self._database.write() as tx:
            row = self._one(tx, grant_id)
            interested = self._interested(tx, row)
            allowed = (
                caller.kind is PrincipalKind.PERSON
                and caller.principal not in interested
                and caller.principal not in suspended(tx, now)
            )
            if not allowed:
                self._record(tx, EventType.GRANT_APPROVED, caller, row, now, Outcome.DENIED)
            elif row.state(now) != "pending":
                raise Conflict(f"grant {grant_id} is {row.state(now)}")
            else:
                return self._change(
                    tx,
                    EventType.GRANT_APPROVED,
                    caller,
                    grant_id,
                    now,
                    approved_by=caller.principal,
                    approved_at=now,
                    review_by=first_review(cycles_from(tx, now), now),
                )
        raise Denied(
            f"grant {grant_id} needs another person's approval",
            hint="requester, receiver and their owners may not approve",
        )

    def reject(self, caller: Caller, grant_id: int, now: datetime) -> GrantRow:
        """Refuse a pending grant.

        Raises:
            Denied: the caller is no person; recorded.
            Conflict: it is not pending any more.

        """
        with self._database.write() as tx:
            row = self._one(tx, grant_id)
            if caller.kind is not PrincipalKind.PERSON:
                self._record(tx, EventType.GRANT_REJECTED, caller, row, now, Outcome.DENIED)
            elif row.state(now) != "pending":
                raise Conflict(f"grant {grant_id} is {row.state(now)}")
            else:
                return self._change(
                    tx, EventType.GRANT_REJECTED, caller, grant_id, now, revoked_at=now
                )
        raise Denied("people reject grants, programs do not")

    def revoke(self, caller: Caller, grant_id: int, now: datetime) -> GrantRow:
        """End a grant now."""
        with self._database.write() as tx:
            return self.revoke_in(tx, caller, grant_id, now)

    # -- in a review's own transaction -----------------------------------------------------------

    def revoke_in(self, tx: Transaction, caller: Caller, grant_id: int, now: datetime) -> GrantRow:
        """End a grant now."""
        row = self._one(tx, grant_id)
        if row.grant.revoked_at is not None:
            return row
        return self._change(tx, EventType.GRANT_REVOKED, caller, grant_id, now, revoked_at=now)

    def confirm_in(
        self,
        tx: Transaction,
        caller: Caller,
        grant_id: int,
        now: datetime,
        *,
        lifetime: timedelta | None = None,
    ) -> GrantRow:
        """Confirm a grant for the next 90 days; `lifetime` counted from now also moves its end.

        Raises:
            Malformed: the lifetime is not between nothing and 90 days.
            Conflict: it has no effect any more, and is to be asked for anew.
            Denied: who asked for it or holds it, or answers for such an app, may not prolong it.

        """
        row = self._one(tx, grant_id)
        if row.state(now) not in {"active", "suspended"}:
            raise Conflict(f"grant {grant_id} is {row.state(now)}", hint="ask for a new one")
        if lifetime is None:
            return self._change(
                tx, None, caller, grant_id, now, reviewed_at=now, review_by=now + REVIEW_EVERY
            )
        if not timedelta(0) < lifetime <= GRANT_LIFETIME:
            raise Malformed(f"a grant lives between 1 and {GRANT_LIFETIME.days} days")
        if row.grant.kind == BREAK_GLASS:
            raise Denied("a broken glass is not prolonged", hint="ask for a grant")
        if caller.principal in self._interested(tx, row) and not self._one_person:
            raise Denied(f"grant {grant_id} is prolonged by another person than its requester")
        return self._change(
            tx,
            EventType.GRANT_RENEWED,
            caller,
            grant_id,
            now,
            reviewed_at=now,
            review_by=now + REVIEW_EVERY,
            expires_at=now + lifetime,
        )

    def narrow_in(
        self,
        tx: Transaction,
        caller: Caller,
        grant_id: int,
        now: datetime,
        *,
        categories: frozenset[Category] | None = None,
        sellers: frozenset[SellerId] | None = None,
        budget: int | None = None,
        lifetime: timedelta | None = None,
    ) -> GrantRow:
        """Confirm a grant for less than it said.

        Raises:
            Malformed: it would not be less in anything, or more in something, or the lifetime is not
                between nothing and 90 days.
            Conflict: it has no effect any more.

        """
        row = self._one(tx, grant_id)
        before = row.grant
        if row.state(now) not in {"active", "suspended"}:
            raise Conflict(f"grant {grant_id} is {row.state(now)}", hint="ask for a new one")
        if lifetime is not None and not timedelta(0) < lifetime <= GRANT_LIFETIME:
            raise Malformed(f"a grant lives between 1 and {GRANT_LIFETIME.days} days")
        after = replace(
            before,
            categories=before.categories if categories is None else categories,
            sellers=before.sellers if sellers is None else sellers,
            budget=before.budget if budget is None else budget,
            expires_at=before.expires_at if lifetime is None else now + lifetime,
        )
        if not rules.is_narrower(after, before) or (budget is not None and budget < 1):
            raise Malformed("a review makes a grant narrower", hint="wider ones are asked for anew")
        return self._change(
            tx,
            EventType.GRANT_NARROWED,
            caller,
            grant_id,
            now,
            categories=joined(after.categories),
            sellers=sellers_text(after.sellers),
            budget=after.budget,
            expires_at=after.expires_at,
            reviewed_at=now,
            review_by=now + REVIEW_EVERY,
        )

    # -- reading ---------------------------------------------------------------------------------

    def all(self, principal: PrincipalId | None = None) -> list[GrantRow]:
        """Return all grants, or one principal's, oldest first."""
        with self._database.read() as tx:
            return self.all_in(tx, principal)

    def allowing(self, action: Action) -> list[GrantRow]:
        """Return the grants to do one thing that were approved and not revoked, oldest first."""
        table = schema.grant.c
        query = select_grants().where(
            table.action == action, table.approved_at.is_not(None), table.revoked_at.is_(None)
        )
        with self._database.read() as tx:
            return [grant_row(row) for row in tx.execute(query)]

    @staticmethod
    def all_in(tx: Transaction, principal: PrincipalId | None = None) -> list[GrantRow]:
        """Return all grants, or one principal's, oldest first, as the caller's transaction sees them."""
        query = select_grants()
        if principal is not None:
            query = query.where(schema.grant.c.principal_id == principal)
        return [grant_row(row) for row in tx.execute(query)]

    @staticmethod
    def some_in(tx: Transaction, numbers: Collection[int]) -> list[GrantRow]:
        """Return the grants of these numbers, oldest first, as the caller's transaction sees them."""
        query, wanted = select_grants(), sorted(numbers)
        return [
            grant_row(row)
            for part in (wanted[at : at + _AT_ONCE] for at in range(0, len(wanted), _AT_ONCE))
            for row in tx.execute(query.where(schema.grant.c.id.in_(part)))
        ]

    @staticmethod
    def of(tx: Transaction, principal: PrincipalId) -> list[Grant]:
        """Return one principal's grants, for a decision inside the caller's transaction."""
        return [grant_row(row).grant for row in tx.execute(_OF, {"principal": principal})]

    @staticmethod
    def _one(tx: Transaction, grant_id: int) -> GrantRow:
        row = tx.execute(select_grants().where(schema.grant.c.id == grant_id)).first()
        if row is None:
            raise NotFound(f"there is no grant {grant_id}")
        return grant_row(row)

    def _insert(
        self,
        tx: Transaction,
        caller: Caller,
        wish: Wish,
        now: datetime,
        *,
        approved_at: datetime | None,
        kind: str | None = None,
    ) -> GrantRow:
        review_by = None if approved_at is None else first_review(cycles_from(tx, now), now)
        id_: int = tx.execute(
            schema.grant.insert()
            .values(
                principal_id=wish.principal,
                action=wish.action.value,
                purpose=wish.purpose.value,
                categories=joined(wish.categories),
                sellers=sellers_text(wish.sellers),
                requested_by=caller.principal,
                one_person=self._one_person,
                created_at=now,
                approved_at=approved_at,
                expires_at=now + wish.lifetime,
                kind=kind,
                budget=wish.budget,
                reason=None if wish.reason is None else rules.check_reason(wish.reason),
                role=wish.role,
                review_by=review_by,
            )
            .returning(schema.grant.c.id)
        ).scalar_one()
        return self._one(tx, id_)

    def _change(
        self,
        tx: Transaction,
        type_: EventType | None,
        caller: Caller,
        grant_id: int,
        now: datetime,
        **values: object,
    ) -> GrantRow:
        tx.execute(schema.grant.update().where(schema.grant.c.id == grant_id).values(**values))
        row = self._one(tx, grant_id)
        if type_ is not None:
            self._record(tx, type_, caller, row, now)
        return row

    def _refuses_glass(
        self, tx: Transaction, caller: Caller, wish: Wish, now: datetime
    ) -> Reason | None:
        if caller.kind is not PrincipalKind.PERSON:
            return Reason.NOT_AUTHORIZED
        if wish.sellers is None or not (
            caller.auth is AuthMethod.CONSOLE
            or rules.may_break_glass(self.of(tx, caller.principal), wish.sellers, now)
        ):
            return Reason.NOT_AUTHORIZED
        item, grant = schema.review_item, schema.grant
        waiting = tx.execute(
            sa.select(item.c.id)
            .join(grant, grant.c.id == item.c.grant_id)
            .where(
                grant.c.principal_id == caller.principal,
                item.c.campaign_id.is_(None),
                item.c.decision.is_(None),
            )
        ).first()
        return None if waiting is None else Reason.REVIEW_OVERDUE

    @staticmethod
    def _interested(tx: Transaction, row: GrantRow) -> frozenset[int]:
        """Return requester and receiver of a grant, and the people who answer for them."""
        parties = {row.requested_by, row.grant.principal}
        owners = tx.execute(
            sa.select(schema.principal.c.owner_id).where(
                schema.principal.c.id.in_(parties), schema.principal.c.owner_id.is_not(None)
            )
        ).scalars()
        return frozenset(parties).union(owners)

    def _refuse(
        self,
        tx: Transaction,
        type_: EventType,
        caller: Caller,
        wish: Wish,
        now: datetime,
        reason: Reason = Reason.NOT_AUTHORIZED,
    ) -> None:
        event = Event(
            type_,
            Outcome.DENIED,
            caller,
            reason=reason,
            purpose=wish.purpose,
            pii=tuple(sorted(wish.categories)),
        )
        self._audit.append(tx, event, now=now)

    def _record(
        self,
        tx: Transaction,
        type_: EventType,
        caller: Caller,
        row: GrantRow,
        now: datetime,
        outcome: Outcome = Outcome.SUCCESS,
    ) -> None:
        grant = row.grant
        asked = type_ in {EventType.GRANT_REQUESTED, EventType.GRANT_GLASS_BROKEN}
        why = row.reason if asked else None
        event = Event(
            type_,
            outcome,
            caller,
            obj_kind=ObjKind.GRANT,
            obj_ref=str(grant.id),
            purpose=grant.purpose,
            pii=tuple(sorted(grant.categories)),
            # All it says, so that a row that is edited later can be told from the one recorded.
            changes=(Change(Field.TERMS, after=self.seal(grant)),),
            req=None if why is None else self._audit.pseudonym("reason", why),
        )
        self._audit.append(tx, event, now=now)

    def seal(self, grant: Grant) -> str:
        """Return the pseudonym under which the log knows all that a grant says."""
        return self._audit.pseudonym("grant", rules.terms(grant))


def _first_wishes(principal: PrincipalId) -> list[Wish]:
    roles = built_in()
    return [
        Wish(
            principal,
            line.action,
            line.purpose,
            line.categories,
            None,
            GRANT_LIFETIME,
            role=roles[name].stamp,
        )
        for name in _FIRST_ROLES
        for line in roles[name].lines
    ]
