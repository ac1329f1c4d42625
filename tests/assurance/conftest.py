"""An inventory over a world on both engines, with people who are there and things that are seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

import pytest

from strongroom.assurance.assets.campaigns import Campaigns
from strongroom.assurance.assets.imports import Imports
from strongroom.assurance.assets.inventory import Inventory
from strongroom.assurance.assets.overseeing import AssetDuties
from strongroom.assurance.assets.seen import Seen
from strongroom.compliance.people import People
from strongroom.compliance.writings import Writings
from strongroom.db import schema
from strongroom.terms import Caller, PrincipalId
from tests.vault.conftest import CONSOLE, NOW, World, make_world, sqlite_world, world

__all__ = ["make_world", "sqlite_world", "world"]


@dataclass
class Known:
    """People as the inventory asks for them."""

    names: dict[PrincipalId, str] = field(default_factory=lambda: {CONSOLE.principal: "ada"})

    def active(self, _now: datetime) -> Mapping[PrincipalId, str]:
        return self.names

    def named(self, name: str, _now: datetime) -> PrincipalId:
        return next(id_ for id_, known in self.names.items() if known == name)

    def refuse_strangers(self, _caller: Caller, _now: datetime) -> None:
        """Let everybody in: the real one has tests of its own."""


@dataclass
class Stock:
    """The rooms of an inventory, and what is seen."""

    world: World
    current: bool = True
    seen: list[Seen] = field(default_factory=list)
    known: Known = field(default_factory=Known)
    inventory: Inventory = field(init=False)
    campaigns: Campaigns = field(init=False)
    imports: Imports = field(init=False)
    duties: AssetDuties = field(init=False)

    def __post_init__(self) -> None:
        database, audit = self.world.database, self.world.audit
        people = cast("People", self.known)
        writings = Writings(bytes(range(32)), self.world.environment)
        parts: tuple[Any, ...] = (database, audit, writings, people)
        self.inventory = Inventory(*parts, look=lambda _now: self.seen, current=self.current)
        self.campaigns = Campaigns(*parts, self.inventory, signers=lambda _now: {CONSOLE.principal})
        self.imports = Imports(*parts, self.inventory)
        self.duties = AssetDuties(database, people, self.inventory, self.campaigns)


@pytest.fixture
def stock(world: World) -> Stock:
    """Give an empty inventory."""
    with world.database.write() as tx:
        tx.execute(schema.principal.delete().where(schema.principal.c.id == CONSOLE.principal))
        tx.execute(
            schema.principal.insert().values(
                id=CONSOLE.principal, name="ada", kind="person", created_at=NOW
            )
        )
    return Stock(world)
