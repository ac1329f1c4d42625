"""Remembers which third party was given which data about whom, for what: what subjects and notices ask for [1.6, 2.2].

One row for each record that a request told of, with the names of its fields and never a value, written together with
its event before anything is sent.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from strongroom.audit.entry import MAX_RECORDS, Event, ObjKind, Outcome
from strongroom.audit.event_types import EventType
from strongroom.audit.log import AuditLog
from strongroom.db import schema
from strongroom.db.engine import Database
from strongroom.terms import Caller, Category, PrincipalId, Purpose, RecordNumber, SellerId
from strongroom.vault import Revealed
from strongroom.vault.fields import Fields, Way

MOST_LISTED: Final = 1000

_table: Final = schema.disclosure
_ID_IN_NAME: Final = re.compile(r":[^.:]+")


@dataclass(frozen=True, slots=True)
class Disclosure:
    """One record that one third party was told of."""

    id: int
    at: datetime
    destination: int
    principal: PrincipalId
    seller: SellerId
    record: RecordNumber
    categories: tuple[Category, ...]
    fields: tuple[str, ...]
    purpose: Purpose
    req: str


class Disclosures:
    """The disclosures of one home."""

    def __init__(self, database: Database, audit: AuditLog) -> None:
        self._database = database
        self._audit = audit
        self._fields = Fields()

    def note(
        self,
        caller: Caller,
        destination: int,
        told: Sequence[Revealed],
        *,
        purpose: Purpose,
        now: datetime,
        req: str,
        src_ip: str | None = None,
    ) -> None:
        """Record what a request is about to tell; durable on return."""
        by_record: dict[RecordNumber, list[Revealed]] = {}
        for one in told:
            by_record.setdefault(one.record, []).append(one)
        event = Event(
            EventType.RELAY_DISCLOSED,
            Outcome.SUCCESS,
            caller,
            op="relay",
            obj_kind=ObjKind.DESTINATION,
            obj_ref=str(destination),
            purpose=purpose,
            pii=tuple(sorted({one.category for one in told})),
            n=len(told),
            records=tuple(sorted(by_record))[:MAX_RECORDS],
            seller=told[0].seller,
            req=req,
            src_ip=src_ip,
        )
        keys = {one.slot for one in told}
        place = str(destination)
        with self._database.write() as tx:
            noted = self._fields.keep(tx, Way.DISCLOSED, place, keys, now, purpose.value)
            for record, values in by_record.items():
                tx.execute(
                    _table.insert().values(
                        at=now,
                        destination_id=destination,
                        principal_id=caller.principal,
                        seller_id=values[0].seller,
                        record_number=record,
                        categories=_joined(one.category.value for one in values),
                        fields=_joined(_ID_IN_NAME.sub(":*", one.slot) for one in values),
                        purpose=purpose.value,
                        req=req,
                    )
                )
            self._audit.append(tx, event, now=now)
        self._fields.remember(Way.DISCLOSED, place, noted, now, purpose.value)

    def of_destination(self, destination: int, limit: int = MOST_LISTED) -> list[Disclosure]:
        """Return what one third party was told, newest first."""
        return self._listed(_table.c.destination_id == destination, limit)

    def count(self, destination: int) -> str:
        """Return how often records were told to one third party; of many, that they are more."""
        some = (
            sa.select(_table.c.id)
            .where(_table.c.destination_id == destination)
            .limit(MOST_LISTED + 1)
            .subquery()
        )
        with self._database.read() as tx:
            found = tx.execute(sa.select(sa.func.count()).select_from(some)).scalar_one()
        return f"more than {MOST_LISTED}" if found > MOST_LISTED else str(found)

    def by_destination(self) -> dict[int, set[RecordNumber]]:
        """Return which records every third party was ever told of, those no longer in use too [1.7]."""
        query = sa.select(_table.c.destination_id, _table.c.record_number).distinct()
        found: dict[int, set[RecordNumber]] = {}
        with self._database.read() as tx:
            for destination, record in tx.execute(query):
                found.setdefault(destination, set()).add(RecordNumber(record))
        return found

    def of_record(self, seller: SellerId, record: RecordNumber) -> list[Disclosure]:
        """Return to whom values of one record went, newest first [2.2]."""
        where = (_table.c.seller_id == seller) & (_table.c.record_number == record)
        return self._listed(where, MOST_LISTED)

    def _listed(self, where: sa.ColumnElement[bool], limit: int) -> list[Disclosure]:
        query = sa.select(_table).where(where).order_by(_table.c.id.desc()).limit(limit)
        with self._database.read() as tx:
            rows = tx.execute(query).all()
        return [
            Disclosure(
                row.id,
                row.at,
                row.destination_id,
                row.principal_id,
                row.seller_id,
                row.record_number,
                tuple(map(Category, row.categories.split())),
                tuple(row.fields.split()),
                Purpose(row.purpose),
                row.req,
            )
            for row in rows
        ]


def _joined(words: Iterable[str]) -> str:
    return " ".join(sorted(set(words)))
