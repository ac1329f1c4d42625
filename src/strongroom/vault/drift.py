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


def seen_drift(database: Database) -> list[DriftRow]:
    """Return all drift, the most recent first."""
    table = schema.drift
    columns = [column for column in table.c if column is not table.c.count]
    query = sa.select(*columns, table.c.count.label("seen"))
    with database.read() as tx:
        rows = tx.execute(query.order_by(table.c.last_seen_at.desc(), table.c.path))
        return [
            DriftRow(
                row.operation, row.path, row.kind, row.seen, row.first_seen_at, row.last_seen_at
            )
            for row in rows
        ]
