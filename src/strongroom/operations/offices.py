"""What commands do about offices and who holds them: `office` [1.6]."""

from strongroom.compliance.offices import TITLES, Seat, office_named, part_named
from strongroom.operations.registry import Call, iso, operation
from strongroom.request import Json


@operation("office.list")
def _office_list(call: Call) -> Json:
    call.system.compliance.people.refuse_strangers(call.caller, call.now)
    offices = call.system.compliance.offices
    finding = next(iter(offices.findings(call.now).values()))
    return {
        "offices": [_seat(call, seat) for seat in offices.seats(call.now)],
        "verdict": finding.verdict.value,
        "why": finding.why,
        "one_person": offices.one_person,
    }


@operation("office.set")
def _office_set(call: Call, *, office: str, part: str, person: str) -> Json:
    offices = call.system.compliance.offices
    named, place = office_named(office), part_named(part)
    offices.appoint(call.caller, named, place, person, call.now)
    return _one(call, office, part)


@operation("office.accept")
def _office_accept(call: Call, *, office: str, part: str, address: str | None = None) -> Json:
    offices = call.system.compliance.offices
    offices.accept(call.caller, office_named(office), part_named(part), call.now, address)
    return _one(call, office, part)


def _one(call: Call, office: str, part: str) -> Json:
    wanted = office_named(office), part_named(part)
    seats = call.system.compliance.offices.seats(call.now)
    return next(_seat(call, seat) for seat in seats if (seat.office, seat.part) == wanted)


def _seat(call: Call, seat: Seat) -> Json:
    names = call.system.accounts.name_of
    return {
        "office": seat.office.value,
        "title": TITLES[seat.office][0],
        "part": seat.part.value,
        "person": None if seat.person is None else names(seat.person),
        "appointed_at": iso(seat.appointed_at),
        "accepted_at": iso(seat.accepted_at),
        "fault": seat.fault,
    }
