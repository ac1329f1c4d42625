"""Who has an account, page by page, and what is to be known of one: for those who oversee [1.2]."""

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from strongroom.accounts.rows import Principal, principal_of, select_principals
from strongroom.db import schema
from strongroom.db.engine import Database
from strongroom.errors import NotFound
from strongroom.policy.limits import SESSION_IDLE, SESSION_LONGEST
from strongroom.terms import PrincipalId, PrincipalKind

_people = schema.principal
_sessions = schema.login_session


class People:
    """Reads the accounts of one home; changes none."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(
        self, kind: PrincipalKind | None, *, before: int | None, after: int | None, limit: int
    ) -> list[Principal]:
        """Return accounts by number: falling ones below `before` or from the newest, or rising ones above `after`."""
        query = select_principals().limit(limit)
        if kind is not None:
            query = query.where(_people.c.kind == kind)
        if after is not None:
            query = query.where(_people.c.id > after).order_by(_people.c.id)
        else:
            query = query.order_by(_people.c.id.desc())
            if before is not None:
                query = query.where(_people.c.id < before)
        with self._database.read() as tx:
            return [principal_of(row) for row in tx.execute(query)]

    def one(self, id_: PrincipalId) -> Principal:
        """Return an account. Raises: NotFound."""
        with self._database.read() as tx:
            row = tx.execute(select_principals().where(_people.c.id == id_)).first()
        if row is None:
            raise NotFound("there is no such person or app")
        return principal_of(row)

    def owned_by(self, id_: PrincipalId) -> list[Principal]:
        """Return the apps and nodes that a person answers for."""
        query = select_principals().where(_people.c.owner_id == id_).order_by(_people.c.name)
        with self._database.read() as tx:
            return [principal_of(row) for row in tx.execute(query)]

    def signed_on(self, of: Collection[PrincipalId], now: datetime) -> dict[PrincipalId, int]:
        """Return how many living sessions each of these people has."""
        query = (
            sa.select(_sessions.c.principal_id, sa.func.count())
            .where(
                _sessions.c.principal_id.in_(of),
                _sessions.c.ended_at.is_(None),
                _sessions.c.created_at > now - SESSION_LONGEST,
                _sessions.c.seen_at > now - SESSION_IDLE,
            )
            .group_by(_sessions.c.principal_id)
        )
        with self._database.read() as tx:
            return {PrincipalId(id_): count for id_, count in tx.execute(query)}
