"""Lists what the catalogue did not know: where Amazon's answers differ from its published models."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from strongroom.db import schema
from strongroom.db.engine import Database


@dataclass(frozen=True, slots=True)
class DriftRow:
    """One place of one operation's answers, by model path; never a value."""

    operation: str
    path: str
    kind: str
    count: int
    first_seen_at: datetime
    last_seen_at: datetime


def seen_drift(
    database: Database, kind: str | None = None, limit: int | None = None
) -> list[DriftRow]:
    """Return all drift, or that of one kind, the most recent first; so much of it at most."""
    table = schema.drift
    columns = [column for column in table.c if column is not table.c.count]
    query = sa.select(*columns, table.c.count.label("seen"))
    if kind is not None:
        query = query.where(table.c.kind == kind)
    query = query.order_by(table.c.last_seen_at.desc(), table.c.path).limit(limit)
    with database.read() as tx:
        rows = tx.execute(query)
        return [
            DriftRow(
                row.operation, row.path, row.kind, row.seen, row.first_seen_at, row.last_seen_at
            )
            for row in rows
        ]
