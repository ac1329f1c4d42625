"""An open home whose checks are asked one by one, at an instant that the test moves."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

from argon2 import PasswordHasher

from strongroom.app import System
from strongroom.checks import CHECKS, Checks
from strongroom.compliance.overseen import DutyId, Finding, Verdict
from strongroom.opening import open_system
from strongroom.policy.retention import Progress, SightedFacts
from strongroom.policy.sighting import Sighting
from strongroom.terms import Action, Caller, Category, Purpose, SellerId
from strongroom.vault.sellers import LwaCredentials

CHEAP = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
NAME, PHONE = 8, 15
PERSONAL = frozenset({Category.NAME, Category.ADDRESS, Category.PHONE})


@dataclass
class House:
    """One open home; `now` is what its checks are told."""

    system: System
    now: datetime
    work: Path

    @classmethod
    @contextmanager
    def opened(cls, path: Path, work: Path, *, now: datetime, **variables: str) -> Iterator[Self]:
        system = open_system(path, starts_at=now, environ=variables)
        # What is hashed is not the point here.
        system.passwords._hasher = CHEAP
        house = cls(system, now, work)
        try:
            yield house
        finally:
            house.system.close()

    @contextmanager
    def closed(self) -> Iterator[Path]:
        """Close the home for the block, as if its files were somebody else's to change."""
        path = self.system.home.root
        self.system.close()
        try:
            yield path
        finally:
            self.system = open_system(path, starts_at=self.now, environ={})
            self.system.passwords._hasher = CHEAP

    def passes(self, **span: float) -> None:
        self.now += timedelta(**span)

    def edit(self, statement: str, *values: object) -> None:
        """Change the vault's database as who has its file can."""
        path = self.system.home.vault_database
        with sqlite3.connect(path) as tx:
            tx.execute(statement, values)
        tx.close()

    @property
    def console(self) -> Caller:
        return self.system.accounts.console("olga", self.now)

    @property
    def seller(self) -> SellerId:
        return self.system.sellers.by_name("acme").id

    # -- checks ----------------------------------------------------------------------------------

    def look(self, check: str) -> Finding:
        """Return what one check finds now."""
        (one,) = [one for one in CHECKS if one.id == check]
        return one.look(self.system, self.now)

    def verdict(self, check: str) -> Verdict:
        return self.look(check).verdict

    def board(self, duty: str) -> Finding:
        """Have a duty's checks look and be kept, and return what the room tells of it."""
        Checks(self.system).run(self.console, self.now, duty=DutyId(duty))
        return self.system.compliance.findings.findings(self.now)[DutyId(duty)]

    # -- what people and apps do -----------------------------------------------------------------

    def app(self, name: str = "shipper") -> Caller:
        added = self.system.accounts.add_app(name, "olga", caller=self.console, now=self.now)
        return self.system.accounts.check_client(added.client_id, added.client_secret, self.now)

    def grant(self, to: Caller, **changes: Any) -> Any:
        wanted: dict[str, Any] = {
            "principal": to.principal,
            "action": Action.REVEAL,
            "purpose": Purpose.FULFILMENT,
            "categories": PERSONAL,
            "sellers": frozenset({self.seller}),
            "lifetime": timedelta(days=30),
            "now": self.now,
        }
        return self.system.grants.add(self.console, **(wanted | changes))

    def order(self, number: int = 1, *, delivered: datetime | None = None) -> str:
        """Put an order into the vault; return the token of its recipient's name."""
        order = f"302-{number:07d}-{number:07d}"
        at = int((delivered or self.now).timestamp())
        status = Progress.UNSHIPPED if delivered is None else Progress.DELIVERED
        facts = SightedFacts(status, purchased_at=at - 86_400, delivered_at=delivered and at)
        sighting = Sighting(
            "order",
            order,
            {NAME: "Ada Example", PHONE: "+44 20 7946 0000"},
            facts,
        )
        (placed,) = self.system.vault.put(
            self.seller, [sighting], caller=self.console, op="ordersV0.getOrder", now=self.now
        )
        return placed.token(NAME)


def filled(path: Path, now: datetime) -> Path:
    """Put one selling partner into a new home; return its directory."""
    with House.opened(path, path.parent, now=now) as house:
        house.system.sellers.add(
            house.console,
            name="acme",
            region="eu",
            marketplaces=("A1PA6795UKMFR9",),
            credentials=LwaCredentials("amzn1.app", "a secret of the tests", "Atzr|of the tests"),
            endpoint="https://localhost:9",
            lwa_url="https://localhost:9/auth/o2/token",
            now=now,
        )
    return path
