"""What commands do about changes, and about who may change storage: `change` [1.6, 2.7]."""

from strongroom.assurance.changes import Change, Kind
from strongroom.assurance.changes.administrators import Place
from strongroom.assurance.stamps import Stamp
from strongroom.operations.registry import Call, iso, member, operation
from strongroom.request import Json, instant


@operation("change.open")
def _open(call: Call, *, kind: str, title: str, what: str, back_out: str, risk: str) -> Json:
    opened = call.system.assurance.changes.open(
        call.caller,
        member(Kind, kind, "kind of change"),
        title,
        call.now,
        what=what,
        back_out=back_out,
        risk=risk,
    )
    return _one(call, opened)


@operation("change.test")
def _test(
    call: Call, *, change: int, passed: bool, result: str, evidence: int | None = None
) -> Json:
    tested = call.system.assurance.changes.test(
        call.caller, change, call.now, passed=passed, result=result, evidence=evidence
    )
    return _one(call, tested)


@operation("change.verify")
def _verify(call: Call, *, change: int) -> Json:
    return _one(call, call.system.assurance.changes.verify(call.caller, change, call.now))


@operation("change.approve")
def _approve(call: Call, *, change: int) -> Json:
    return _one(call, call.system.assurance.changes.approve(call.caller, change, call.now))


@operation("change.reject")
def _reject(call: Call, *, change: int) -> Json:
    return _one(call, call.system.assurance.changes.reject(call.caller, change, call.now))


@operation("change.close")
def _close(
    call: Call, *, change: int, major: bool, reason: str, done_at: str | None = None
) -> Json:
    closed = call.system.assurance.changes.close(
        call.caller,
        change,
        call.now,
        major=major,
        reason=reason,
        done_at=None if done_at is None else instant(done_at),
    )
    return _one(call, closed)


@operation("change.list")
def _list(call: Call) -> Json:
    call.system.compliance.people.refuse_strangers(call.caller, call.now)
    return {"changes": [_one(call, one) for one in call.system.assurance.changes.listed()]}


@operation("change.show")
def _show(call: Call, *, change: int) -> Json:
    call.system.compliance.people.refuse_strangers(call.caller, call.now)
    return _one(call, call.system.assurance.changes.show(change))


@operation("change.storage")
def _storage(call: Call, *, record: bool = False) -> Json:
    changes = call.system.assurance.changes
    call.system.compliance.people.refuse_strangers(call.caller, call.now)
    if record:
        changes.record_storage(call.caller, call.now)
    drift = changes.drift()
    was = {} if drift.recorded is None else drift.recorded.facts
    return {
        "recorded_at": None if drift.recorded is None else iso(drift.recorded.at),
        "change": None if drift.recorded is None else drift.recorded.change,
        "drift": list(drift.names),
        "facts": [
            {
                "fact": name,
                "recorded": was.get(name),
                "now": drift.facts.get(name),
                "differs": name in drift.names,
            }
            for name in sorted(was.keys() | drift.facts.keys())
        ],
    }


@operation("change.people")
def _people(
    call: Call,
    *,
    add: str | None = None,
    approve: int | None = None,
    end: int | None = None,
    review: bool = False,
) -> Json:
    """Name, approve, end and review; then list."""
    administrators = call.system.assurance.changes.administrators
    call.system.compliance.people.refuse_strangers(call.caller, call.now)
    if add is not None:
        administrators.name(call.caller, add, call.now)
    if approve is not None:
        administrators.approve(call.caller, approve, call.now)
    if end is not None:
        administrators.end(call.caller, end, call.now)
    if review:
        administrators.review(call.caller, call.now)
    return {
        "people": [_place(call, place, fault) for place, fault in administrators.faults(call.now)],
        "one_person": administrators.one_person,
    }


def _place(call: Call, place: Place, fault: str | None) -> Json:
    names = call.system.accounts.name_of
    return {
        "place": place.id,
        "person": names(place.person),
        "asked_by": names(place.asked_by),
        "approved_by": None if place.approved_by is None else names(place.approved_by),
        "approved_at": iso(place.approved_at),
        "review_by": iso(place.review_by),
        "fault": fault,
    }


def _one(call: Call, one: Change) -> Json:
    def by(stamp: Stamp | None) -> str | None:
        return None if stamp is None else call.system.accounts.name_of(stamp.by)

    def at(stamp: Stamp | None) -> str | None:
        return None if stamp is None else stamp.at.isoformat()

    return {
        "change": one.id,
        "kind": one.kind.value,
        "title": one.title,
        "state": one.state,
        "what": one.what,
        "back_out": one.back_out,
        "risk": one.risk,
        "opened_by": by(one.opened),
        "opened_at": at(one.opened),
        "tested_by": by(one.tested),
        "tested_at": at(one.tested),
        "test_passed": one.test_passed,
        "test_result": one.test_result or None,
        "evidence": one.evidence,
        "verified_by": by(one.verified),
        "verified_at": at(one.verified),
        "approved_by": by(one.approved),
        "approved_at": at(one.approved),
        "one_person": one.alone,
        "rejected_by": by(one.rejected),
        "rejected_at": at(one.rejected),
        "done_at": iso(one.done_at),
        "closed_by": by(one.closed),
        "closed_at": at(one.closed),
        "major": one.major,
        "major_reason": one.major_reason or None,
    }
