"""The parts of the room, put together once for a home."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from strongroom.accounts import Accounts
from strongroom.alarms import Alarms
from strongroom.audit import AuditLog
from strongroom.compliance.evidence import EvidenceStore
from strongroom.compliance.incidents.cases import Cases, Shown
from strongroom.compliance.incidents.containing import Containing
from strongroom.compliance.incidents.overseeing import Overseeing
from strongroom.compliance.incidents.pack import Drawn, pack
from strongroom.compliance.incidents.practice import Practices
from strongroom.compliance.incidents.reminding import remind
from strongroom.compliance.incidents.room import Room
from strongroom.compliance.incidents.sending import Sending
from strongroom.compliance.incidents.store import Store
from strongroom.compliance.incidents.telling import Telling
from strongroom.compliance.overseen import Due, DutyId, Finding
from strongroom.compliance.people import People
from strongroom.compliance.writings import Writings
from strongroom.db.engine import Database
from strongroom.feeds import Outbox
from strongroom.feeds.targets import Targets
from strongroom.terms import Caller, PrincipalId
from strongroom.vault import GrantStore


@dataclass(frozen=True, slots=True)
class Mailing:
    """By what a notification leaves: where channels are kept, Amazon's address, the home's name, and random bytes."""

    targets: Targets
    outbox: Outbox
    address: str
    home: str
    entropy: Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Incidents:
    """The incidents of one home."""

    cases: Cases
    telling: Telling
    containing: Containing
    practices: Practices
    _overseeing: Overseeing = field(repr=False)
    _room: Room = field(repr=False)
    _outbox: Outbox = field(repr=False)

    @classmethod
    def wired(  # noqa: PLR0913 - wired once, by name
        cls,
        database: Database,
        audit: AuditLog,
        writings: Writings,
        people: People,
        evidence: EvidenceStore,
        *,
        accounts: Accounts,
        grants: GrantStore,
        alarms: Alarms,
        mailing: Mailing,
        administrators: Callable[[datetime], Collection[PrincipalId]],
        speakers: Callable[[datetime], Mapping[PrincipalId, str]],
        one_person: bool,
    ) -> Self:
        """Return the parts, wired; `speakers` are those who have an office at an instant."""
        room = Room(database, audit, Store(writings), people, evidence, one_person=one_person)
        sending = Sending(mailing.targets, mailing.home, mailing.entropy)
        practices = Practices(room, sending, mailing.address)
        telling = Telling(room, sending, mailing.address)
        return cls(
            Cases(room, alarms.investigations),
            telling,
            Containing(room, accounts, grants, alarms.acting, mailing.targets, administrators),
            practices,
            Overseeing(
                room,
                practices,
                alarms.investigations,
                address=mailing.address,
                can_send=lambda: telling.can_send,
                speakers=speakers,
            ),
            room,
            mailing.outbox,
        )

    def findings(self, now: datetime) -> Mapping[DutyId, Finding]:
        """Return what is seen of each duty this room has a part in."""
        return self._overseeing.findings(now)

    def dues(self, now: datetime) -> list[Due]:
        """Return the clocks that run, and what is to be done again."""
        return list(self._overseeing.dues(now))

    def remind(self, now: datetime) -> list[tuple[int, str]]:
        """Tell people of each clock that passed an hour nobody was told of; return case and hour."""
        return remind(self._room, self._outbox, now)

    def pack(self, shown: Shown, draw: Drawn, caller: Caller, now: datetime) -> tuple[str, bytes]:
        """Return a case's documentation as Amazon would get it, its name first. Raises: Tampered, Denied."""
        people = self._room.people
        return pack(self._room, self.practices, shown, draw, people.name_of, caller, now)
