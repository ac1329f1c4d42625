"""Follows the log and raises alarms: reads in batches, asks every rule, keeps all of a step in one transaction [2.6].

Where each rule stands, its state, and the alarms raised meanwhile are durable together: a process that dies anywhere
misses no entry and raises nothing twice. Rules run outside of every transaction, so that nobody at the door waits for
one. Of several processes on one PostgreSQL one watches; whichever does, two that think so keep nothing of the second.

The first start on a home with a history feeds all of it to the rules, so that they know what is usual, and raises
nothing about the past; so does a rule that a later version brings.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final

import orjson
import sqlalchemy as sa

from strongroom.accounts.changes import changing
from strongroom.alarms.feeding import Fed, fault_of
from strongroom.alarms.kinds import Signal
from strongroom.alarms.raising import Raising
from strongroom.alarms.rule import Rule
from strongroom.alarms.seen import Seen, seen
from strongroom.audit import AuditLog
from strongroom.audit.entry import micros
from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.terms import SYSTEM

BATCH: Final = 1000
"""Entries that one step takes: what rules say of them is kept before the next are read."""

LEASE: Final = timedelta(minutes=1)
"""How long the process that watches is taken for alive when nothing is heard of it."""

_THE_ROW: Final = 1
_watch: Final = schema.alarm_watch
_rules: Final = schema.alarm_rule
_MINE: Final = _watch.c.id == _THE_ROW


@dataclass(frozen=True, slots=True)
class Step:
    """What one step did. `watching`: False where another process does. `behind` are the entries still to be seen."""

    watching: bool
    entries: int = 0
    behind: int = 0
    alarms: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the watch is, as anybody may ask: `stepped_at` None before the first step."""

    stepped_at: datetime | None
    holder: str | None
    behind: int
    rules: tuple[str, ...]
    waiting_since: datetime | None
    """When the oldest entry that it has not seen was recorded."""


class _Moved(Exception):
    """Another process made a step since this one began its own."""


