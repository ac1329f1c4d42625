"""What commands do about Amazon's questionnaire: `questionnaire` [3]."""

from strongroom.assurance.questionnaire import Shown
from strongroom.assurance.questionnaire.written import as_csv, as_markdown, rows
from strongroom.errors import Malformed
from strongroom.operations.registry import Call, iso, operation
from strongroom.request import Json


@operation("questionnaire.list")
def _list(call: Call) -> Json:
    call.system.compliance.people.refuse_strangers(call.caller, call.now)
    return {"questions": rows(call.system.assurance.questionnaire.all(call.now))}


@operation("questionnaire.show")
def _show(call: Call, *, question: str) -> Json:
    call.system.compliance.people.refuse_strangers(call.caller, call.now)
    found, _ = call.system.assurance.questionnaire.show(question, call.now)
    return _one(call, found)


@operation("questionnaire.write")
def _write(call: Call, *, question: str, text: str) -> Json:
    room = call.system.assurance.questionnaire
    room.write(call.caller, question, text, call.now)
    return _one(call, room.show(question, call.now)[0])


@operation("questionnaire.approve")
def _approve(call: Call, *, question: str, answer: int) -> Json:
    room = call.system.assurance.questionnaire
    room.approve(call.caller, question, answer, call.now)
    return _one(call, room.show(question, call.now)[0])


@operation("questionnaire.export")
def _export(call: Call, *, form: str) -> Json:
    writers = {"csv": as_csv, "md": as_markdown}
    if form not in {*writers, "json"}:
        raise Malformed("a form is one of csv, md, json")
    shown = call.system.assurance.questionnaire.export(call.caller, call.now)
    if form == "json":
        return {"questions": rows(shown)}
    return {"text": writers[form](shown).decode()}


def _one(call: Call, shown: Shown) -> Json:
    answer = shown.answer
    return {
        **rows([shown])[0],
        "draft": shown.draft.text,
        "hint": shown.question.hint,
        "number": None if answer is None else answer.id,
        "written_by": None if answer is None else call.system.accounts.name_of(answer.by),
        "written_at": None if answer is None else iso(answer.at),
        "approved_by": None
        if answer is None or answer.approved_by is None
        else call.system.accounts.name_of(answer.approved_by),
    }
