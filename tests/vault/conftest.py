"""A vault with everything under it, on SQLite and on PostgreSQL, at an instant the test chooses."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from strongroom.audit.log import AuditLog
from strongroom.crypto import note
from strongroom.crypto.root import FileRoot
from strongroom.db import schema
from strongroom.db.engine import Database
from strongroom.policy.retention import Progress, SightedFacts
from strongroom.policy.sighting import Sighting, SlotKey
from strongroom.terms import (
    Action,
    AuthMethod,
    Caller,
    Category,
    Environment,
    PrincipalId,
    PrincipalKind,
    Purpose,
    Scalar,
    SellerId,
)
from strongroom.vault import GrantStore, Keystore, LwaCredentials, SellerStore, Vault
from strongroom.vault.archive import ArchivePlace
from tests.support import tables

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
ROOT_KEY = bytes(range(32))
COPY_LIFETIME = timedelta(hours=24)

CONSOLE = Caller(PrincipalId(1), PrincipalKind.PERSON, "ada", AuthMethod.CONSOLE)
REVIEWER = Caller(PrincipalId(2), PrincipalKind.PERSON, "bob", AuthMethod.CONSOLE)
APP = Caller(PrincipalId(3), PrincipalKind.APP, "erp", AuthMethod.CREDENTIAL)
OTHER_APP = Caller(PrincipalId(4), PrincipalKind.APP, "bi", AuthMethod.CREDENTIAL)

NAME, LINE_1, LINE_2, CITY, PHONE, EMAIL = 8, 9, 10, 12, 15, 16


def order(
    id_: str = "902-1000001-0000001",
    slots: dict[SlotKey, Scalar] | None = None,
    *,
    status: Progress = Progress.UNSHIPPED,
    purchased: datetime = NOW - timedelta(days=1),
    shipped: datetime | None = None,
    updated: datetime | None = None,
) -> Sighting:
    """Make what a view shows of an order."""
    return Sighting(
        "order",
        id_,
        {NAME: "Jürgen Groß", LINE_1: "Hauptstraße 5", CITY: "Köln"} if slots is None else slots,
        SightedFacts(
            status,
            int(purchased.timestamp()),
            int(shipped.timestamp()) if shipped else 0,
            int(updated.timestamp()) if updated else 0,
        ),
    )


@dataclass
class World:
    """One home's parts, as the composition root would wire them."""

    directory: Path
    vault_url: str
    keystore_url: str
    environment: Environment = Environment.TEST
    database: Database = field(init=False)
    keys: Database = field(init=False)
    keystore: Keystore = field(init=False)
    audit: AuditLog = field(init=False)
    grants: GrantStore = field(init=False)
    sellers: SellerStore = field(init=False)
    vault: Vault = field(init=False)
    boots: int = 0
    one_person: bool = True

    @property
    def archive(self) -> Path:
        """Where archives lie."""
        return self.directory / "archive"

    def open(self) -> None:
        """Open the home, as a starting process does."""
        self.boots += 1
        self.database = Database(self.vault_url)
        self.keys = Database(self.keystore_url)
        provider = FileRoot("file:root.key", ROOT_KEY, self.environment)
        self.keystore = Keystore(self.keys, provider, self.environment, "home-1")
        self.keystore.create_master(NOW)
        self.keystore.open()
        signer = note.Signer(
            "strongroom.invalid/audit/home-1/1", self.keystore.secret("signer", NOW)
        )
        self.audit = AuditLog(
            self.database,
            signer=signer,
            verifier=note.Verifier(signer.vkey),
            memory=self.keystore.signer_memory(signer.name),
            node="node-1",
            boot=f"boot-{self.boots}",
            pseudonym_key=self.keystore.secret("log-pseudonym", NOW),
            monotonic=lambda: 1,
            entropy=os.urandom,
        )
        self.grants = GrantStore(self.database, self.audit, one_person=True)
        self.sellers = SellerStore(
            self.database, self.keystore.secret("sellers", NOW), self.audit, self.environment
        )
        self.vault = Vault(
            self.database,
            self.keystore,
            self.audit,
            environment=self.environment,
            token_key=self.keystore.secret("token", NOW),
            subject_key=self.keystore.secret("subject", NOW),
            copy_lifetime=COPY_LIFETIME,
            archive=ArchivePlace(self.archive, one_person=self.one_person),
        )

    def close(self) -> None:
        """Close every file."""
        self.database.close()
        self.keys.close()

    def reopen(self) -> None:
        """Close and open again, as after a restart."""
        self.close()
        self.open()

    def populate(self) -> None:
        """Make the tables, two selling partners, and four principals."""
        with self.database.write() as tx:
            for caller in (CONSOLE, REVIEWER, APP, OTHER_APP):
                tx.execute(
                    schema.principal.insert().values(
                        id=caller.principal, name=caller.name, kind=caller.kind, created_at=NOW
                    )
                )
        for name in ("acme", "globex"):
            self.sellers.add(
                CONSOLE,
                name=name,
                region="eu",
                marketplaces=("A1PA6795UKMFR9",),
                credentials=LwaCredentials("client", "secret", "refresh"),
                now=NOW,
            )

    def grant(
        self,
        caller: Caller = APP,
        *,
        action: Action = Action.REVEAL,
        purpose: Purpose = Purpose.FULFILMENT,
        categories: frozenset[Category] = frozenset(Category),
        sellers: frozenset[SellerId] | None = None,
        days: int = 30,
        now: datetime = NOW,
    ) -> int:
        """Give a caller a grant; return its number."""
        row = self.grants.add(
            CONSOLE,
            principal=caller.principal,
            action=action,
            purpose=purpose,
            categories=categories,
            sellers=sellers,
            lifetime=timedelta(days=days),
            now=now,
        )
        return row.grant.id

    def put(self, *sightings: Sighting, seller: int = 1, now: datetime = NOW) -> list[str]:
        """Put sightings; return the token of the first value of each."""
        placed = self.vault.put(
            SellerId(seller), sightings, caller=APP, op="ordersV0.getOrders", now=now
        )
        return [
            place.token(next(iter(seen.slots)))
            for place, seen in zip(placed, sightings, strict=True)
        ]

    def read(self, token: str, now: datetime = NOW, caller: Caller = APP) -> Scalar:
        """Reveal one token for fulfilment."""
        revealed = self.vault.reveal(caller, token, purpose=Purpose.FULFILMENT, now=now)
        return revealed.value.unwrap()

    def events(self) -> list[tuple[str, str, str | None]]:
        """Return (type, outcome, reason) of everything recorded."""
        return [
            (body["type"], body["outcome"], body.get("reason"))
            for body in (entry.body for entry in self.audit.events())
        ]


