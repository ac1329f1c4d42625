"""Amazon's notices over a whole vault: two people, a home's records, and the clocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

from strongroom.accounts import Accounts
from strongroom.deletion.issuing import Certificate
from strongroom.deletion.notice import Notice
from strongroom.deletion.notices import Notices
from strongroom.deletion.stores import Copies, Copy
from strongroom.deletion.wiring import notices_of
from strongroom.policy.deletion import Asked, HeldBy, Scope, Selectors
from strongroom.relay import Disclosures
from strongroom.terms import Environment, RecordNumber, SellerId
from tests.vault.conftest import CONSOLE, COPY_LIFETIME, NOW, REVIEWER, World, order

ADA, BOB = CONSOLE, REVIEWER
ACME, GLOBEX = SellerId(1), SellerId(2)
DONE = NOW + timedelta(hours=5)
NOBODY = Selectors()
NO_COPIES = Copies(list, list, list)
"""An installation that lists its copies, and has none."""


def nothing(_count: int) -> None:
    """Take note of no progress."""


@dataclass
class Desk:
    """The notices of one world, and what its wiring would give them."""

    world: World
    one_person: bool = False
    copies: Copies = field(default_factory=lambda: NO_COPIES)
    held: dict[RecordNumber, HeldBy] = field(default_factory=dict)
    notices: Notices = field(init=False)
    disclosures: Disclosures = field(init=False)

    def __post_init__(self) -> None:
        self.open()

    def open(self) -> None:
        """Wire the notices to the world as it is now."""
        world = self.world
        self.disclosures = Disclosures(world.database, world.audit)
        self.notices = notices_of(
            world.database,
            world.keystore,
            world.audit,
            Accounts(
                world.database,
                world.keystore.secret("accounts", NOW),
                world.audit,
                Environment.TEST,
            ),
            world.sellers,
            world.vault,
            self.disclosures,
            home=world.directory,
            home_id="home-1",
            environment=Environment.TEST,
            copy_lifetime=COPY_LIFETIME,
            one_person=self.one_person,
            subject_key=world.keystore.secret("subject", NOW),
            now=NOW,
            copies=self.copies,
            held=self._held,
        )

    def _held(
        self, records: Sequence[RecordNumber], now: datetime
    ) -> Mapping[RecordNumber, HeldBy]:
        return {n: why for n, why in self.held.items() if n in records and now.date() <= why.until}

    def register(
        self,
        scope: Scope | None = None,
        selectors: Selectors = NOBODY,
        *,
        asked: Asked = Asked.DELETION,
        received_at: datetime = NOW,
    ) -> int:
        """Have Ada register a notice; return its number."""
        wanted = Scope(sellers=(ACME,)) if scope is None else scope
        found = self.notices.register(
            asked, "CASE-7", wanted, selectors, received_at, ADA, received_at
        )
        return found.id

    def agree(
        self,
        number: int,
        *,
        recipients: Sequence[str] = (),
        declared: Sequence[str] = (),
        now: datetime = NOW,
    ) -> Notice:
        """Have Ada plan and Bob approve."""
        planned = self.notices.plan(number, recipients, declared, ADA, now)
        return self.notices.approve(number, planned.terms or "", BOB, now)

    def run(self, number: int, now: datetime = DONE) -> Notice:
        """Have Ada run it."""
        return self.notices.run(number, ADA, now, req="run-1", progress=nothing)

    def whole(self, number: int, *, declared: Sequence[str] = ()) -> Notice:
        """Plan, approve, run and verify."""
        self.agree(number, declared=declared)
        self.run(number)
        return self.notices.verify(number, BOB, DONE)


def save(made: Certificate, directory: Path) -> Path:
    """Write a certificate's files as the command does; return the directory."""
    directory.mkdir()
    (directory / "certificate.json").write_bytes(made.document)
    (directory / "certificate.pdf").write_bytes(made.page)
    (directory / "certificate.note").write_text(made.note)
    (directory / "certificate.vkey").write_text(made.key)
    return directory


def id_of(number: int) -> str:
    """Return an order id."""
    return f"902-{number:07}-0000001"


def fill(world: World, count: int, *, seller: int = 1, first: int = 1) -> list[str]:
    """Put orders of one selling partner in; return the token of each one's name."""
    return world.put(*(order(id_of(n)) for n in range(first, first + count)), seller=seller)


def law(until: date = date(2036, 12, 31)) -> HeldBy:
    """Return a law that keeps what it names."""
    return HeldBy("DE-AO-147", until)


def copy(made_at: datetime, **more: object) -> Copy:
    """Return a copy as an installation lists it."""
    return Copy("copy-1", made_at, **more)  # type: ignore[arg-type]
