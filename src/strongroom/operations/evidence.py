"""What commands ask of keys, log, and the installation's own checks."""

from dataclasses import asdict

from strongroom.audit import Event, EventType, ObjKind, Outcome, Reason
from strongroom.doctor import open_checks
from strongroom.operations.registry import Call, operation
from strongroom.operations.retention import listed_periods
from strongroom.request import VERIFY, Json


@operation("keys.list")
def _keys_list(call: Call) -> Json:
    return {"root": call.system.settings.keystore.root, "periods": listed_periods(call, live=None)}


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
