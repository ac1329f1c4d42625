"""Keeps a home's own roles, every revision of them, beside those it began with [1.3].

A role is only ever read when a grant is asked for: changing one changes no grant.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa

from strongroom.audit.entry import Change, Event, Field, ObjKind, Outcome
from strongroom.audit.event_types import EventType
from strongroom.audit.log import AuditLog
from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Conflict, NotFound
from strongroom.policy.roles import Role, built_in, parse
from strongroom.terms import Caller


@dataclass(frozen=True, slots=True)
class RoleRevision:
    """A role as it stands; revision 0 is what every home begins with."""

    role: Role
    revision: int
    created_at: datetime | None


class RoleStore:
    """The roles of one home. What a method changed is durable on return, with its event."""

    def __init__(self, database: Database, audit: AuditLog) -> None:
        self._database = database
        self._audit = audit

    def all(self) -> dict[str, RoleRevision]:
        """Return the newest revision of every role, by name."""
        with self._database.read() as tx:
            return _all(tx)

    def get(self, name: str) -> RoleRevision:
        """Return a role's newest revision. Raises: NotFound."""
        found = self.all().get(name)
        if found is None:
            raise NotFound("no role of this name", hint="`strongroom role list` shows them")
        return found

    def set(
        self, caller: Caller, name: str, document: Mapping[str, Any], now: datetime
    ) -> RoleRevision:
        """Make a role, or the next revision of one; grants that came from it stay as they are.

        Raises:
            Malformed: the document's form, or a role that administers and reads.
            Conflict: it says what it said before.

        """
        role = parse(name, document)
        with self._database.write() as tx:
            before = _all(tx).get(name)
            if before is not None and before.role == role:
                raise Conflict(f"role {name} says that already")
            revision = 1 if before is None else before.revision + 1
            tx.execute(
                schema.role.insert().values(
                    name=name,
                    revision=revision,
                    content=role.content,
                    created_by=caller.principal,
                    created_at=now,
                )
            )
            change = Change(
                Field.TERMS,
                None if before is None else self._audit.pseudonym("role", before.role.content),
                self._audit.pseudonym("role", role.content),
            )
            event = Event(
                EventType.ROLE_CHANGED,
                Outcome.SUCCESS,
                caller,
                obj_kind=ObjKind.ROLE,
                obj_ref=name,
                changes=(change,),
            )
            self._audit.append(tx, event, now=now)
        return RoleRevision(role, revision, now)


def _all(tx: Transaction) -> dict[str, RoleRevision]:
    found = {name: RoleRevision(role, 0, None) for name, role in built_in().items()}
    for row in tx.execute(sa.select(schema.role).order_by(schema.role.c.revision)):
        role = parse(row.name, orjson.loads(row.content))
        found[row.name] = RoleRevision(role, row.revision, row.created_at)
    return dict(sorted(found.items()))
