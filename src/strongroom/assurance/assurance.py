"""Puts the rooms of assurance together, and tells the board of clauses of them [2.3, 2.5, 2.7, 3]."""

from dataclasses import dataclass

from strongroom.accounts import Accounts
from strongroom.assurance.scans import Scans, ScansOverseen, Vulnerabilities
from strongroom.assurance.scans.spans import fix_within
from strongroom.audit import AuditLog
from strongroom.compliance.compliance import Compliance
from strongroom.compliance.overseen import Overseen
from strongroom.db.engine import Database
from strongroom.vault import GrantStore


@dataclass(frozen=True, slots=True)
class Assurance:
    """The rooms of one home."""

    scans: Scans
    vulnerabilities: Vulnerabilities
    scan_duties: ScansOverseen
    overseen: tuple[Overseen, ...]
    """Those with a part in keeping duties."""

    @classmethod
    def over(
        cls,
        compliance: Compliance,
        database: Database,
        audit: AuditLog,
        *,
        accounts: Accounts,
        grants: GrantStore,
        one_person: bool,
    ) -> "tuple[Compliance, Assurance]":
        """Return the rooms of compliance, which ask these too, and these."""
        del accounts, grants, one_person
        scans = Scans(
            database,
            audit,
            compliance.writings,
            compliance.evidence,
            refuse_strangers=compliance.people.refuse_strangers,
            within=fix_within(compliance.duties.edition),
        )
        vulnerabilities = Vulnerabilities(
            database,
            audit,
            compliance.writings,
            compliance.duties.entitled,
            refuse_strangers=compliance.people.refuse_strangers,
        )
        scan_duties = ScansOverseen(database, scans, vulnerabilities, compliance.duties.edition)
        made = cls(scans, vulnerabilities, scan_duties, overseen=(scan_duties,))
        return compliance.also(*made.overseen), made
