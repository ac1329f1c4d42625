"""Turns signals into alarms, within the caller's transaction: one for each key that is open, however many come [1.6].

An alarm, what was done at once, its investigation, its events and its notices are kept together or not at all.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from strongroom.accounts.changes import Changes
from strongroom.alarms import store
from strongroom.alarms.acting import Acting
from strongroom.alarms.clocks import Disposition, clock_of, escalates_at, graver, stronger
from strongroom.alarms.kinds import AlarmKind, Response, Severity, Signal
from strongroom.alarms.store import Alarm
from strongroom.audit import Event, EventType, ObjKind, Outcome
from strongroom.db import suspensions
from strongroom.db.engine import Transaction
from strongroom.feeds import Notice, Outbox, Step
from strongroom.terms import SYSTEM, PrincipalId

MOST_EVIDENCE: Final = 20
MOST_OPEN: Final = 20
"""Alarms of one kind that are open at once. What comes beyond joins one alarm for all of them: whoever can cause alarms
under many keys must not bury one under thousands."""

RUNBOOKS: Final = "docs/runbooks"


class Raising:
    """Raises alarms.

    `outboxes` take the notices; `administrators` returns who may administer at an instant; `is_quiet` tells whether
    people are not to hear of such an alarm then.
    """

    def __init__(
        self,
        acting: Acting,
        administrators: Callable[[datetime], Collection[PrincipalId]],
        outboxes: Sequence[Outbox],
        is_quiet: Callable[[Transaction, AlarmKind, Severity, datetime], bool],
    ) -> None:
        self.is_quiet = is_quiet
        self._acting = acting
        self._administrators = administrators
        self._outboxes = outboxes

    def raise_in(
        self, change: Changes, signals: Iterable[Signal], *, drill: bool = False
    ) -> list[int]:
        """Raise or count all signals; return the numbers of their alarms. The caller records `change.events`.

        `drill`: nobody is acted upon, and the alarm is closed at once as what it is.
        """
        groups: dict[tuple[PrincipalId, str], list[Signal]] = {}
        for signal in signals:
            groups.setdefault((signal.principal or SYSTEM.principal, signal.key), []).append(signal)
        # Rows of principals are locked in the order of their numbers, whoever locks them.
        return [self._raise(change, groups[which], drill=drill) for which in sorted(groups)]

    @property
    def reaches_somebody(self) -> bool:
        """Whether anything takes notices."""
        return bool(self._outboxes)

    def notify(self, tx: Transaction, notice: Notice, now: datetime) -> None:
        """Hand a notice to whatever delivers it, in the caller's transaction."""
        for outbox in self._outboxes:
            outbox.enqueue(tx, notice, now)

    # -- private ---------------------------------------------------------------------------------

    def _raise(self, change: Changes, group: Sequence[Signal], *, drill: bool) -> int:
        """Raise or count signals of one key about one principal."""
        tx, signal = change.tx, _as_one(group)
        key = f"drill:{signal.key}" if drill else signal.key
        known = store.of_key(tx, key)
        # Only keys that anybody can cause: an alarm about a principal has its own, and nobody decides about their own.
        is_anybodys = signal.principal is None and not drill
        if known is None and is_anybodys and store.count_open(tx, signal.kind) >= MOST_OPEN:
            key = f"{signal.kind.value}:many"
            known = store.of_key(tx, key)
        if known is None:
            return self._open(change, signal, key, _counted(0, group), drill=drill)
        severity = graver(known.severity, signal.severity)
        is_graver = severity is not known.severity
        response = stronger(known.response, signal.response)
        acted = known.acted
        if response is not known.response:
            acted = stronger(acted, self._act(change, known.id, signal))
        else:
            # Of another principal, or again: what was done may have ended, or been lifted, and it goes on. Recorded as
            # the principal's suspension: an alarm for many would fill the log.
            self._acting.act(change, signal.principal, signal.response, signal.kind)
        evidence = tuple(dict.fromkeys((*known.evidence, *signal.evidence)))[:MOST_EVIDENCE]
        values = {
            "severity": severity.value,
            "response": response.value,
            "acted": acted.value,
            "count": _counted(known.count, group),
            "last_at": max(known.last_at, signal.at),
            "evidence": store.joined(evidence),
        }
        store.change(tx, known.id, values)
        if is_graver:
            self._hasten(tx, known, severity, change.now)
            self._tell(change, store.one(tx, known.id))
        return known.id

    def _open(self, change: Changes, signal: Signal, key: str, count: int, *, drill: bool) -> int:
        tx, now = change.tx, change.now
        principal = None if drill else signal.principal
        values = {
            "kind": signal.kind.value,
            "severity": signal.severity.value,
            "response": signal.response.value,
            "acted": Response.NOTIFY.value,
            "key": key,
            "open_key": None if drill else key,
            "principal_id": principal,
            "target": signal.target,
            "count": count,
            "first_at": signal.at,
            "last_at": signal.at,
            "evidence": store.joined(() if drill else signal.evidence[:MOST_EVIDENCE]),
            "drill": drill,
        }
        number = store.add(tx, values)
        if not drill:
            acted = self._act(change, number, signal)
            store.change(tx, number, {"acted": acted.value})
        owner = None if drill else self.owner_for(tx, principal, now)
        clock = clock_of(signal.severity, now)
        store.open_investigation(
            tx,
            {
                "id": number,
                "owner_id": owner,
                "opened_at": now,
                "look_by": clock.look_by,
                "close_by": clock.close_by,
                "report_by": clock.report_by,
                "level": 0,
                "escalate_at": escalates_at(clock, signal.severity, None, now),
                "closed_at": now if drill else None,
                "closed_by": SYSTEM.principal if drill else None,
                "disposition": Disposition.DRILL.value if drill else None,
            },
        )
        self._tell(change, store.one(tx, number))
        if not drill:
            change.record(EventType.INVESTIGATION_OPENED, ObjKind.INVESTIGATION, number)
        return number

    def owner_for(
        self, tx: Transaction, principal: PrincipalId | None, now: datetime
    ) -> PrincipalId | None:
        """Return who investigates: who answers for the app, else who administers; never the principal itself.

        Nor whoever is suspended. None where nobody is left.
        """
        out = suspensions.suspended(tx, now).keys() | {principal}
        owner = None if principal is None else store.owner_of(tx, principal)
        if owner is not None and owner not in out and store.is_living(tx, owner, now):
            return owner
        return min((one for one in self._administrators(now) if one not in out), default=None)

    def _act(self, change: Changes, number: int, signal: Signal) -> Response:
        acted = self._acting.act(change, signal.principal, signal.response, signal.kind)
        if acted is not Response.NOTIFY:
            change.record(EventType.ALARM_ACTED, ObjKind.ALARM, number, op=acted.value)
        return acted

    def _hasten(self, tx: Transaction, known: Alarm, severity: Severity, now: datetime) -> None:
        """Bring the clocks of an investigation forward: they count from its opening, by its severity now."""
        clock = clock_of(severity, known.opened_at)
        values = {
            "look_by": min(clock.look_by, known.clock.look_by),
            "close_by": min(clock.close_by, known.clock.close_by),
            "report_by": known.clock.report_by or clock.report_by,
            "escalate_at": min(
                known.escalate_at, escalates_at(clock, severity, known.taken_at, now)
            ),
        }
        store.change_investigation(tx, known.id, values)

    def _tell(self, change: Changes, alarm: Alarm) -> None:
        """Record that an alarm was raised, or became graver, and tell people."""
        step = Step.DRILL if alarm.drill else Step.RAISED
        if alarm.drill or not self.is_quiet(change.tx, alarm.kind, alarm.severity, change.now):
            self.notify(change.tx, notice_of(alarm, step, change.now), change.now)
        change.events.append(
            Event(
                EventType.ALARM_RAISED,
                Outcome.SUCCESS,
                SYSTEM,
                op=alarm.kind.value,
                obj_kind=ObjKind.ALARM,
                obj_ref=str(alarm.id),
                n=alarm.count,
            )
        )


def notice_of(alarm: Alarm, step: Step, now: datetime) -> Notice:
    """Return what people are told of an alarm."""
    return Notice(
        step,
        alarm.kind.value,
        alarm.severity.value,
        now,
        alarm=alarm.id,
        investigation=alarm.id,
        principal=alarm.principal_name,
        count=alarm.count,
        runbook=f"{RUNBOOKS}/{alarm.kind.value}.md",
        drill=alarm.drill,
        done=alarm.acted.value,
        target=alarm.target,
    )


def _as_one(group: Sequence[Signal]) -> Signal:
    """Return signals of one key and principal as one: the gravest severity, the strongest response, all evidence."""
    one = group[0]
    for other in group[1:]:
        one = replace(
            one,
            severity=graver(one.severity, other.severity),
            response=stronger(one.response, other.response),
            at=max(one.at, other.at),
            evidence=tuple(dict.fromkeys((*one.evidence, *other.evidence)))[:MOST_EVIDENCE],
        )
    return one


def _counted(before: int, group: Sequence[Signal]) -> int:
    """Return how many there were in all: each signal is one more, unless it says that it stands for more than that."""
    for signal in group:
        before = max(before + 1, signal.count)
    return before
