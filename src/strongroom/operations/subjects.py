"""What commands do in subject requests: `request` [2.2]."""

import base64
from dataclasses import asdict
from datetime import timedelta

from strongroom.errors import Malformed
from strongroom.operations.registry import Call, iso, member, operation, sellers_of
from strongroom.paper import Text, report
from strongroom.policy.laws import IdentityCheck, Longer, Outcome, Refusal, RequestKind, laws
from strongroom.policy.restricting import Ground
from strongroom.request import Json, instant
from strongroom.subjects import (
    FoundRecord,
    Permit,
    Recipient,
    Shown,
    SubjectRequest,
    letter,
    lifting_letter,
    longer_letter,
)
from strongroom.subjects.ledger import refuse_programs
from strongroom.subjects.store import DESTINATION, PRINCIPAL
from strongroom.terms import RecordNumber
from strongroom.vault.rights import Sought


@operation("request.open")
def _request_open(
    call: Call,
    *,
    kind: str,
    law: str,
    sought: dict,  # type: ignore[type-arg]
    received_at: str | None = None,
) -> Json:
    if sought.keys() - {"email", "phone", "order", "name", "person"} or not all(
        isinstance(value, str) for value in sought.values()
    ):
        raise Malformed("what is named has email, phone, order, name and person, as texts")
    opened = call.system.subjects.requests.open(
        call.caller,
        member(RequestKind, kind, "kind of request"),
        law,
        Sought(**sought),
        received_at=call.now if received_at is None else instant(received_at),
        now=call.now,
    )
    return _request(call, opened)


@operation("request.assign")
def _request_assign(call: Call, *, request: int, handler: str) -> Json:
    person = call.system.accounts.find(handler)
    call.system.subjects.requests.assign(call.caller, request, person.id, call.now)
    return _all_of(call, call.system.subjects.requests.show(request))


@operation("request.verify")
def _request_verify(call: Call, *, request: int, method: str) -> Json:
    checked = member(IdentityCheck, method, "way to prove who one is")
    return _request(
        call, call.system.subjects.requests.verify(call.caller, request, checked, call.now)
    )


@operation("request.find")
def _request_find(call: Call, *, request: int, sellers: list[str] | None = None) -> Json:
    system = call.system
    ids = [s.id for s in system.sellers.all()] if sellers is None else sellers_of(system, sellers)
    call.leaving.at_door = True
    found = system.subjects.requests.find(call.caller, request, ids, call.now, req=call.leaving.req)
    call.leaving.opened.update(one.record for one in found)
    return {"request": request, "records": [_record(call, one) for one in found]}


@operation("request.list")
def _request_list(call: Call) -> Json:
    refuse_programs(call.caller)
    return {"requests": [_request(call, one) for one in call.system.subjects.requests.all()]}


@operation("request.show")
def _request_show(call: Call, *, request: int) -> Json:
    refuse_programs(call.caller)
    return _all_of(call, call.system.subjects.requests.show(request))


@operation("request.export")
def _request_export(call: Call, *, request: int, recipient: str | None = None) -> Json:
    call.leaving.at_door = True
    made = call.system.subjects.packages.make(
        call.caller, request, recipient, call.now, req=call.leaving.req
    )
    call.leaving.opened.update(made.records)
    return {
        "request": request,
        "records": len(made.records),
        "bytes": len(made.content),
        "passphrase": made.passphrase,
        "file": base64.b64encode(made.content).decode("ascii"),
    }


@operation("request.rectify")
def _request_rectify(
    call: Call, *, request: int, record: int, field: str, value: str | None = None
) -> Json:
    """`value` None lifts a correction."""
    requests, number = call.system.subjects.requests, RecordNumber(record)
    requests.rectify(call.caller, request, number, field, value, call.now)
    return _all_of(call, requests.show(request))


@operation("request.erase")
def _request_erase(call: Call, *, request: int) -> Json:
    count, held = call.system.subjects.requests.erase(call.caller, request, call.now)
    shown = _all_of(call, call.system.subjects.requests.show(request))
    return {**shown, "erased": count, "held": sorted(held)}


@operation("request.stop")
def _request_stop(call: Call, *, request: int) -> Json:
    """Restrict, or end the processing somebody objects to: as the request asks."""
    count = call.system.subjects.requests.stop(call.caller, request, call.now)
    return {**_all_of(call, call.system.subjects.requests.show(request)), "restricted": count}


@operation("request.told")
def _request_told(
    call: Call,
    *,
    request: int,
    destination: str | None = None,
    principal: str | None = None,
    impossible: bool = False,
) -> Json:
    if (destination is None) == (principal is None):
        raise Malformed("name one: a destination or a principal")
    requests = call.system.subjects.requests
    wanted = (DESTINATION, destination) if principal is None else (PRINCIPAL, principal)
    listed = requests.show(request).recipients
    ref = next((one.id for one in listed if (one.kind, one.name) == wanted), -1)
    requests.told(call.caller, request, wanted[0], ref, possible=not impossible, now=call.now)
    return _all_of(call, requests.show(request))


@operation("request.permit")
def _request_permit(call: Call, *, request: int, principal: str, ground: str, days: int) -> Json:
    asked = call.system.subjects.permits.ask(
        call.caller,
        request,
        call.system.accounts.find(principal).id,
        member(Ground, ground, "ground"),
        timedelta(days=days),
        call.now,
    )
    return _permit(call, asked)


