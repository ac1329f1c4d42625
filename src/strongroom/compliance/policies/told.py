"""What the log says of the house's documents: the word that counts, whatever stands in a row [2.2, 2.6].

A row can be edited by whoever has the database; an entry of the log cannot. Each time only what came since is read.
"""

import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from strongroom.audit import AuditLog, EventType, Outcome
from strongroom.compliance.policies.kinds import Kind
from strongroom.terms import PrincipalId

_TYPES: Final = (EventType.POLICY_APPROVED, EventType.POLICY_ACKNOWLEDGED)


@dataclass(frozen=True, slots=True)
class Approval:
    """One version that somebody approved."""

    version: int
    kind: Kind
    number: int
    digest: str
    approver: PrincipalId
    at: datetime
    alone: bool
    """In a home of one person, who wrote it as well."""
    entry: int
    """Its entry of the log."""


@dataclass(slots=True)
class _Known:
    upto: int = 0
    approvals: dict[int, Approval] = field(default_factory=dict)
    acknowledged: dict[tuple[int, str], dict[PrincipalId, datetime]] = field(default_factory=dict)


class Told:
    """The approvals and acknowledgements of one home by its log. Safe between threads."""

    def __init__(self, audit: AuditLog) -> None:
        self._audit = audit
        self._lock = threading.Lock()
        self._known = _Known()

    def approvals(self) -> dict[int, Approval]:
        """Return what was approved, by version, in its order."""
        with self._lock:
            self._read_on()
            return dict(self._known.approvals)

    def acknowledged(self, version: int, digest: str) -> dict[PrincipalId, datetime]:
        """Return who acknowledged exactly this text of this version, and when."""
        with self._lock:
            self._read_on()
            return dict(self._known.acknowledged.get((version, digest), {}))

    def _read_on(self) -> None:
        known = self._known
        for entry in self._audit.of_types(_TYPES, first=known.upto):
            known.upto = entry.seq + 1
            body = entry.body
            if entry.outcome != Outcome.SUCCESS.value or not body:
                continue
            version, who = int(body["obj"]["ref"]), PrincipalId(body["actor"]["id"])
            at, digest = datetime.fromisoformat(body["t"]), body["chg"][0]["after"]
            if entry.type == EventType.POLICY_APPROVED.value:
                kind, _, alone = body["op"].partition(".")
                known.approvals[version] = Approval(
                    version,
                    Kind(kind),
                    body["n"],
                    digest,
                    who,
                    at,
                    bool(alone),
                    entry.seq,
                )
            else:
                known.acknowledged.setdefault((version, digest), {})[who] = at
