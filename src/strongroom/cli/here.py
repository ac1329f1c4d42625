"""Runs operations in the command's own process, where nothing serves the home."""

import os
from types import TracebackType
from typing import Self

from strongroom import control, logs, operations
from strongroom.app import System
from strongroom.errors import Tampered
from strongroom.home import Layout
from strongroom.opening import open_system
from strongroom.request import TOLERANT, VERIFY, Json, Progress, Request, instant
from strongroom.settings import load
from strongroom.terms import Environment


class Opened:
    """An open home; as a context manager it closes it."""

    def __init__(self, system: System, operation: str | None) -> None:
        self._system = system
        self._operation = operation

    def run(self, request: Request, progress: Progress | None = None) -> Json:
        """Run one operation for the user of this process. Raises: StrongroomError, the operation's own."""
        return operations.run(self._system, request, control.os_user(os.geteuid()), progress)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._system.close()
        except Tampered:
            # The report of a verification says the same, and where.
            if self._operation != VERIFY:
                raise


def open_home(home: Layout, now: str | None, operation: str | None = None) -> Opened:
    """Open a home for one operation, or for several.

    Raises:
        InUse: another process has it open.
        StrongroomError: as `open_system`.

    """
    starts_at = None if now is None else instant(now)
    # Before a key is read, not after.
    world = load(home.root).environment
    logs.harden(production=world is Environment.PRODUCTION)
    system = open_system(home.root, starts_at=starts_at, tolerant=operation in TOLERANT)
    return Opened(system, operation)
