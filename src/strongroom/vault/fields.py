"""Notes which fields of personal data came with which operation, and went to whom: names and days, no value [2.2].

One row for each way, place, field and purpose; written once a day at most, so that a page of orders costs a comparison
of two sets. What the catalogue does not know counts as one field: its names are not ours to choose.
"""

import threading
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

import sqlalchemy as sa

from strongroom.db.engine import Database, Transaction
from strongroom.db.schema import field_seen
from strongroom.policy.catalogue.slots import FIXED
from strongroom.policy.retention import DAY
from strongroom.policy.sighting import SlotKey

UNKNOWN: Final = "unknown.*"
"""Stands for all that the catalogue does not know."""

_INSERT: Final = sa.text(
    "INSERT INTO field_seen (way, place, field, purpose, first_seen_at, last_seen_on)"
    " VALUES (:way, :place, :field, :purpose, :at, :day) ON CONFLICT DO NOTHING"
).bindparams(sa.bindparam("at", type_=field_seen.c.first_seen_at.type))


class Way(StrEnum):
    """Whether a field came, or went."""

    COLLECTED = "collected"
    """From Amazon, with an operation, a report or a notification."""
    DISCLOSED = "disclosed"
    """To a third party, through the relay."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One field at one place."""

    way: Way
    place: str
    field: str
    purpose: str
    first_at: datetime
    last_on: int
    """The last day, counted from 1970."""


class Fields:
    """The notes of one home. Safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._day = 0
        self._known: dict[tuple[Way, str, str], set[str]] = {}

    def keep(
        self,
        tx: Transaction,
        way: Way,
        place: str,
        keys: Collection[SlotKey],
        now: datetime,
        purpose: str = "",
    ) -> frozenset[str]:
        """Note fields in the caller's transaction; hand what it returns to `remember` once that is durable."""
        day = int(now.timestamp()) // DAY
        names = {_name(key) for key in keys}
        known = self._known.get((way, place, purpose)) if day == self._day else None
        fresh = names if known is None else names - known
        here = {"way": way.value, "place": place, "purpose": purpose}
        # In one order everywhere, so that no two transactions wait for each other.
        for name in sorted(fresh):
            tx.execute(_INSERT, {**here, "field": name, "at": now, "day": day})
            where = [field_seen.c[column] == value for column, value in here.items()]
            where += [field_seen.c.field == name, field_seen.c.last_seen_on < day]
            tx.execute(field_seen.update().where(*where).values(last_seen_on=day))
        return frozenset(fresh)

    def remember(
        self, way: Way, place: str, fresh: frozenset[str], now: datetime, purpose: str = ""
    ) -> None:
        """Know from now on that these are noted for the day."""
        if not fresh:
            return
        day = int(now.timestamp()) // DAY
        with self._lock:
            if day != self._day:
                self._day, self._known = day, {}
            known = self._known.get((way, place, purpose), set())
            self._known[way, place, purpose] = known | fresh


def seen_fields(database: Database) -> list[Seen]:
    """Return all that was noted."""
    with database.read() as tx:
        rows = tx.execute(sa.select(field_seen).order_by(field_seen.c.field, field_seen.c.place))
        return [
            Seen(
                Way(row.way), row.place, row.field, row.purpose, row.first_seen_at, row.last_seen_on
            )
            for row in rows
        ]


def keys_of(shown: Iterable[Collection[SlotKey]]) -> set[SlotKey]:
    """Return every slot that a document showed, each once."""
    return set().union(*shown)


def _name(key: SlotKey) -> str:
    """Return a field's name without the id of whose it is."""
    if isinstance(key, int):
        return FIXED[key].name
    if key.startswith("unknown."):
        return UNKNOWN
    kind, dynamic, rest = key.partition(":")
    return f"{kind}:*.{rest.partition('.')[2].partition(':')[0]}" if dynamic else key
