"""What commands do about audits by Amazon and their auditors: `assessment` [3]."""

import base64
from datetime import date

from strongroom.assurance.audits import Asked, Assessment, Deficiency, Seat
from strongroom.errors import Malformed
from strongroom.operations.registry import Call, iso, operation
from strongroom.request import Json, instant


@operation("assessment.open")
def _open(call: Call, *, title: str, auditor: str) -> Json:
    return _one(call, call.system.assurance.audits.open(call.caller, title, auditor, call.now))


@operation("assessment.list")
def _list(call: Call) -> Json:
    call.system.compliance.people.refuse_strangers(call.caller, call.now)
    return {"audits": [_one(call, one) for one in call.system.assurance.audits.listed()]}


@operation("assessment.show")
def _show(call: Call, *, audit: int) -> Json:
    call.system.compliance.people.refuse_strangers(call.caller, call.now)
    audits = call.system.assurance.audits
    one, asked, found = audits.show(audit)
    return {
        **_one(call, one),
        "requests": [_request(call, request) for request in asked],
        "findings": [_finding(call, finding) for finding in found],
        "auditors": [_seat(call, seat) for seat in audits.seats.listed(audit)],
    }


@operation("assessment.request")
def _ask(
    call: Call,
    *,
    audit: int,
    text: str,
    due: str,
    certificate: bool = False,
    owner: str | None = None,
) -> Json:
    asked = call.system.assurance.audits.ask(
        call.caller, audit, text, instant(due), call.now, certificate=certificate, owner=owner
    )
    return _request(call, asked)


@operation("assessment.answer")
def _answer(
    call: Call, *, audit: int, request: int, text: str, evidence: int | None = None
) -> Json:
    answered = call.system.assurance.audits.answer(
        call.caller, audit, request, text, call.now, evidence=evidence
    )
    return _request(call, answered)


@operation("assessment.certify")
def _certify(call: Call, *, audit: int, request: int, company: str) -> Json:
    made = call.system.assurance.certifying.issue(call.caller, audit, request, company, call.now)
    return {
        "evidence": made.evidence,
        "exceptions": made.exceptions,
        "note": made.note,
        "key": made.key,
        "file": base64.b64encode(made.page).decode("ascii"),
        **_request(call, made.asked),
    }


@operation("assessment.judge")
def _judge(call: Call, *, audit: int, request: int, accepted: bool) -> Json:
    judged = call.system.assurance.audits.judge(
        call.caller, audit, request, call.now, accepted=accepted
    )
    return _request(call, judged)


@operation("assessment.finding")
def _find(call: Call, *, audit: int, text: str) -> Json:
    return _finding(call, call.system.assurance.audits.find(call.caller, audit, text, call.now))


@operation("assessment.plan")
def _plan(call: Call, *, audit: int, finding: int, text: str, until: str) -> Json:
    planned = call.system.assurance.audits.plan(
        call.caller, audit, finding, text, instant(until), call.now
    )
    return _finding(call, planned)


@operation("assessment.evidence")
def _submit(call: Call, *, audit: int, finding: int, evidence: int) -> Json:
    shown = call.system.assurance.audits.submit(call.caller, audit, finding, evidence, call.now)
    return _finding(call, shown)


@operation("assessment.approval")
def _approve(call: Call, *, audit: int, finding: int, evidence: int, day: str) -> Json:
    try:
        dated = date.fromisoformat(day)
    except ValueError:
        raise Malformed("a day has the form 2026-01-31") from None
    approved = call.system.assurance.audits.approve(
        call.caller, audit, finding, evidence, dated, call.now
    )
    return _finding(call, approved)


@operation("assessment.close")
def _close(call: Call, *, audit: int) -> Json:
    return _one(call, call.system.assurance.audits.close(call.caller, audit, call.now))


@operation("assessment.admit")
def _admit(call: Call, *, audit: int, person: str, until: str) -> Json:
    seats = call.system.assurance.audits.seats
    return _seat(call, seats.admit(call.caller, audit, person, instant(until), call.now))


@operation("assessment.dismiss")
def _end(call: Call, *, audit: int, seat: int) -> Json:
    return _seat(call, call.system.assurance.audits.seats.end(call.caller, audit, seat, call.now))


def _one(call: Call, one: Assessment) -> Json:
    return {
        "audit": one.id,
        "title": one.title,
        "auditor": one.auditor,
        "state": "open" if one.closed is None else "closed",
        "opened_by": call.system.accounts.name_of(one.opened.by),
        "opened_at": iso(one.opened.at),
        "closed_at": None if one.closed is None else iso(one.closed.at),
    }


def _request(call: Call, one: Asked) -> Json:
    return {
        "request": one.id,
        "state": one.state,
        "certificate": one.certificate,
        "text": one.text,
        "due_at": iso(one.due_at),
        "owner": None if one.owner is None else call.system.accounts.name_of(one.owner),
        "answer": one.answer or None,
        "evidence": one.evidence,
        "answered_at": None if one.answered is None else iso(one.answered.at),
        "accepted_at": None if one.accepted is None else iso(one.accepted.at),
    }


def _finding(call: Call, one: Deficiency) -> Json:
    return {
        "finding": one.id,
        "state": one.state,
        "late": one.is_late(call.now),
        "text": one.text,
        "plan": one.plan or None,
        "agreed_until": iso(one.agreed_until),
        "evidence": [shown.evidence for shown in one.shown],
        "approval": one.approval,
        "approved_on": None if one.approved_on is None else one.approved_on.isoformat(),
    }


def _seat(call: Call, one: Seat) -> Json:
    return {
        "seat": one.id,
        "person": call.system.accounts.name_of(one.person),
        "until": iso(one.until_at),
        "holds": one.holds(call.now),
    }
