"""Puts the rooms of compliance together: what people keep, and what each part tells of the duties it serves."""

from dataclasses import dataclass, field

from strongroom.compliance.findings import Findings
from strongroom.compliance.overseen import Overseen
from strongroom.compliance.writings import Writings
from strongroom.db.engine import Database
from strongroom.terms import Environment


@dataclass(frozen=True, slots=True)
class Compliance:
    """The rooms of one home."""

    writings: Writings = field(repr=False)
    findings: Findings
    overseen: tuple[Overseen, ...]
    """Every room with a part in keeping duties, for the board and the calendar."""

    @classmethod
    def wired(cls, database: Database, key: bytes, environment: Environment) -> "Compliance":
        """Return the rooms; `key` (32 bytes) seals what people write."""
        findings = Findings(database, key, environment)
        return cls(Writings(key, environment), findings, (findings,))
