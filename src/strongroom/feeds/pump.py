"""Feeds the log to collectors: in order, from a durable cursor, each feed in a thread of its own [2.6].

The cursor moves after the collector has a batch, never before: a crash in between sends the batch again, and a gap
cannot be. Nothing here is awaited by whoever records an event: a collector that is dead costs nothing but its lag.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from strongroom.audit import AuditLog, Event, EventType, ObjKind, Outcome, Reason
from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Conflict, Denied, Unavailable
from strongroom.feeds import sinks
from strongroom.feeds.destinations import FeedPlace, Format, Lines, Posted, Syslog
from strongroom.feeds.faults import Trouble, reason_of, trouble_of
from strongroom.feeds.lines import Line, line
from strongroom.feeds.targets import Role, Target, Targets
from strongroom.feeds.workers import Workers
from strongroom.terms import SYSTEM, Caller

BATCH: Final = 500
BATCH_BYTES: Final = 1024 * 1024
STOPPED_AFTER: Final = timedelta(minutes=1)
"""How long a feed fails before the log says so: with that, its own events are at most two a minute."""

FIRST_DELAY: Final = timedelta(seconds=1)
LONGEST_DELAY: Final = timedelta(minutes=1)
STOP_SECONDS: Final = 5.0

_state: Final = schema.feed_state

Send = Callable[[FeedPlace, Sequence[Line], str, datetime], None]


@dataclass(frozen=True, slots=True)
class FeedState:
    """How far a feed is. `lag` is how many entries have not gone yet."""

    cursor: int
    lag: int
    sent: int
    skipped: int
    paused: bool
    fault: str | None
    failing_since: datetime | None
    stopped_since: datetime | None
    delivered_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Batch:
    lines: tuple[Line, ...]
    skipped: int
    end: int


class Pump:
    """The feeds of one home. `clock` tells the time, `product` is our version, `send` hands a batch over."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        targets: Targets,
        *,
        home: str,
        product: str,
        clock: Callable[[], datetime],
        failed: Callable[[BaseException], None],
        send: Send = sinks.send,
    ) -> None:
        self._database = database
        self._audit = audit
        self._targets = targets
        self._home = home
        self._product = product
        self._clock = clock
        self._send = send
        self._workers = Workers(failed)
        self._resting: dict[int, tuple[int, datetime]] = {}

    def tick(self) -> None:
        """Start what has something to send; returns at once."""
        for feed in self._targets.in_effect(Role.FEED):
            self._workers.start(feed.id, lambda feed=feed: self._feed(feed))  # type: ignore[misc] # bound now, not when it runs

    def wait(self, seconds: float) -> bool:
        """Return whether what runs ended within this time."""
        return self._workers.wait(seconds)

    def stop(self) -> None:
        """Start nothing more, and give what runs a moment."""
        self._workers.stop(STOP_SECONDS)

    def state(self, feed: Target) -> FeedState:
        """Return how far a feed is."""
        last = self._audit.tail(1)
        size = last[-1].seq + 1 if last else 0
        with self._database.read() as tx:
            row = self._row(tx, feed)
        if row is None:
            return FeedState(0, size, 0, 0, False, None, None, None, None)  # noqa: FBT003 - by position, as the row
        return FeedState(
            row.cursor,
            max(0, size - row.cursor),
            row.sent,
            row.skipped,
            row.paused,
            row.fault,
            row.failing_since,
            row.stopped_since,
            row.delivered_at,
        )

    def pause(self, feed: Target, caller: Caller, now: datetime) -> None:
        """Send nothing until `resume`; what is recorded meanwhile goes afterwards. Raises: Conflict."""
        self._set_paused(feed, caller, now, paused=True)

    def resume(self, feed: Target, caller: Caller, now: datetime) -> None:
        """Send again, from where it stopped. Raises: Conflict."""
        self._set_paused(feed, caller, now, paused=False)
        self._resting.pop(feed.id, None)

    def test(self, feed: Target) -> int:
        """Send the newest entry once more and return its number; the cursor stays.

        Raises:
            Conflict: the feed is not in effect, or there is nothing to send.
            Unavailable, Denied: the collector can't be used, or does not take it.

        """
        if feed.id not in {target.id for target in self._targets.in_effect(Role.FEED)}:
            raise Conflict(f"feed {feed.name} is not in effect")
        entries = [entry for entry in self._audit.tail(1) if entry.body]
        if not entries:
            raise Conflict("there is no entry to send")
        entry = entries[-1]
        place = _place(feed)
        one = line(entry.seq, entry.body, _format(place), product=self._product)
        self._send(place, [one], self._key(feed, entry.seq, entry.seq + 1), self._clock())
        return entry.seq

    # -- one feed's thread -----------------------------------------------------------------------

    def _feed(self, feed: Target) -> None:
        place = _place(feed)
        while not self._workers.stopping() and not self._rests(feed):
            with self._database.read() as tx:
                row = self._row(tx, feed)
            cursor, paused = (0, False) if row is None else (row.cursor, row.paused)
            if paused:
                return
            batch = self._batch(cursor, _format(place))
            if batch.end == cursor:
                return
            try:
                if batch.lines:
                    key = self._key(feed, cursor, batch.end)
                    self._send(place, batch.lines, key, self._clock())
            except (Unavailable, Denied) as exc:
                self._failed(feed, trouble_of(exc))
                return
            if self._workers.stopping() or not self._moved(feed, cursor, batch):
                # The home may be closed already, or another node feeds it: it goes again, and nothing is lost.
                return

    def _batch(self, cursor: int, format_: Format) -> _Batch:
        lines: list[Line] = []
        size = skipped = 0
        end = cursor
        for entry in self._audit.events(cursor):
            end = entry.seq + 1
            if not entry.body:
                skipped += 1
                continue
            made = line(entry.seq, entry.body, format_, product=self._product)
            lines.append(made)
            size += len(made.content)
            if len(lines) >= BATCH or size >= BATCH_BYTES:
                break
        return _Batch(tuple(lines), skipped, end)

    def _moved(self, feed: Target, cursor: int, batch: _Batch) -> bool:
        now = self._clock()
        self._resting.pop(feed.id, None)
        with self._database.write() as tx:
            row = self._first(tx, feed)
            values = {
                "cursor": batch.end,
                "sent": row.sent + len(batch.lines),
                "skipped": row.skipped + batch.skipped,
                "fault": None,
                "failing_since": None,
                "stopped_since": None,
                "delivered_at": now,
            }
            where = (_state.c.feed_id == feed.id, _state.c.cursor == cursor)
            moved = tx.execute(_state.update().where(*where).values(**values)).rowcount == 1
            if moved and row.stopped_since is not None:
                self._record(tx, EventType.FEED_RESUMED, feed, SYSTEM, batch.end, now)
        return moved

    def _failed(self, feed: Target, trouble: Trouble) -> None:
        if self._workers.stopping():
            return
        now = self._clock()
        failures = self._resting.get(feed.id, (0, now))[0] + 1
        delay = min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(failures - 1, 8))
        self._resting[feed.id] = failures, now + delay
        with self._database.write() as tx:
            row = self._first(tx, feed)
            since = row.failing_since or now
            stops = row.stopped_since is None and now - since >= STOPPED_AFTER
            values = {
                "fault": trouble.value,
                "failing_since": since,
                "stopped_since": now if stops else row.stopped_since,
            }
            tx.execute(_state.update().where(_state.c.feed_id == feed.id).values(**values))
            if stops:
                reason = reason_of(trouble)
                self._record(tx, EventType.FEED_STOPPED, feed, SYSTEM, row.cursor, now, reason)

    def _rests(self, feed: Target) -> bool:
        _failures, until = self._resting.get(feed.id, (0, None))
        now = self._clock()
        # A clock that was set back must not stop the feed.
        return until is not None and now < until <= now + LONGEST_DELAY

    # -- private ---------------------------------------------------------------------------------

    def _set_paused(self, feed: Target, caller: Caller, now: datetime, *, paused: bool) -> None:
        type_ = EventType.FEED_STOPPED if paused else EventType.FEED_RESUMED
        with self._database.write() as tx:
            row = self._first(tx, feed)
            if row.paused is paused:
                raise Conflict(f"feed {feed.name} is {'paused' if paused else 'not paused'}")
            where = _state.c.feed_id == feed.id
            tx.execute(_state.update().where(where).values(paused=paused))
            self._record(tx, type_, feed, caller, row.cursor, now, op="paused")

    def _record(
        self,
        tx: Transaction,
        type_: EventType,
        feed: Target,
        caller: Caller,
        cursor: int,
        now: datetime,
        reason: Reason | None = None,
        op: str | None = None,
    ) -> None:
        event = Event(
            type_,
            Outcome.SUCCESS if reason is None else Outcome.ERROR,
            caller,
            reason=reason,
            op=op,
            obj_kind=ObjKind.FEED,
            obj_ref=str(feed.id),
            n=cursor,
        )
        self._audit.append(tx, event, now=now)

    def _key(self, feed: Target, first: int, end: int) -> str:
        return f"{self._home}-{feed.id}-{first}-{end}"

    @staticmethod
    def _row(tx: Transaction, feed: Target) -> Any:  # noqa: ANN401 - a row, or None
        return tx.execute(sa.select(_state).where(_state.c.feed_id == feed.id)).first()

    def _first(self, tx: Transaction, feed: Target) -> Any:  # noqa: ANN401 - a row
        """Return a feed's row, which begins with the first entry of the log."""
        if self._row(tx, feed) is None:
            first = {"cursor": 0, "sent": 0, "skipped": 0, "paused": False}
            tx.execute(_state.insert().values(feed_id=feed.id, **first))
        return self._row(tx, feed)


def _place(feed: Target) -> FeedPlace:
    place = feed.destination
    if not isinstance(place, (Syslog, Lines, Posted)):
        raise Conflict(f"feed {feed.name} has no collector")
    return place


def _format(place: FeedPlace) -> Format:
    return place.format
