"""Tries alarms without harm: new rules, entries that nobody recorded, and the whole way from there to a notice [2.6].

The rules of the watch, and what they know, are left alone; no principal is acted upon; alarm and notice say that they
are a drill. What came of it is recorded and kept, so that it can be shown to whoever asks.
"""

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from strongroom.accounts.changes import changing
from strongroom.alarms.drilled import drill_entries
from strongroom.alarms.feeding import TICK_EVERY, Fed
from strongroom.alarms.kinds import AlarmKind, Signal
from strongroom.alarms.raising import Raising
from strongroom.alarms.rule import Rule
from strongroom.audit import AuditLog, Event, EventType, ObjKind, Outcome, Reason
from strongroom.db import schema
from strongroom.db.engine import Database
from strongroom.errors import Denied
from strongroom.terms import AuthMethod, Caller, PrincipalId, PrincipalKind

__all__ = ["Drilled", "Drills", "drill_entries"]

_TICKS: Final = 30
_table: Final = schema.alarm_drill
_people: Final = schema.principal


@dataclass(frozen=True, slots=True)
class Drilled:
    """What came of one drill; None where nothing was raised, or nobody would have heard."""

    kind: AlarmKind
    at: datetime
    by: str
    alarm: int | None
    raised_after: timedelta | None
    noticed_after: timedelta | None

    @property
    def passed(self) -> bool:
        """Whether the alarm was raised and its notice was handed in."""
        return self.raised_after is not None and self.noticed_after is not None


class Drills:
    """The drills of one home. Durable on return, with an event for each alarm.

    `rules` returns new instances of every rule; `administrators` who may administer at an instant; `stopwatch` seconds.
    """

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        raising: Raising,
        *,
        rules: Callable[[], Sequence[Rule]],
        administrators: Callable[[datetime], Collection[PrincipalId]],
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._audit = audit
        self._raising = raising
        self._rules = rules
        self._administrators = administrators
        self._stopwatch = stopwatch

    def run(
        self,
        kinds: Iterable[AlarmKind],
        caller: Caller,
        now: datetime,
        progress: Callable[[int, int | None], None],
    ) -> list[Drilled]:
        """Try the alarms of these kinds, one after the other.

        Raises:
            Denied: the caller neither administers nor sits at the console; recorded.

        """
        wanted = list(kinds)
        self._refuse_stranger(caller, now)
        done = []
        for number, kind in enumerate(wanted):
            progress(number, len(wanted))
            done.append(self._drill(kind, caller, now))
        return done

    def last(self) -> list[Drilled]:
        """Return the latest drill of each kind that ever had one, by kind."""
        latest = sa.select(sa.func.max(_table.c.id)).group_by(_table.c.kind)
        query = (
            sa.select(_table, _people.c.name)
            .outerjoin(_people, _people.c.id == _table.c.by_id)
            .where(_table.c.id.in_(latest))
            .order_by(_table.c.kind)
        )
        with self._database.read() as tx:
            return [
                Drilled(
                    AlarmKind(row.kind),
                    row.at,
                    row.name,
                    row.alarm_id,
                    _span(row.raised_ms),
                    _span(row.noticed_ms),
                )
                for row in tx.execute(query)
            ]

    # -- private ---------------------------------------------------------------------------------

    def _drill(self, kind: AlarmKind, caller: Caller, now: datetime) -> Drilled:
        entries = drill_entries(kind, now)
        began = self._stopwatch()
        signals: list[Signal] = []
        for rule in self._rules():
            if rule.kind is not kind or signals:
                continue
            fed = Fed(rule)
            fed.feed(entries, entries[-1].seq + 1)
            # What did not happen shows when time has passed.
            for minute in range(1, _TICKS + 1):
                fed.tick(entries[-1].at + minute * TICK_EVERY)
            # A rule that fails raises an alarm about itself, and that is not the one.
            signals = [] if fed.faults else fed.taken()
        with changing(self._database, self._audit, caller, now) as change:
            alarm = raised = noticed = None
            if signals:
                (alarm,) = self._raising.raise_in(change, signals[:1], drill=True)
                raised = noticed = self._milliseconds(began)
                if not self._raising.reaches_somebody:
                    noticed = None
            passed = raised is not None and noticed is not None
            row = {"kind": kind.value, "at": now, "by_id": caller.principal, "alarm_id": alarm}
            change.tx.execute(sa.insert(_table).values(**row, raised_ms=raised, noticed_ms=noticed))
            change.events.append(
                Event(
                    EventType.ALARM_DRILLED,
                    Outcome.SUCCESS if passed else Outcome.FAILURE,
                    caller,
                    reason=None if passed else Reason.SILENT,
                    op=kind.value,
                    obj_kind=None if alarm is None else ObjKind.ALARM,
                    obj_ref=None if alarm is None else str(alarm),
                )
            )
        return Drilled(kind, now, caller.name, alarm, _span(raised), _span(noticed))

    def _refuse_stranger(self, caller: Caller, now: datetime) -> None:
        at_console = caller.auth is AuthMethod.CONSOLE
        is_person = caller.kind is PrincipalKind.PERSON
        if is_person and (at_console or caller.principal in self._administrators(now)):
            return
        event = Event(EventType.ALARM_DRILLED, Outcome.DENIED, caller, reason=Reason.NOT_AUTHORIZED)
        with self._database.write() as tx:
            self._audit.append(tx, event, now=now)
        raise Denied("who may administer drills alarms, or the console")

    def _milliseconds(self, began: float) -> int:
        return max(round((self._stopwatch() - began) * 1000), 0)


def _span(milliseconds: int | None) -> timedelta | None:
    return None if milliseconds is None else timedelta(milliseconds=milliseconds)
