"""A change of accounts: one transaction, and what it records at its end."""

from dataclasses import dataclass, field
from datetime import datetime

from strongroom.audit import Change, Event, EventType, ObjKind, Outcome
from strongroom.db.engine import Transaction
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
            )
        )
