"""What a command asks of the installation's surroundings [1.1, 1.5]."""

from dataclasses import asdict

from strongroom.app import machine_clock
from strongroom.audit import Event, EventType, ObjKind, Outcome
from strongroom.operations.registry import Call, operation
from strongroom.posture import State, posture
from strongroom.request import Json


@operation("posture")
def _posture(call: Call) -> Json:
    """Look, and record that somebody looked and how much was wrong."""
    found = posture(call.system, machine_clock())
    failed = sum(finding.state is State.FAILED for finding in found)
    event = Event(
        EventType.POSTURE_CHECKED,
        Outcome.FAILURE if failed else Outcome.SUCCESS,
        call.caller,
        obj_kind=ObjKind.HOME,
        obj_ref=call.system.settings.home_id,
        n=failed,
    )
    call.system.audit.record(event, now=call.now)
    return {"ok": not failed, "findings": [asdict(finding) for finding in found]}
