"""What commands do in incidents and evidence: `incident` [1.6]."""

import base64
from datetime import datetime
from pathlib import PurePath

from strongroom.compliance.custody import Why
from strongroom.compliance.evidence import Belongs, Item
from strongroom.compliance.incidents import (
    Attached,
    Case,
    Measure,
    Practice,
    Recipient,
    Shown,
    report_lines,
)
from strongroom.compliance.incidents.room import belongs_to
from strongroom.errors import Malformed
from strongroom.operations.registry import Call, iso, member, operation
from strongroom.paper import Text, report
from strongroom.request import Json, instant
from strongroom.terms import PrincipalId, SellerId

_TEXTS = ("title", "description", "root_cause", "remediation")


@operation("incident.list")
def _incident_list(call: Call) -> Json:
    call.system.compliance.people.refuse_strangers(call.caller, call.now)
    cases = call.system.compliance.incidents.cases.listed()
    return {"incidents": [_case(call, one) for one in cases]}


@operation("incident.show")
def _incident_show(call: Call, *, incident: int) -> Json:
    call.system.compliance.people.refuse_strangers(call.caller, call.now)
    return _all_of(call, call.system.compliance.incidents.cases.show(incident))


@operation("incident.open")
def _incident_open(
    call: Call,
    *,
    kind: str,
    texts: dict,  # type: ignore[type-arg]
    detected_at: str | None = None,
    suspected_at: str | None = None,
    alarm: int | None = None,
) -> Json:
    said = _texts(texts)
    case = call.system.compliance.incidents.cases.open(
        call.caller,
        kind,
        said.get("title", ""),
        call.now,
        description=said.get("description", ""),
        detected_at=_moment(detected_at),
        suspected_at=_moment(suspected_at),
        alarm=alarm,
    )
    return _case(call, case)


@operation("incident.clock")
def _incident_clock(
    call: Call, *, incident: int, detected_at: str | None = None, suspected_at: str | None = None
) -> Json:
    case = call.system.compliance.incidents.cases.move_clock(
        incident,
        call.caller,
        call.now,
        detected_at=_moment(detected_at),
        suspected_at=_moment(suspected_at),
    )
    return _case(call, case)


@operation("incident.lead")
def _incident_lead(call: Call, *, incident: int, name: str) -> Json:
    cases = call.system.compliance.incidents.cases
    cases.lead(incident, name, call.caller, call.now)
    return _all_of(call, cases.show(incident))


@operation("incident.note")
def _incident_note(call: Call, *, incident: int, text: str, at: str | None = None) -> Json:
    cases = call.system.compliance.incidents.cases
    cases.note(incident, text, call.caller, call.now, at=_moment(at))
    return _all_of(call, cases.show(incident))


@operation("incident.tick")
def _incident_tick(call: Call, *, incident: int, step: str, not_for: str | None = None) -> Json:
    cases = call.system.compliance.incidents.cases
    cases.tick(incident, step, call.caller, call.now, not_for=not_for)
    return _all_of(call, cases.show(incident))


@operation("incident.contained")
def _incident_contained(call: Call, *, incident: int) -> Json:
    cases = call.system.compliance.incidents.cases
    cases.contained(incident, call.caller, call.now)
    return _all_of(call, cases.show(incident))


@operation("incident.scope")
def _incident_scope(
    call: Call, *, incident: int, since: str, until: str | None = None, principals: list[str]
) -> Json:
    found = call.system.compliance.incidents.cases.compute_scope(
        incident,
        [call.system.accounts.find(name).id for name in principals],
        instant(since),
        _moment(until) or call.now,
        call.caller,
        call.now,
    )
    names, sellers = call.system.accounts.name_of, call.system.sellers.names()
    return {
        "incident": incident,
        "records": found.records,
        "sellers": [sellers[SellerId(one)] for one in found.sellers],
        "principals": [names(PrincipalId(one)) for one in found.principals],
        "entries": found.entries,
        "by_kind": found.by_kind,
        "digest": found.digest,
    }


@operation("incident.stop")
def _incident_stop(call: Call, *, incident: int, measure: str, name: str) -> Json:
    incidents = call.system.compliance.incidents
    wanted = member(Measure, measure, "measure")
    incidents.containing.take(incident, wanted, name, call.caller, call.now)
    return _all_of(call, incidents.cases.show(incident))


@operation("incident.draft")
def _incident_draft(call: Call, *, incident: int) -> Json:
    call.system.compliance.people.refuse_strangers(call.caller, call.now)
    incidents = call.system.compliance.incidents
    subject, text = incidents.telling.draft(incidents.cases.show(incident), call.now)
    return {"to": incidents.telling.address, "subject": subject, "text": text}


@operation("incident.notify")
def _incident_notify(call: Call, *, incident: int, subject: str, text: str) -> Json:
    """Send the notification: because a person gave this command."""
    incidents = call.system.compliance.incidents
    sent = incidents.telling.send(incident, subject, text, call.caller, call.now)
    return {"incident": incident, "state": sent.state, "evidence": sent.evidence_id}


