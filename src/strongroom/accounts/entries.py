"""The rows of people, apps and nodes: found, and made once under a name that nobody had before [1.2].

Each function works in the caller's transaction and decides nothing about what a principal may do.
"""

from datetime import datetime
from typing import Final

import sqlalchemy as sa

from strongroom.accounts import names
from strongroom.accounts.changes import Changes
from strongroom.accounts.rows import Principal, principal_of, select_principals
from strongroom.audit import EventType, ObjKind
from strongroom.db import schema
from strongroom.db.engine import Transaction
from strongroom.errors import Conflict, NotFound
from strongroom.policy.leaving import has_ended
from strongroom.terms import PrincipalId, PrincipalKind

_people: Final = schema.principal


def find(tx: Transaction, name: str) -> Principal | None:
    """Return the principal of this canonical name, ended ones too."""
    row = tx.execute(select_principals().where(_people.c.name == name)).first()
    return None if row is None else principal_of(row)


def hold(tx: Transaction, principal: PrincipalId) -> None:
    """Hold a principal's row until the transaction ends; SQLite has one writer anyway.

    Whatever locks somebody out, ends them or lets them in takes it before any other row of theirs: of two at once the
    second sees what the first did, and neither waits for the other.
    """
    tx.execute(sa.select(_people.c.id).where(_people.c.id == principal).with_for_update())


def hold_people(tx: Transaction) -> None:
    """Hold every person's row, in the order of their numbers, as `hold` does one."""
    people = sa.select(_people.c.id).where(_people.c.kind == PrincipalKind.PERSON)
    tx.execute(people.order_by(_people.c.id).with_for_update()).all()


def living(change: Changes, name: str, kind: PrincipalKind | None) -> Principal:
    """Return a principal whose account lives.

    Raises:
        NotFound: no such name, or of another kind.
        Conflict: the account has ended.

    """
    found = find(change.tx, name.lower())
    if found is None or kind not in (None, found.kind):
        raise NotFound(f"no {kind or 'person or app'} of this name")
    if has_ended(found.ended_at, change.now):
        raise Conflict(f"the account {found.name} has ended")
    return found


def add(change: Changes, name: str, kind: PrincipalKind, owner: Principal | None) -> Principal:
    """Make a principal, with its event.

    Raises:
        Malformed: the name's form.
        Denied: a generic name [1.2].
        Conflict: the name was ever used.

    """
    name = names.canonical(name)
    if find(change.tx, name) is not None:
        raise Conflict(f"the name {name} is taken", hint="a name is never used twice [1.2]")
    added = insert(change.tx, name, kind, owner, change.now)
    change.record(EventType.PRINCIPAL_ADDED, ObjKind.PRINCIPAL, added.id)
    return added


def add_owned(
    change: Changes, name: str, kind: PrincipalKind, owner: str
) -> tuple[Principal, bool]:
    """Make an app or node that a person answers for; tell whether that person became known with it.

    Raises:
        Malformed, Denied, Conflict: as `add`; also where the owner is no person with a living account whose end is
            not planned.

    """
    known = find(change.tx, names.canonical(owner))
    person = known or add(change, owner, PrincipalKind.PERSON, None)
    # An end that is planned too: what is owned would live on without anybody who answers for it.
    if person.kind is not PrincipalKind.PERSON or person.ended_at is not None:
        raise Conflict(
            f"{person.name} can own no {kind}",
            hint="an owner is a person with a living account and no planned end",
        )
    return add(change, name, kind, person), known is None


def insert(
    tx: Transaction, name: str, kind: PrincipalKind, owner: Principal | None, now: datetime
) -> Principal:
    """Make the row; its event is the caller's to record."""
    owner_id = None if owner is None else owner.id
    id_ = tx.execute(
        _people.insert()
        .values(name=name, kind=kind, owner_id=owner_id, created_at=now)
        .returning(_people.c.id)
    ).scalar_one()
    return Principal(PrincipalId(id_), name, kind, owner.name if owner else None, now, None)
