"""Remembers which type of report a document is: Amazon says it with the report, and not with its document.

What a document holds is never kept here; its rows become records like any order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from strongroom.db import schema
from strongroom.db.engine import Database
from strongroom.terms import SellerId

_KEPT: Final = timedelta(days=100)
"""Amazon keeps a report for 90 days."""


@dataclass(frozen=True, slots=True)
class KnownDocument:
    """One report document and when its report was made."""

    id: str
    report_type: str
    made_at: datetime


class DocumentStore:
    """The report documents of one home. Safe between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._recent: set[tuple[SellerId, str]] = set()

    def remember(self, seller: SellerId, seen: Sequence[KnownDocument], now: datetime) -> None:
        """Keep what Amazon said of these documents; durable on return."""
        new = [document for document in seen if (seller, document.id) not in self._recent]
        if not new:
            return
        table = schema.report_document
        with self._database.write() as tx:
            mine = table.c.seller_id == seller
            tx.execute(table.delete().where(mine, table.c.seen_at < now - _KEPT))
            for document in new:
                here = sa.and_(mine, table.c.document_id == document.id)
                tx.execute(table.delete().where(here))
                tx.execute(
                    table.insert().values(
                        seller_id=seller,
                        document_id=document.id,
                        report_type=document.report_type,
                        made_at=document.made_at,
                        seen_at=now,
                    )
                )
        if len(self._recent) > _MANY:
            self._recent.clear()
        self._recent.update((seller, document.id) for document in new)

    def find(self, seller: SellerId, document: str) -> KnownDocument | None:
        """Return what is known of a document."""
        table = schema.report_document
        query = sa.select(table.c.report_type, table.c.made_at).where(
            table.c.seller_id == seller, table.c.document_id == document
        )
        with self._database.read() as tx:
            row = tx.execute(query).first()
        return None if row is None else KnownDocument(document, row.report_type, row.made_at)


_MANY: Final = 10_000
