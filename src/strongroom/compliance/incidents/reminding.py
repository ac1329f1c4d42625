"""Reminds people that Amazon has not heard yet: at 4, 12, 20 and 23 hours of a clock, and when 24 are over [1.6]."""

from dataclasses import replace
from datetime import datetime

from strongroom.audit import Event, EventType, ObjKind, Outcome, Reason
from strongroom.compliance.incidents import clock
from strongroom.compliance.incidents.room import Room
from strongroom.feeds import Notice, Outbox, Step
from strongroom.terms import SYSTEM

RUNBOOK = "docs/incidents.md"


def remind(room: Room, outbox: Outbox, now: datetime) -> list[tuple[int, str]]:
    """Tell of each clock that passed an hour nobody was told of; return case and hour. However late, once."""
    with room.database.read() as tx:
        waiting = [one.id for one in room.store.listed(tx, every=False)]
    told = []
    for number in waiting:
        with room.database.write() as tx:
            case = room.store.case(tx, number, to_change=True)
            level = clock.level_at(case.clock_at, now)
            is_over = case.notified_at is not None or case.cleared_at is not None
            if case.closed_at is not None or is_over or level <= case.told:
                continue
            room.store.save_case(tx, replace(case, told=level))
            hour, late = clock.named(level), level == clock.OVER
            notice = Notice(
                Step.ESCALATED,
                "incident_clock",
                "critical" if level >= clock.OVER - 1 else "high",
                now,
                target=f"incident {number}: {hour} of 24h",
                runbook=RUNBOOK,
            )
            outbox.enqueue(tx, notice, now)
            event = Event(
                EventType.INCIDENT_DUE,
                Outcome.FAILURE if late else Outcome.SUCCESS,
                SYSTEM,
                reason=Reason.OVERDUE if late else None,
                op=hour,
                obj_kind=ObjKind.INCIDENT,
                obj_ref=str(number),
            )
            room.audit.append(tx, event, now=now)
            told.append((number, hour))
    return told
