"""Who holds each office, who is its deputy, and whether both took it on: the roles of the response plan [1.6].

Somebody else appoints; the person alone accepts, and gives an address by which they are reached. An acceptance holds
for half a year. Who has left, is locked or suspended fills no office: the finding fails at that very instant.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import sqlalchemy as sa

from strongroom.audit import AuditLog, Change, Event, EventType, Field, ObjKind, Outcome, Reason
from strongroom.compliance.cadence import day_end
from strongroom.compliance.overseen import Due, DutyId, Finding, Office, Verdict
from strongroom.compliance.people import People, refuse_programs
from strongroom.compliance.writings import Writings
from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Conflict, Denied, Malformed, NotFound
from strongroom.terms import Caller, PrincipalId

ACCEPTED_FOR: Final = timedelta(days=183)
"""How long an acceptance counts; the plan itself is looked at each six months [1.6]."""

APPOINTED_WITHIN: Final = timedelta(days=7)
"""How long a person has to accept, and a home to fill an office that nobody holds."""

DUTY: Final = DutyId("1.6-b")
PATH: Final = "/offices"
MINE: Final = "/offices/mine"

_seats: Final = schema.office_seat
_contacts: Final = schema.office_contact
_PLACE: Final = "office_contact.address"
_GONE: Final = "the person has left, is locked or suspended"
_ADDRESS: Final = re.compile(r"[A-Za-z0-9._%+'-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,24}")


class Part(StrEnum):
    """Whose place in an office it is."""

    HOLDER = "holder"
    DEPUTY = "deputy"


TITLES: Final[Mapping[Office, tuple[str, str]]] = {
    Office.EXECUTIVE: ("Executive", "Answers for the company, and hears what stays undone."),
    Office.SECURITY_OWNER: (
        "Security owner",
        "Keeps the security of Information, and its records.",
    ),
    Office.PRIVACY_OWNER: ("Privacy owner", "Keeps the rights of buyers, and the law register."),
    Office.INCIDENT_LEAD: (
        "Incident lead",
        "Leads each incident from the first hour to its close.",
    ),
    Office.AMAZON_CONTACT: (
        "Incident contact for Amazon",
        "Tells Amazon within 24 hours, and is reached by them.",
    ),
    Office.APP_ADMIN: ("Application administrator", "Runs this installation and its apps."),
    Office.INFRA_ADMIN: ("Infrastructure administrator", "Runs machines, networks and backups."),
    Office.IT_ADMIN: ("IT administrator", "Keeps devices, and who comes and leaves."),
    Office.DEV_LEAD: ("Development lead", "Keeps code, scans and releases."),
    Office.WAREHOUSE_LEAD: ("Warehouse lead", "Keeps printed labels and slips."),
}
"""Each office as pages name it, and what its holder does."""


@dataclass(frozen=True, slots=True)
class Seat:
    """One place in an office, taken or not."""

    office: Office
    part: Part
    person: PrincipalId | None = None
    appointed_at: datetime | None = None
    accepted_at: datetime | None = None
    fault: str | None = None
    """Why nobody fills it now; None where somebody does."""


class Offices:
    """The offices of one home. What a method changed is durable on return, with its event."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        people: People,
        writings: Writings,
        *,
        one_person: bool,
    ) -> None:
        self._database = database
        self._audit = audit
        self._people = people
        self._writings = writings
        self.one_person = one_person
        """The home was made for one person, who may hold every office and needs no deputy."""

    def appoint(self, caller: Caller, office: Office, part: Part, name: str, now: datetime) -> None:
        """Put a person into an office; it counts when they accept. Whoever was there leaves it.

        Raises:
            NotFound: there is no such person.
            Denied: it is no active person, the caller may not oversee, or appoints themself; that is recorded.
            Conflict: the person has the other place of this office.

        """
        self._people.refuse_strangers(caller, now)
        person = self._people.named(name, now)
        is_own = person == caller.principal and not self.one_person
        op = f"{part}.{'refused' if is_own else 'appointed'}"
        with self._database.write() as tx:
            if not is_own:
                self._put(tx, office, part, person, caller, now)
            self._record(
                tx, EventType.OFFICE_APPOINTED, caller, office, now, op, n=person, denied=is_own
            )
        if is_own:
            raise Denied("nobody appoints themself", hint="another person does")

    def accept(
        self,
        caller: Caller,
        office: Office,
        part: Part,
        now: datetime,
        address: str | None = None,
    ) -> None:
        """Take on an office one was appointed to, for half a year; `address` as in `reach`.

        Raises:
            Denied: somebody else was appointed, or nobody; recorded.
            Conflict: nothing says yet where this person is reached.
            Malformed: the address is none.

        """
        refuse_programs(caller)
        is_active = caller.principal in self._people.active(now)
        with self._database.write() as tx:
            seat = tx.execute(_one(office, part)).first()
            is_theirs = is_active and seat is not None and seat.person_id == caller.principal
            if is_theirs:
                if address:
                    self._give(tx, caller, address, now)
                elif self._contact(tx, caller.principal) is None:
                    raise Conflict("say first by which e-mail address you are reached")
                where = (_seats.c.office == office.value, _seats.c.part == part.value)
                tx.execute(_seats.update().where(*where).values(accepted_at=now))
            self._record(
                tx, EventType.OFFICE_ACCEPTED, caller, office, now, part.value, denied=not is_theirs
            )
        if not is_theirs:
            raise Denied("an office is accepted by who was appointed to it, and nobody else")

    def reach(self, caller: Caller, address: str, now: datetime) -> None:
        """Say by which e-mail address the caller is reached. Raises: Malformed, Denied: no person asks."""
        refuse_programs(caller)
        with self._database.write() as tx:
            self._give(tx, caller, address, now)

    def is_reached(self, person: PrincipalId) -> bool:
        """Tell whether a person said where they are reached."""
        with self._database.read() as tx:
            return self._contact(tx, person) is not None

    def address_of(self, person: PrincipalId) -> str | None:
        """Return where a person is reached: for their own page and for mails to them, and nothing else."""
        with self._database.read() as tx:
            row = self._contact(tx, person)
        if row is None:
            return None
        return self._writings.open(_PLACE, person, bytes(row.address))

    def seats(self, now: datetime) -> list[Seat]:
        """Return both places of every office, with what is wrong about each."""
        return self._database.kept(("offices.seats", now), lambda: self._seats(now))

    def _seats(self, now: datetime) -> list[Seat]:
        with self._database.read() as tx:
            rows = {(row.office, row.part): row for row in tx.execute(sa.select(_seats))}
            reached = set(tx.execute(sa.select(_contacts.c.person_id)).scalars())
        active = self._people.active(now)
        seats = []
        for office in Office:
            holder = rows.get((office.value, Part.HOLDER.value))
            for part in Part:
                row = rows.get((office.value, part.value))
                if row is None:
                    alone = part is Part.DEPUTY and self.one_person
                    seats.append(Seat(office, part, fault=None if alone else "nobody is appointed"))
                    continue
                fault = _fault(row, active, reached, now)
                same = holder is not None and holder.person_id == row.person_id
                if part is Part.DEPUTY and same and not self.one_person:
                    fault = "the deputy is the holder"
                person = PrincipalId(row.person_id)
                seats.append(Seat(office, part, person, row.appointed_at, row.accepted_at, fault))
        return seats

    def holder(self, office: Office, now: datetime) -> PrincipalId | None:
        """Return who holds an office at this instant; None where nobody fills it."""
        return self._filled(office, Part.HOLDER, now)

    def deputy(self, office: Office, now: datetime) -> PrincipalId | None:
        """Return the deputy at this instant; None where nobody fills that place."""
        return self._filled(office, Part.DEPUTY, now)

    def holders(self, office: Office, now: datetime) -> frozenset[PrincipalId]:
        """Return who may act for an office at this instant: its holder and its deputy, as far as each fills it."""
        return frozenset(
            seat.person
            for seat in self.seats(now)
            if seat.office is office and seat.person is not None and seat.fault is None
        )

    def take_all(self, caller: Caller, address: str | None, now: datetime) -> None:
        """Take on every office, in a home that was made for one person.

        Raises:
            Denied: the home is for more than one.
            Conflict, Malformed: as `accept`.

        """
        if not self.one_person:
            raise Denied("this home is not for one person", hint="another person appoints you")
        for office in Office:
            self.appoint(caller, office, Part.HOLDER, caller.name, now)
            self.accept(caller, office, Part.HOLDER, now, address)

    def mine(self, person: PrincipalId, now: datetime) -> list[Seat]:
        """Return the places that a person was appointed to."""
        return [seat for seat in self.seats(now) if seat.person == person]

    def is_filled_by(self, person: PrincipalId, now: datetime) -> bool:
        """Tell whether a person fills any office at this instant, as holder or deputy."""
        return any(seat.fault is None for seat in self.mine(person, now))

    def findings(self, now: datetime) -> dict[DutyId, Finding]:
        """Return whether each role of the response plan has people in it [1.6]."""
        seats = self.seats(now)
        bad = [seat for seat in seats if seat.fault is not None]
        filled = [seat for seat in seats if seat.person is not None and seat.fault is None]
        proof = tuple(
            f"{seat.office} {seat.part}: principal {seat.person}, accepted {seat.accepted_at:%Y-%m-%d}"
            for seat in filled
        )
        if bad:
            first = bad[0]
            return {
                DUTY: Finding(
                    Verdict.FAIL,
                    f"{len(bad)} of {len(bad) + len(filled)} places in offices are not filled;"
                    f" {_title(first)}: {first.fault}",
                    proof,
                    "appoint active people on the page of roles; each accepts there",
                )
            }
        alone = "; the home was made for one person, so no office has a deputy"
        why = f"every office has people who accepted it{alone if self.one_person else ''}"
        return {DUTY: Finding(Verdict.PASS, why, proof)}

    def dues(self, now: datetime) -> Iterator[Due]:
        """Return what each person has to accept, one line for each, and that offices are to be filled."""
        empty = False
        first: dict[PrincipalId, datetime] = {}
        again: dict[PrincipalId, datetime] = {}
        for seat in self.seats(now):
            person, appointed_at, accepted_at = seat.person, seat.appointed_at, seat.accepted_at
            if person is None or appointed_at is None or seat.fault == _GONE:
                empty = empty or seat.fault is not None
            elif accepted_at is None:
                by = appointed_at + APPOINTED_WITHIN
                first[person] = min(by, first.get(person, by))
            else:
                by = accepted_at + ACCEPTED_FOR
                again[person] = min(by, again.get(person, by))
        if empty:
            what = "Fill the offices that nobody holds"
            yield Due(what, PATH, day_end(now), office=Office.SECURITY_OWNER, duty=DUTY)
        for person, by in first.items():
            yield Due("Accept the offices you were appointed to", MINE, by, None, person, DUTY)
        for person, by in again.items():
            yield Due("Accept your offices for another half year", MINE, by, None, person, DUTY)

    # -- private ---------------------------------------------------------------------------------

    def _filled(self, office: Office, part: Part, now: datetime) -> PrincipalId | None:
        for seat in self.seats(now):
            if seat.office is office and seat.part is part and seat.fault is None:
                return seat.person
        return None

    def _put(
        self,
        tx: Transaction,
        office: Office,
        part: Part,
        person: PrincipalId,
        caller: Caller,
        now: datetime,
    ) -> None:
        other = Part.DEPUTY if part is Part.HOLDER else Part.HOLDER
        # Both places are read with a lock: two who appoint at once never make one person both.
        taken = {p: tx.execute(_one(office, p).with_for_update()).first() for p in Part}
        seat, beside = taken[part], taken[other]
        if beside is not None and beside.person_id == person and not self.one_person:
            raise Conflict(f"the {other} of this office is that person", hint="name another one")
        values = {
            "person_id": person,
            "appointed_by": caller.principal,
            "appointed_at": now,
            "accepted_at": None,
        }
        if seat is None:
            tx.execute(_seats.insert().values(office=office.value, part=part.value, **values))
        else:
            where = (_seats.c.office == office.value, _seats.c.part == part.value)
            tx.execute(_seats.update().where(*where).values(**values))

    def _give(self, tx: Transaction, caller: Caller, address: str, now: datetime) -> None:
        if not _ADDRESS.fullmatch(address) or ".." in address:
            raise Malformed("this is no e-mail address")
        person = caller.principal
        values = {"address": self._writings.seal(_PLACE, person, address), "given_at": now}
        if self._contact(tx, person) is None:
            tx.execute(_contacts.insert().values(person_id=person, **values))
        else:
            where = _contacts.c.person_id == person
            tx.execute(_contacts.update().where(where).values(**values))
        event = Event(
            EventType.OFFICE_CONTACT_GIVEN,
            Outcome.SUCCESS,
            caller,
            obj_kind=ObjKind.PRINCIPAL,
            obj_ref=str(person),
            changes=(Change(Field.SETTING, after=self._audit.pseudonym("contact", address)),),
        )
        self._audit.append(tx, event, now=now)

    def _contact(self, tx: Transaction, person: PrincipalId) -> sa.Row[tuple[object, ...]] | None:
        return tx.execute(sa.select(_contacts).where(_contacts.c.person_id == person)).first()

    def _record(
        self,
        tx: Transaction,
        type_: EventType,
        caller: Caller,
        office: Office,
        now: datetime,
        op: str,
        *,
        n: int | None = None,
        denied: bool,
    ) -> None:
        event = Event(
            type_,
            Outcome.DENIED if denied else Outcome.SUCCESS,
            caller,
            reason=Reason.NOT_AUTHORIZED if denied else None,
            op=op,
            obj_kind=ObjKind.OFFICE,
            obj_ref=office.value,
            n=n,
        )
        self._audit.append(tx, event, now=now)


