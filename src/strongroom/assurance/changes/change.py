"""What a change is, in which order its stamps come, and which facts of storage it explains [1.6, 2.7]. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from strongroom.assurance.stamps import Stamp


class Kind(StrEnum):
    """What is changed."""

    STORAGE_HARDWARE = "storage_hardware"
    STORAGE_VOLUME = "storage_volume"
    DATABASE_HOST = "database_host"
    SYSTEM = "system"
    CONTROLS = "controls"
    ENVIRONMENT = "environment"
    SUPPLY_CHAIN = "supply_chain"
    RISK_LEVEL = "risk_level"


KINDS: Final[Mapping[Kind, str]] = {
    Kind.STORAGE_HARDWARE: "Storage hardware",
    Kind.STORAGE_VOLUME: "Storage volume",
    Kind.DATABASE_HOST: "Database host",
    Kind.SYSTEM: "System",
    Kind.CONTROLS: "Controls",
    Kind.ENVIRONMENT: "Operational environment",
    Kind.SUPPLY_CHAIN: "Supply chain",
    Kind.RISK_LEVEL: "Risk level",
}
"""Each kind as pages name it."""

STORAGE: Final = frozenset({Kind.STORAGE_HARDWARE, Kind.STORAGE_VOLUME, Kind.DATABASE_HOST})
"""Opened and closed by named people only [2.7]."""

_VOLUMES: Final = frozenset(
    f"{place}.{what}"
    for place in ("home", "database")
    for what in ("device", "filesystem", "volume")
)
_HOST: Final = frozenset({"database.engine", "database.host", "database.system"})

EXPLAINS: Final[Mapping[Kind, frozenset[str]]] = {
    Kind.STORAGE_HARDWARE: _VOLUMES,
    Kind.STORAGE_VOLUME: _VOLUMES,
    Kind.DATABASE_HOST: _HOST | {fact for fact in _VOLUMES if fact.startswith("database.")},
    Kind.SYSTEM: frozenset({"machine.system"}),
    Kind.ENVIRONMENT: frozenset({"machine.system"}),
}
"""Which facts of storage may be others after a change of a kind; a change of another kind explains none."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change. Texts are what people wrote; no stamp is moved once it is there."""

    id: int
    kind: Kind
    title: str = field(repr=False)
    what: str = field(repr=False)
    back_out: str = field(repr=False)
    risk: str = field(repr=False)
    opened: Stamp
    tested: Stamp | None = None
    test_passed: bool | None = None
    test_result: str = field(default="", repr=False)
    evidence: int | None = None
    """The number of an item in the evidence store."""
    verified: Stamp | None = None
    approved: Stamp | None = None
    alone: bool = False
    """In a home of one person, who did all of it."""
    rejected: Stamp | None = None
    closed: Stamp | None = None
    done_at: datetime | None = None
    major: bool | None = None
    major_reason: str = field(default="", repr=False)

    @property
    def is_open(self) -> bool:
        """Whether it is neither closed nor rejected."""
        return self.closed is None and self.rejected is None

    @property
    def is_storage(self) -> bool:
        """Whether only named people open and close it."""
        return self.kind in STORAGE

    @property
    def state(self) -> str:
        """Return `rejected`, `closed`, or the step it waits for: `test`, `verify`, `approve`, `close`."""
        if self.rejected is not None:
            return "rejected"
        if self.closed is not None:
            return "closed"
        if self.tested is None or not self.test_passed:
            return "test"
        if self.verified is None:
            return "verify"
        return "approve" if self.approved is None else "close"


def out_of_order(change: Change) -> str | None:
    """Return what is wrong with the stamps of a closed change; None where they are there, in order.

    Tested, verified, approved, done, closed; who verified and who approved did neither ask for it nor test it, but in a
    home of one person.
    """
    stamps = (change.tested, change.verified, change.approved, change.closed)
    named = ("tested with success", "verified", "approved", "closed")
    lacking = [word for word, stamp in zip(named, stamps, strict=True) if stamp is None]
    if not change.test_passed or lacking:
        return f"it was not {(lacking or list(named))[0]}"
    there = [stamp for stamp in stamps if stamp is not None]
    instants = [change.opened.at, *(stamp.at for stamp in there)]
    # It is done between its approval and its close.
    instants.insert(-1, change.done_at or change.opened.at)
    if instants != sorted(instants):
        return "its stamps are not in order"
    tested, verified, approved, _ = there
    own = {change.opened.by, tested.by}
    if not change.alone and own & {verified.by, approved.by}:
        return "who asked for it or tested it also verified or approved it"
    return None


def differences(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return the names of the facts that are others than they were, of either side."""
    return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
