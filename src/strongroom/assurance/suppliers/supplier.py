"""What a supplier or facility is, and what it lacks: a contract by which Amazon may audit, an assessment [3]. Pure."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from strongroom.assurance.stamps import Stamp
from strongroom.terms import PrincipalId

ASSESSED_EVERY: Final = timedelta(days=365)
"""How long an assessment counts."""


class Role(StrEnum):
    """What it is to us."""

    SUBCONTRACTOR = "subcontractor"
    """Another company that gets the data, or could."""
    FACILITY = "facility"
    """A place of our own where it is handled or kept."""


@dataclass(frozen=True, slots=True)
class Contract:
    """The contract with a subcontractor, as it lies in the evidence store."""

    evidence: int
    audit_clause: bool
    """It lets Amazon audit there."""
    stated: Stamp


@dataclass(frozen=True, slots=True)
class Assessed:
    """One look at how it protects the data."""

    passed: bool
    note: str = field(repr=False)
    evidence: int | None
    by: PrincipalId
    at: datetime


@dataclass(frozen=True, slots=True)
class Supplier:
    """One subcontractor or facility, from being written down to its end."""

    id: int
    role: Role
    name: str = field(repr=False)
    does: str = field(repr=False)
    """What it does with the data."""
    countries: tuple[str, ...]
    """Where, by ISO 3166 codes of two letters."""
    destinations: tuple[str, ...]
    """Destinations of the relay that are this one."""
    added: Stamp
    """Who wrote it down, or anew, last."""
    contract: Contract | None = None
    assessments: tuple[Assessed, ...] = ()
    ended: Stamp | None = None

    @property
    def assess_by(self) -> datetime | None:
        """By when it is assessed again; None: no assessment counts."""
        last = self.assessments[-1] if self.assessments else None
        if last is None or not last.passed or last.at < self.added.at:
            return None
        return last.at + ASSESSED_EVERY

    def faults(self, now: datetime) -> list[str]:
        """Return what it lacks, as parts of sentences; nothing where it may have the data."""
        lacks = []
        if self.role is Role.SUBCONTRACTOR:
            if self.contract is None:
                lacks.append("its contract is not kept")
            elif not self.contract.audit_clause:
                lacks.append("its contract does not let Amazon audit")
        by = self.assess_by
        if not self.assessments:
            lacks.append("it was not assessed")
        elif not self.assessments[-1].passed:
            lacks.append("it did not pass its last assessment")
        elif by is None:
            lacks.append("it was written anew since its last assessment")
        elif now >= by:
            lacks.append("its last assessment is older than a year")
        return lacks
