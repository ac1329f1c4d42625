"""Runs the `strongroom` command in a process that dies, or fails, at a point that a test names.

    python dying.py serve …        with STRONGROOM_TEST_POINT=NAME and STRONGROOM_TEST_TIMES=N

The N-th time the point is reached after the first order was asked for, the process sends itself
SIGKILL: nothing is flushed, closed or undone. With STRONGROOM_TEST_TEXT set it raises an error that
repeats this text, and the data in hand, instead.
"""

from __future__ import annotations

import functools
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from strongroom.audit.log import AuditLog
from strongroom.cli import main
from strongroom.db.engine import Database, Transaction
from strongroom.gateway.extraction import Extraction
from strongroom.gateway.proxy import Gateway
from strongroom.vault.batch import Batch
from strongroom.vault.keystore import Keystore
from strongroom.vault.store import Changes
from strongroom.vault.vault import Vault

POINTS = (
    "vault.put.before",
    "keystore.period.before",
    "keys.db.begun",
    "keys.db.commit.before",
    "keys.db.commit.after",
    "keystore.period.after",
    "vault.db.begun",
    "batch.create.after",
    "batch.merge.after",
    "changes.write.before",
    "changes.write.after",
    "audit.append.before",
    "audit.append.after",
    "vault.db.commit.before",
    "vault.db.commit.after",
    "vault.put.after",
    "answer.replace.before",
    "answer.replace.after",
    "answer.send.before",
    "answer.send.headers",
    "answer.send.after",
)
"""In the order in which one page of orders reaches them."""


class _Trap:
    """Counts how often the named point is reached, once an order was asked for."""

    def __init__(self, point: str, times: int, text: str) -> None:
        self.armed = False
        self._point = point
        self._left = times
        self._text = text

    def reach(self, point: str, *data: object) -> None:
        if not self.armed or point != self._point:
            return
        self._left -= 1
        if self._left != 0:
            return
        if self._text:
            raise ValueError(f"{self._text}: {data!r}")
        os.kill(os.getpid(), signal.SIGKILL)


def _around(trap: _Trap, owner: type, name: str, label: str) -> None:
    """Make a method reach `label.before` and `label.after`."""
    inner: Callable[..., Any] = getattr(owner, name)

    @functools.wraps(inner)
    def outer(*args: Any, **kwargs: Any) -> Any:
        trap.reach(f"{label}.before", args, kwargs)
        result = inner(*args, **kwargs)
        trap.reach(f"{label}.after", args, kwargs, result)
        return result

    setattr(owner, name, outer)


def _around_write(trap: _Trap) -> None:
    """Make each write transaction reach its points, under the name of its database's file."""
    inner = Database.write

    @contextmanager
    def outer(self: Database, *, alone: bool = False) -> Iterator[Transaction]:
        name = self.path.name if self.path else "database"
        with inner(self, alone=alone) as tx:
            trap.reach(f"{name}.begun")
            yield tx
            trap.reach(f"{name}.commit.before")
        trap.reach(f"{name}.commit.after")

    setattr(Database, inner.__name__, outer)


def _around_gateway(trap: _Trap) -> None:
    """Arm the trap with the first request for orders, and reach the points of its answer."""
    inner: Callable[..., Any] = Gateway.__call__

    async def outer(self: Gateway, scope: Any, receive: Any, send: Any) -> None:
        orders = scope["type"] == "http" and scope["path"].startswith("/orders")
        trap.armed = trap.armed or orders

        async def sending(message: Any) -> None:
            started = orders and message["type"] == "http.response.start"
            if started:
                trap.reach("answer.send.before")
            await send(message)
            if orders:
                trap.reach("answer.send.headers" if started else "answer.send.after")

        await inner(self, scope, receive, sending)

    setattr(Gateway, inner.__name__, outer)


def set_traps(point: str, times: int, text: str = "") -> None:
    """Change the classes of the package so that the process ends as told. Raises: ValueError."""
    if point not in POINTS:
        raise ValueError(f"{point} is no point")
    trap = _Trap(point, times, text)
    _around(trap, Vault, "put", "vault.put")
    _around(trap, Keystore, "period", "keystore.period")
    _around(trap, Batch, "create", "batch.create")
    _around(trap, Batch, "merge", "batch.merge")
    _around(trap, Changes, "write", "changes.write")
    _around(trap, AuditLog, "append", "audit.append")
    _around(trap, Extraction, "replace", "answer.replace")
    _around_write(trap)
    _around_gateway(trap)


if __name__ == "__main__":
    set_traps(
        os.environ["STRONGROOM_TEST_POINT"],
        int(os.environ.get("STRONGROOM_TEST_TIMES", "1")),
        os.environ.get("STRONGROOM_TEST_TEXT", ""),
    )
    main()
