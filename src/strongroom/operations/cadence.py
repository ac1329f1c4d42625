"""What commands do about what is due and what comes back: `cadence` [1.6, 2.2]."""

from strongroom.compliance.agenda import Item
from strongroom.operations.registry import Call, iso, operation
from strongroom.request import Json, instant


@operation("cadence.list")
def _cadence_list(call: Call) -> Json:
    compliance = call.system.compliance
    compliance.people.refuse_strangers(call.caller, call.now)
    return {
        "work": [
            {
                "work": one.work.name,
                "title": one.work.title,
                "office": one.work.office.value,
                "duty": one.work.duty,
                "days": one.period.days,
                "last_at": iso(one.last_at),
                "due_at": iso(one.due_at),
                "stated": one.work.event is None,
            }
            for one in compliance.work.standing(call.now)
        ]
    }


@operation("cadence.due")
def _cadence_due(call: Call) -> Json:
    compliance = call.system.compliance
    compliance.people.refuse_strangers(call.caller, call.now)
    return {"due": [_item(call, item) for item in compliance.agenda.items(call.now)]}


@operation("cadence.done")
def _cadence_done(
    call: Call, *, work: str, at: str | None = None, note: str = "", evidence: str = ""
) -> Json:
    book = call.system.compliance.work
    done_at = None if at is None else instant(at)
    book.state(call.caller, work, call.now, done_at=done_at, note=note, evidence=evidence)
    last = book.done(work)[0]
    return {"work": work, "done_at": last.done_at.isoformat(), "evidence": last.evidence}


def _item(call: Call, item: Item) -> Json:
    names, due = call.system.accounts.name_of, item.due
    return {
        "what": due.what,
        "path": due.path,
        "due_at": due.due_at.isoformat(),
        "began_at": iso(due.began_at),
        "stage": item.stage.value,
        "office": None if due.office is None else due.office.value,
        "who": None if item.whose is None else names(item.whose),
        "hears": sorted(names(person) for person in item.hears),
        "duty": due.duty,
    }
