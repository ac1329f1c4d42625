"""Who may change storage: named people, each approved by another, all looked at again each 90 days [2.7].

Who has left, is locked or suspended may not, from that instant; nor may anybody whose place nobody reviewed in time.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from strongroom.assurance.sealed import Content, SealedRows
from strongroom.audit import AuditLog, Event, EventType, ObjKind, Outcome, Reason
from strongroom.compliance.people import People
from strongroom.compliance.writings import Writings
from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Conflict, Denied
from strongroom.policy.limits import REVIEW_EVERY
from strongroom.terms import Caller, PrincipalId

MOST: Final = 200
_table: Final = schema.storage_administrator


@dataclass(frozen=True, slots=True)
class Place:
    """One person's place on the list, from being asked for to its end."""

    id: int
    person: PrincipalId
    asked_by: PrincipalId
    asked_at: datetime
    approved_by: PrincipalId | None = None
    approved_at: datetime | None = None
    reviewed_by: PrincipalId | None = None
    reviewed_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def review_by(self) -> datetime | None:
        """By when somebody else looks at it again; None: nobody approved it yet."""
        since = self.reviewed_at or self.approved_at
        return None if since is None else since + REVIEW_EVERY

    def fault(self, active: Mapping[PrincipalId, str], now: datetime) -> str | None:
        """Return why the person may not change storage now; None: they may."""
        by = self.review_by
        if self.ended_at is not None:
            return "they were taken off the list"
        if by is None:
            return "nobody approved it yet"
        if self.person not in active:
            return "the person has left, is locked or suspended"
        return "it was not reviewed for 90 days" if now >= by else None


class StorageAdministrators:
    """The list of one home. What a method changed is durable on return, with its event."""

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
        self._rows = SealedRows(_table, writings, "storage administrator")
        self.one_person = one_person

    def listed(self) -> list[Place]:
        """Return the places that were not ended, the newest first."""
        with self._database.read() as tx:
            return self._standing(tx)

    def allowed(self, person: PrincipalId, now: datetime) -> bool:
        """Tell whether a person may open and close changes of storage at this instant."""
        active = self._people.active(now)
        return any(one.person == person and one.fault(active, now) is None for one in self.listed())

    def faults(self, now: datetime) -> list[tuple[Place, str | None]]:
        """Return every place with why its person may not act; None where they may."""
        active = self._people.active(now)
        return [(one, one.fault(active, now)) for one in self.listed()]

    def name(self, caller: Caller, name: str, now: datetime) -> Place:
        """Ask for a person to be on the list; it counts when another one approves.

        Raises:
            NotFound: there is no such person.
            Denied: it is no active person, or the caller may not oversee.
            Conflict: the person is on the list, or asked for.

        """
        self._people.refuse_strangers(caller, now)
        person = self._people.named(name, now)
        with self._database.write() as tx:
            standing = self._standing(tx)
            if any(one.person == person for one in standing):
                raise Conflict("that person is on the list, or asked for")
            if len(standing) >= MOST:
                raise Conflict(f"the list has {MOST} people")
            place = Place(0, person, caller.principal, now)
            number = self._rows.add(tx, place, person_id=person, ended_at=None)
            place = replace(place, id=number)
            self._save(tx, place)
            self._record(tx, caller, place, "asked", now)
        return place

    def approve(self, caller: Caller, number: int, now: datetime) -> Place:
        """Let a person be on the list from now on.

        Raises:
            NotFound: no such place.
            Denied: the caller may not oversee, asked for it, or is that person; the latter two are recorded.
            Conflict: it is approved, or ended.

        """
        self._people.refuse_strangers(caller, now)
        with self._database.write() as tx:
            place = self._one(tx, number)
            if place.approved_at is not None or place.ended_at is not None:
                raise Conflict("that place is approved or ended already")
            own = caller.principal in {place.person, place.asked_by} and not self.one_person
            if not own:
                place = replace(place, approved_by=caller.principal, approved_at=now)
                self._save(tx, place)
            self._record(tx, caller, place, "approved", now, denied=own)
        if own:
            raise Denied("another person approves who may change storage")
        return place

    def review(self, caller: Caller, now: datetime) -> int:
        """State that the list is who may change hosts and storage in truth; return how many places that renews.

        The caller's own place stays as it is, but in a home of one person.

        Raises:
            Denied: the caller may not oversee.
            Conflict: there is nothing the caller could review.

        """
        self._people.refuse_strangers(caller, now)
        with self._database.write() as tx:
            places = [
                one
                for one in self._standing(tx)
                if one.approved_at is not None
                and (self.one_person or one.person != caller.principal)
            ]
            if not places:
                raise Conflict(
                    "there is nobody on the list but you", hint="another person reviews your place"
                )
            for one in places:
                held = self._one(tx, one.id)
                self._save(tx, replace(held, reviewed_by=caller.principal, reviewed_at=now))
                self._record(tx, caller, held, "reviewed", now)
        return len(places)

    def end(self, caller: Caller, number: int, now: datetime) -> None:
        """Take a person off the list, or turn down that they were asked for. Raises: NotFound, Denied, Conflict."""
        self._people.refuse_strangers(caller, now)
        with self._database.write() as tx:
            place = self._one(tx, number)
            if place.ended_at is not None:
                raise Conflict("that place is ended already")
            self._save(tx, replace(place, ended_at=now))
            self._record(tx, caller, place, "ended", now)

    # -- private ---------------------------------------------------------------------------------

    def _standing(self, tx: Transaction) -> list[Place]:
        listed = self._rows.listed(tx, _table.c.ended_at.is_(None), most=MOST)
        return [_place(number, content) for number, content in listed]

    def _one(self, tx: Transaction, number: int) -> Place:
        return _place(number, self._rows.one(tx, number, to_change=True))

    def _save(self, tx: Transaction, place: Place) -> None:
        self._rows.save(tx, place.id, place, person_id=place.person, ended_at=place.ended_at)

    def _record(
        self,
        tx: Transaction,
        caller: Caller,
        place: Place,
        op: str,
        now: datetime,
        *,
        denied: bool = False,
    ) -> None:
        event = Event(
            EventType.STORAGE_ADMINISTRATORS_CHANGED,
            Outcome.DENIED if denied else Outcome.SUCCESS,
            caller,
            reason=Reason.SELF_REVIEW if denied else None,
            op=op,
            obj_kind=ObjKind.STORAGE,
            obj_ref=str(place.id),
            n=place.person,
        )
        self._audit.append(tx, event, now=now)


def _place(number: int, content: Content) -> Place:
    def at(name: str) -> datetime | None:
        text = content[name]
        return None if text is None else datetime.fromisoformat(text)

    return Place(
        number,
        PrincipalId(content["person"]),
        PrincipalId(content["asked_by"]),
        datetime.fromisoformat(content["asked_at"]),
        content["approved_by"],
        at("approved_at"),
        content["reviewed_by"],
        at("reviewed_at"),
        at("ended_at"),
    )
