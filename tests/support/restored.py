"""A home with a shop's orders, its backups and keystore copies, and what makes another one out of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from strongroom.app import System, clock_from
from strongroom.backups import Backup, KeystoreCopy, PlaceKind
from strongroom.crypto.age import Identities, new_identity
from strongroom.crypto.root import Cost
from strongroom.errors import Gone
from strongroom.opening import initialize, open_system
from strongroom.policy.retention import Progress, SightedFacts
from strongroom.policy.sighting import Sighting
from strongroom.restoring import Asked, Restored, restore
from strongroom.terms import (
    Action,
    AuthMethod,
    Caller,
    Category,
    Environment,
    PrincipalId,
    PrincipalKind,
    Purpose,
)
from strongroom.vault import LwaCredentials

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
PASSPHRASE = "a passphrase of the tests, 42"
CHEAP = Cost(memory_kib=8, passes=1, lanes=1)
NAME, LINE_1, CITY, EMAIL = 8, 9, 12, 16
ADA = Caller(PrincipalId(1), PrincipalKind.PERSON, "ada", AuthMethod.CONSOLE)


@dataclass
class Shop:
    """One home, opened when a test wants something of it; `environ` says where its vault is."""

    directory: Path
    environ: dict[str, str] = field(default_factory=dict)
    environment: Environment = Environment.TEST
    restored_url: str = ""
    identity: str = ""
    recovery: str = ""
    root: str | None = None
    """The root key's address, where it is no file of the home."""

    @property
    def home(self) -> Path:
        return self.directory / "home"

    @property
    def keys(self) -> Path:
        return self.directory / "copies"

    @property
    def apart(self) -> Path:
        return self.directory / "apart"

    def make(self) -> None:
        """Make the home, its seller, and whom backups and copies are sealed to."""
        initialize(
            self.home,
            environment=self.environment,
            passphrase=PASSPHRASE if self.root is None else None,
            passphrase_file=self.passphrase_file if self.root is None else None,
            one_person=True,
            root=self.root,
            clock=clock_from(NOW),
            environ=self.environ,
            os_user="ada",
            cost=CHEAP,
        )
        for path in (self.keys, self.apart):
            path.mkdir(mode=0o700)
        self.identity, recipient = new_identity()
        self.recovery, recovery = new_identity()
        with self.open(NOW) as system:
            ada = system.accounts.console("ada", NOW)
            system.sellers.add(
                ada,
                name="acme",
                region="eu",
                marketplaces=("A1PA6795UKMFR9",),
                credentials=LwaCredentials("client", "secret", "refresh"),
                now=NOW,
            )
            places = system.backups.places
            places.request_add(PlaceKind.RECIPIENT, recipient, ada, NOW)
            places.request_add(PlaceKind.RECOVERY, recovery, ada, NOW)
            places.request_add(PlaceKind.TARGET, str(self.apart), ada, NOW)
            places.request_add(PlaceKind.KEYS, str(self.keys), ada, NOW)

    @property
    def passphrase_file(self) -> Path:
        path = self.directory / "passphrase"
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(PASSPHRASE)
        return path

    @contextmanager
    def open(self, now: datetime, home: Path | None = None) -> Iterator[System]:
        """Open a home, this one unless another is named, at an instant."""
        environ = self.environ if home is None else {}
        system = open_system(
            home or self.home, starts_at=now, passphrase=PASSPHRASE, environ=environ
        )
        try:
            yield system
        finally:
            system.close()

    def put(
        self,
        system: System,
        now: datetime,
        first: int,
        count: int,
        *,
        shipped: datetime | None = None,
        status: Progress = Progress.UNSHIPPED,
    ) -> list[str]:
        """Store orders as an app's call would, and return a token of each."""
        facts = SightedFacts(
            status if shipped is None else Progress.SHIPPED,
            int(((shipped or now) - timedelta(days=1)).timestamp()),
            int(shipped.timestamp()) if shipped else 0,
            int(now.timestamp()),
        )
        sightings = [
            Sighting(
                "order",
                f"902-{n:07d}-0000001",
                {NAME: f"Buyer {n:07d}", LINE_1: f"Hauptstraße {n}", EMAIL: f"b{n}@buyers.example"},
                facts,
            )
            for n in range(first, first + count)
        ]
        seller = system.sellers.by_name("acme").id
        placed = system.vault.put(seller, sightings, caller=ADA, op="orders.getOrders", now=now)
        return [one.token(NAME) for one in placed]

    def backup(self, system: System, now: datetime) -> Backup:
        return system.backups.run(ADA, now, lambda _done, _total: None)

    def copy_keys(self, system: System, now: datetime) -> KeystoreCopy:
        (made,) = system.copies.copy(ADA, now)
        return made

    def asked(self, backup: Path, **options: object) -> Asked:
        """Return a restore of a backup into a new directory of its own."""
        wanted: dict[str, object] = {
            "backup": backup,
            "identities": Identities([self.identity]),
            "home": self.directory / "restored",
            "passphrase": PASSPHRASE,
            "passphrase_file": self.passphrase_file,
            "keys_identities": Identities([self.recovery]),
            "vault_url": self.restored_url,
        }
        return Asked(**(wanted | options))  # type: ignore[arg-type]

    @property
    def lost(self) -> Path:
        """What is left of the lost home's database."""
        if not self.environ:
            return self.home
        path = self.directory / "lost.url"
        path.write_text(self.environ["STRONGROOM_VAULT__URL"])
        return path

    def restore(self, now: datetime, backup: Path, **options: object) -> Restored:
        return restore(
            self.asked(backup, **options),
            clock_from(now),
            lambda _step: None,
            lambda _done, _total: None,
            environ={},
        )


def readable(system: System, tokens: list[str], now: datetime) -> list[str]:
    """Return those of the tokens whose value the door gives."""
    caller = system.accounts.console("ada", now)
    system.grants.add(
        caller,
        principal=caller.principal,
        action=Action.REVEAL,
        purpose=Purpose.FULFILMENT,
        categories=frozenset(Category),
        sellers=None,
        lifetime=timedelta(days=1),
        now=now,
    )
    found = []
    for token in tokens:
        try:
            system.vault.reveal(caller, token, purpose=Purpose.FULFILMENT, now=now)
        except Gone:
            continue
        found.append(token)
    return found
