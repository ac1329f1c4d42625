"""What commands do about people with access: `staff` [1.1, 1.2]."""

from strongroom.assurance.staff import Member, Topic
from strongroom.operations.registry import Call, iso, member, operation
from strongroom.request import Json, instant


@operation("staff.list")
def _list(call: Call) -> Json:
    call.system.compliance.people.refuse_strangers(call.caller, call.now)
    return {"staff": [_one(one) for one in call.system.assurance.staff.listed(call.now)]}


@operation("staff.train")
def _train(call: Call, *, person: str, topic: str, on: str, evidence: int | None = None) -> Json:
    who = call.system.accounts.find(person).id
    staff = call.system.assurance.staff
    about = member(Topic, topic, "topic")
    staff.train(call.caller, who, about, instant(on), call.now, evidence=evidence)
    return _one(staff.show(who, call.now))


@operation("staff.state")
def _state(call: Call, *, person: str, step: str) -> Json:
    who = call.system.accounts.find(person).id
    staff = call.system.assurance.staff
    staff.state(call.caller, who, step, call.now)
    left = next((one for one in staff.listed(call.now) if one.person == who), None)
    return {"person": person, "left": "done"} if left is None else _one(left)


def _one(one: Member) -> Json:
    return {
        "person": one.name,
        "state": "left" if one.has_left else "there",
        "trained_until": {topic.value: iso(one.trained_until(topic)) for topic in Topic},
        "joining_lacks": one.joining,
        "leaving_lacks": one.leaving,
        "leave_by": iso(one.left_by),
        "late": one.is_late,
    }
