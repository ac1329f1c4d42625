"""A home whose orders fall under a law, two people who decide about it, and somebody offline who opens archives."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

from strongroom.crypto.age import Identities, new_identity
from strongroom.policy.holds import HoldReason
from strongroom.terms import Category
from strongroom.vault import cold
from strongroom.vault.archive import Archive
from strongroom.vault.holds import Hold, Scope
from tests.vault.conftest import CONSOLE, NOW, REVIEWER, World

BILLED = (Category.NAME, Category.ADDRESS, Category.TAX_ID, Category.DOCUMENT)
DUE = NOW.replace(hour=0) + timedelta(days=29)
"""When an order that was bought and shipped at NOW is destroyed."""
YEAR = (date(2026, 1, 1), date(2026, 12, 31))
UNTIL = date(2034, 12, 31)


@dataclass
class Cold:
    """What is kept away from the home: an identity, and what it opens."""

    world: World
    identity: str = field(init=False, repr=False)
    recipient: str = field(init=False)

    def __post_init__(self) -> None:
        self.world.archive.mkdir(exist_ok=True)
        self.identity, self.recipient = new_identity()

    @property
    def archive(self) -> Archive:
        """The home's archive, as it is open now."""
        return self.world.vault.archive

    def set_recipients(self, now: datetime = NOW) -> None:
        """Have two people agree on who opens archives."""
        change = self.archive.set_recipients([self.recipient], CONSOLE, now)
        if change.approved_at is None:
            terms = self.archive.holds.shown(change)
            self.archive.approve_recipients(change.id, terms, REVIEWER, now)

    def hold(
        self,
        scope: Scope | None = None,
        *,
        categories: tuple[Category, ...] = BILLED,
        until: date = UNTIL,
        purchased: tuple[date, date] = YEAR,
        now: datetime = NOW,
    ) -> Hold:
        """Have two people agree on a hold."""
        change = self.archive.holds.place(
            CONSOLE,
            now,
            law="DE-USTG-14B",
            reference="14b.1",
            reason=HoldReason.TAX_RETENTION,
            categories=categories,
            scope=scope or Scope(),
            purchased=purchased,
            until=until,
        )
        self.approve(change.id, now)
        return self.archive.holds.one(change.id)

    def approve(self, id_: int, now: datetime = NOW) -> None:
        """Have the other person approve what still waits."""
        for change in self.archive.holds.waiting():
            if change.id == id_:
                terms = self.archive.holds.shown(change)
                self.archive.holds.approve(id_, terms, REVIEWER, now)

    def files(self) -> list[Path]:
        """Return the sealed files there are."""
        return sorted(self.world.archive.glob("*.age"))

    def everything(self) -> list[Path]:
        """Return every file that lies where archives do."""
        return sorted(self.world.archive.iterdir())

    def open(self, file: Path) -> tuple[bytes, str]:
        """Open a file as somebody offline would; return what is inside and the digest that proves it."""
        target = io.BytesIO()
        digest = cold.open_file(file, Identities([self.identity]), target)
        assert digest == hashlib.sha256(target.getvalue()).hexdigest()
        return target.getvalue(), digest
