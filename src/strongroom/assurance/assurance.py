"""Puts the rooms of assurance together, and tells the board of clauses of them [2.3, 2.5, 2.7, 3]."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from strongroom.accounts import Accounts
from strongroom.assurance.assets import Assets
from strongroom.assurance.audits import Assessments, AuditsOverseen, Seats
from strongroom.assurance.changes import Changes, ChangesOverseen, StorageAdministrators
from strongroom.assurance.changes.storage import storage_facts
from strongroom.assurance.packs import Certifying, Packs, PacksOverseen, Registers
from strongroom.assurance.questionnaire import Answers
from strongroom.assurance.releases import Releases, ReleasesOverseen, deployed
from strongroom.assurance.scans import Scans, ScansOverseen, Vulnerabilities
from strongroom.assurance.scans.spans import fix_within
from strongroom.assurance.staff import Staff, StaffOverseen
from strongroom.assurance.suppliers import Suppliers, SuppliersOverseen
from strongroom.audit import AuditLog
from strongroom.compliance.compliance import Compliance
from strongroom.compliance.incidents import Practice
from strongroom.compliance.overseen import Overseen
from strongroom.compliance.policies import Kind
from strongroom.crypto.note import Signer
from strongroom.db.engine import Database
from strongroom.leaks.markers import Markers
from strongroom.vault import GrantStore
from strongroom.vault.canaries import Canaries


@dataclass(frozen=True, slots=True)
class Assurance:
    """The rooms of one home."""

    assets: Assets
    scans: Scans
    vulnerabilities: Vulnerabilities
    scan_duties: ScansOverseen
    changes: Changes
    changes_overseen: ChangesOverseen
    audits: Assessments
    audits_overseen: AuditsOverseen
    releases: Releases
    releases_overseen: ReleasesOverseen
    packs: Packs
    certifying: Certifying
    staff: Staff
    suppliers: Suppliers
    suppliers_overseen: SuppliersOverseen
    questionnaire: Answers
    overseen: tuple[Overseen, ...]
    """Those with a part in keeping duties."""

    @classmethod
    def over(  # noqa: PLR0913 - wired once, by name
        cls,
        compliance: Compliance,
        database: Database,
        audit: AuditLog,
        *,
        accounts: Accounts,
        grants: GrantStore,
        one_person: bool,
        home: Path,
        home_id: str,
        environment: str,
        signing: bytes,
        canaries: Canaries,
    ) -> "tuple[Compliance, Assurance]":
        """Return the rooms of compliance, which ask these too, and these."""
        assets = Assets.wired(compliance, database, audit)
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
        scan_duties = ScansOverseen(
            database,
            scans,
            vulnerabilities,
            compliance.duties.edition,
            assets.inventory.scannable,
        )
        people, writings = compliance.people, compliance.writings
        changes = Changes(
            database,
            audit,
            people,
            writings,
            StorageAdministrators(database, audit, people, writings, one_person=one_person),
            facts=lambda: storage_facts(home, database),
            evidence=compliance.evidence.show,
            one_person=one_person,
        )
        changed = ChangesOverseen(changes, lambda now: _plan_reviewed_at(compliance, now))
        seats = Seats(
            database,
            audit,
            people,
            writings,
            has_grants=lambda person, now: any(
                row.state(now) == "active" for row in grants.all(person)
            ),
        )
        audits = Assessments(database, audit, people, writings, compliance.evidence, seats)
        audits_overseen = AuditsOverseen(audits)
        releases = Releases(database, audit, people, writings, scans, one_person=one_person)
        released = ReleasesOverseen(releases, deployed())
        staff = Staff(
            database,
            audit,
            people,
            writings,
            compliance.evidence,
            accounts,
            unread=lambda person, now: len(compliance.policies.waiting_for(person, now)),
            grants=lambda person, now: sum(
                row.state(now) == "active" for row in grants.all(person)
            ),
            one_person=one_person,
        )
        suppliers = Suppliers(
            database, audit, people, writings, compliance.evidence, one_person=one_person
        )
        supplied = SuppliersOverseen(
            suppliers,
            lambda now: (
                one.title for one in compliance.registers.seen(now) if one.kind == "destination"
            ),
        )
        questionnaire = Answers(
            database, audit, people, writings, compliance.duties, one_person=one_person
        )
        registers = Registers(
            compliance,
            assets,
            scans,
            vulnerabilities,
            changes,
            releases,
            audits,
            suppliers,
            people.name_of,
        )
        markers = Markers(canaries)
        packs = Packs(
            audit,
            compliance,
            registers,
            Signer(f"strongroom.invalid/pack/{home_id}", signing),
            marked=lambda content: markers.find(content) is not None,
            home_id=home_id,
            environment=environment,
        )
        made = cls(
            assets=assets,
            scans=scans,
            vulnerabilities=vulnerabilities,
            scan_duties=scan_duties,
            changes=changes,
            changes_overseen=changed,
            audits=audits,
            audits_overseen=audits_overseen,
            releases=releases,
            releases_overseen=released,
            packs=packs,
            certifying=Certifying(packs, audits, compliance.offices, one_person),
            staff=staff,
            suppliers=suppliers,
            suppliers_overseen=supplied,
            questionnaire=questionnaire,
            overseen=(
                assets.duties,
                scan_duties,
                changed,
                released,
                audits_overseen,
                PacksOverseen(packs),
                supplied,
                StaffOverseen(staff),
            ),
        )
        return compliance.also(*made.overseen), made


def _plan_reviewed_at(compliance: Compliance, now: datetime) -> datetime | None:
    """Return when the incident plan was approved, or its review recorded, last [1.6]."""
    approved = compliance.policies.standing(Kind.INCIDENT_PLAN, now).approval
    reviewed = compliance.incidents.practices.last(Practice.REVIEW)
    instants = [one.at for one in (approved, reviewed) if one is not None]
    return max(instants, default=None)
