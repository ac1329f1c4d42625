"""What a person signs on with, all kinds in one list: for the proof that nothing of a leaver's works any more [1.2].

An account that has ended opens nothing whatever its rows say; they are ended with it, so that each says so by itself.
"""

from typing import Final

import sqlalchemy as sa

from strongroom.accounts.changes import Changes
from strongroom.accounts.sessions import end_sessions
from strongroom.audit import EventType, ObjKind, Reason
from strongroom.db import schema
from strongroom.db.engine import Transaction
from strongroom.terms import PrincipalId

_KINDS: Final = {
    "password": schema.person_password,
    "factor": schema.second_factor,
    "recovery code": schema.recovery_code,
    "identity": schema.person_identity,
    "link": schema.login_link,
    "session": schema.login_session,
    "device": schema.login_device,
}


def kept(tx: Transaction, principal: PrincipalId) -> list[tuple[str, int, bool]]:
    """Return kind, number, and whether it has ended, of all that this person ever signed on with."""
    found: list[tuple[str, int, bool]] = []
    for kind, table in _KINDS.items():
        if kind == "device":
            continue  # known or not, it lets nobody in
        ended: sa.ColumnElement[bool] = table.c.ended_at.is_not(None)
        if "used_at" in table.c and kind != "factor":
            ended |= table.c.used_at.is_not(None)
        query = sa.select(table.c.id, ended.label("ended")).where(table.c.principal_id == principal)
        rows = tx.execute(query.order_by(table.c.id))
        found += [(kind, row.id, bool(row.ended)) for row in rows]
    return found


def end_kept(change: Changes, principal: PrincipalId) -> None:
    """End all that this person signs on with, sessions first."""
    end_sessions(change, principal, Reason.PRINCIPAL_ENDED)
    for kind, table in _KINDS.items():
        ended = change.tx.execute(
            table.update()
            .where(table.c.principal_id == principal, table.c.ended_at.is_(None))
            .values(ended_at=change.now)
            .returning(table.c.id)
        ).all()
        if kind == "factor":
            for row in sorted(ended):
                change.record(EventType.FACTOR_REMOVED, ObjKind.FACTOR, row.id)