@operation("request.approve")
def _request_approve(call: Call, *, permit: int, terms: str) -> Json:
    return _permit(call, call.system.subjects.permits.approve(call.caller, permit, terms, call.now))


@operation("request.reject")
def _request_reject(call: Call, *, permit: int) -> Json:
    return _permit(call, call.system.subjects.permits.reject(call.caller, permit, call.now))


@operation("request.lift")
def _request_lift(call: Call, *, request: int) -> Json:
    count = call.system.subjects.requests.lift(call.caller, request, call.now)
    return {"request": request, "lifted": count}


@operation("request.reply")
def _request_reply(
    call: Call,
    *,
    request: int,
    outcome: str | None = None,
    ground: str | None = None,
    lifting: bool = False,
    pdf: bool = False,
) -> Json:
    """Write the letter; `lifting`: the one that tells somebody that their restriction ends."""
    requests = call.system.subjects.requests
    if lifting == (outcome is not None):
        raise Malformed("name an outcome, or lifting")
    if outcome is None:
        shown = requests.tell_lifting(call.caller, request, call.now)
        asked = shown.request
        text = lifting_letter(request, asked.law, received_at=asked.received_at, now=call.now)
    else:
        said = member(Outcome, outcome, "outcome")
        why = None if ground is None else member(Refusal, ground, "ground of a refusal")
        shown = requests.reply(call.caller, request, said, call.now, why)
        asked = shown.request
        text = letter(
            request,
            asked.kind,
            asked.law,
            said,
            received_at=asked.received_at,
            now=call.now,
            records=len(shown.records),
            told=sum(one.how == "told" for one in shown.recipients),
            ground=why,
        )
    return _letter(call, request, text, pdf=pdf)


@operation("request.extend")
def _request_extend(call: Call, *, request: int, ground: str, pdf: bool = False) -> Json:
    """Let the law's later day count, and write the letter that tells them so."""
    why = member(Longer, ground, "ground of an extension")
    asked = call.system.subjects.extensions.extend(call.caller, request, why, call.now)
    text = longer_letter(
        request,
        asked.kind,
        asked.law,
        why,
        received_at=asked.received_at,
        until=asked.due_at,
        now=call.now,
    )
    return {**_letter(call, request, text, pdf=pdf), "due_at": asked.due_at.isoformat()}


@operation("request.close")
def _request_close(call: Call, *, request: int) -> Json:
    return _request(call, call.system.subjects.requests.close(call.caller, request, call.now))


@operation("request.register")
def _request_register(call: Call) -> Json:
    """Return the record of processing and the register of laws."""
    refuse_programs(call.caller)
    rows = call.system.compliance.processing.record(call.now).rows
    return {
        "at": call.now.isoformat(),
        "fields": [asdict(row) for row in rows],
        "laws": [
            {
                "law": law.name,
                "title": law.title,
                "clock": law.clock,
                "months": law.months,
                "days": law.days,
                "rights": {kind.value: part for kind, part in law.rights.items()},
                "recipients_told": law.told,
                "authority": law.authority,
            }
            for law in laws().values()
        ],
    }


def _letter(call: Call, request: int, text: str, *, pdf: bool) -> Json:
    answer: Json = {"request": request, "letter": text}
    if pdf:
        drawn = report([Text(line) for line in text.splitlines()], call.now)
        answer["file"] = base64.b64encode(drawn.content).decode("ascii")
    return answer


def _request(call: Call, one: SubjectRequest) -> Json:
    names = call.system.accounts.name_of
    verifier = one.verified_by
    return {
        "request": one.id,
        "kind": one.kind.value,
        "law": one.law.name,
        "state": one.state(call.now),
        "received_at": one.received_at.isoformat(),
        "due_at": one.due_at.isoformat(),
        "handler": names(one.handler),
        "verified_at": iso(one.verified_at),
        "verified_by": None if verifier is None else names(verifier),
        "verified_method": None if one.verified_method is None else one.verified_method.value,
        "outcome": None if one.outcome is None else one.outcome.value,
        "replied_at": iso(one.replied_at),
        "closed_at": iso(one.closed_at),
    }


def _all_of(call: Call, shown: Shown) -> Json:
    names = call.system.accounts.name_of
    return {
        **_request(call, shown.request),
        "restricted_since": iso(shown.restricted_since),
        "records": [_record(call, one) for one in shown.records],
        "recipients": [_recipient(one) for one in shown.recipients],
        "permits": [_permit(call, one) for one in shown.permits],
        "steps": [
            {
                "at": step.at.isoformat(),
                "by": names(step.principal),
                "step": step.step,
                "detail": step.detail,
            }
            for step in shown.steps
        ],
    }


def _record(call: Call, one: FoundRecord) -> Json:
    return {
        "record": one.record,
        "seller": call.system.sellers.get(one.seller).name,
        "people": sorted(one.people),
        "erased_at": iso(one.erased_at),
    }


def _recipient(one: Recipient) -> Json:
    return {"kind": one.kind, "name": one.name, "told_at": iso(one.told_at), "how": one.how}


def _permit(call: Call, one: Permit) -> Json:
    names = call.system.accounts.name_of
    approver = one.approved_by
    return {
        "permit": one.id,
        "request": one.request,
        "principal": names(one.principal),
        "ground": one.ground.value,
        "state": one.state(call.now),
        "expires_at": one.expires_at.isoformat(),
        "asked_by": names(one.asked_by),
        "approved_by": None if approver is None else names(approver),
        "terms": call.system.subjects.permits.terms(one),
    }
