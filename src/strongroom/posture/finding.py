"""What one look at the installation's surroundings found, and what it means [1.1, 1.5]."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

_SYSTEM_PATH: Final = "/usr/sbin:/usr/bin:/sbin:/bin"
_SECONDS: Final = 5.0


class State(StrEnum):
    """How a look ended. `unknown`: we could not see; nobody should read it as good."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding: its id, which stays the same, what was seen, why it matters, and what to do about it."""

    id: str
    state: State
    seen: str
    why: str
    remedy: str | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The machine as this process may look at it: its files and its commands, nothing changed by looking."""

    root: Path = Path("/")
    path: str = _SYSTEM_PATH

    def text(self, name: str) -> str | None:
        """Return a small file's text, such as `proc/swaps`; None where it cannot be read."""
        try:
            return (self.root / name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None

    def output(self, command: str, *arguments: str) -> str | None:
        """Return what a command of the system prints; None where it is absent, fails or takes too long."""
        program = shutil.which(command, path=self.path)
        if program is None:
            return None
        try:
            done = subprocess.run(  # noqa: S603 - names and arguments are constants of this room
                [program, *arguments],
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                errors="replace",
                # None of our variables: they may name secrets.
                env={"PATH": self.path, "LC_ALL": "C"},
                timeout=_SECONDS,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout if done.returncode == 0 else None


@contextmanager
def duplicated(descriptor: int) -> Iterator[int]:
    """Give a copy of a descriptor, closed after the block. Raises: OSError where it is none."""
    copy = os.dup(descriptor)
    try:
        yield copy
    finally:
        os.close(copy)