def created(world: World) -> World:
    """Open and fill a home whose tables are there."""
    world.open()
    world.populate()
    return world


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[Callable[[str], World]]:
    """Make worlds on SQLite, each in a directory of its own."""
    made: list[World] = []

    def make(name: str) -> World:
        directory = tmp_path / name
        directory.mkdir()
        vault, keys = (tables.copy_to(directory / name) for name in ("vault.db", "keys.db"))
        world = World(directory, vault, keys)
        made.append(created(world))
        return world

    yield make
    for world in made:
        world.close()


@pytest.fixture
def sqlite_world(make_world: Callable[[str], World]) -> World:
    """Give a world on SQLite, for what only its files can show."""
    return make_world("home")


@pytest.fixture(params=["sqlite", "postgres"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """Give a world on SQLite, then one on PostgreSQL with a keystore in a database of its own."""
    if request.param == "sqlite":
        vault, keys = (tables.copy_to(tmp_path / name) for name in ("vault.db", "keys.db"))
        made = World(tmp_path, vault, keys)
    else:
        cluster = request.getfixturevalue("postgres_cluster")
        url: str = request.getfixturevalue("postgres_database")
        with cluster.database() as keys:
            made = World(tmp_path, url, keys)
            yield created(made)
            made.close()
        return
    yield created(made)
    made.close()
