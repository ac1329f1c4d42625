"""What commands do in the registers of scope, risks and laws: `register` [1, 1.5, 2, 2.2]."""

from strongroom.compliance.register import Entry, Register
from strongroom.compliance.registers import open_questions
from strongroom.errors import Malformed, NotFound
from strongroom.operations.registry import Call, iso, operation
from strongroom.request import Json


@operation("register.show")
def _register_show(call: Call, *, register: str) -> Json:
    call.system.compliance.people.refuse_strangers(call.caller, call.now)
    registers, book = call.system.compliance.registers, _book(call, register)
    return {
        "register": register,
        "entries": [_entry(register, one) for one in book.entries()],
        "unregistered": [one.title for one in registers.unregistered(call.now)]
        if register == "scope"
        else [],
        "missing": registers.missing_countries() if register == "law" else [],
        "findings": {
            duty: {"verdict": one.verdict.value, "why": one.why}
            for duty, one in registers.findings(call.now).items()
        },
    }


@operation("register.begin")
def _register_begin(call: Call, *, register: str) -> Json:
    """Fill a register with what is known: systems that are seen, threats and laws that ship."""
    registers, _checked = call.system.compliance.registers, _book(call, register)
    if register == "scope":
        return {"register": register, "begun": registers.take_seen(call.caller, call.now)}
    begun = registers.take_catalogue(call.caller, register, call.now)
    return {"register": register, "begun": begun}


@operation("register.write")
def _register_write(
    call: Call,
    *,
    register: str,
    answers: dict,  # type: ignore[type-arg]
    entry: int | None = None,
) -> Json:
    if not all(isinstance(value, str) for value in answers.values()):
        raise Malformed("answers are texts, by the names of their questions")
    book = _book(call, register)
    id_ = call.system.compliance.registers.write(call.caller, register, answers, call.now, entry)
    return _entry(register, book.entry(id_))


@operation("register.end")
def _register_end(call: Call, *, register: str, entry: int) -> Json:
    _book(call, register).end(call.caller, entry, call.now)
    return {"register": register, "ended": entry}


@operation("register.review")
def _register_review(call: Call, *, register: str, note: str = "") -> Json:
    book = _book(call, register)
    book.review(call.caller, note, call.now)
    return {
        "register": register,
        "entries": len(book.entries()),
        "reviewed_at": call.now.isoformat(),
    }


def _book(call: Call, register: str) -> Register:
    books = call.system.compliance.registers.by_name
    if register not in books:
        raise NotFound("there is no such register", hint=f"one of {', '.join(books)}")
    return books[register]


def _entry(register: str, one: Entry) -> Json:
    return {
        "entry": one.id,
        "ref": one.ref,
        "title": one.title,
        **one.facts,
        **{name: text for name, text in one.words.items() if name != "title"},
        "changed_at": one.changed_at.isoformat(),
        "reviewed_at": iso(one.reviewed_at),
        "open": open_questions(register, one),
    }
