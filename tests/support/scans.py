"""A register of scans in a world, and the reports that tools wrote about this repository."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from strongroom.assurance.scans import Scans
from strongroom.assurance.scans.spans import fix_within
from strongroom.compliance.duties import Edition
from strongroom.compliance.evidence import EvidenceStore
from strongroom.compliance.writings import Writings
from tests.vault.conftest import World

REPORTS = Path(__file__).parents[1] / "vectors" / "scans"
AT = datetime(2026, 12, 2, 8, 0, tzinfo=UTC)
"""A day after the tools ran."""
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def report(name: str) -> bytes:
    """Return a report."""
    return (REPORTS / name).read_bytes()


def register(world: World, edition: Edition = Edition.CURRENT) -> Scans:
    """Return the register of a world in which anybody may keep records."""
    writings = Writings(bytes(range(32)), world.environment)
    evidence = EvidenceStore(
        world.database,
        world.audit,
        writings,
        refuse_strangers=lambda _caller, _now: None,
        is_active=lambda _person, _now: True,
        stamp=lambda _text: None,
    )
    return Scans(
        world.database,
        world.audit,
        writings,
        evidence,
        refuse_strangers=lambda _caller, _now: None,
        within=fix_within(edition),
    )
