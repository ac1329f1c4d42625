"""Keeps notices until they are delivered: one row for each channel, in the transaction of what they tell of [1.6].

At least once, with an id that stays the same; in no promised order. What can't be delivered for three days, or in
fifty tries, is kept as a dead letter and listed. A channel that fails three times in a row is down: the log says so,
and the other channels are told.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from strongroom.audit import AuditLog, Event, EventType, ObjKind, Outcome
from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.feeds.faults import Trouble, reason_of
from strongroom.feeds.notice import Notice, Step
from strongroom.feeds.targets import Role, Target, Targets
from strongroom.feeds.wording import pack, unpack
from strongroom.terms import SYSTEM, Caller

TRIES: Final = 50
LIVES: Final = timedelta(days=3)
DOWN_AFTER: Final = 3
FIRST_DELAY: Final = timedelta(seconds=30)
LONGEST_DELAY: Final = timedelta(hours=1)
LONGEST_CHANNEL_DELAY: Final = timedelta(minutes=5)
"""A channel that is back is noticed within this, however long it was away."""

_PAGE: Final = 20
_box: Final = schema.notice_outbox
_state: Final = schema.channel_state
_LIVE: Final = _box.c.dead_at.is_(None)


@dataclass(frozen=True, slots=True)
class Waiting:
    """One notice for one channel."""

    id: int
    channel: int
    message: str
    notice: Notice
    since: datetime
    tries: int
    fault: str | None
    dead_at: datetime | None


@dataclass(frozen=True, slots=True)
class ChannelState:
    """How a channel works. `waiting` and `dead` are numbers of notices."""

    failures: int
    next_at: datetime
    down_since: datetime | None
    fault: str | None
    delivered_at: datetime | None
    waiting: int
    dead: int


class NoticeOutbox:
    """The notices of one home that are on their way. Safe between threads; it is an `Outbox`.

    `entropy` returns so many random bytes: for ids, and so that channels that failed together are not tried together.
    """

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        targets: Targets,
        *,
        entropy: Callable[[int], bytes],
        heartbeat: timedelta | None,
    ) -> None:
        self._database = database
        self._audit = audit
        self._targets = targets
        self._entropy = entropy
        self._heartbeat = heartbeat
        targets.tells(self._changed)

    def message(self) -> str:
        """Return a new id of a message."""
        return self._entropy(16).hex()

    def enqueue(self, tx: Transaction, notice: Notice, now: datetime) -> None:
        """Keep the notice for every channel; durable when the transaction is."""
        for channel in self._targets.in_effect(Role.CHANNEL):
            self._put(tx, channel.id, notice, now)

    def beat(self, now: datetime) -> None:
        """Put a heartbeat in for each channel that has not had one for a day, or as it is set."""
        if self._heartbeat is None:
            return
        for channel in self._targets.in_effect(Role.CHANNEL):
            with self._database.read() as tx:
                query = sa.select(_state.c.heartbeat_at).where(_state.c.channel_id == channel.id)
                last = tx.execute(query).scalar()
            # A clock that was set back must not end them.
            if last is not None and last <= now < last + self._heartbeat:
                continue
            with self._database.write() as tx:
                self._touch(tx, channel.id, now, heartbeat_at=now)
                self._put(tx, channel.id, Notice(Step.HEARTBEAT, "heartbeat", "low", now), now)

    def due(self, channel: Target, now: datetime) -> list[Waiting]:
        """Return what is to be delivered by a channel now; nothing while it rests after a failure."""
        with self._database.read() as tx:
            query = sa.select(_state.c.next_at).where(_state.c.channel_id == channel.id)
            rests_until = tx.execute(query).scalar()
            if rests_until is not None and now < rests_until <= now + LONGEST_CHANNEL_DELAY:
                return []
            rows = tx.execute(
                sa.select(_box)
                .where(_box.c.channel_id == channel.id, _LIVE, _box.c.next_at <= now)
                .order_by(_box.c.next_at, _box.c.id)
                .limit(_PAGE)
            )
            return [_of(row) for row in rows]

    def delivered(self, channel: Target, waiting: Waiting, reached: int, now: datetime) -> None:
        """Take note that the other side has it; the row goes, the log keeps that it was told."""
        event = Event(
            EventType.NOTICE_DELIVERED,
            Outcome.SUCCESS,
            SYSTEM,
            op=waiting.notice.step.value,
            obj_kind=ObjKind.CHANNEL,
            obj_ref=str(channel.id),
            n=reached,
            req=waiting.message,
        )
        with self._database.write() as tx:
            tx.execute(_box.delete().where(_box.c.id == waiting.id))
            state = self._touch(
                tx, channel.id, now, failures=0, next_at=now, fault=None, delivered_at=now
            )
            if state.down_since is not None:
                self._touch(tx, channel.id, now, down_since=None)
                due = _box.update().where(_box.c.channel_id == channel.id, _LIVE)
                tx.execute(due.values(next_at=now))
                self._tell_others(tx, channel, Step.CLOSED, state.down_since, now)
            self._audit.append(tx, event, now=now)

    def failed(self, channel: Target, waiting: Waiting, trouble: Trouble, now: datetime) -> None:
        """Put a notice off, or end it; a channel that is down now is told of on the others."""
        events = []
        tries = waiting.tries + 1
        dead = tries >= TRIES or now - waiting.since >= LIVES
        values: dict[str, object] = {"tries": tries, "fault": trouble.value}
        values |= {"dead_at": now} if dead else {"next_at": now + self._delay(tries, LONGEST_DELAY)}
        with self._database.write() as tx:
            tx.execute(_box.update().where(_box.c.id == waiting.id).values(**values))
            state = self._touch(tx, channel.id, now)
            failures = state.failures + 1
            changed: dict[str, object] = {
                "failures": failures,
                "fault": trouble.value,
                "next_at": now + self._delay(failures, LONGEST_CHANNEL_DELAY),
            }
            if dead:
                events.append(_failure(channel, "dead_letter", trouble, waiting.message))
            if state.down_since is None and failures >= DOWN_AFTER:
                changed["down_since"] = now
                events.append(_failure(channel, "down", trouble))
                self._tell_others(tx, channel, Step.RAISED, now, now)
            self._touch(tx, channel.id, now, **changed)
            if events:
                self._audit.append(tx, *events, now=now)

    def state(self, channel: Target, now: datetime) -> ChannelState:
        """Return how a channel works."""
        with self._database.read() as tx:
            row = tx.execute(sa.select(_state).where(_state.c.channel_id == channel.id)).first()
            counted = sa.select(sa.func.count(_box.c.id), sa.func.count(_box.c.dead_at)).where(
                _box.c.channel_id == channel.id
            )
            total, dead = tx.execute(counted).one()
        if row is None:
            return ChannelState(0, now, None, None, None, total - dead, dead)
        return ChannelState(
            row.failures,
            row.next_at,
            row.down_since,
            row.fault,
            row.delivered_at,
            total - dead,
            dead,
        )

    def dead(self, channel: Target) -> list[Waiting]:
        """Return the notices that are no longer tried."""
        query = sa.select(_box).where(_box.c.channel_id == channel.id, _box.c.dead_at.is_not(None))
        with self._database.read() as tx:
            return [_of(row) for row in tx.execute(query.order_by(_box.c.id))]

    def retry(self, channel: Target, caller: Caller, now: datetime) -> int:
        """Try dead letters again, for three days more; return how many there are."""
        with self._database.write() as tx:
            again = {"dead_at": None, "tries": 0, "since": now, "next_at": now}
            dead = (_box.c.channel_id == channel.id, _box.c.dead_at.is_not(None))
            count = tx.execute(_box.update().where(*dead).values(**again)).rowcount
            self._touch(tx, channel.id, now, next_at=now)
            event = Event(
                EventType.ALARM_CHANGED,
                Outcome.SUCCESS,
                caller,
                op="channel.retry",
                obj_kind=ObjKind.CHANNEL,
                obj_ref=str(channel.id),
                n=count,
            )
            self._audit.append(tx, event, now=now)
        return count

    # -- private ---------------------------------------------------------------------------------

    def _put(self, tx: Transaction, channel: int, notice: Notice, now: datetime) -> None:
        tx.execute(
            _box.insert().values(
                channel_id=channel,
                message=self.message(),
                notice=pack(notice),
                since=now,
                tries=0,
                next_at=now,
            )
        )

    def _changed(
        self, tx: Transaction, target: Target, done: str, caller: Caller, now: datetime
    ) -> None:
        """Tell the other channels that a place where notices or the log go was asked for, came or went [1.6]."""
        if target.role is Role.CHANNEL and done == "remove.approved":
            ended = {"dead_at": now, "fault": Trouble.REMOVED.value}
            pending = _box.update().where(_box.c.channel_id == target.id, _LIVE)
            tx.execute(pending.values(**ended))
        if done.endswith("requested") and target.state not in ("pending", "leaving"):
            # Where nobody has to approve, the next word tells it all.
            return
        told = Notice(
            Step.RAISED,
            "new_destination" if done.startswith("add") else "channel_down",
            "medium",
            now,
            principal=caller.name,
            target=f"{target.role} {target.name}",
            done=done.replace(".", "_"),
            runbook="docs/runbooks/new_destination.md"
            if done.startswith("add")
            else "docs/runbooks/channel_down.md",
        )
        for channel in self._targets.in_effect(Role.CHANNEL):
            # Whose end is only asked for hears of it as well.
            if channel.id != target.id or not done.endswith("approved"):
                self._put(tx, channel.id, told, now)

    def _tell_others(
        self, tx: Transaction, channel: Target, step: Step, since: datetime, now: datetime
    ) -> None:
        told = Notice(
            step,
            "channel_down",
            "high",
            since,
            target=f"channel {channel.name}",
            runbook="docs/runbooks/channel_down.md",
        )
        for other in self._targets.in_effect(Role.CHANNEL):
            if other.id != channel.id:
                self._put(tx, other.id, told, now)

    def _touch(
        self, tx: Transaction, channel: int, now: datetime, **values: object
    ) -> sa.Row[tuple[object, ...]]:
        """Return a channel's state as it was, after changing it."""
        query = sa.select(_state).where(_state.c.channel_id == channel)
        row = tx.execute(query.with_for_update()).first()
        if row is None:
            tx.execute(_state.insert().values(channel_id=channel, failures=0, next_at=now))
            row = tx.execute(query).one()
        if values:
            tx.execute(_state.update().where(_state.c.channel_id == channel).values(**values))
        return row

    def _delay(self, failures: int, longest: timedelta) -> timedelta:
        """Return how long to wait: twice as long after each failure, and by chance up to half less."""
        doubled: int = 2 ** min(failures - 1, 10)
        whole = min(longest, FIRST_DELAY * doubled)
        return whole * (1 - int.from_bytes(self._entropy(2), "big") / 2**17)


def _failure(channel: Target, op: str, trouble: Trouble, message: str | None = None) -> Event:
    return Event(
        EventType.NOTICE_FAILED,
        Outcome.ERROR,
        SYSTEM,
        reason=reason_of(trouble),
        op=op,
        obj_kind=ObjKind.CHANNEL,
        obj_ref=str(channel.id),
        req=message,
    )


def _of(row: sa.Row[tuple[object, ...]]) -> Waiting:
    return Waiting(
        row.id,
        row.channel_id,
        row.message,
        unpack(row.notice),
        row.since,
        row.tries,
        row.fault,
        row.dead_at,
    )
