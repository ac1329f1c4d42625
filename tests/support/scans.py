"""A register of scans in a world, and the reports that tools wrote about this repository."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from strongroom.assurance.scans import Scans, Vulnerabilities
from strongroom.assurance.scans.spans import fix_within
from strongroom.compliance.duties import Edition, Entitled
from strongroom.compliance.evidence import EvidenceStore
from strongroom.compliance.overseen import Office
from strongroom.compliance.writings import Writings
from strongroom.terms import AuthMethod, Caller, PrincipalId, PrincipalKind
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


DORA, EMIL, FAY = (
    Caller(PrincipalId(number), PrincipalKind.PERSON, name, AuthMethod.CREDENTIAL)
    for number, name in ((21, "dora"), (22, "emil"), (23, "fay"))
)
"""Dora administers, Emil leads the developers, Fay keeps records and answers for nothing."""


@dataclass
class House:
    """A register, and the people who may excuse something in it."""

    world: World
    one_person: bool = False
    gone: set[PrincipalId] = field(default_factory=set)

    @property
    def scans(self) -> Scans:
        """The scans of the world."""
        return register(self.world)

    @property
    def found(self) -> Vulnerabilities:
        """What they found."""
        people = {one.principal: one.name for one in (DORA, EMIL, FAY)}
        entitled = Entitled(
            lambda _now: {id_: name for id_, name in people.items() if id_ not in self.gone},
            lambda office, _now: frozenset(
                {EMIL.principal} - self.gone if office is Office.DEV_LEAD else ()
            ),
            lambda _now: frozenset({DORA.principal} - self.gone),
            self.one_person,
        )
        return Vulnerabilities(
            self.world.database,
            self.world.audit,
            Writings(bytes(range(32)), self.world.environment),
            entitled,
            refuse_strangers=lambda _caller, _now: None,
        )


def trivy(at: datetime, *, without: str = "", **severities: str) -> bytes:
    """Return the report about an image, made at an instant; a package may be left out or graver than it was."""
    said = json.loads(report("trivy.json"))
    said["CreatedAt"] = said["VulnerabilityDB"]["UpdatedAt"] = at.isoformat()
    for result in said["Results"]:
        rows = [row for row in result.get("Vulnerabilities", []) if row["PkgName"] != without]
        for row in rows:
            row["Severity"] = severities.get(row["PkgName"], row["Severity"])
        if rows or "Vulnerabilities" in result:
            result["Vulnerabilities"] = rows
    return json.dumps(said).encode()