class Watch:
    """The watch of one home, as one process sees it. Safe between threads.

    `rules` returns new instances of every rule; `holder` names this run of this process.
    """

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        raising: Raising,
        *,
        rules: Callable[[], Sequence[Rule]],
        holder: str,
    ) -> None:
        self._database = database
        self._audit = audit
        self._raising = raising
        self._rules = rules
        self._holder = holder
        self._lock = threading.Lock()
        self._fed: list[Fed] | None = None
        self._kept: dict[str, tuple[object, ...]] = {}
        self._version = 0

    def begin(self, now: datetime) -> None:
        """Watch a new home from its first entry on; durable on return. An older one begins by itself.

        Asked again, as by an `init` that was interrupted, it changes nothing.
        """
        with self._database.write() as tx:
            self._row(tx, now)
            known = set(tx.execute(sa.select(_rules.c.name)).scalars())
            for rule in self._rules():
                if rule.name not in known:
                    _keep(tx, Fed(rule), _text(rule.state()), fresh=True)

    def step(self, now: datetime) -> Step:
        """Look at the next entries, and at the clock once all are seen; durable on return.

        Raises:
            Tampered: the log is not what its signer vouched for; what was seen is kept for the next try.
            Unavailable: the database does not answer; as well.

        """
        with self._lock:
            if not self._holds(now):
                self._fed = None
                return Step(watching=False)
            try:
                return self._step(now)
            except _Moved:
                self._fed = None
                return Step(watching=False)
            except BaseException:
                # The rules in memory are ahead of what was kept.
                self._fed = None
                raise

    def run(self, clock: Callable[[], datetime], most: int = 100) -> Step:
        """Make steps until all is seen, `most` of them; return what they did together."""
        entries = 0
        alarms: list[int] = []
        while True:
            step = self.step(clock())
            entries += step.entries
            alarms += step.alarms
            most -= 1
            if not step.watching or step.behind == 0 or most <= 0:
                return Step(step.watching, entries, step.behind, tuple(alarms))

    def release(self, now: datetime) -> None:
        """Let another process watch at once; call it when this one ends."""
        mine = _MINE & (_watch.c.holder == self._holder)
        with self._database.write() as tx:
            tx.execute(sa.update(_watch).where(mine).values(held_until=now))

    def standing(self) -> Standing:
        """Return how far the watch is, whichever process does it."""
        with self._database.read() as tx:
            row = tx.execute(sa.select(_watch).where(_MINE)).first()
            cursors = {
                r.name: r.cursor for r in tx.execute(sa.select(_rules.c.name, _rules.c.cursor))
            }
        names = tuple(rule.name for rule in self._rules())
        size = self._size()
        nearest = min((cursors.get(name, 0) for name in names), default=size)
        waiting = next(self._audit.events(nearest), None) if nearest < size else None
        return Standing(
            None if row is None else row.stepped_at,
            None if row is None else row.holder,
            max(size - nearest, 0),
            names,
            None if waiting is None else datetime.fromisoformat(waiting.body["t"]),
        )

    # -- private ---------------------------------------------------------------------------------

    def _step(self, now: datetime) -> Step:
        fed = self._fed if self._fed is not None else self._load(now)
        self._fed = fed
        size, entries = self._size(), 0
        cursors = sorted({one.cursor for one in fed if one.cursor < size})
        for number, cursor in enumerate(cursors):
            # Who comes from further behind stops where the next ones stand, and goes on with them.
            ahead = cursors[number + 1] if number + 1 < len(cursors) else size
            page, end = self._read(cursor, min(ahead, cursor + BATCH))
            entries += len(page)
            for one in fed:
                if one.cursor == cursor:
                    one.feed(page, end)
        behind = max((size - one.cursor for one in fed), default=0)
        ticked = [one.tick(now) for one in fed] if behind == 0 else []
        if not cursors and not any(ticked):
            return Step(watching=True)
        signals = [signal for one in fed for signal in one.taken()]
        raised = self._keep(fed, signals, now)
        return Step(watching=True, entries=entries, behind=behind, alarms=tuple(raised))

    def _keep(self, fed: Sequence[Fed], signals: list[Signal], now: datetime) -> list[int]:
        """Keep where the rules stand and what they said, in one transaction. Raises: _Moved."""
        texts = {}
        for one in fed:
            try:
                texts[one.rule.name] = _text(one.rule.state())
            except Exception:  # noqa: BLE001 - as with what it is fed
                signals.append(fault_of(one.rule.name, now))
        with changing(self._database, self._audit, SYSTEM, now) as change:
            tx = change.tx
            moved = tx.execute(
                sa.update(_watch)
                .where(_MINE, _watch.c.version == self._version, _watch.c.holder == self._holder)
                .values(version=self._version + 1, stepped_at=now)
            )
            if moved.rowcount != 1:
                raise _Moved
            kept: dict[str, tuple[object, ...]] = {}
            for one in fed:
                name = one.rule.name
                text = texts.get(name)
                stands = one.cursor, one.live_from, one.ticked_at, text
                if self._kept.get(name) != stands:
                    _keep(tx, one, text, fresh=name not in self._kept)
                kept[name] = stands
            raised = self._raising.raise_in(change, signals)
        self._version += 1
        self._kept = kept
        return raised

    def _holds(self, now: datetime) -> bool:
        """Tell whether this process is the one that watches, after becoming it where nobody is."""
        with self._database.read() as tx:
            row = tx.execute(sa.select(_watch).where(_MINE)).first()
        if row is not None and row.holder == self._holder and row.held_until - now > LEASE / 2:
            return True
        with self._database.write() as tx:
            row = self._row(tx, now)
            is_other = row.holder != self._holder
            # A lease of a clock that was ahead holds for no longer than a lease. A SQLite file has one process.
            is_live = timedelta(0) < row.held_until - now <= LEASE
            if is_other and is_live and not self._database.is_sqlite:
                return False
            values = {"holder": self._holder, "held_until": now + LEASE}
            tx.execute(sa.update(_watch).where(_MINE).values(values))
            if is_other:
                self._fed = None
        return True

    def _row(self, tx: Transaction, now: datetime) -> sa.Row[Any]:
        """Return the one row, locked; make it where there is none."""
        query = sa.select(_watch).where(_MINE).with_for_update()
        row = tx.execute(query).first()
        if row is None:
            values = {"id": _THE_ROW, "holder": self._holder, "now": micros(now)}
            # Another process may have been first: then its row counts.
            tx.execute(_FIRST, values)
            row = tx.execute(query).one()
        return row

    def _load(self, now: datetime) -> list[Fed]:
        """Return every rule as it was kept; one that never was learns from the past and speaks of what comes now."""
        size, found = self._size(), []
        with self._database.read() as tx:
            self._version = tx.execute(sa.select(_watch.c.version).where(_MINE)).scalar_one()
            rows = {row.name: row for row in tx.execute(sa.select(_rules))}
        self._kept = {}
        for rule in self._rules():
            row = rows.get(rule.name)
            if row is None:
                found.append(Fed(rule, live_from=size))
                continue
            one = Fed(rule, row.cursor, row.live_from, row.ticked_at)
            self._kept[rule.name] = row.cursor, row.live_from, row.ticked_at, row.state
            try:
                rule.restore(orjson.loads(row.state))
            except Exception:  # noqa: BLE001 - as with what it is fed
                one.signals.append(fault_of(rule.name, now))
            found.append(one)
        return found

    def _read(self, start: int, end: int) -> tuple[list[Seen], int]:
        """Return the entries from one number to before another, and where the next ones begin."""
        page = list(islice(self._audit.events(start), end - start))
        known = [seen(entry.seq, entry.body) for entry in page if entry.body]
        return [entry for entry in known if entry is not None], end

    def _size(self) -> int:
        last = self._audit.tail(1)
        return last[-1].seq + 1 if last else 0


_FIRST: Final = sa.text(
    "INSERT INTO alarm_watch (id, version, holder, held_until, stepped_at)"
    " VALUES (:id, 0, :holder, :now, :now) ON CONFLICT DO NOTHING"
)


def _keep(tx: Transaction, one: Fed, text: str | None, *, fresh: bool) -> None:
    values: dict[str, Any] = {
        "cursor": one.cursor,
        "live_from": one.live_from,
        "ticked_at": one.ticked_at,
    }
    if text is not None:
        values["state"] = text
    name = one.rule.name
    if fresh:
        tx.execute(sa.insert(_rules).values(name=name, **{"state": "{}", **values}))
    else:
        tx.execute(sa.update(_rules).where(_rules.c.name == name).values(values))


def _text(state: dict[str, Any]) -> str:
    return orjson.dumps(state, option=orjson.OPT_SORT_KEYS).decode()
