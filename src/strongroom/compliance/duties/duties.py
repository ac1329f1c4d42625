"""The board of clauses: every duty, how it stands, and what people state of it [1, 2, 3]."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from strongroom.audit import AuditLog
from strongroom.compliance.duties import catalogue
from strongroom.compliance.duties.board import Board, judge
from strongroom.compliance.duties.catalogue import Duty, Edition
from strongroom.compliance.duties.entitled import Entitled
from strongroom.compliance.duties.excuses import Excuses
from strongroom.compliance.duties.said import Item
from strongroom.compliance.duties.statements import Statements
from strongroom.compliance.overseen import Due, DutyId, Finding, Overseen
from strongroom.compliance.writings import Writings
from strongroom.db.engine import Database
from strongroom.policy.limits import STATEMENT_DUE_BEFORE

PATH: Final = "/clauses"
APPROVED_WITHIN: Final = timedelta(days=7)
"""How long an exception waits before its approval is past due."""


class Duties:
    """The board of one home. Rooms say what they see; this asks them, and writes no state down."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        writings: Writings,
        entitled: Entitled,
        rooms: Sequence[Overseen],
        *,
        edition: Edition,
        evidence: Callable[[int], Item],
    ) -> None:
        self.entitled = entitled
        self.statements = Statements(database, audit, writings, entitled)
        self.excuses = Excuses(database, audit, writings, entitled)
        self._database = database
        self.edition = edition
        """Which revisions are in force here."""
        self._rooms = list(rooms)
        self._evidence = evidence

    def asks_too(self, *rooms: Overseen) -> None:
        """Ask rooms that lie above, too."""
        self._rooms.extend(rooms)

    def board(self, now: datetime) -> Board:
        """Return how every duty stands at this instant."""
        with self._database.at_once():
            return self._board(now)

    def _board(self, now: datetime) -> Board:
        seen: dict[DutyId, list[Finding]] = {}
        for room in self._rooms:
            for duty, finding in room.findings(now).items():
                seen.setdefault(duty, []).append(finding)
        return judge(
            catalogue.duties().values(),
            self.edition,
            seen,
            self.statements.last(now),
            self.excuses.counting(now),
            now,
        )

    def kept(self, numbers: Sequence[int]) -> tuple[Item, ...]:
        """Return items of the evidence store, for a statement that refers to them. Raises: NotFound."""
        return tuple(self._evidence(number) for number in dict.fromkeys(numbers))

    def number(self, duty: DutyId, name: str) -> int | None:
        """Return the strictest number of the revisions in force, for who checks it. Raises: KeyError."""
        return catalogue.number(duty, name, self.edition)

    def findings(self, now: datetime) -> Mapping[DutyId, Finding]:  # noqa: ARG002 - as every room's
        """Return nothing: what this room sees of duties is what the others say."""
        return {}

    def dues(self, now: datetime) -> Iterator[Due]:
        """Return which statements are to be made again, which exceptions end, and which wait."""
        known = catalogue.duties()
        for statement in self.statements.last(now).values():
            duty = known.get(statement.duty)
            if duty is None:
                continue
            if statement.withdraws or not statement.sound:
                due_at = min(max(statement.made_at, now - APPROVED_WITHIN), now)
            else:
                due_at = statement.expires_at - STATEMENT_DUE_BEFORE
            yield _due(duty, "State again", due_at)
        for excuse in self.excuses.counting(now).values():
            yield _due(known[excuse.duty], "An exception ends", excuse.ends_at)
        for excuse in self.excuses.waiting(now):
            due_at = min(excuse.asked_at + APPROVED_WITHIN, excuse.ends_at)
            yield _due(known[excuse.duty], "Approve or reject an exception", due_at)


def _due(duty: Duty, what: str, due_at: datetime) -> Due:
    return Due(
        f"{what}: {duty.title} ({duty.id})",
        f"{PATH}/{duty.id}",
        due_at,
        office=duty.office,
        duty=duty.id,
    )