def office_named(name: str) -> Office:
    """Return an office by its name. Raises: NotFound."""
    try:
        return Office(name.replace("-", "_"))
    except ValueError:
        raise NotFound("there is no such office", hint=f"one of {', '.join(Office)}") from None


def part_named(name: str) -> Part:
    """Return a place of an office by its name. Raises: NotFound."""
    try:
        return Part(name)
    except ValueError:
        raise NotFound("an office has a holder and a deputy") from None


def _one(office: Office, part: Part) -> sa.Select[tuple[object, ...]]:
    return sa.select(_seats).where(_seats.c.office == office.value, _seats.c.part == part.value)


def _title(seat: Seat) -> str:
    name = TITLES[seat.office][0]
    return name if seat.part is Part.HOLDER else f"{name}, deputy"


def _fault(
    row: sa.Row[tuple[object, ...]],
    active: Mapping[PrincipalId, str],
    reached: Iterable[int],
    now: datetime,
) -> str | None:
    """Return why a person does not fill the place they were appointed to."""
    if row.person_id not in active:
        return _GONE
    if row.accepted_at is None:
        return "it is not accepted yet"
    if now >= row.accepted_at + ACCEPTED_FOR:
        return "the acceptance is older than six months"
    if row.person_id not in reached:
        return "nothing says where the person is reached"
    return None
