"""Sweeps, erases or rotates in processes that kill themselves at their N-th durable step; with N = 0 they count them.

One process reads jobs, a JSON object a line, and does each in a child of its own, so that modules are read once. The
child sends itself SIGKILL: nothing is flushed, closed or undone. Steps are those of `dying_backup.py`, each cut of a
log, and each key that a token makes.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from strongroom.db.engine import Database
from strongroom.opening import open_system
from strongroom.operations import run
from strongroom.request import Request, instant
from strongroom.roots.tokens import TokenRoot
from strongroom.terms import SellerId
from strongroom.vault import By, Wanted
from tests.support.dying_backup import Steps, arm
from tests.support.restored import PASSPHRASE
from tests.vault.conftest import CONSOLE, World

ROOT = Path(__file__).parents[2]
ORDER = "902-1000001-0000001"


def _erase(world: World, now: datetime, *, final: bool) -> None:
    wanted = Wanted(By.ORDER, ORDER, (SellerId(1),))
    world.vault.eraser.erase(CONSOLE, wanted, final=final, now=now)


VAULT: dict[str, Callable[[World, datetime], object]] = {
    "sweep": lambda world, now: world.vault.sweep(now),
    "erase": lambda world, now: _erase(world, now, final=False),
    "erase-final": lambda world, now: _erase(world, now, final=True),
    "erase-seller": lambda world, now: world.vault.eraser.erase_seller(
        CONSOLE, SellerId(1), agreed=None, now=now
    ),
    "rewrap": lambda world, now: world.vault.rewrapping.run(CONSOLE, now),
    "master": lambda world, now: world.keystore.rotate_master(now),
}
"""What is done to the parts of a home; `root` and `moved` are done to a whole one."""


def opened(directory: Path, boots: int) -> World:
    """Open a home that a test filled."""
    vault, keys = (f"sqlite:///{directory / name}" for name in ("vault.db", "keys.db"))
    world = World(directory, vault, keys, boots=boots)
    world.open()
    return world


def rotated(home: Path, now: datetime, to: str | None, start: Callable[[], None]) -> None:
    """Rotate the root of a home, in place, or to another address and on to the first start with that."""
    system = open_system(home, starts_at=now, passphrase=PASSPHRASE, environ={})
    start()
    asked = {"to": to, "passphrase": PASSPHRASE if to is None or to.startswith("file:") else None}
    run(system, Request("keys.rotate_root", asked, None, None), "ada")
    system.close()
    if to is not None:
        again = {"STRONGROOM_KEYSTORE__ROOT": to}
        open_system(home, starts_at=now, passphrase=PASSPHRASE, environ=again).close()


def do(job: dict[str, Any]) -> int:
    """Do one job, and return its steps."""
    steps, now, directory = Steps(job["last"]), instant(job["now"]), Path(job["directory"])

    def start() -> None:
        arm(steps)
        steps.around(Database, "truncate_wal")
        steps.around(TokenRoot, "_generate")

    if job["what"] in VAULT:
        world = opened(directory, job["boots"])
        start()
        VAULT[job["what"]](world, now)
    else:
        rotated(directory, now, job["to"], start)
    return steps.count


def main() -> None:
    """Do what is read."""
    for line in sys.stdin:
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.close(reading)
            os.write(writing, str(do(json.loads(line))).encode())
            os._exit(0)
        os.close(writing)
        _, status = os.waitpid(child, 0)
        count = os.read(reading, 20)
        os.close(reading)
        died = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        print(json.dumps([died, os.WEXITSTATUS(status), int(count or 0)]), flush=True)  # noqa: T201 - the answer


@dataclass
class Killing:
    """The process that reads jobs, as a test has it."""

    process: subprocess.Popen[str]

    def steps(self, what: str, directory: Path, now: datetime, to: str | None = None) -> int:
        """Let a job end, and return how many steps it has."""
        died, code, count = self._asked(what, directory, now, to, 0)
        assert (died, code) == (0, 0)
        return count

    def kill(
        self, last: int, what: str, directory: Path, now: datetime, to: str | None = None
    ) -> None:
        """Let a job die at one of its steps."""
        died, _code, _count = self._asked(what, directory, now, to, last)
        assert died == signal.SIGKILL

    def _asked(
        self, what: str, directory: Path, now: datetime, to: str | None, last: int
    ) -> tuple[int, int, int]:
        job = {"what": what, "directory": str(directory), "now": now.isoformat()}
        job |= {"to": to, "last": last, "boots": 1000 + last}  # type: ignore[dict-item]
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        died, code, count = json.loads(self.process.stdout.readline())
        return died, code, count


@contextmanager
def killing() -> Iterator[Killing]:
    """Run it for the block."""
    command = [sys.executable, "-m", "tests.support.dying_keys"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Killing(process)
        finally:
            process.communicate(timeout=30)


if __name__ == "__main__":
    main()
