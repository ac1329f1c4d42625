"""What commands do after an unavoidable rollback: begin a new epoch of the log, with its gap declared [2.6].

The home is one that was refused: nothing can be recorded until the epoch has begun, so whoever asks and whoever agrees
show their credentials at once, to the accounts that the rollback left. A log that was changed is refused as before.
"""

from strongroom.audit import Event, EventType, ObjKind, Outcome, Reason
from strongroom.compliance import administrators
from strongroom.errors import Conflict, Denied, Tampered
from strongroom.home import refusals
from strongroom.opening import refuse_other_mode
from strongroom.operations.registry import Call, operation, reason_of
from strongroom.policy.grants import check_reason
from strongroom.request import EPOCH, Json
from strongroom.terms import Caller


@operation(EPOCH)
def _epoch_begin(
    call: Call, *, reason: str, approver: str | None = None, credential: str | None = None
) -> Json:
    """Begin the next epoch where the log was set back to, after two people agreed and all else was verified."""
    system, audit = call.system, call.system.audit
    reason = check_reason(reason)
    if system.sound:
        raise Conflict("the log is what its signer vouched for", hint="no new epoch is needed")
    refuse_other_mode(system)
    people = _people(call, approver, credential)
    report = audit.verify(set_back=True, progress=call.progress)
    if report.faults:
        raise Tampered(
            f"the log was changed, not only set back: {report.faults[0]}",
            hint="restore another copy; an edited log is never continued",
        )
    if not audit.is_set_back():
        raise Tampered("the log was not set back: its signer vouched for other events")
    after = system.next_epoch()
    lost = [known for known in after.earlier if known.number >= audit.epoch]
    events = [
        Event(
            EventType.LOG_EPOCH_STARTED,
            Outcome.SUCCESS,
            people[0],
            reason=Reason.ROLLED_BACK,
            op=str(known.number),
            obj_kind=ObjKind.EPOCH,
            obj_ref=known.memory[1].hex(),
            n=known.memory[0],
            req=reason_of(call, reason),
        )
        for known in lost
    ]
    agreed = [
        Event(EventType.LOG_EPOCH_STARTED, Outcome.SUCCESS, person, op="agreed")
        for person in people[1:]
    ]
    after.begin_epoch(audit.epoch, [*events, *agreed], call.now)
    return {
        "epoch": after.epoch,
        "origin": after.origin,
        "from": report.size,
        "lost": [{"epoch": known.number, "vouched_for": known.memory[0]} for known in lost],
    }


def _people(call: Call, approver: str | None, credential: str | None) -> list[Caller]:
    """Return who asks and who agrees: two who administer, in a home of more than one person. Raises: Denied."""
    system = call.system
    if system.settings.one_person:
        return [call.caller]
    second = None
    if approver is not None:
        second = system.accounts.check_credential(approver, credential or "", call.now)
    may = administrators(system.accounts, system.grants, call.now)
    if (
        second is None
        or second.principal == call.caller.principal
        or not {second.principal, call.caller.principal} <= may
    ):
        # The log takes nothing yet: the home counts it, and its next opening records that.
        refusals.add(system.home, call.now)
        raise Denied(
            "a new epoch takes two people who may administer",
            hint="--as NAME --credential-file F --approver NAME --approver-credential-file F",
        )
    return [call.caller, second]