@operation("incident.notified")
def _incident_notified(call: Call, *, incident: int, name: str, file: str, sent_at: str) -> Json:
    """Record that it was sent otherwise; `file` is its bytes in base64."""
    kept = call.system.compliance.incidents.telling.sent_otherwise(
        incident, _attached(name, file), instant(sent_at), call.caller, call.now
    )
    return {"incident": incident, "state": kept.state, "evidence": kept.evidence_id}


@operation("incident.told")
def _incident_told(
    call: Call,
    *,
    incident: int,
    recipient: str,
    channel: str,
    name: str,
    file: str,
    law: str = "",
    permission: str | None = None,
) -> Json:
    """Register a word to somebody else; to an authority or customer it waits for a second person."""
    kept = call.system.compliance.incidents.telling.register(
        incident,
        member(Recipient, recipient, "recipient", but=Recipient.AMAZON),
        channel,
        _attached(name, file),
        call.caller,
        call.now,
        law=law,
        permission=None if permission is None else _attached("permission", permission),
    )
    return {"incident": incident, "message": kept.id, "state": kept.state}


@operation("incident.decide")
def _incident_decide(call: Call, *, incident: int, message: int, word: str) -> Json:
    telling = call.system.compliance.incidents.telling
    match word:
        case "agree":
            telling.approve(incident, message, call.caller, call.now)
        case "withdraw":
            telling.withdraw(incident, message, call.caller, call.now)
        case "sent" | "not-sent":
            telling.settle(incident, message, call.caller, call.now, sent=word == "sent")
        case _:
            raise Malformed("no such word", hint="agree, withdraw, sent or not-sent")
    return _all_of(call, call.system.compliance.incidents.cases.show(incident))


@operation("incident.write")
def _incident_write(call: Call, *, incident: int, texts: dict) -> Json:  # type: ignore[type-arg]
    cases = call.system.compliance.incidents.cases
    cases.write(incident, _texts(texts), call.caller, call.now)
    return _all_of(call, cases.show(incident))


@operation("incident.control")
def _incident_control(
    call: Call,
    *,
    incident: int,
    text: str | None = None,
    owner: str | None = None,
    due_at: str | None = None,
    done: int | None = None,
) -> Json:
    """Name a corrective control, or say that one is in place."""
    cases = call.system.compliance.incidents.cases
    if done is not None:
        cases.control_done(incident, done, call.caller, call.now)
    elif text is None or owner is None or due_at is None:
        raise Malformed("a control has a text, an owner and a day")
    else:
        cases.control(incident, text, owner, instant(due_at), call.caller, call.now)
    return _all_of(call, cases.show(incident))


@operation("incident.approve")
def _incident_approve(call: Call, *, incident: int) -> Json:
    cases = call.system.compliance.incidents.cases
    cases.approve(incident, call.caller, call.now)
    return _all_of(call, cases.show(incident))


@operation("incident.none")
def _incident_none(call: Call, *, incident: int, reason: str, agree: bool = False) -> Json:
    """Say that it was no incident, or agree with whoever said so."""
    cases = call.system.compliance.incidents.cases
    (cases.clear if agree else cases.doubt)(incident, reason, call.caller, call.now)
    return _all_of(call, cases.show(incident))


@operation("incident.close")
def _incident_close(call: Call, *, incident: int) -> Json:
    cases = call.system.compliance.incidents.cases
    cases.close(incident, call.caller, call.now)
    return _all_of(call, cases.show(incident))


@operation("incident.pack")
def _incident_pack(call: Call, *, incident: int) -> Json:
    incidents = call.system.compliance.incidents
    shown = incidents.cases.show(incident)
    names = call.system.accounts.name_of

    def draw(found: Shown) -> bytes:
        return report([Text(line) for line in report_lines(found, names)], call.now).content

    name, content = incidents.pack(shown, draw, call.caller, call.now)
    return {"name": name, "bytes": len(content), "file": base64.b64encode(content).decode("ascii")}


@operation("incident.practise")
def _incident_practise(call: Call, *, practice: str, texts: dict) -> Json:  # type: ignore[type-arg]
    """Record what keeps the plan alive: each with the texts it needs."""
    practices = call.system.compliance.incidents.practices
    kind = member(Practice, practice, "practice", but=Practice.PACK)
    said = {name: str(text) for name, text in texts.items()}
    who, now = call.caller, call.now
    match kind:
        case Practice.REVIEW:
            practices.review(said.get("text", ""), who, now)
        case Practice.CHANGE:
            practices.record_major_change(said.get("text", ""), who, now)
        case Practice.EXERCISE:
            parts = [said.get(name, "") for name in ("scenario", "participants", "findings")]
            practices.exercise(parts[0], parts[1], parts[2], who, now)
        case Practice.TYPES:
            practices.confirm_types(who, now)
        case Practice.ADDRESS:
            practices.confirm_address(said.get("address", ""), who, now)
        case Practice.PATH:
            practices.try_path(who, now)
        case _:
            practices.acknowledge(who, now)
    return {"practice": kind.value, "at": now.isoformat()}


