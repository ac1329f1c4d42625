"""A change of accounts: one transaction, and what it records at its end."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from strongroom.audit import AuditLog, Change, Event, EventType, ObjKind, Outcome, Reason
from strongroom.db.engine import Database, Transaction
from strongroom.terms import Caller, SellerId


@dataclass(slots=True)
class Changes:
    """One transaction, and the events that are appended at its end."""

    tx: Transaction
    caller: Caller
    now: datetime
    events: list[Event] = field(default_factory=list)

    def record(
        self,
        type_: EventType,
        obj_kind: ObjKind,
        id_: int,
        *,
        seller: SellerId | None = None,
        changes: tuple[Change, ...] = (),
        op: str | None = None,
        reason: Reason | None = None,
        src_ip: str | None = None,
    ) -> None:
        """Say what happened; the log hears it with the rest."""
        self.events.append(
            Event(
                type_,
                Outcome.SUCCESS,
                self.caller,
                obj_kind=obj_kind,
                obj_ref=str(id_),
                seller=seller,
                changes=changes,
                op=op,
                reason=reason,
                src_ip=src_ip,
            )
        )


@contextmanager
def changing(
    database: Database, audit: AuditLog, caller: Caller, now: datetime
) -> Iterator[Changes]:
    """Give one transaction; what happened in it is recorded at its end, or none of it happened."""
    with database.write() as tx:
        change = Changes(tx, caller, now)
        yield change
        # Last in the transaction: on PostgreSQL the log's head stays locked until the commit.
        audit.append(tx, *change.events, now=now)
