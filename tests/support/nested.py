"""Finds whoever opens a second transaction within a `write()`: it waits for a connection while others wait for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from strongroom.db.engine import Database, Transaction


@contextmanager
def refused(database: Database) -> Iterator[None]:
    """Fail every `read()` of a thread that is in a `write()` of the same database."""
    write, read, inside = database.write, database.read, threading.local()

    @contextmanager
    def counted(*, alone: bool = False) -> Iterator[Transaction]:
        with write(alone=alone) as tx:
            inside.write = True
            try:
                yield tx
            finally:
                inside.write = False

    @contextmanager
    def outside() -> Iterator[Transaction]:
        assert not getattr(inside, "write", False), "a second transaction within a write"
        with read() as tx:
            yield tx

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "write", counted)
        patch.setattr(database, "read", outside)
        yield
