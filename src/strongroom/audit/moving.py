"""Moves the head of the log and stores what moved it: both, or neither, in the caller's transaction.

On PostgreSQL another's move may be committing in this very moment. An UPDATE that names the old head looks at what was
committed before it began, finds another head there, and gives up instead of waiting. So the row is locked first, which
waits, and what was locked is compared. Lock, comparison, move and event are one statement: each message to the server
while the head is locked is what every writer waits for.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from strongroom.db.engine import Transaction
from strongroom.db.prepared import Prepared
from strongroom.db.schema import audit_event, audit_head

_NEW: Final = {
    "size": sa.bindparam("new", type_=audit_head.c.size.type),
    "frontier": sa.bindparam("new_frontier", type_=audit_head.c.frontier.type),
    "note": sa.bindparam("new_note", type_=audit_head.c.note.type),
}
_MOVE: Final = (
    sa.update(audit_head)
    .where(
        audit_head.c.epoch == sa.bindparam("at_epoch"),
        audit_head.c.size == sa.bindparam("old"),
        audit_head.c.frontier == sa.bindparam("old_frontier"),
    )
    .values(_NEW)
)
_LOCKED: Final = (
    sa.select(audit_head.c.epoch, audit_head.c.size, audit_head.c.frontier)
    .where(audit_head.c.epoch == sa.bindparam("at_epoch"))
    .with_for_update()
    .cte("locked")
)
_MOVED: Final = (
    sa.update(audit_head)
    .where(
        audit_head.c.epoch == _LOCKED.c.epoch,
        _LOCKED.c.size == sa.bindparam("old"),
        _LOCKED.c.frontier == sa.bindparam("old_frontier"),
    )
    .values(_NEW)
    .returning(audit_head.c.epoch)
    .cte("moved")
)
_MOVE_AND_ADD: Final = sa.insert(audit_event).from_select(
    audit_event.c.keys(),
    sa.select(
        *(sa.bindparam(column.name, type_=column.type) for column in audit_event.c)
    ).select_from(_MOVED),
)


class Moving:
    """The statements of one database. Safe between threads."""

    def __init__(self) -> None:
        self._move = Prepared(_MOVE)
        self._add = Prepared(sa.insert(audit_event))
        self._move_and_add = Prepared(_MOVE_AND_ADD)

    def run(
        self, tx: Transaction, move: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]
    ) -> bool:
        """Move the head and store the rows; False, with nothing done, where it is not the old one.

        Raises:
            IntegrityError: there are rows of such numbers already.

        """
        if tx.dialect.name == "sqlite":
            if self._move.run(tx, move).rowcount != 1:
                return False
        else:
            if self._move_and_add.run(tx, {**move, **rows[0]}).rowcount != 1:
                return False
            rows = rows[1:]
        if rows:
            self._add.run_many(tx, rows)
        return True
