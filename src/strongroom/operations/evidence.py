"""What commands ask of calendar, keys, log, and the installation's own checks."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Final

from strongroom.audit import Event, EventType, ObjKind, Outcome, Reason
from strongroom.doctor import open_checks
from strongroom.errors import Conflict
from strongroom.operations.registry import Call, iso, operation
from strongroom.request import VERIFY, Json
from strongroom.vault.clockwatch import CONFIRM

_CHOSEN: Final = timedelta(minutes=1)
"""A test home's caller who names a time so far from the clock's means that time."""


@operation("retention.sweep")
def _retention_sweep(call: Call, *, confirm_clock: bool = False) -> Json:
    """Destroy what is due; `confirm_clock`: a person looked at the clock, and it is right."""
    system = call.system
    clock = system.clock()
    if confirm_clock:
        system.watch.confirm(call.caller, clock)
    elif system.watch.look(clock) and abs(call.now - clock) < _CHOSEN:
        raise Conflict(
            "the clock is implausibly ahead, so nothing is destroyed by it", hint=CONFIRM
        )
    report = call.system.vault.sweep(call.now, progress=lambda done: call.progress(done, None))
    return asdict(report)


@operation("retention.show")
def _retention_show(call: Call) -> Json:
    """Return the live periods: what is destroyed when."""
    return {"periods": _periods(call, live=True)}


@operation("keys.list")
def _keys_list(call: Call) -> Json:
    return {"root": call.system.settings.keystore.root, "periods": _periods(call, live=None)}


@operation(VERIFY)
def _audit_verify(call: Call) -> Json:
    audit = call.system.audit
    report = audit.verify(progress=call.progress)
    sound = not report.faults
    event = Event(
        EventType.LOG_VERIFIED,
        Outcome.SUCCESS if sound else Outcome.FAILURE,
        call.caller,
        reason=None if sound else Reason.TAMPERED,
        obj_kind=ObjKind.LOG,
        obj_ref=str(report.size),
        n=report.events,
    )
    if sound:
        audit.record(event, now=call.now)
    return {
        "ok": sound,
        "events": report.events,
        "size": report.size,
        "minimum": report.minimum,
        "epoch": audit.epoch,
        "gaps": list(report.gaps),
        "notices": list(report.notices),
        "root": report.root.hex() if report.root else None,
        "faults": list(report.faults),
    }


@operation("doctor")
def _doctor(call: Call) -> Json:
    return {"checks": [asdict(check) for check in open_checks(call.system, call.now)]}


def _periods(call: Call, *, live: bool | None) -> list[Json]:
    sellers = {seller.id: seller.name for seller in call.system.sellers.all()}
    return [
        {
            "id": period.id,
            "seller": sellers.get(period.seller),
            "kind": period.kind.value,
            "day": (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=period.day))
            .date()
            .isoformat(),
            "generation": period.generation,
            "created_at": period.created_at.isoformat(),
            "destroyed_at": iso(period.destroyed_at),
        }
        for period in call.system.keystore.periods(live=live)
    ]
