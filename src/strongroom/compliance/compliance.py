"""Puts the rooms of compliance together: what people keep, and what each part tells of the duties it serves."""

from dataclasses import dataclass, field, replace

from strongroom.accounts import Accounts
from strongroom.accounts.guard import Guard
from strongroom.audit import AuditLog
from strongroom.compliance.findings import Findings
from strongroom.compliance.offices import Offices
from strongroom.compliance.overseen import Overseen
from strongroom.compliance.people import People
from strongroom.compliance.writings import Writings
from strongroom.db.engine import Database
from strongroom.terms import Environment
from strongroom.vault import GrantStore


@dataclass(frozen=True, slots=True)
class Compliance:
    """The rooms of one home."""

    writings: Writings = field(repr=False)
    findings: Findings
    people: People
    offices: Offices
    overseen: tuple[Overseen, ...]
    """Every room with a part in keeping duties, for the board and the calendar."""

    def also(self, *rooms: Overseen) -> "Compliance":
        """Return them with rooms that lie above and have a part in keeping duties, too."""
        return replace(self, overseen=(*self.overseen, *rooms))

    @classmethod
    def wired(
        cls,
        key: bytes,
        environment: Environment,
        database: Database,
        audit: AuditLog,
        *,
        accounts: Accounts,
        guard: Guard,
        grants: GrantStore,
        one_person: bool,
    ) -> "Compliance":
        """Return the rooms; `key` (32 bytes) seals what people write."""
        writings = Writings(key, environment)
        people = People(database, accounts, guard, grants)
        offices = Offices(database, audit, people, writings, one_person=one_person)
        findings = Findings(database, key, environment)
        return cls(writings, findings, people, offices, (findings, offices))
