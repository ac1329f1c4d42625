"""What commands do to alarms: see, investigate, lift, try, and have the watch look [1.6, 2.6]."""

from strongroom.alarms import Alarm, AlarmKind, Disposition, Drilled, Mute, Suspension
from strongroom.errors import Denied
from strongroom.operations.registry import Call, iso, member, operation
from strongroom.request import Json, instant
from strongroom.terms import PrincipalKind


@operation("alarm.list")
def _alarm_list(call: Call, *, every: bool = False) -> Json:
    _refuse_program(call)
    alarms = call.system.alarms
    return {
        "alarms": [_alarm(call, alarm) for alarm in alarms.investigations.listed(every=every)],
        "suspended": [_suspension(row) for row in alarms.acting.suspended(call.now)],
        "muted": [_mute(call, mute) for mute in alarms.mutes.listed(call.now)],
    }


@operation("alarm.mute")
def _alarm_mute(call: Call, *, kind: str, until: str, reason: str) -> Json:
    wanted = member(AlarmKind, kind, "kind of alarm")
    mutes = call.system.alarms.mutes
    return _mute(call, mutes.mute(wanted, instant(until), reason, call.caller, call.now))


@operation("alarm.unmute")
def _alarm_unmute(call: Call, *, kind: str) -> Json:
    wanted = member(AlarmKind, kind, "kind of alarm")
    call.system.alarms.mutes.unmute(wanted, call.caller, call.now)
    return {"kind": wanted.value}


@operation("alarm.show")
def _alarm_show(call: Call, *, alarm: int) -> Json:
    _refuse_program(call)
    found = call.system.alarms.investigations.show(alarm)
    asked = call.system.alarms.investigations.called(found, call.now)
    return {**_alarm(call, found), "asked": list(asked.values())}


@operation("alarm.assign")
def _alarm_assign(call: Call, *, alarm: int, to: str) -> Json:
    found = call.system.alarms.investigations.assign(alarm, to, call.caller, call.now)
    return _alarm(call, found)


@operation("alarm.close")
def _alarm_close(call: Call, *, alarm: int, disposition: str, note: str | None = None) -> Json:
    given = member(Disposition, disposition, "disposition", but=Disposition.DRILL)
    closed = call.system.alarms.investigations.close(alarm, given, call.caller, call.now, note=note)
    return _alarm(call, closed)


@operation("alarm.lift")
def _alarm_lift(call: Call, *, name: str) -> Json:
    lifted = call.system.alarms.acting.lift(name, call.caller, call.now)
    return {"name": name.lower(), "lifted": lifted}


@operation("alarm.drill")
def _alarm_drill(call: Call, *, kinds: list[str]) -> Json:
    """Try alarms of these kinds; of all where none is named."""
    wanted = [member(AlarmKind, name, "kind of alarm") for name in kinds] or list(AlarmKind)
    done = call.system.alarms.drills.run(wanted, call.caller, call.now, call.progress)
    return {"ok": all(one.passed for one in done), "drills": [_drilled(one) for one in done]}


@operation("alarm.status")
def _alarm_status(call: Call) -> Json:
    alarms = call.system.alarms
    standing = alarms.watch.standing()
    opened = alarms.investigations.listed()
    return {
        "stepped_at": iso(standing.stepped_at),
        "behind": standing.behind,
        "waiting_since": iso(standing.waiting_since),
        "rules": list(standing.rules),
        "open": len(opened),
        "overdue": sum(alarm.is_overdue(call.now) for alarm in opened),
        "suspended": len(alarms.acting.suspended(call.now)),
        "drills": [_drilled(one) for one in alarms.drills.last()],
    }


@operation("alarm.watch")
def _alarm_watch(call: Call) -> Json:
    """Look at all that the log has; `watching` False where another process does."""
    alarms = call.system.alarms
    entries = raised = 0
    while True:
        step = alarms.watch.step(call.now)
        entries += step.entries
        raised += len(step.alarms)
        call.progress(entries, entries + step.behind)
        if not step.watching or step.behind == 0:
            break
    escalated = alarms.investigations.escalate(call.now)
    return {
        "watching": step.watching,
        "entries": entries,
        "raised": raised,
        "escalated": len(escalated),
    }


# -- private ---------------------------------------------------------------------------------------


def _refuse_program(call: Call) -> None:
    """Refuse whoever is no person: what is found out about a program is not told to it. Raises: Denied."""
    if call.caller.kind is not PrincipalKind.PERSON:
        raise Denied("people see alarms, programs do not")


def _alarm(call: Call, alarm: Alarm) -> Json:
    clock = alarm.clock
    return {
        "id": alarm.id,
        "state": _state(call, alarm),
        "kind": alarm.kind.value,
        "severity": alarm.severity.value,
        "about": alarm.principal_name or alarm.target,
        "count": alarm.count,
        "first_at": alarm.first_at.isoformat(),
        "last_at": alarm.last_at.isoformat(),
        "response": alarm.response.value,
        "acted": alarm.acted.value,
        "evidence": list(alarm.evidence),
        "drill": alarm.drill,
        "owner": alarm.owner_name,
        "opened_at": alarm.opened_at.isoformat(),
        "look_by": clock.look_by.isoformat(),
        "taken_at": iso(alarm.taken_at),
        "close_by": clock.close_by.isoformat(),
        "report_by": iso(clock.report_by),
        "escalations": alarm.level,
        "closed_at": iso(alarm.closed_at),
        "closed_by": alarm.closed_by,
        "disposition": None if alarm.disposition is None else alarm.disposition.value,
        "note": alarm.note,
    }


def _state(call: Call, alarm: Alarm) -> str:
    if alarm.closed_at is not None:
        return "closed"
    if alarm.is_overdue(call.now):
        return "overdue"
    return "open" if alarm.taken_at is None else "taken"


def _suspension(row: Suspension) -> Json:
    return {
        "name": row.name,
        "frozen": row.frozen,
        "why": row.why,
        "since": row.since.isoformat(),
        "until": iso(row.until),
    }


def _mute(call: Call, mute: Mute) -> Json:
    return {
        "kind": mute.kind.value,
        "since": mute.since.isoformat(),
        "until": mute.until.isoformat(),
        "by": call.system.accounts.name_of(mute.by),
    }


def _drilled(one: Drilled) -> Json:
    raised, noticed = one.raised_after, one.noticed_after
    return {
        "kind": one.kind.value,
        "at": one.at.isoformat(),
        "by": one.by,
        "passed": one.passed,
        "alarm": one.alarm,
        "raised_seconds": None if raised is None else raised.total_seconds(),
        "noticed_seconds": None if noticed is None else noticed.total_seconds(),
    }