@operation("evidence.keep")
def _evidence_keep(
    call: Call,
    *,
    name: str,
    file: str | None = None,
    said: str = "",
    incident: int | None = None,
) -> Json:
    """Keep a file, its bytes in base64, or a thing that is described."""
    store = call.system.compliance.evidence
    whose = Belongs("unfiled", "0") if incident is None else belongs_to(incident)
    if file is None:
        item = store.put_thing(name, whose, call.caller, call.now, said=said)
    else:
        content = _bytes(file)
        item = store.put(content, name, "", whose, call.caller, call.now, said=said)
    return _item(item)


@operation("evidence.list")
def _evidence_list(call: Call, *, incident: int | None = None) -> Json:
    call.system.compliance.people.refuse_strangers(call.caller, call.now)
    whose = None if incident is None else belongs_to(incident)
    return {"evidence": [_item(one) for one in call.system.compliance.evidence.listed(whose)]}


@operation("evidence.custody")
def _evidence_custody(call: Call, *, evidence: int) -> Json:
    call.system.compliance.people.refuse_strangers(call.caller, call.now)
    names = call.system.accounts.name_of
    item, steps = call.system.compliance.evidence.show(evidence)
    return {
        **_item(item),
        "custody": [
            {
                "number": step.link.number,
                "at": step.link.at.isoformat(),
                "act": step.link.act.value,
                "by": names(step.link.by),
                "to": None if step.link.other is None else names(step.link.other),
                "digest": step.link.digest,
            }
            for step in steps
        ],
    }


@operation("evidence.take")
def _evidence_take(call: Call, *, evidence: int, why: str, package: bool = False) -> Json:
    """Hand out an item's bytes, or its package, for a stated purpose."""
    store, reason = call.system.compliance.evidence, member(Why, why, "purpose")
    names = call.system.accounts.name_of
    if package:
        name, content = store.export(evidence, reason, call.caller, call.now, names)
    else:
        item, content = store.open(evidence, reason, call.caller, call.now)
        name = item.name
    return {"name": name, "bytes": len(content), "file": base64.b64encode(content).decode("ascii")}


@operation("evidence.hand")
def _evidence_hand(
    call: Call, *, evidence: int, act: str, to: str | None = None, said: str = ""
) -> Json:
    """Release to somebody, confirm to have it, decline, or dispose."""
    store, who, now = call.system.compliance.evidence, call.caller, call.now
    match act:
        case "release" if to is not None:
            store.release(evidence, call.system.accounts.find(to).id, who, now, said=said)
        case "receive" | "decline":
            store.answer(evidence, who, now, accepts=act == "receive", said=said)
        case "dispose":
            store.dispose(evidence, who, now, said=said)
        case _:
            raise Malformed("no such act", hint="release --to NAME, receive, decline or dispose")
    return _item(store.show(evidence)[0])


@operation("evidence.check")
def _evidence_check(call: Call) -> Json:
    call.system.compliance.people.refuse_strangers(call.caller, call.now)
    faults = call.system.compliance.evidence.check(call.now)
    return {"faults": [{"evidence": number, "fault": said} for number, said in faults.items()]}


def _case(call: Call, one: Case) -> Json:
    return {
        "incident": one.id,
        "kind": one.kind,
        "title": one.text("title"),
        "clock_at": one.clock_at.isoformat(),
        "notified_at": iso(one.notified_at),
        "contained_at": iso(one.contained_at),
        "closed_at": iso(one.closed_at),
        "lead": call.system.accounts.name_of(one.lead_id),
    }


def _all_of(call: Call, shown: Shown) -> Json:
    names = call.system.accounts.name_of
    return {
        **_case(call, shown.case),
        "missing": list(shown.missing),
        "steps": [step.key for step in shown.kind.steps],
        "entries": [
            {
                "number": one.id,
                "what": one.what,
                "name": one.name,
                "state": one.state,
                "at": one.at.isoformat(),
                "by": names(one.by_id),
            }
            for one in shown.entries
        ],
        "evidence": [_item(one) for one in shown.evidence],
    }


def _item(one: Item) -> Json:
    return {
        "evidence": one.id,
        "name": one.name,
        "size_bytes": one.size_bytes,
        "sha256": one.sha256,
        "collected_at": one.collected_at.isoformat(),
        "checked_at": iso(one.checked_at),
        "fault": one.fault,
        "disposed_at": iso(one.disposed_at),
    }


def _moment(text: str | None) -> datetime | None:
    return None if text is None else instant(text)


def _texts(texts: Json) -> dict[str, str]:
    if texts.keys() - set(_TEXTS) or not all(isinstance(text, str) for text in texts.values()):
        raise Malformed(f"what is written has {', '.join(_TEXTS)}, as texts")
    return dict(texts)


def _attached(name: str, file: str) -> Attached:
    return Attached(_bytes(file), PurePath(name).name, "")


def _bytes(file: str) -> bytes:
    try:
        return base64.b64decode(file, validate=True)
    except ValueError:
        raise Malformed("the file is not base64") from None
