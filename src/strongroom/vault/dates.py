"""Tells which facts and which rule led to an order's date [2.1]. It opens nothing; what it says is about no person."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from strongroom.crypto.index import subject_key, subject_ref
from strongroom.db import schema
from strongroom.db.engine import Database
from strongroom.policy.dating import Dating, explain
from strongroom.policy.retention import DAY, Progress, pending_ends
from strongroom.terms import PeriodId, RecordNumber, SellerId
from strongroom.vault import store, told
from strongroom.vault.keystore import Keystore, PeriodKind, PeriodRow
from strongroom.vault.store import RecordState
from strongroom.vault.views import STATES


@dataclass(frozen=True, slots=True)
class Dated:
    """One order's standing. `dating` is None once it is gone or erased: its facts went with it."""

    record: RecordNumber
    state: str
    due_at: int | None
    dating: Dating | None


@dataclass(frozen=True, slots=True)
class Standing:
    """How disposal stands in all: numbers, nothing of anybody."""

    oldest_past_its_date_days: int
    """For how many days the oldest personal data should have been unreadable and is not; 0: none is."""
    overdue_keys: int
    """Keys whose day has come, whose window is over, or which a record left that may not be readable any more."""
    rows_to_remove: int
    """Destroyed periods whose rows are still there; nothing opens them."""
    pending_keys: int
    day_keys: int


@dataclass(frozen=True, slots=True)
class OpenRecord:
    """A record whose delivery is unknown; instants in seconds since 1970."""

    record: RecordNumber
    seller: SellerId
    status: str
    purchased_at: int
    seen_open_at: int
    pending_until: int


class Dates:
    """Explains the dates of one home's records. Safe between threads."""

    def __init__(
        self,
        database: Database,
        keystore: Keystore,
        *,
        subject_key: bytes,
        copy_lifetime: timedelta,
    ) -> None:
        self._database = database
        self._keystore = keystore
        self._subject_key = subject_key
        self._copy_lifetime = copy_lifetime

    def __repr__(self) -> str:
        return "<dates>"

    def of(self, seller: SellerId, order: str, now: datetime) -> Dated | None:
        """Return how an order stands and why; None where the vault never saw it."""
        ref = subject_ref(subject_key(self._subject_key, seller), "order", order)
        with self._database.read() as tx:
            row = store.by_subject(tx, seller, [ref]).get(ref)
            if row is None:
                return None
            said = told.of(tx, row.number)
        if row.state != RecordState.LIVE:
            return Dated(row.number, STATES[row.state], None, None)
        dating = explain(row.facts, said, now, self._copy_lifetime)
        return Dated(row.number, STATES[row.state], row.due_at, dating)

    def open(self, most: int, seller: SellerId | None = None) -> list[OpenRecord]:
        """Return records whose delivery is unknown, at most so many, those longest unseen first."""
        pending = {
            period.id: pending_ends(period.day)
            for period in self._keystore.periods(seller=seller, live=True)
            if period.kind is PeriodKind.PENDING
        }
        with self._database.read() as tx:
            rows = told.undelivered(tx, list(pending), most)
        return [
            OpenRecord(
                RecordNumber(row.record_number),
                SellerId(row.seller_id),
                Progress(row.status).name.lower(),
                row.purchased_at,
                row.seen_open_at,
                pending[row.period_id],
            )
            for row in rows
        ]

    def per_period(self) -> dict[PeriodId, int]:
        """Return how many records each period key wraps the keys of; the index is read from end to end."""
        keys = schema.record_key.c
        query = (
            sa.select(keys.period_id, sa.func.count())
            .where(keys.period_id.is_not(None))
            .group_by(keys.period_id)
        )
        with self._database.read() as tx:
            return {PeriodId(period): count for period, count in tx.execute(query)}

    def standing(self, now: datetime) -> Standing:
        """Return how disposal stands."""
        seconds = int(now.timestamp())
        live = self._keystore.periods(live=True)
        with self._database.read() as tx:
            wanted = store.replace_by(tx)
        ends = [min(_ends(period), wanted.get(period.id, _ends(period))) for period in live]
        late = [at for at in ends if at <= seconds]
        return Standing(
            oldest_past_its_date_days=-((min(late) - seconds) // DAY) if late else 0,
            overdue_keys=len(late),
            rows_to_remove=len(self._keystore.periods(live=False)),
            pending_keys=sum(period.kind is PeriodKind.PENDING for period in live),
            day_keys=sum(period.kind is PeriodKind.DAY for period in live),
        )


def _ends(period: PeriodRow) -> int:
    return pending_ends(period.day) if period.kind is PeriodKind.PENDING else period.day * DAY
