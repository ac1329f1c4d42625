"""What suppliers tell of the duty they serve: everybody who gets the data is registered, bound and assessed [3]."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from strongroom.assurance.suppliers.supplier import Role, Supplier
from strongroom.assurance.suppliers.suppliers import Suppliers
from strongroom.compliance.overseen import Due, DutyId, Finding, Office, Verdict

AUDITABLE: Final = DutyId("3-f")
PATH: Final = "/suppliers"
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class SuppliersOverseen:
    """The part of suppliers in keeping duties."""

    suppliers: Suppliers
    destinations: Callable[[datetime], Iterable[str]]
    """Names of the relay's destinations that are in use."""

    def findings(self, now: datetime) -> Mapping[DutyId, Finding]:
        """Return what it sees of the duty."""
        return {AUDITABLE: judged(self.suppliers.listed(), self.destinations(now), now)}

    def dues(self, now: datetime) -> Iterable[Due]:
        """Return when each is assessed again."""
        for one in self.suppliers.listed():
            yield Due(
                f"Assess supplier {one.id}",
                f"{PATH}/{one.id}",
                one.assess_by or max(one.added.at, now),
                office=Office.SECURITY_OWNER,
                duty=AUDITABLE,
            )


def judged(register: Iterable[Supplier], destinations: Iterable[str], now: datetime) -> Finding:
    """Return what the register proves. Pure."""
    entries = list(register)
    if not any(one.role is Role.FACILITY for one in entries):
        return Finding(
            Verdict.FAIL,
            "no facility is on the register, not even our own",
            remedy=f"write down at {PATH} where the data is handled and kept",
        )
    known = {name for one in entries for name in one.destinations}
    if strangers := sorted(set(destinations) - known):
        return Finding(
            Verdict.FAIL,
            f"the relay sends data to whom no supplier stands for: {_some(strangers)}",
            remedy=f"tie each destination to a supplier at {PATH}, or end it",
        )
    lacking = [(one, faults) for one in entries if (faults := one.faults(now))]
    if lacking:
        told = "; ".join(f"{one.id}: {', '.join(faults)}" for one, faults in lacking[:_SHOWN])
        return Finding(
            Verdict.FAIL,
            f"{len(lacking)} suppliers or facilities lack something: {told}",
            remedy=f"keep the contract, have another person assess it, at {PATH}",
        )
    others = sum(one.role is Role.SUBCONTRACTOR for one in entries)
    proof = tuple(
        f"supplier {one.id}, assessed on {one.assessments[-1].at:%Y-%m-%d}"
        for one in entries[:_SHOWN]
    )
    return Finding(
        Verdict.PASS,
        f"{len(entries) - others} facilities and {others} subcontractors are registered, bound and assessed",
        proof,
    )


def _some(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
