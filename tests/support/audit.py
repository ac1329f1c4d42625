"""An audit log whose clock, randomness and signer's memory the test holds."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from itertools import count
from pathlib import Path

from strongroom.audit import AuditLog, Event, EventType, ObjKind, Outcome
from strongroom.crypto.note import Signer, Verifier
from strongroom.db.engine import Database
from strongroom.terms import AuthMethod, Caller, Category, PrincipalId, PrincipalKind, Purpose

NOW = datetime(2026, 3, 1, 12, 30, 15, 123456, UTC)
ORIGIN = "strongroom.invalid/audit/test-home/1"
APP = Caller(PrincipalId(7), PrincipalKind.APP, "label printer", AuthMethod.ACCESS_TOKEN)


def revealed(number: int = 0) -> Event:
    """Return an event that differs from its neighbours."""
    return Event(
        EventType.RECORD_REVEALED,
        Outcome.SUCCESS,
        APP,
        op="orders.getOrder",
        obj_kind=ObjKind.RECORD,
        obj_ref=str(number),
        purpose=Purpose.FULFILMENT,
        pii=(Category.NAME, Category.ADDRESS),
        n=1,
        records=(number,),
    )


@dataclass
class Memory:
    """What the signer remembers, where no database reaches it."""

    remembered: tuple[int, bytes] | None = None

    def last(self) -> tuple[int, bytes] | None:
        return self.remembered

    def remember(self, size: int, root: bytes) -> None:
        self.remembered = (size, root)

    def advance(self, known: tuple[int, bytes] | None, size: int, root: bytes) -> bool:
        if self.remembered != known:
            return False
        self.remembered = (size, root)
        return True


@dataclass
class Bench:
    """One database, one signing key, and as many processes writing to it as a test starts."""

    database: Database
    checkpoint_path: Path
    signer: Signer = field(default_factory=lambda: Signer(ORIGIN, bytes(range(32))))
    memory: Memory = field(default_factory=Memory)
    _draws: Iterator[int] = field(default_factory=count)

    def start(
        self, boot: str = "boot-1", node: str = "node-1", pseudonym_key: bytes = bytes(32)
    ) -> AuditLog:
        """Return the log as a newly started process has it."""
        return AuditLog(
            self.database,
            signer=self.signer,
            verifier=Verifier(self.signer.vkey),
            memory=self.memory,
            node=node,
            boot=boot,
            pseudonym_key=pseudonym_key,
            monotonic=lambda: 2**60,
            entropy=self._entropy,
            checkpoint_path=self.checkpoint_path,
        )

    def fill(self, log: AuditLog, number: int, start: int = 0) -> None:
        """Append that many events in one transaction."""
        with self.database.write() as tx:
            log.append(tx, *map(revealed, range(start, start + number)), now=NOW)

    def _entropy(self, size: int) -> bytes:
        return sha256(next(self._draws).to_bytes(8, "big")).digest()[:size]
