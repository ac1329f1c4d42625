"""Backs a home up, or restores one, in a process that kills itself at its N-th durable step; with N = 0 it counts them.

    python dying_backup.py N backup HOME PASSPHRASE NOW
    python dying_backup.py N restore '{"backup": …}' PASSPHRASE NOW

A step is each `fsync`, rename and removal of a file, and each begin and end of a transaction that writes.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from strongroom.app import clock_from
from strongroom.crypto.age import Identities
from strongroom.db.engine import Database, Transaction
from strongroom.opening import open_system
from strongroom.request import instant
from strongroom.restoring import Asked, restore
from strongroom.terms import SYSTEM


class Steps:
    """Counts durable steps, and ends the process at the last one wanted."""

    def __init__(self, last: int) -> None:
        self.count = 0
        self._last = last

    def reach(self) -> None:
        """Take a step."""
        self.count += 1
        if self.count == self._last:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, owner: Any, name: str) -> None:
        """Count a step before and one after each call."""
        inner: Callable[..., Any] = getattr(owner, name)

        def outer(*args: Any, **kwargs: Any) -> Any:
            self.reach()
            done = inner(*args, **kwargs)
            self.reach()
            return done

        setattr(owner, name, outer)

    def writes(self) -> None:
        """Count the begin, the commit and the end of each transaction that writes."""
        inner = Database.write

        @contextmanager
        def outer(database: Database, *, alone: bool = False) -> Iterator[Transaction]:
            self.reach()
            with inner(database, alone=alone) as tx:
                yield tx
                self.reach()
            self.reach()

        Database.write = outer  # type: ignore[method-assign,assignment]


def main() -> None:
    """Do what the arguments say; prints the number of steps."""
    last, what, named, passphrase, now = sys.argv[1:]
    steps = Steps(int(last))
    at = instant(now)
    if what == "backup":
        system = open_system(Path(named), starts_at=at, passphrase=passphrase, environ={})
        arm(steps)
        system.backups.run(SYSTEM, at, lambda _done, _total: None)
        system.copies.copy(SYSTEM, at)
        print(steps.count)  # noqa: T201 - the answer
        system.close()
        return
    wanted = json.loads(named)
    asked = Asked(
        backup=Path(wanted["backup"]),
        identities=Identities([wanted["identity"]]),
        home=Path(wanted["home"]),
        passphrase=passphrase,
        passphrase_file=Path(wanted["passphrase_file"]),
        keys_copy=Path(wanted["keys"]),
        keys_identities=Identities([wanted["recovery"]]),
        since=tuple(Path(path) for path in wanted["since"]),
    )
    arm(steps)
    restore(asked, clock_from(at), lambda _s: None, lambda _d, _t: None, environ={})
    print(steps.count)  # noqa: T201 - the answer


def arm(steps: Steps) -> None:
    """Count from now on."""
    steps.writes()
    steps.around(os, "fsync")
    steps.around(Path, "replace")
    steps.around(Path, "unlink")


if __name__ == "__main__":
    main()
