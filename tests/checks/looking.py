"""An open home whose checks are asked one by one, at an instant that the test moves."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

from argon2 import PasswordHasher

from strongroom import operations
from strongroom.app import System, machine_clock
from strongroom.checks import CHECKS, Checks
from strongroom.compliance.overseen import DutyId, Finding, Verdict
from strongroom.errors import StrongroomError
from strongroom.opening import open_system
from strongroom.policy.retention import Progress, SightedFacts
from strongroom.policy.sighting import Sighting
from strongroom.request import Request
from strongroom.terms import Action, Caller, Category, Purpose, SellerId
from strongroom.vault.sellers import LwaCredentials

CHEAP = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
NAME, LINE_1, CITY, PHONE = 8, 9, 12, 15
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

    def unguarded(self, statement: str, *, table: str = "audit_event") -> None:
        """Change the log's rows as who owns the database can: without its triggers, which are put back."""
        path = self.system.home.vault_database
        with sqlite3.connect(path) as tx:
            query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?"
            triggers = tx.execute(query, (table,)).fetchall()
            for name, _sql in triggers:
                tx.execute(f"DROP TRIGGER {name}")
            tx.execute(statement)
            for _name, sql in triggers:
                tx.execute(sql)
        tx.close()

    @staticmethod
    def vacuum(path: Path) -> None:
        tx = sqlite3.connect(path)
        tx.execute("VACUUM")
        tx.close()

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

    def ask(self, operation: str, **arguments: object) -> Any:
        """Run one operation, as a command at the console does."""
        now = None if self.now is None else self.now.isoformat()
        return operations.run(self.system, Request(operation, arguments, now=now), "olga")

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

    def agreed(self, to: Caller, approver: Caller, by: Caller | None = None, **changes: Any) -> Any:
        """Have one person ask for a grant, the console where none is named, and another approve it."""
        wanted: dict[str, Any] = {
            "principal": to.principal,
            "action": Action.REVEAL,
            "purpose": Purpose.FULFILMENT,
            "categories": PERSONAL,
            "sellers": frozenset({self.seller}),
            "lifetime": timedelta(days=30),
            "now": self.now,
        }
        asked = self.system.grants.add(by or self.console, **(wanted | changes))
        return self.system.grants.approve(approver, asked.grant.id, self.now)

    def reveal(self, app: Caller, token: str) -> None:
        self.system.vault.reveal(app, token, purpose=Purpose.FULFILMENT, now=self.now)

    def reads_log(self) -> None:
        """Let the console read the log."""
        self.system.grants.add(
            self.console,
            principal=self.console.principal,
            action=Action.AUDIT,
            purpose=Purpose.INCIDENT,
            categories=frozenset(Category),
            sellers=None,
            lifetime=timedelta(days=90),
            now=self.now,
        )

    purpose = Purpose.FULFILMENT

    def touch(self, app: Caller, order: str) -> None:
        """Read an order that is a canary, which freezes whoever does."""
        with contextlib.suppress(StrongroomError):
            self.system.vault.reveal_order(
                app, self.seller, order, purpose=Purpose.FULFILMENT, now=self.now
            )

    @staticmethod
    def machine_now() -> datetime:
        return machine_clock()

    @staticmethod
    def days(number: float) -> timedelta:
        return timedelta(days=number)

    def order(
        self,
        number: int = 1,
        *,
        delivered: datetime | None = None,
        drift: Sequence[tuple[str, str]] = (),
    ) -> str:
        """Put an order into the vault; return the token of its recipient's name."""
        order = f"302-{number:07d}-{number:07d}"
        at = int((delivered or self.now).timestamp())
        status = Progress.UNSHIPPED if delivered is None else Progress.DELIVERED
        facts = SightedFacts(status, purchased_at=at - 86_400, delivered_at=delivered and at)
        sighting = Sighting(
            "order",
            order,
            {
                NAME: "Ada Example",
                LINE_1: "1 Example Street",
                CITY: "Leeds",
                PHONE: "+44 20 7946 0000",
            },
            facts,
        )
        (placed,) = self.system.vault.put(
            self.seller,
            [sighting],
            caller=self.console,
            op="ordersV0.getOrder",
            now=self.now,
            drift=drift,
        )
        return placed.token(NAME)


def program(house: House, name: str) -> Caller:
    """Return a person who shows a credential."""
    added = house.system.accounts.add_person(
        name, caller=house.console, now=house.now, credential=True
    )
    assert added.client_secret is not None
    return house.system.accounts.check_credential(name, added.client_secret, house.now)


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
