"""A log of years, and the two people who decide how long it is kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from strongroom.audit import AuditLog
from strongroom.compliance import Keeping
from strongroom.compliance.keeping import ChangeKind, KeepingChange, Pruning
from strongroom.terms import AuthMethod, Caller, PrincipalId, PrincipalKind
from tests.support.audit import NOW, Bench, revealed

ANNA = Caller(PrincipalId(1), PrincipalKind.PERSON, "anna", AuthMethod.CONSOLE)
BORIS = Caller(PrincipalId(2), PrincipalKind.PERSON, "boris", AuthMethod.CONSOLE)
WHY = "the work has ended"
LAST_DAY = NOW.date()
LATER = NOW + timedelta(days=500)
"""Long after the agreement's end and the twelve months that follow it."""


@dataclass
class Archive:
    """A log whose first events are of `NOW`, and the rules it is kept by."""

    bench: Bench
    one_person: bool = False
    anchored: bool = True
    log: AuditLog = field(init=False)
    keeping: Keeping = field(init=False)

    def __post_init__(self) -> None:
        self.log = self.bench.start()
        self.keeping = Keeping(
            self.bench.database,
            self.log,
            one_person=self.one_person,
            anchored=lambda size: self.anchored and self.log.is_published(size),
        )

    def fill(self, number: int, at: datetime = NOW) -> None:
        """Append that many events of one instant, and publish."""
        with self.bench.database.write() as tx:
            self.log.append(tx, *map(revealed, range(number)), now=at)
        self.log.checkpoint(at)

    def both(self, asked: KeepingChange, now: datetime = LATER) -> KeepingChange:
        """Have Boris approve what Anna asked for."""
        return self.keeping.approve(asked.id, list(ChangeKind), BORIS, now)

    def end_agreement(self, at: datetime = NOW) -> None:
        """Set the agreement's last day."""
        self.both(self.keeping.request_end(LAST_DAY, WHY, ANNA, at), at)

    def prune(self, now: datetime = LATER, end: int | None = None) -> Pruning:
        """Ask for it, approve it, publish, and take away."""
        self.both(self.keeping.request_prune(end, WHY, ANNA, now), now)
        self.log.checkpoint(now)
        return self.keeping.run(now)

    def faults(self) -> list[str]:
        """Return what verifying the whole log finds."""
        return self.log.verify().faults
