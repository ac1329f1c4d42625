"""What commands do about how long the log is kept: the agreement, holds, giving up what is old enough [2.6, 3]."""

from datetime import date

from strongroom.compliance import KeepingChange, NamedHold
from strongroom.compliance.keeping import ChangeKind
from strongroom.errors import Malformed
from strongroom.operations.registry import Call, iso, operation
from strongroom.request import Json, instant


@operation("agreement.show")
def _agreement_show(call: Call) -> Json:
    found = call.system.keeping.agreement(call.now)
    return {
        "ends_on": None if found.ends_on is None else found.ends_on.isoformat(),
        "log_kept_until": iso(found.kept_until),
        "prunable_before": iso(found.prunable_before),
        "minimum": found.minimum,
        "waiting": [_change(call, change) for change in found.waiting],
    }


@operation("agreement.end")
def _agreement_end(call: Call, *, on: str, reason: str) -> Json:
    try:
        day = date.fromisoformat(on)
    except ValueError:
        raise Malformed("a day has the form 2026-01-31") from None
    return _change(call, call.system.keeping.request_end(day, reason, call.caller, call.now))


@operation("agreement.reopen")
def _agreement_reopen(call: Call, *, reason: str) -> Json:
    return _change(call, call.system.keeping.request_reopening(reason, call.caller, call.now))


@operation("hold.set")
def _hold_set(call: Call, *, first: int, end: int, reason: str, until: str | None = None) -> Json:
    last = None if until is None else instant(until)
    keeping = call.system.keeping
    return _hold(keeping.set_hold(first, end, last, reason, call.caller, call.now))


@operation("hold.lift")
def _hold_lift(call: Call, *, hold: int, reason: str) -> Json:
    return _change(call, call.system.keeping.request_lift(hold, reason, call.caller, call.now))


@operation("hold.list")
def _hold_list(call: Call) -> Json:
    return {"holds": [_hold(found) for found in call.system.keeping.holds()]}


@operation("prune.request")
def _prune_request(call: Call, *, reason: str, end: int | None = None) -> Json:
    """Ask for it; in a home of one person it is done at once."""
    asked = call.system.keeping.request_prune(end, reason, call.caller, call.now)
    return _change(call, asked) | _run(call)


@operation("prune.run")
def _prune_run(call: Call) -> Json:
    return _run(call)


@operation("agreement.approve")
def _agreement_approve(call: Call, *, change: int) -> Json:
    return _approve(call, change, ChangeKind.END, ChangeKind.REOPEN)


@operation("hold.approve")
def _hold_approve(call: Call, *, change: int) -> Json:
    return _approve(call, change, ChangeKind.LIFT)


@operation("prune.approve")
def _prune_approve(call: Call, *, change: int) -> Json:
    """Approve it, and take away at once what it gives up."""
    return _approve(call, change, ChangeKind.PRUNE) | _run(call)


def _approve(call: Call, change: int, *kinds: ChangeKind) -> Json:
    return _change(call, call.system.keeping.approve(change, kinds, call.caller, call.now))


def _run(call: Call) -> Json:
    # Publishing is what binds the event in a home that nothing outside witnesses.
    call.system.audit.checkpoint(call.now)
    found = call.system.keeping.run(call.now, call.progress)
    return {
        "declared": found.declared,
        "minimum": found.minimum,
        "gone": found.gone,
        "anchored": found.anchored,
    }


def _change(call: Call, change: KeepingChange) -> Json:
    names = call.system.accounts.name_of
    return {
        "id": change.id,
        "kind": change.kind.value,
        "terms": change.terms,
        "reason": change.reason,
        "state": "pending" if change.approved_at is None else "approved",
        "requested_by": names(change.requested_by),
        "requested_at": change.requested_at.isoformat(),
        "approved_by": None if change.approved_by is None else names(change.approved_by),
        "approved_at": iso(change.approved_at),
    }


def _hold(found: NamedHold) -> Json:
    return {
        "id": found.hold.id,
        "from": found.hold.first,
        "to": found.hold.end,
        "until": iso(found.hold.until),
        "reason": found.reason,
        "lifted": found.lifted,
    }
