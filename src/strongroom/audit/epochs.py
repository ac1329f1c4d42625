"""The epochs of a log: one more begins where an unavoidable rollback took entries away (ADR 0128)."""

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from strongroom.audit.verify import Ended, Head
from strongroom.crypto import note
from strongroom.db.engine import Database, Transaction
from strongroom.db.schema import audit_head


@dataclass(frozen=True, slots=True)
class Earlier:
    """An epoch before the present one, as the signer knows it: who signed, and what it vouched for last."""

    number: int
    verifier: note.Verifier
    memory: tuple[int, bytes]


def ended(tx: Transaction, earlier: Iterable[Earlier]) -> list[Ended]:
    """Return these epochs with the heads that the database still has of them."""
    columns = audit_head.c
    query = sa.select(columns.epoch, columns.size, columns.frontier, columns.note)
    heads = {row.epoch: Head(row.size, row.frontier, row.note) for row in tx.execute(query)}
    return [
        Ended(epoch.number, heads.get(epoch.number), epoch.verifier, epoch.memory)
        for epoch in earlier
    ]


def stored_epoch(database: Database) -> int | None:
    """Return the newest epoch whose head a database holds."""
    with database.read() as tx:
        found: int | None = tx.execute(sa.select(sa.func.max(audit_head.c.epoch))).scalar()
    return found
