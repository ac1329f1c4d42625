"""Sweeps a home in a process that dies at a point that a test names.

    python -m tests.support.dying_sweep DIRECTORY INSTANT POINT TIMES

The N-th time the point is reached the process sends itself SIGKILL: nothing is flushed, closed or undone.
"""

from __future__ import annotations

import functools
import os
import signal
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from strongroom.db.engine import Database
from strongroom.vault import archive, cold
from strongroom.vault.archive import Archive
from strongroom.vault.keystore import Keystore
from strongroom.vault.setting_aside import Aside
from tests.vault.conftest import World

POINTS = {
    "aside.write": (Aside, "_write"),
    "aside.take": (Aside, "take"),
    "key.destroy": (Keystore, "destroy"),
    "file.write": (cold.Directory, "write"),
    "file.sync": (cold, "_sync"),
    "file.replace": (Path, "replace"),
    "manifest.write": (cold.Directory, "write_manifest"),
    "sealed.event": (archive, "sealed_event"),
    "held.destroy": (Archive, "_destroy"),
    "held.drop": (Aside, "drop"),
    "file.destroy": (cold.Directory, "destroy"),
    "expired.event": (archive, "expired_event"),
    "wal.cut": (Database, "truncate_wal"),
}
"""Each is reached before it is done (`NAME.before`) and after (`NAME.after`)."""


def set_trap(point: str, times: int) -> None:
    """Have this process end the N-th time it gets there."""
    name, _, when = point.rpartition(".")
    owner, attribute = POINTS[name]
    inner: Callable[..., Any] = getattr(owner, attribute)
    left = [times]

    def reach(here: str) -> None:
        left[0] -= here == when
        if here == when and left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    @functools.wraps(inner)
    def outer(*args: Any, **kwargs: Any) -> Any:
        reach("before")
        result = inner(*args, **kwargs)
        reach("after")
        return result

    setattr(owner, attribute, outer)


def main(directory: Path, now: datetime, point: str, times: int) -> None:
    """Sweep the home."""
    vault, keys = (f"sqlite:///{directory / name}" for name in ("vault.db", "keys.db"))
    world = World(directory, vault, keys, boots=9)
    world.open()
    set_trap(point, times)
    world.vault.sweep(now)


if __name__ == "__main__":
    main(Path(sys.argv[1]), datetime.fromisoformat(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
