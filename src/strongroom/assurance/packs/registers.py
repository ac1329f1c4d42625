"""Reads the tables of a pack out of the rooms: what is open, what was done, by when the rest will be [1.6, 2.7, 3].

Only numbers, states, instants and names of accounts are taken; what people wrote stays where it is.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from strongroom.assurance.assets import Assets
from strongroom.assurance.audits import Assessments
from strongroom.assurance.changes import Changes
from strongroom.assurance.packs.account import written
from strongroom.assurance.releases import Releases
from strongroom.assurance.scans import Scans, Vulnerabilities
from strongroom.assurance.scans.scan import State
from strongroom.assurance.scans.vulnerabilities import Filter
from strongroom.assurance.suppliers import Suppliers
from strongroom.compliance.compliance import Compliance
from strongroom.compliance.duties.board import Board, Status
from strongroom.terms import PrincipalId

MOST_ROWS: Final = 1000
"""Of one table; the newest."""

Table = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Registers:
    """The rooms whose tables a pack has."""

    compliance: Compliance
    assets: Assets
    scans: Scans
    vulnerabilities: Vulnerabilities
    changes: Changes
    releases: Releases
    audits: Assessments
    suppliers: Suppliers
    name_of: Callable[[PrincipalId], str]

    def read(self, now: datetime) -> dict[str, Table]:
        """Return every table by its name. Raises: Tampered: a room's rows are not what was kept."""
        return {
            "assets": [
                {"state": str(state), "things": n}
                for state, n in sorted(self.assets.inventory.counts(now).items())
            ],
            "audits": self._audits(),
            "changes": self._changes(),
            "evidence": self._evidence(),
            "findings": self._findings(now),
            "incidents": self._incidents(),
            "inventories": [
                {
                    "campaign": one.id,
                    "started_at": written(one.started_at),
                    "signed_at": written(one.closed_at),
                    "signed_by": self._name(one.closed_by),
                    "things": one.assets,
                    "sha256": one.digest or "",
                }
                for one in self.assets.campaigns.listed()
            ],
            "releases": self._releases(),
            "scans": self._scans(),
            "suppliers": self._suppliers(now),
        }

    def milestones(self, board: Board) -> list[dict[str, Any]]:
        """Return the plan of action: duties that are not kept, and what an audit found that is not approved yet."""
        rows: list[dict[str, Any]] = [
            {
                "item": f"duty {row.duty.id}",
                "what": row.duty.title,
                "status": row.status.value,
                "weakness": row.why,
                "remedy": row.remedy,
                "office": row.office.value,
                "due_at": written(row.due_at),
                "accepted_until": "" if row.excuse is None else written(row.excuse.ends_at),
            }
            for row in board.rows
            if row.blocks or row.status is Status.EXCEPTION
        ]
        rows += [
            {
                "item": f"audit {one.assessment}, finding {one.id}",
                "what": "What an audit found",
                "status": f"waits for {one.state}",
                "weakness": "",
                "remedy": "plan, evidence, and Amazon's approval in writing",
                "office": "executive",
                "due_at": written(one.agreed_until),
                "accepted_until": "",
            }
            for one in self.audits.found()
            if one.approved is None
        ]
        return rows

    # -- private ---------------------------------------------------------------------------------

    def _name(self, person: PrincipalId | None) -> str:
        return "" if person is None else self.name_of(person)

    def _audits(self) -> Table:
        rows = []
        for one in self.audits.listed():
            _, asked, found = self.audits.show(one.id)
            rows.append(
                {
                    "audit": one.id,
                    "opened_at": written(one.opened.at),
                    "closed_at": written(None if one.closed is None else one.closed.at),
                    "requests": len(asked),
                    "requests_open": sum(each.accepted is None for each in asked),
                    "findings": len(found),
                    "findings_open": sum(each.approved is None for each in found),
                }
            )
        return rows

    def _changes(self) -> Table:
        return [
            {
                "change": one.id,
                "kind": one.kind.value,
                "state": one.state,
                "opened_at": written(one.opened.at),
                "opened_by": self._name(one.opened.by),
                "tested_by": self._name(None if one.tested is None else one.tested.by),
                "verified_by": self._name(None if one.verified is None else one.verified.by),
                "approved_by": self._name(None if one.approved is None else one.approved.by),
                "closed_at": written(None if one.closed is None else one.closed.at),
                "major": "" if one.major is None else "yes" if one.major else "no",
                "one_person": "yes" if one.alone else "no",
                "evidence": "" if one.evidence is None else one.evidence,
            }
            for one in self.changes.listed(most=MOST_ROWS)
        ]

    def _evidence(self) -> Table:
        return [
            {
                "evidence": one.id,
                "belongs": f"{one.belongs.kind} {one.belongs.ref}",
                "sha256": one.sha256,
                "bytes": one.size_bytes,
                "collected_at": written(one.collected_at),
                "checked_at": written(one.checked_at),
                "stamped_at": written(one.stamped_at),
                "disposed_at": written(one.disposed_at),
            }
            for one in self.compliance.evidence.listed()
        ]

    def _findings(self, now: datetime) -> Table:
        return [
            {
                "finding": one.id,
                "tool": one.tool,
                "kind": one.kind.value,
                "severity": one.severity.word,
                "state": one.state.value,
                "seen_at": written(one.seen_at),
                "due_at": written(one.due_at),
                "days_left": "" if (left := one.days_left(now)) is None else left,
                "excused_until": written(one.excused_until),
            }
            for one in self.vulnerabilities.listed(Filter(state=State.OPEN), now, most=MOST_ROWS)
        ]

    def _incidents(self) -> Table:
        return [
            {
                "incident": one.id,
                "kind": one.kind,
                "alarm": "" if one.alarm_id is None else one.alarm_id,
                "detected_at": written(one.detected_at),
                "suspected_at": written(one.suspected_at),
                "clock_from": written(one.clock_at),
                "contained_at": written(one.contained_at),
                "amazon_told_at": written(one.notified_at),
                "approved_at": written(one.approved_at),
                "no_incident_at": written(one.cleared_at),
                "closed_at": written(one.closed_at),
                "lead": self._name(one.lead_id),
            }
            for one in self.compliance.incidents.cases.listed()
        ]

    def _releases(self) -> Table:
        return [
            {
                "release": one.id,
                "commit": one.commit,
                "state": one.state,
                "recorded_at": written(one.recorded_at),
                "recorded_by": self._name(one.recorded_by),
                "approved_at": written(one.approved_at),
                "approved_by": self._name(one.approved_by),
                "scans": " ".join(str(scan.number) for scan in one.scans),
                "tests_passed": one.passed,
                "one_person": "yes" if one.alone else "no",
            }
            for one in self.releases.listed(MOST_ROWS)
        ]

    def _suppliers(self, now: datetime) -> Table:
        return [
            {
                "supplier": one.id,
                "role": one.role.value,
                "countries": " ".join(one.countries),
                "contract": "" if one.contract is None else one.contract.evidence,
                "assessed_at": written(one.assessments[-1].at if one.assessments else None),
                "assess_by": written(one.assess_by),
                "lacks": "; ".join(one.faults(now)),
            }
            for one in self.suppliers.listed()
        ]

    def _scans(self) -> Table:
        return [
            {
                "scan": one.number,
                "tool": one.tool,
                "kind": one.kind.value,
                "commit": one.commit or "",
                "scanned_at": written(one.scanned_at),
                "quality": one.quality.value,
                "found": one.found,
                "created": one.created,
                "untouched": one.untouched,
                "closed": one.closed,
                "reopened": one.reopened,
                "evidence": "" if one.evidence is None else one.evidence,
            }
            for one in self.scans.listed(most=MOST_ROWS)
        ]
