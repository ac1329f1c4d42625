"""What audits tell of the duties they serve: requests in time, plans kept, evidence, approvals, certificates [3]."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from strongroom.assurance.audits.assessment import Asked, Deficiency, out_of_order
from strongroom.assurance.audits.assessments import Assessments
from strongroom.compliance.overseen import Due, DutyId, Finding, Office, Verdict

CERTIFY: Final = DutyId("3-c")
COOPERATE: Final = DutyId("3-e")
REMEDIATE: Final = DutyId("3-g")
SHOW: Final = DutyId("3-h")
APPROVED: Final = DutyId("3-i")
DUTIES: Final = (CERTIFY, COOPERATE, REMEDIATE, SHOW, APPROVED)
PATH: Final = "/audit-room"
PLAN_WITHIN: Final = timedelta(days=7)
"""How long somebody has to agree a date with Amazon."""
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class AuditsOverseen:
    """The part of audits in keeping duties."""

    audits: Assessments

    def findings(self, now: datetime) -> Mapping[DutyId, Finding]:
        """Return what it sees of each duty."""
        asked, found = self.audits.asked(), self.audits.found()
        certificates = [one for one in asked if one.certificate]
        others = [one for one in asked if not one.certificate]
        closed = {one.id for one in self.audits.listed() if one.closed is not None}
        return {
            CERTIFY: _answered(certificates, "request for a certificate", now),
            COOPERATE: _answered(others, "request of an auditor", now),
            REMEDIATE: _remediated(found, now),
            SHOW: _shown(found, now),
            APPROVED: _approved(found, closed, now),
        }

    def dues(self, now: datetime) -> Iterable[Due]:
        """Return what is to be done."""
        del now
        who = Office.EXECUTIVE
        for one in self.audits.asked():
            if one.answered is None:
                what = "Certify compliance" if one.certificate else "Answer a request"
                yield Due(
                    f"{what} (audit {one.assessment}, request {one.id})",
                    f"{PATH}/{one.assessment}",
                    one.due_at,
                    office=None if one.owner else who,
                    person=one.owner,
                    duty=CERTIFY if one.certificate else COOPERATE,
                    began_at=one.asked.at,
                )
        for gap in self.audits.found():
            path, named = f"{PATH}/{gap.assessment}", f"audit {gap.assessment}, finding {gap.id}"
            if gap.agreed_until is None:
                by = gap.found.at + PLAN_WITHIN
                yield Due(f"Agree a date ({named})", path, by, office=who, duty=REMEDIATE)
            elif gap.approved is None:
                duty = APPROVED if gap.shown else SHOW
                what = "Obtain Amazon's approval" if gap.shown else "Submit evidence"
                yield Due(f"{what} ({named})", path, gap.agreed_until, office=who, duty=duty)


def _answered(asked: Sequence[Asked], what: str, now: datetime) -> Finding:
    late = [one.id for one in asked if one.answered is None and now > one.due_at]
    waiting = sum(one.answered is None for one in asked)
    if late:
        why = f"{len(late)} {what} past due: {_some(late)}"
        return Finding(Verdict.FAIL, why, remedy=f"answer at {PATH}")
    proof = tuple(
        f"audit {one.assessment}, request {one.id}, answered {one.answered.at:%Y-%m-%d}"
        for one in asked
        if one.answered is not None
    )
    why = f"{len(asked)} {what}, {waiting} to answer, none past due"
    return Finding(Verdict.PASS, why, proof[:_SHOWN])


def _remediated(found: Sequence[Deficiency], now: datetime) -> Finding:
    if late := [one.id for one in found if one.is_late(now)]:
        why = f"findings past the date agreed with Amazon: {_some(late)}"
        return Finding(Verdict.FAIL, why, remedy=f"finish the plan at {PATH}")
    if unplanned := [one for one in found if one.agreed_until is None]:
        why = f"findings without a date agreed with Amazon: {_some([o.id for o in unplanned])}"
        overdue = any(now > one.found.at + PLAN_WITHIN for one in unplanned)
        verdict = Verdict.FAIL if overdue else Verdict.UNKNOWN
        return Finding(verdict, why, remedy=f"agree a date, keep the plan at {PATH}")
    proof = tuple(f"finding {o.id}, agreed until {o.agreed_until:%Y-%m-%d}" for o in found)
    why = f"{len(found)} findings of audits, each with a plan that is kept"
    return Finding(Verdict.PASS, why, proof[:_SHOWN])


def _shown(found: Sequence[Deficiency], now: datetime) -> Finding:
    if late := [one.id for one in found if one.is_late(now) and not one.shown]:
        why = f"findings without evidence past the agreed date: {_some(late)}"
        return Finding(Verdict.FAIL, why, remedy=f"submit evidence at {PATH}")
    proof = tuple(
        f"finding {one.id}, evidence {one.shown[-1].evidence}" for one in found if one.shown
    )
    why = f"{len(found)} findings of audits, evidence submitted for {len(proof)}, none late"
    return Finding(Verdict.PASS, why, proof[:_SHOWN])


def _approved(found: Sequence[Deficiency], closed: set[int], now: datetime) -> Finding:
    wrong = [
        one.id
        for one in found
        if (one.assessment in closed or one.approved is not None) and out_of_order(one)
    ]
    if wrong:
        why = f"findings of closed audits without Amazon's written approval: {_some(wrong)}"
        return Finding(Verdict.FAIL, why, remedy="obtain it, and open the audit again")
    waiting = [one for one in found if one.state == "approval"]
    if late := [one.id for one in waiting if one.is_late(now)]:
        why = f"evidence not approved in writing by the agreed date: {_some(late)}"
        return Finding(Verdict.FAIL, why, remedy=f"obtain the approval, keep it at {PATH}")
    proof = tuple(
        f"finding {one.id}, approval is evidence {one.approval}" for one in found if one.approved
    )
    why = f"{len(proof)} findings approved in writing, {len(waiting)} wait; nothing closes without"
    return Finding(Verdict.PASS, why, proof[:_SHOWN])


def _some(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, sorted(numbers)[:_SHOWN]))
