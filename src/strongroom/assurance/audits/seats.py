"""Auditors who are let in: one person, one audit, to look only, until an instant [3].

A seat holds while its end lies ahead, the audit is open and the person could sign on; nothing keeps it alive beyond
that. Who may do anything else here is let in to no audit.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from strongroom.assurance.audits.assessment import LONGEST_SEAT, Seat
from strongroom.assurance.sealed import Content, SealedRows
from strongroom.assurance.stamps import Stamp, stamp, sure
from strongroom.audit import AuditLog, Event, EventType, ObjKind, Outcome
from strongroom.compliance.people import People
from strongroom.compliance.writings import Writings
from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Conflict, Malformed, NotFound
from strongroom.terms import Caller, PrincipalId

MOST_LISTED: Final = 200

_seats: Final = schema.assessment_seat
_assessments: Final = schema.assessment


class Seats:
    """The admissions of auditors of one home; `has_grants` tells who may do anything else at an instant."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        people: People,
        writings: Writings,
        *,
        has_grants: Callable[[PrincipalId, datetime], bool],
    ) -> None:
        """Keep them."""
        self._database = database
        self._audit = audit
        self._people = people
        self._has_grants = has_grants
        self._rows = SealedRows(_seats, writings, "seat of an auditor")

    def of(self, person: PrincipalId, now: datetime) -> int | None:
        """Return the number of the audit that a person is let in to at an instant; None: to none. Raises: Tampered."""
        where = (_seats.c.person_id == person) & (_seats.c.until_at > now)
        where &= _seats.c.ended_at.is_(None)
        with self._database.read() as tx:
            for number, content in self._rows.listed(tx, where, most=MOST_LISTED):
                seat = _seat(number, content)
                if seat.holds(now) and self._is_open(tx, seat.assessment):
                    return seat.assessment if person in self._people.active(now) else None
        return None

    def listed(self, assessment: int) -> list[Seat]:
        """Return the seats of an audit, those that ended too."""
        with self._database.read() as tx:
            where = _seats.c.assessment_id == assessment
            return [_seat(n, c) for n, c in self._rows.listed(tx, where, most=MOST_LISTED)]

    def admit(
        self, caller: Caller, assessment: int, name: str, until: datetime, now: datetime
    ) -> Seat:
        """Let a person look at one audit until an instant.

        Raises:
            NotFound: no such audit or person.
            Denied: the caller may not oversee, or it is no active person.
            Conflict: the audit is closed, or the person has grants or a seat already.
            Malformed: it ends in the past, or later than in 30 days.

        """
        self._people.refuse_strangers(caller, now)
        if not now < until <= now + LONGEST_SEAT:
            raise Malformed("an auditor is let in until a day within the next 30")
        person = self._people.named(name, now)
        if self._has_grants(person, now) or person == caller.principal:
            raise Conflict(
                f"{name} holds grants here", hint="an auditor has an account without any"
            )
        if self.of(person, now) is not None:
            raise Conflict(f"{name} is let in already")
        seat = Seat(0, assessment, person, until, Stamp(caller.principal, now))
        with self._database.write() as tx:
            if not self._is_open(tx, assessment):
                raise Conflict(f"audit {assessment} is not open")
            seat = replace(seat, id=self._rows.add(tx, seat, **_columns(seat)))
            self._rows.save(tx, seat.id, seat, **_columns(seat))
            self._record(tx, EventType.AUDITOR_ADMITTED, caller, seat, now)
        return seat

    def end(self, caller: Caller, assessment: int, number: int, now: datetime) -> Seat:
        """Let an auditor in no more. Raises: NotFound, Denied, Conflict: it ended."""
        self._people.refuse_strangers(caller, now)
        with self._database.write() as tx:
            seat = _seat(number, self._rows.one(tx, number, to_change=True))
            if seat.assessment != assessment:
                raise NotFound(f"there is no seat {number} in audit {assessment}")
            if seat.ended is not None:
                raise Conflict(f"seat {number} has ended")
            seat = replace(seat, ended=Stamp(caller.principal, now))
            self._rows.save(tx, number, seat, **_columns(seat))
            self._record(tx, EventType.AUDITOR_ENDED, caller, seat, now)
        return seat

    def viewed(self, caller: Caller, assessment: int, op: str, now: datetime) -> None:
        """Record that an auditor is shown a page, before it leaves."""
        event = Event(
            EventType.AUDITOR_VIEWED,
            Outcome.SUCCESS,
            caller,
            op=op,
            obj_kind=ObjKind.ASSESSMENT,
            obj_ref=str(assessment),
        )
        self._audit.record(event, now=now)

    # -- private ---------------------------------------------------------------------------------

    def _is_open(self, tx: Transaction, assessment: int) -> bool:
        query = sa.select(_assessments.c.ended_at).where(_assessments.c.id == assessment)
        row = tx.execute(query).first()
        if row is None:
            raise NotFound(f"there is no audit {assessment}")
        return row.ended_at is None

    def _record(
        self, tx: Transaction, type_: EventType, caller: Caller, seat: Seat, now: datetime
    ) -> None:
        event = Event(
            type_,
            Outcome.SUCCESS,
            caller,
            obj_kind=ObjKind.ASSESSMENT,
            obj_ref=str(seat.assessment),
            n=seat.person,
        )
        self._audit.append(tx, event, now=now)


def _columns(seat: Seat) -> dict[str, object]:
    return {
        "assessment_id": seat.assessment,
        "person_id": seat.person,
        "until_at": seat.until_at,
        "ended_at": None if seat.ended is None else seat.ended.at,
    }


def _seat(number: int, content: Content) -> Seat:
    return Seat(
        number,
        content["assessment"],
        PrincipalId(content["person"]),
        datetime.fromisoformat(content["until_at"]),
        sure(content["admitted"]),
        stamp(content["ended"]),
    )
