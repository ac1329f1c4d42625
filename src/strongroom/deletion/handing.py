"""The package of a return: sealed for its recipient while it is made, so that no plaintext lies anywhere [1.7, 2.4]."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from strongroom.audit import Event, EventType, Outcome
from strongroom.crypto.age import Recipients
from strongroom.terms import Caller, RecordNumber

_BLOCK = 1024 * 1024

Lines = Callable[[Callable[[Sequence[RecordNumber]], None]], Iterator[bytes]]
"""Gives the lines, and tells of the records whose turn it is."""


@dataclass(frozen=True, slots=True)
class Made:
    """A package as it lies there: its hash is of the sealed file."""

    sha256: str
    records: int
    bytes: int


class Package:
    """The packages of one home, one for each notice."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def path(self, notice: int) -> Path:
        """Return where a notice's package lies."""
        return self._directory / f"notice-{notice}.age"

    def is_there(self, notice: int) -> bool:
        """Say whether it is still here."""
        return self.path(notice).exists()

    def make(
        self, notice: int, recipients: Sequence[str], lines: Lines, progress: Callable[[int], None]
    ) -> Made:
        """Write the package; whole and durable on return, and nothing of it is there before.

        Raises:
            Denied, Tampered: what gives the lines.

        """
        self._directory.mkdir(mode=0o700, exist_ok=True)
        begun = self.path(notice).with_suffix(".part")
        begun.unlink(missing_ok=True)
        records = 0

        def told(numbers: Sequence[RecordNumber]) -> None:
            nonlocal records
            records += len(numbers)
            progress(len(numbers))

        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with os.fdopen(os.open(begun, flags, 0o600), "wb") as file:
            Recipients(recipients).seal_parts(lines(told), file)
            file.flush()
            os.fsync(file.fileno())
        begun.replace(self.path(notice))
        self._sync()
        digest, size = sha256(), 0
        with self.path(notice).open("rb") as sealed:
            while block := sealed.read(_BLOCK):
                digest.update(block)
                size += len(block)
        return Made(digest.hexdigest(), records, size)

    @staticmethod
    def left(notice: int, caller: Caller, records: int, req: str) -> Event:
        """Return the event that what was opened for it went into it."""
        return Event(
            EventType.EGRESS_DELIVERED,
            Outcome.SUCCESS,
            caller,
            op=f"notice.return.{notice}",
            n=records,
            req=req,
        )

    def _sync(self) -> None:
        descriptor = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
