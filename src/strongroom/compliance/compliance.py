"""Puts the rooms of compliance together: what people keep, and what each part tells of the duties it serves."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from strongroom.accounts import Accounts, Networks
from strongroom.accounts.guard import Guard
from strongroom.alarms import AlarmKind, Alarms
from strongroom.anchors import Anchors
from strongroom.audit import AuditLog
from strongroom.compliance.administrators import administrators
from strongroom.compliance.agenda import Agenda
from strongroom.compliance.duties import Duties, Edition, Entitled, Item
from strongroom.compliance.evidence import EvidenceStore
from strongroom.compliance.feed_passwords import FeedPasswords
from strongroom.compliance.findings import Findings
from strongroom.compliance.incidents import Incidents, Mailing
from strongroom.compliance.offices import Offices
from strongroom.compliance.overseen import Office, Overseen
from strongroom.compliance.people import People
from strongroom.compliance.policies import Policies, PolicyDuties, Published, known_of
from strongroom.compliance.processing import Processing
from strongroom.compliance.register import Register
from strongroom.compliance.registers import Registers
from strongroom.compliance.seen_systems import looking, marketplaces_of
from strongroom.compliance.work import WorkBook
from strongroom.compliance.writings import Writings
from strongroom.db.engine import Database
from strongroom.feeds import Outbox
from strongroom.feeds.targets import Targets
from strongroom.terms import Environment, PrincipalId
from strongroom.vault import GrantStore


@dataclass(frozen=True, slots=True)
class Compliance:
    """The rooms of one home."""

    writings: Writings = field(repr=False)
    findings: Findings
    people: People
    offices: Offices
    work: WorkBook
    registers: Registers
    feeds: FeedPasswords = field(repr=False)
    evidence: EvidenceStore
    incidents: Incidents
    duties: Duties
    policies: Policies
    published: Published
    processing: Processing
    at_once: Callable[[], AbstractContextManager[None]] = field(repr=False)
    """Have all of them answer of one state, for a page that asks many; as `Database.at_once`."""
    overseen: tuple[Overseen, ...]
    """Every room with a part in keeping duties, for the board and the calendar."""

    def also(self, *rooms: Overseen) -> "Compliance":
        """Return them with rooms that lie above and have a part in keeping duties, too."""
        self.duties.asks_too(*rooms)
        return replace(self, overseen=(*self.overseen, *rooms))

    @property
    def agenda(self) -> Agenda:
        """What is due, of all rooms."""
        return Agenda(lambda: self.overseen, self.offices, self.at_once)

    @classmethod
    def wired(  # noqa: PLR0913 - wired once, by name
        cls,
        key: bytes,
        environment: Environment,
        database: Database,
        audit: AuditLog,
        *,
        accounts: Accounts,
        guard: Guard,
        grants: GrantStore,
        anchors: Anchors,
        alarms: Alarms,
        targets: Targets,
        outbox: Outbox,
        home: str,
        amazon_address: str,
        one_person: bool,
        edition: Edition,
        networks: Networks,
        privacy_url: str,
        privacy_ca: Path | None,
    ) -> "Compliance":
        """Return the rooms; `key` (32 bytes) seals what people write."""
        writings = Writings(key, environment)
        people = People(database, accounts, guard, grants)
        offices = Offices(database, audit, people, writings, one_person=one_person)
        work = WorkBook(
            database,
            audit,
            people,
            writings,
            current=edition is Edition.CURRENT,
            holders=offices.holders,
        )
        scope, risks, laws = (
            Register(name, database, audit, people, writings) for name in ("scope", "risk", "law")
        )
        registers = Registers(
            scope,
            risks,
            laws,
            seen=looking(accounts, targets, audit),
            marketplaces=marketplaces_of(database),
        )
        feeds = FeedPasswords(
            database,
            audit,
            key,
            environment,
            accounts=accounts,
            people=people,
            guard=guard,
            networks=networks,
        )
        findings = Findings(database, key, environment)
        evidence = EvidenceStore(
            database,
            audit,
            writings,
            refuse_strangers=people.refuse_strangers,
            is_active=lambda person, now: person in people.active(now),
            stamp=anchors.stamp_text,
        )
        incidents = Incidents.wired(
            database,
            audit,
            writings,
            people,
            evidence,
            accounts=accounts,
            grants=grants,
            alarms=alarms,
            mailing=Mailing(targets, outbox, amazon_address, home, os.urandom),
            administrators=lambda now: administrators(accounts, grants, now),
            speakers=lambda now: _speakers(people, offices, now),
            one_person=one_person,
        )
        policies = Policies(
            database,
            audit,
            people,
            one_person=one_person,
            rules=[kind.value for kind in AlarmKind],
            known=lambda now: known_of(offices, people, now),
        )
        published = Published(database, audit, policies, address=privacy_url, ca=privacy_ca)
        processing = Processing(
            database,
            audit,
            targets,
            owners=lambda now: offices.holders(Office.PRIVACY_OWNER, now),
        )
        rooms: tuple[Overseen, ...] = (
            findings,
            offices,
            evidence,
            work,
            registers,
            incidents,
            PolicyDuties(policies, published),
            processing,
        )
        entitled = Entitled(
            people.active,
            offices.holders,
            lambda now: administrators(accounts, grants, now),
            one_person,
        )

        def kept(number: int) -> Item:
            item, _steps = evidence.show(number)
            return Item(item.name, item.sha256)

        duties = Duties(database, audit, writings, entitled, rooms, edition=edition, evidence=kept)
        return cls(
            writings,
            findings,
            people,
            offices,
            work,
            registers,
            feeds,
            evidence,
            incidents,
            duties,
            policies,
            published,
            processing,
            database.at_once,
            (*rooms, duties),
        )


def _speakers(people: People, offices: Offices, now: datetime) -> dict[PrincipalId, str]:
    """Return the active people who have an office: those who might be asked about an incident."""
    held = {seat.person for seat in offices.seats(now)}
    return {person: name for person, name in people.active(now).items() if person in held}
