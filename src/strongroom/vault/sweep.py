"""Keeps the calendar [2.1]: what is due is destroyed, what is undelivered moves on.

The keys of days that have come are destroyed, what is not yet delivered moves to the next pending period, and a key
under which a record once lay longer than it may live is replaced.

Keys first, rows second: a key's destruction makes its whole day unreadable at once, in every copy, however many records
it locks; removing the rows is only tidying. Each step is durable by itself, so a run that was killed is finished by the
next one. No plaintext leaves: moving is re-keying inside the door.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from strongroom.audit.entry import Event, ObjKind, Outcome, Reason
from strongroom.audit.event_types import EventType
from strongroom.audit.log import AuditLog
from strongroom.db.engine import Database
from strongroom.errors import Tampered, Unavailable
from strongroom.policy.retention import DAY, disposal_day, pending_ends
from strongroom.terms import SYSTEM, PeriodId, SellerId
from strongroom.vault import store
from strongroom.vault.batch import Batch, Keeps
from strongroom.vault.box import RecordBox
from strongroom.vault.keystore import Keystore, PeriodKey, PeriodKind, PeriodRow
from strongroom.vault.store import RecordState, Row

_CHUNK: Final = 500
"""Records moved in one transaction."""

_AT_ONCE: Final = 2_000
"""Rows of a destroyed period removed in one."""

_Progress = Callable[[int], None]
BeforeDestroyed = Callable[[Sequence[PeriodRow], datetime], frozenset[PeriodId]]
"""Sets aside what a law needs of periods about to be destroyed; returns those that can't be yet (archive.py)."""


def _nothing_waits(_due: Sequence[PeriodRow], _now: datetime) -> frozenset[PeriodId]:
    """Let every key go, as where none is destroyed on its day."""
    return frozenset()


def movable(keystore: Keystore, seller: SellerId | None) -> list[PeriodRow]:
    """Return the live periods whose records may move to another key: what is held for a law waits for its archive."""
    live = keystore.periods(seller=seller, live=True)
    return [period for period in live if period.kind is not PeriodKind.HELD]


@dataclass(slots=True)
class SweepReport:
    """What one sweep did, in records and keys."""

    destroyed_periods: int = 0
    replaced_periods: int = 0
    purged: int = 0
    moved: int = 0


