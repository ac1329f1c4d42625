"""What a pack says, as one value: how each duty stands, what people did about it, and the log's own list of that [3].

Pure but for the reading of rooms. Nothing that people wrote is in it: numbers, states, instants and names of accounts
are, so that no sentence brings personal data to an auditor. Evidence is named by number and SHA-256.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from strongroom.audit.event_types import EventType
from strongroom.audit.reading import Entry
from strongroom.compliance.duties.board import KEPT, Board, Row, Status

FORMAT: Final = "strongroom/evidence-pack/v1"
MOST_LISTED: Final = 2000
"""Events that a pack names one by one; of more it has the newest, and says so."""
MOST_PROVED: Final = 500
"""Of these, how many come with their proofs."""

_LISTED: Final = (
    "agreement.", "alarm.changed", "alarm.drilled", "alarm.raised", "archive.", "assessment.", "asset.campaign.",
    "auditor.admitted", "auditor.ended", "backup.change.", "backup.drilled", "backup.overdue", "canary.checked",
    "change.", "clock.", "compliance.", "config.refused", "deletion.", "destination.", "duty.excuse.",
    "duty.stated", "duty.withdrawn", "erasure.finished", "evidence.collected", "evidence.disposed",
    "evidence.faulted", "grant.", "hold.", "home.", "incident.", "investigation.", "key.compromised", "key.rotated",
    "leak.", "lock.", "log.epoch.", "log.hold.", "log.prune", "log.verified", "network.change.", "office.", "pack.",
    "policy.", "principal.", "processing.confirmed", "questionnaire.", "register.reviewed", "release.", "review.",
    "role.", "scan.", "secret.", "staff.", "storage.", "subject.request.closed", "subject.request.due",
    "subject.request.extended", "subject.request.opened", "subject.request.replied", "supplier.",
    "vault.record.tampered", "vulnerability.", "work.",
)  # fmt: skip
"""What people and the house did about duties. What happens with every request is counted, not listed."""

LISTED_TYPES: Final = tuple(type_ for type_ in EventType if type_.value.startswith(_LISTED))

_WORST: Final = {status: at for at, status in enumerate(Status)}


@dataclass(frozen=True, slots=True)
class Period:
    """From the first instant to before the last one."""

    since: datetime
    until: datetime

    @property
    def name(self) -> str:
        """Return it as files are named."""
        return f"{self.since:%Y-%m-%d}-to-{self.until:%Y-%m-%d}"


@dataclass(frozen=True, slots=True)
class Account:
    """Everything that the files of one pack say."""

    home: str
    environment: str
    edition: str
    period: Period
    built_at: datetime
    built_by: str
    log_size: int
    """How many entries the log had; what came since is not told of."""
    rows: tuple[Row, ...]
    """Exceptions first, as `exceptions_first`."""
    counts: Mapping[str, int]
    registers: Mapping[str, Sequence[Mapping[str, Any]]]
    """Tables of rooms by name."""
    milestones: Sequence[Mapping[str, Any]]
    """The plan of action and milestones: what is not as it should be, and by when it will be."""
    events: Sequence[Entry] = field(repr=False)
    totals: Mapping[str, int] = field(repr=False)
    """Every type of event of the period, with how many there were."""
    left_out: int = 0
    """Older events of the listed types, which are counted only."""

    @property
    def blocking(self) -> tuple[Row, ...]:
        """Return what an audit would fail by."""
        return tuple(row for row in self.rows if row.blocks)


def exceptions_first(board: Board) -> tuple[Row, ...]:
    """Return the rows of a board: what is not kept, the worst state first, and then what is."""
    return tuple(sorted(board.rows, key=lambda row: (row.status in KEPT, _WORST[row.status])))


def written(at: datetime | None) -> str:
    """Return an instant as files have it; empty where there is none."""
    return "" if at is None else f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
