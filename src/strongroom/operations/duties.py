"""What commands do about the policy's duties: `duty`, but for `duty check` [1, 2, 3]."""

from datetime import timedelta

from strongroom.compliance.duties import (
    Duty,
    Edition,
    Excuse,
    ExcuseKind,
    Item,
    Row,
    Statement,
    Status,
    clocks,
    duty_of,
)
from strongroom.compliance.overseen import Office
from strongroom.errors import Malformed
from strongroom.operations.registry import Call, iso, member, operation
from strongroom.request import Json

_BLOCKING = "blocking"


@operation("duty.list")
def _duty_list(
    call: Call,
    *,
    status: str | None = None,
    office: str | None = None,
    clause: str | None = None,
) -> Json:
    """Return the board; `status` is a state, or `blocking` for what would fail an audit."""
    _refuse_strangers(call)
    if status not in (None, _BLOCKING):
        member(Status, status, "state")
    if office is not None:
        member(Office, office, "office")
    board = call.system.compliance.duties.board(call.now)
    rows = [
        row
        for row in board.rows
        if (status is None or row.status == status or (status == _BLOCKING and row.blocks))
        and (office is None or row.office == office)
        and (clause is None or row.duty.clause == clause)
    ]
    return {
        "at": board.at.isoformat(),
        "revision": board.edition.value,
        "passes": board.passes,
        "counts": {state.value: count for state, count in board.counts.items()},
        "blocking": [row.duty.id for row in board.blocking],
        "duties": [_row(row) for row in rows],
    }


@operation("duty.show")
def _duty_show(call: Call, *, duty: str) -> Json:
    _refuse_strangers(call)
    return _one(call, duty_of(duty))


@operation("duty.attest")
def _duty_attest(
    call: Call,
    *,
    duty: str,
    digest: str,
    note: str = "",
    evidence: list[list[str]] | None = None,
    kept: list[int] | None = None,
) -> Json:
    """State a duty; `evidence` are pairs of name and SHA-256, `kept` numbers of the evidence store."""
    duties, found = call.system.compliance.duties, duty_of(duty)
    if any(len(pair) != len(("name", "digest")) for pair in evidence or ()):
        raise Malformed("evidence is pairs of a name and its SHA-256")
    items = [Item(name, hexed) for name, hexed in evidence or ()]
    duties.statements.make(
        call.caller,
        found,
        digest,
        call.now,
        note=note,
        evidence=(*duties.kept(kept or ()), *items),
    )
    return _one(call, found)


@operation("duty.withdraw")
def _duty_withdraw(call: Call, *, duty: str, note: str = "") -> Json:
    found = duty_of(duty)
    call.system.compliance.duties.statements.withdraw(call.caller, found, call.now, note=note)
    return _one(call, found)


@operation("duty.except")
def _duty_except(call: Call, *, duty: str, kind: str, reason: str, days: int) -> Json:
    asked = call.system.compliance.duties.excuses.ask(
        call.caller,
        duty_of(duty),
        member(ExcuseKind, kind, "kind of exception"),
        reason,
        timedelta(days=days),
        call.now,
    )
    return _excuse(call, asked)


@operation("duty.exceptions")
def _duty_exceptions(call: Call) -> Json:
    """Return what waits for a second person, and what is in force."""
    _refuse_strangers(call)
    excuses = call.system.compliance.duties.excuses
    found = [
        *excuses.waiting(call.now, opened=True),
        *excuses.counting(call.now, opened=True).values(),
    ]
    return {"exceptions": [_excuse(call, one) for one in found]}


@operation("duty.approve")
def _duty_approve(call: Call, *, exception: int, terms: str) -> Json:
    excuses = call.system.compliance.duties.excuses
    return _excuse(call, excuses.approve(call.caller, exception, terms, call.now))


@operation("duty.end")
def _duty_end(call: Call, *, exception: int) -> Json:
    """Reject an exception, or end it before its day."""
    excuses = call.system.compliance.duties.excuses
    return _excuse(call, excuses.end(call.caller, exception, call.now))


def _refuse_strangers(call: Call) -> None:
    call.system.compliance.people.refuse_strangers(call.caller, call.now)


def _one(call: Call, duty: Duty) -> Json:
    duties = call.system.compliance.duties
    row = duties.board(call.now).row(duty.id)
    return {
        **_row(row),
        "asks": duty.asks,
        "quote": duty.quote,
        "also": [kind.value for kind in duty.also],
        "clocks": clocks(duty),
        "check": duty.check,
        "evidence": list(duty.evidence),
        "numbers": {
            number.name: {
                "says": number.says,
                "unit": number.unit,
                "by": dict(number.by),
                "rules": None if (rules := number.ruling(duties.edition)) is None else rules[0],
            }
            for number in duty.numbers
        },
        "later_revisions": [
            {"revision": one.revision, "says": one.says, "in_force": _in_force(one.revision, call)}
            for one in duty.added
        ],
        "proof": list(row.proof),
        "findings": [
            {
                "verdict": one.verdict.value,
                "why": one.why,
                "proof": list(one.proof),
                "seen_at": (one.seen_at or call.now).isoformat(),
            }
            for one in row.findings
        ],
        "states": duty.states,
        "digest": duty.digest if duty.states else None,
        "statements": [_statement(one) for one in duties.statements.history(duty.id, call.now)],
        "exceptions": [_excuse(call, one) for one in duties.excuses.of(duty.id)],
    }


def _in_force(revision: str, call: Call) -> bool:
    edition: Edition = call.system.compliance.duties.edition
    return revision in edition.revisions


def _row(row: Row) -> Json:
    return {
        "duty": row.duty.id,
        "title": row.duty.title,
        "status": row.status.value,
        "why": row.why,
        "remedy": row.remedy,
        "kind": row.duty.kind.value,
        "office": row.office.value,
        "due_at": iso(row.due_at),
        "blocks": row.blocks,
    }


def _statement(one: Statement) -> Json:
    return {
        "statement": one.id,
        "by": one.name,
        "active": one.active,
        "made_at": one.made_at.isoformat(),
        "expires_at": one.expires_at.isoformat(),
        "withdraws": one.withdraws,
        "digest": one.digest,
        "recorded": one.sound,
        "note": one.note,
        "evidence": [{"name": item.name, "sha256": item.digest} for item in one.evidence],
    }


def _excuse(call: Call, one: Excuse) -> Json:
    return {
        "exception": one.id,
        "duty": one.duty,
        "kind": one.kind.value,
        "state": one.state(call.now),
        "recorded": one.sound,
        "reason": one.reason,
        "asked_by": one.asker,
        "asked_at": one.asked_at.isoformat(),
        "approved_by": one.approver or None,
        "approved_at": iso(one.approved_at),
        "one_person": one.one_person,
        "ends_at": one.ends_at.isoformat(),
        "terms": call.system.compliance.duties.excuses.terms(one.id),
    }
