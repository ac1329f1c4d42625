"""Puts the rooms of compliance together: what people keep, and what each part tells of the duties it serves."""

from dataclasses import dataclass, field

from strongroom.accounts import Accounts, Guard
from strongroom.alarms import Alarms
from strongroom.anchors import Anchors
from strongroom.audit import AuditLog
from strongroom.compliance.evidence import EvidenceStore
from strongroom.compliance.keepers import Keepers
from strongroom.compliance.overseen import Overseen
from strongroom.compliance.writings import Writings
from strongroom.db.engine import Database
from strongroom.terms import Environment
from strongroom.vault import GrantStore


@dataclass(frozen=True, slots=True)
class Compliance:
    """The rooms of one home."""

    writings: Writings = field(repr=False)
    keepers: Keepers
    evidence: EvidenceStore
    overseen: tuple[Overseen, ...]
    """Every room with a part in keeping duties, for the board and the calendar."""

    @classmethod
    def wired(  # noqa: PLR0913 - wired once, by name
        cls,
        key: bytes,
        environment: Environment,
        *,
        database: Database,
        audit: AuditLog,
        accounts: Accounts,
        grants: GrantStore,
        guard: Guard,
        alarms: Alarms,
        anchors: Anchors,
    ) -> "Compliance":
        """Return the rooms; `key` (32 bytes) seals what people write."""
        writings = Writings(key, environment)
        keepers = Keepers(accounts, grants, guard, alarms.acting)
        evidence = EvidenceStore(
            database,
            audit,
            writings,
            may=keepers.may,
            is_active=keepers.is_active,
            stamp=anchors.stamp_text,
        )
        return cls(writings, keepers, evidence, (evidence,))
