"""One state for many reads: what a thread asks of a database between two points in time it sees as of the first one.

For what asks many rooms for one page. While nothing can change, what was reckoned of it once need not be again.
"""

import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import Connection

_T = TypeVar("_T")


class Moments:
    """The moments of one database, each of one thread."""

    def __init__(self) -> None:
        self._local = threading.local()

    @property
    def transaction(self) -> Connection | None:
        """What reads of this thread see; None where each sees a state of its own."""
        found: Connection | None = getattr(self._local, "transaction", None)
        return found

    @contextmanager
    def of(self, transaction: Connection) -> Iterator[None]:
        """Have this thread read from this transaction until the block or the moment ends."""
        self._local.transaction = transaction
        self._local.kept = {}
        try:
            yield
        finally:
            self.end()

    def end(self) -> None:
        """Have this thread see what is there by now: it is about to write."""
        self._local.transaction = None
        self._local.kept = None

    def kept(self, key: Hashable, make: Callable[[], _T]) -> _T:
        """Return what `make` returns, made once in a moment for each key."""
        known: dict[Hashable, Any] | None = getattr(self._local, "kept", None)
        if known is None:
            return make()
        if key not in known:
            known[key] = make()
        found: _T = known[key]
        return found