class Sweeper:
    """One run of the calendar."""

    def __init__(
        self,
        database: Database,
        keystore: Keystore,
        audit: AuditLog,
        box: Callable[[SellerId], RecordBox],
        *,
        copy_lifetime: timedelta,
        before_destroyed: BeforeDestroyed = _nothing_waits,
        keeps: Keeps | None = None,
    ) -> None:
        self._database = database
        self._keystore = keystore
        self._audit = audit
        self._box = box
        self._copy_lifetime = copy_lifetime
        self._before_destroyed = before_destroyed
        self._keeps = keeps
        self._report = SweepReport()

    def run(self, now: datetime, progress: _Progress | None = None) -> SweepReport:
        """Do all that is due at `now`.

        Raises:
            Unavailable: a file could not be cut because another program reads it; keys are destroyed all the same.

        """
        seconds = int(now.timestamp())
        tell = progress or (lambda _done: None)
        self._record_interrupted(now)
        self._destroy_due(now, seconds)
        for period in self._keystore.periods(live=True):
            if period.kind is PeriodKind.PENDING and pending_ends(period.day) <= seconds:
                self._empty(period, now, tell)
        self._replace_asked(now, None, tell)
        for period in self._keystore.periods(live=False):
            self._purge(period, now, tell)
        with self._database.write(alone=True) as tx:
            store.delete_ownerless(tx)
        self._keystore.prove_clean()
        self._database.truncate_wal()
        self._finish(now)
        return self._report

    def _record_interrupted(self, now: datetime) -> None:
        """Record keys that an earlier run destroyed and could not say so any more: the files were first."""
        left = self._keystore.periods(live=False)
        if not left:
            return
        refs = {str(period.id) for period in left}
        since = min(period.destroyed_at for period in left if period.destroyed_at is not None)
        told = {
            entry.body["obj"]["ref"]
            for entry in self._audit.of_types([EventType.PERIOD_KEY_DESTROYED], since)
            if entry.body and entry.body["obj"]["ref"] in refs
        }
        untold = [period for period in left if str(period.id) not in told]
        if untold:
            self._record_destroyed(untold, now)

    def replace(
        self,
        now: datetime,
        seller: SellerId | None = None,
        progress: _Progress | None = None,
        before: Callable[[], None] | None = None,
    ) -> SweepReport:
        """Do only what an erasure or a rewrap asked for: replace keys, of one selling partner or of all, now.

        `before` is called when all is moved and no old key is destroyed yet.

        Raises:
            Unavailable: as `run`.

        """
        tell = progress or (lambda _done: None)
        self._replace_asked(now, seller, tell, before)
        for period in self._keystore.periods(seller=seller, live=False):
            self._purge(period, now, tell)
        self._keystore.prove_clean()
        self._database.truncate_wal()
        return self._report

    def _replace_asked(
        self,
        now: datetime,
        seller: SellerId | None,
        tell: _Progress,
        before: Callable[[], None] | None = None,
    ) -> None:
        """Give periods the next generation of their keys: what left them is then unreadable in old copies too."""
        with self._database.read() as tx:
            wanted = set(store.replacements(tx, int(now.timestamp())))
        asked = [period for period in movable(self._keystore, seller) if period.id in wanted]
        for period in asked:
            self._move_to_next(period, now, tell)
        if before is not None and asked:
            before()
        for period in asked:
            # Once more: whoever had the old key in hand may have put something since.
            self._move_to_next(period, now, tell)
            self._destroy([period], now)
            self._report.replaced_periods += 1

    def _destroy_due(self, now: datetime, seconds: int) -> None:
        due = [
            period
            for period in self._keystore.periods(live=True)
            if period.kind is PeriodKind.DAY and period.day * DAY <= seconds
        ]
        waiting = self._before_destroyed(due, now)
        due = [period for period in due if period.id not in waiting]
        if due:
            self._destroy(due, now)

    def _destroy(self, periods: list[PeriodRow], now: datetime) -> None:
        """Destroy keys, and then say so: who is killed in between says it with the next run."""
        try:
            self._keystore.destroy([period.id for period in periods], now)
        except Unavailable:
            # The keys are gone; only the log's old pages could not be cut yet. It is recorded now:
            # the next run no longer sees them as due.
            self._record_destroyed(periods, now)
            raise
        self._record_destroyed(periods, now)

    def _record_destroyed(self, periods: list[PeriodRow], now: datetime) -> None:
        self._report.destroyed_periods += len(periods)
        with self._database.write() as tx:
            replaced = store.replace_by(tx)
            events = [_key_event(EventType.PERIOD_KEY_DESTROYED, period) for period in periods]
            for period in periods:
                if period.id in replaced and not _is_over(period, now):
                    events.append(_key_event(EventType.PERIOD_KEY_REPLACED, period))
                store.forget_replacement(tx, period.id)
            self._audit.append(tx, *events, now=now)

    def _empty(self, period: PeriodRow, now: datetime, tell: _Progress) -> None:
        """Move the survivors of an ended pending window, each where its facts say, then destroy the window's key."""

        def place(batch: Batch, row: Row) -> None:
            day = disposal_day(row.facts, int(now.timestamp()), self._copy_lifetime)
            if day is not None and day * DAY <= now.timestamp():
                batch.dispose(row, day)
            else:
                batch.rekey(row, batch.period_for(day), day)

        self._move_all(period, now, place, tell)
        self._destroy([period], now)

    def _move_to_next(self, period: PeriodRow, now: datetime, tell: _Progress) -> None:
        successor = self._keystore.replace(period, now)
        due = period.day if period.kind is PeriodKind.DAY else None
        self._move_all(period, now, lambda batch, row: batch.rekey(row, successor, due), tell)

    def _move_all(
        self, period: PeriodRow, now: datetime, place: Callable[[Batch, Row], None], tell: _Progress
    ) -> None:
        while True:
            with self._database.write(alone=True) as tx:
                store.lock_seller(tx, period.seller)
                rows = store.in_period(tx, period.id, _CHUNK)
                if not rows:
                    return
                batch = Batch(
                    period.seller,
                    self._box(period.seller),
                    self._keystore,
                    self._copy_lifetime,
                    now,
                    keeps=self._keeps,
                )
                spoilt = [row for row in rows if not self._moves(place, batch, row)]
                for row in spoilt:
                    batch.bury(row)
                batch.write(tx)
                disposed = sum(row.state == RecordState.GONE for row in rows)
                moved = _rows_event(EventType.RECORD_MOVED, period, len(rows) - disposed)
                gone = _rows_event(EventType.RECORD_DISPOSED, period, disposed)
                events = [event for event in (moved, gone) if event.n]
                events.extend(_spoilt_event(row) for row in spoilt)
                events.extend(
                    _key_event(EventType.PERIOD_KEY_CREATED, made) for made in batch.made_periods
                )
                self._audit.append(tx, *events, now=now)
            self._report.moved += len(rows) - disposed
            self._report.purged += disposed
            tell(len(rows))

    def _moves(self, place: Callable[[Batch, Row], None], batch: Batch, row: Row) -> bool:
        """Place a row; False where it does not open, which must not keep the others past their day."""
        try:
            place(batch, row)
        except Tampered:
            if self._opens(row):
                # Then it is the key it should go under: no reason to lose the record.
                raise
            return False
        return True

    def _opens(self, row: Row) -> bool:
        box = self._box(row.seller)
        try:
            box.open(row, box.dek(row))
        except Tampered:
            return False
        return True

    def _purge(self, period: PeriodRow, now: datetime, tell: _Progress) -> None:
        """Remove the rows that a destroyed key had locked, in bounded steps."""
        gone = _AT_ONCE
        while gone == _AT_ONCE:
            with self._database.write(alone=True) as tx:
                gone = store.purge(tx, period.id, _AT_ONCE)
                if gone:
                    event = _rows_event(EventType.RECORD_DISPOSED, period, gone)
                    self._audit.append(tx, event, now=now)
            self._report.purged += gone
            tell(gone)
        tags = _AT_ONCE
        while tags == _AT_ONCE:
            with self._database.write(alone=True) as tx:
                tags = store.delete_tags(tx, period.id, _AT_ONCE)
        self._keystore.mark_purged(period.id, now)

    def _finish(self, now: datetime) -> None:
        report = self._report
        with self._database.write() as tx:
            event = Event(
                EventType.RETENTION_SWEEP_FINISHED,
                Outcome.SUCCESS,
                SYSTEM,
                n=report.purged + report.moved,
            )
            self._audit.append(tx, event, now=now)


def _is_over(period: PeriodRow, now: datetime) -> bool:
    """Say whether a period's own end has come: then its key was due, and not replaced before."""
    ends = period.day * DAY if period.kind is PeriodKind.DAY else pending_ends(period.day)
    return ends <= now.timestamp()


def _key_event(type_: EventType, period: PeriodRow | PeriodKey) -> Event:
    return Event(
        type_,
        Outcome.SUCCESS,
        SYSTEM,
        obj_kind=ObjKind.PERIOD,
        obj_ref=str(period.id),
        seller=period.seller,
    )


def _spoilt_event(row: Row) -> Event:
    return Event(
        EventType.RECORD_TAMPERED,
        Outcome.ERROR,
        SYSTEM,
        reason=Reason.TAMPERED,
        obj_kind=ObjKind.RECORD,
        obj_ref=str(row.number),
        seller=row.seller,
    )


def _rows_event(type_: EventType, period: PeriodRow, count: int) -> Event:
    return Event(
        type_,
        Outcome.SUCCESS,
        SYSTEM,
        obj_kind=ObjKind.PERIOD,
        obj_ref=str(period.id),
        seller=period.seller,
        n=count,
    )
