"""Kills a sweep at each of its durable steps and lets the next one finish; prints what each of them left, as JSON.

    python -m tests.lifecycle.killing DIRECTORY FIRST EVERY

Homes are copies of one that was prepared; whatever opens one is a process of its own, and dies by SIGKILL: nothing is
flushed, closed or undone. The first line is of a sweep that nobody killed.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Gone
from strongroom.policy.retention import Progress
from strongroom.vault import store, sweep
from tests.support import tables
from tests.vault.conftest import APP, EMAIL, NAME, NOW, World, created, order

AT = (NOW + timedelta(days=30)).replace(hour=0)
CHUNK = 3


class Steps:
    """Counts durable steps, and ends the process before or after one of them."""

    def __init__(self, last: int | None) -> None:
        self.count = 0
        self._last = last

    def reach(self) -> None:
        self.count += 1
        if self.count == self._last:
            os.kill(os.getpid(), signal.SIGKILL)


def watch(steps: Steps) -> None:
    """Have every commit of either database, and every cut of a log, be two steps: before and after it."""
    write: Callable[..., Any] = Database.write
    cut: Callable[[Database], bool] = Database.truncate_wal

    @contextmanager
    def writing(self: Database, *, alone: bool = False) -> Iterator[Transaction]:
        with write(self, alone=alone) as tx:
            yield tx
            steps.reach()
        steps.reach()

    @functools.wraps(cut)
    def cutting(self: Database) -> bool:
        steps.reach()
        done = cut(self)
        steps.reach()
        return done

    setattr(Database, write.__name__, writing)
    setattr(Database, cut.__name__, cutting)


def world_of(directory: Path) -> World:
    return World(
        directory,
        f"sqlite:///{directory / 'vault.db'}",
        f"sqlite:///{directory / 'keys.db'}",
    )


def prepare(directory: Path) -> None:
    """Make a home in which everything is to be done: due days, an ended window, keys to replace, a cancellation."""
    directory.mkdir()
    for name in ("vault.db", "keys.db"):
        tables.copy_to(directory / name)
    world = created(world_of(directory))
    slots = {NAME: "A Name", EMAIL: "a@example.com"}

    def put(first: int, count: int, days: int, status: Progress, **told: Any) -> None:
        at = NOW + timedelta(days=days)
        seen = [
            order(f"902-{n}", dict(slots), status=status, **told)
            for n in range(first, first + count)
        ]
        world.vault.put(1, seen, caller=APP, op="ordersV0.getOrders", now=at)

    put(0, 7, 0, Progress.SHIPPED, purchased=NOW)
    put(20, 5, 5, Progress.SHIPPED, purchased=NOW + timedelta(days=5))
    put(40, 7, 20, Progress.UNSHIPPED, purchased=NOW + timedelta(days=19))
    put(60, 4, 29, Progress.UNSHIPPED, purchased=NOW + timedelta(days=28))
    # Leaves a later day early, and a window that is not over.
    put(23, 1, 29, Progress.CANCELLED)
    put(63, 1, 29, Progress.CANCELLED)
    world.close()


def state(world: World) -> dict[str, Any]:
    """Return all that a sweep is to leave, by what things are and not by their numbers."""
    box = world.vault._box(1)
    places = {
        period.id: [period.kind.value, period.day, period.generation]
        for period in world.keystore.periods(live=True)
    }
    with world.database.read() as tx:
        numbers = list(
            tx.execute(schema.record.select().with_only_columns(schema.record.c.number)).scalars()
        )
        rows = store.by_numbers(tx, numbers)
        tags = list(tx.execute(schema.search_tag.select()))
        flags = len(list(tx.execute(schema.period_replacement.select())))
    records = {}
    for row in rows:
        try:
            value = box.open(row, box.dek(row)).get(NAME)
        except Gone:
            value = None
        records[str(row.number)] = [int(row.state), places.get(row.period or 0), row.due_at, value]
    told = [
        (entry.type, entry.body["obj"]["ref"])
        for entry in world.audit.events()
        if entry.type.startswith("key.period.")
    ]
    destroyed = {str(p.id) for p in world.keystore.periods() if p.destroyed_at is not None}
    said = [ref for type_, ref in told if type_ == "key.period.destroyed"]
    return {
        "records": records,
        "places": sorted(places.values()),
        "tags": sorted([places.get(tag.period_id), tag.record_number] for tag in tags),
        "flags": flags,
        "left": len(world.keystore.periods(live=False)),
        "untold": sorted(destroyed - set(said)),
        "told_twice": len(said) - len(set(said)),
        "replaced": sum(type_ == "key.period.replaced" for type_, _ in told),
        "log": world.audit.verify().ok,
    }


def child(work: Callable[[], object]) -> int:
    """Do work in a process of its own; return its status."""
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return os.waitpid(pid, 0)[1]
    try:
        work()
    except BaseException:  # noqa: BLE001 - whatever it is, this process ends here
        sys.excepthook(*sys.exc_info())
        os._exit(1)
    sys.stdout.flush()
    os._exit(0)


def swept(directory: Path, last: int | None) -> None:
    """Sweep; tell how many steps it has, where it comes to its end."""
    steps = Steps(last)
    world = world_of(directory)
    world.open()
    watch(steps)
    world.vault.sweep(AT)
    if last is None:
        (directory / "steps").write_text(str(steps.count))
    world.close()


def finished(directory: Path, killed_at: int) -> None:
    """Sweep once more, and print what is left then."""
    world = world_of(directory)
    world.open()
    world.vault.sweep(AT + timedelta(hours=1))
    sys.stdout.write(json.dumps({"killed_at": killed_at, **state(world)}) + "\n")
    world.close()


def main(root: Path, first: int, every: int) -> None:
    sweep._CHUNK = sweep._AT_ONCE = CHUNK
    if child(lambda: prepare(root / "prepared")):
        sys.exit("the home was not prepared")
    whole = root / "whole"
    shutil.copytree(root / "prepared", whole)
    if child(lambda: swept(whole, None)) or child(lambda: finished(whole, 0)):
        sys.exit("the sweep did not come to its end")
    for step in range(first, int((whole / "steps").read_text()) + 1, every):
        home = root / "killed"
        shutil.copytree(root / "prepared", home)
        if child(lambda home=home, step=step: swept(home, step)) != signal.SIGKILL:
            sys.exit(f"nothing was killed at step {step}")
        if child(lambda home=home, step=step: finished(home, step)):
            sys.exit(f"the sweep after step {step} did not come to its end")
        shutil.rmtree(home)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
