"""Remembers of each document when it was first seen, and of reports their type: Amazon says it with the report alone.

What a document holds is never kept here; its rows become records like any order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.terms import SellerId
from strongroom.vault import store

_KEPT: Final = timedelta(days=100)
"""Amazon keeps a report for 90 days."""

_MANY: Final = 10_000


@dataclass(frozen=True, slots=True)
class KnownDocument:
    """One report document and when its report was made, where Amazon told it."""

    id: str
    report_type: str
    made_at: datetime | None


@dataclass(frozen=True, slots=True)
class SeenDocument:
    """One document and when it was first seen; type and making of its report where Amazon told them."""

    first_seen_at: datetime
    report_type: str | None = None
    made_at: datetime | None = None


class DocumentStore:
    """The documents of one home. Safe between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._recent: set[tuple[SellerId, str]] = set()

    def remember(self, seller: SellerId, seen: Sequence[KnownDocument], now: datetime) -> None:
        """Keep what Amazon said of these documents; durable on return. When each was first seen does not change."""
        new = [document for document in seen if (seller, document.id) not in self._recent]
        if not new:
            return
        table = schema.report_document
        with self._database.write() as tx:
            store.lock_seller(tx, seller)
            _forget_old(tx, seller, now)
            for document in new:
                said = SeenDocument(now, document.report_type, document.made_at)
                if _find(tx, seller, document.id) is None:
                    _add(tx, seller, document.id, said)
                else:
                    here = table.update().where(_is(seller, document.id))
                    tx.execute(here.values(report_type=said.report_type, made_at=said.made_at))
        if len(self._recent) > _MANY:
            self._recent.clear()
        self._recent.update((seller, document.id) for document in new)

    def see(self, seller: SellerId, document: str, now: datetime) -> SeenDocument:
        """Return what is known of a document that an app asks for; the first time is kept, durable on return."""
        found = self.find(seller, document)
        if found is not None:
            return found
        with self._database.write() as tx:
            store.lock_seller(tx, seller)
            _forget_old(tx, seller, now)
            found = _find(tx, seller, document)
            if found is None:
                found = SeenDocument(now)
                _add(tx, seller, document, found)
        return found

    def find(self, seller: SellerId, document: str) -> SeenDocument | None:
        """Return what is known of a document."""
        with self._database.read() as tx:
            return _find(tx, seller, document)


def _is(seller: SellerId, document: str) -> sa.ColumnElement[bool]:
    table = schema.report_document
    return sa.and_(table.c.seller_id == seller, table.c.document_id == document)


def _find(tx: Transaction, seller: SellerId, document: str) -> SeenDocument | None:
    table = schema.report_document
    query = sa.select(table.c.seen_at, table.c.report_type, table.c.made_at)
    row = tx.execute(query.where(_is(seller, document))).first()
    return None if row is None else SeenDocument(row.seen_at, row.report_type, row.made_at)


def _add(tx: Transaction, seller: SellerId, document: str, seen: SeenDocument) -> None:
    tx.execute(
        schema.report_document.insert().values(
            seller_id=seller,
            document_id=document,
            report_type=seen.report_type,
            made_at=seen.made_at,
            seen_at=seen.first_seen_at,
        )
    )


def _forget_old(tx: Transaction, seller: SellerId, now: datetime) -> None:
    table = schema.report_document
    tx.execute(table.delete().where(table.c.seller_id == seller, table.c.seen_at < now - _KEPT))
