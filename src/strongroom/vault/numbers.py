"""Gives out record numbers: a block of them belongs to one selling partner, so that a token names its seller.

A block is durable before any number of it is used. Numbers that a process took and did not use stay unused.
"""

import threading
from collections.abc import Iterator
from itertools import chain

from strongroom.db.engine import Database
from strongroom.terms import RecordNumber, SellerId
from strongroom.vault import store

_BLOCKS_AT_ONCE = 8
"""For so many one durable commit; a restart wastes them, and there are 2**30 blocks."""


class Numbers:
    """The free numbers of every selling partner. Safe between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._free: dict[SellerId, list[range]] = {}
        self._lock = threading.Lock()

    def take(self, seller: SellerId, count: int) -> "Taken":
        """Take `count` numbers for one batch."""
        taken: list[range] = []
        with self._lock:
            free = self._free.setdefault(seller, [])
            while count > 0:
                if not free:
                    free.extend(self._reserve(seller))
                part = free.pop()
                if len(part) > count:
                    free.append(part[count:])
                    part = part[:count]
                taken.append(part)
                count -= len(part)
        return Taken(taken)

    def give_back(self, seller: SellerId, taken: "Taken") -> None:
        """Take back what a batch did not use."""
        with self._lock:
            self._free[seller].extend(reversed(taken.rest()))

    def _reserve(self, seller: SellerId) -> Iterator[range]:
        with self._database.write() as tx:
            blocks = [store.reserve_block(tx, seller) for _ in range(_BLOCKS_AT_ONCE)]
        return reversed(blocks)


class Taken:
    """The numbers of one batch, in ascending order within a block."""

    def __init__(self, parts: list[range]) -> None:
        self._parts = parts
        self._used = 0
        self._numbers = chain.from_iterable(parts)

    def __next__(self) -> RecordNumber:
        number = next(self._numbers)
        self._used += 1
        return RecordNumber(number)

    def rest(self) -> list[range]:
        """Return the numbers that are left."""
        left, used = [], self._used
        for part in self._parts:
            left.append(part[used:])
            used = max(used - len(part), 0)
        return [part for part in left if part]
