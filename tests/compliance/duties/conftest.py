"""A home of three people with its board, on both engines: dora administers, emil has an office, fay has nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from tests.vault.conftest import NOW, World, make_world, sqlite_world, world

from strongroom.compliance.duties import Duties, Edition, Entitled, Item, Kind, Status, all_duties
from strongroom.compliance.duties.board import Row
from strongroom.compliance.overseen import Due, DutyId, Finding, Office, Verdict
from strongroom.compliance.writings import Writings
from strongroom.db import schema
from strongroom.terms import AuthMethod, Caller, Environment, PrincipalId, PrincipalKind

__all__ = ["make_world", "sqlite_world", "world"]

DAY = timedelta(days=1)
DORA, EMIL, FAY = (
    Caller(PrincipalId(number), PrincipalKind.PERSON, name, AuthMethod.CREDENTIAL)
    for number, name in ((21, "dora"), (22, "emil"), (23, "fay"))
)


@dataclass
class Eyes:
    """A room that sees every duty that something checks, and finds what the test says."""

    verdict: Verdict = Verdict.PASS
    seen_at: datetime | None = None
    only: frozenset[str] | None = None
    but: dict[str, Finding] = field(default_factory=dict)

    def findings(self, now: datetime) -> Mapping[DutyId, Finding]:
        seen = {
            id_: Finding(self.verdict, "looked at by a test", ("seen",), "mend it", self.seen_at)
            for id_, duty in all_duties().items()
            if duty.is_checked and not duty.rolls_up and (self.only is None or id_ in self.only)
        }
        return seen | {DutyId(id_): one for id_, one in self.but.items()}

    def dues(self, now: datetime) -> list[Due]:
        return []


class BoardHome:
    """A world with its board."""

    def __init__(self, world: World, *, one_person: bool = False) -> None:
        self.world = world
        self.database, self.audit = world.database, world.audit
        self.now = NOW
        self.eyes = Eyes()
        self.gone: set[PrincipalId] = set()
        self.administrators = frozenset({DORA.principal})
        self.holders: dict[Office, frozenset[PrincipalId]] = {
            office: frozenset({EMIL.principal}) for office in Office
        }
        with world.database.write() as tx:
            for person in (DORA, EMIL, FAY):
                values: dict[str, Any] = {"id": person.principal, "name": person.name}
                values |= {"kind": "person", "created_at": NOW}
                tx.execute(schema.principal.insert().values(**values))
        self.writings = Writings(bytes(32), Environment.TEST)
        self.duties = self.opened(one_person=one_person)

    def opened(self, *, one_person: bool = False, edition: Edition = Edition.CURRENT) -> Duties:
        people = {one.principal: one.name for one in (DORA, EMIL, FAY)}
        entitled = Entitled(
            lambda now: {id_: name for id_, name in people.items() if id_ not in self.gone},
            lambda office, now: self.holders.get(office, frozenset()) - self.gone,
            lambda now: self.administrators - self.gone,
            one_person,
        )
        return Duties(
            self.database,
            self.audit,
            self.writings,
            entitled,
            (self.eyes,),
            edition=edition,
            evidence=lambda number: Item(f"item {number}", "cd" * 32),
        )

    def row(self, duty: str) -> Row:
        return self.duties.board(self.now).row(DutyId(duty))

    def status(self, duty: str) -> Status:
        return self.row(duty).status

    def state(self, duty: str, caller: Caller = EMIL, **more: Any) -> Any:
        found = all_duties()[DutyId(duty)]
        return self.duties.statements.make(caller, found, found.digest, self.now, **more)

    def state_all(self) -> None:
        for id_, duty in all_duties().items():
            if Kind.ATTEST in duty.parts:
                self.state(id_)

    def edit(self, table: sa.Table, **values: Any) -> None:
        """Change rows behind everybody's back."""
        with self.database.write() as tx:
            tx.execute(table.update().values(**values))


@pytest.fixture
def home(world: World) -> BoardHome:
    """Give a home on SQLite, then one on PostgreSQL."""
    return BoardHome(world)


@pytest.fixture
def lone(sqlite_world: World) -> BoardHome:
    """Give a home on SQLite alone, for what both engines do alike."""
    return BoardHome(sqlite_world)
