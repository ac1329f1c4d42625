"""What commands ask of the checks of duties: `duty check` [2.2, 3]."""

from strongroom.checks import Checks
from strongroom.compliance.overseen import DutyId, Verdict
from strongroom.operations.registry import Call, operation
from strongroom.request import Json


@operation("duty.check")
def _duty_check(call: Call, *, duty: str | None = None) -> Json:
    """Have every check look now, or those of one duty."""
    wanted = None if duty is None else DutyId(duty)
    ran = Checks(call.system).run(call.caller, call.now, duty=wanted, progress=call.progress)
    return {
        "ok": not ran.of(Verdict.FAIL) and not ran.of(Verdict.UNKNOWN),
        "checks": ran.checks,
        "failed": ran.of(Verdict.FAIL),
        "unknown": ran.of(Verdict.UNKNOWN),
        "findings": [
            {
                "duty": one.duty,
                "check": one.check,
                "verdict": one.finding.verdict.value,
                "why": one.finding.why,
                "proof": list(one.finding.proof),
                "remedy": one.finding.remedy,
            }
            for one in ran.found
        ],
    }
