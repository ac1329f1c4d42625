"""Searches what is about to leave for what only canaries have: order ids, e-mail addresses and tokens [2.6].

Nobody honest holds any of it, so a body with one of them carries scraped data and is refused. One object for each way
out; the known values stay in memory, in clear, and whatever this file says names the selling partner alone.
"""

import threading
from collections.abc import Iterable
from typing import Final

from strongroom.crypto.token import find_tokens, number_in
from strongroom.leaks.needles import Needles, Stream
from strongroom.terms import SellerId
from strongroom.vault.canaries import Canaries

_MOST_PARTS: Final = 8
"""Needles are built for what is new, and joined when there are so many: building for all takes 0.1 ms a value."""


class Markers:
    """What one home's canaries have that nothing else has. Safe between threads."""

    def __init__(self, canaries: Canaries) -> None:
        self._canaries = canaries
        self._generation = -1
        self._owners: dict[str, SellerId] = {}
        self._parts: list[tuple[Needles, list[str]]] = []
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<{len(self._owners)} markers>"

    def find(self, *bodies: bytes) -> SellerId | None:
        """Return whose canary one of the bodies carries, in any encoding; None where none does.

        Of tokens only the record number counts, so refuse what somebody else wrote for its tokens before: whoever may
        try numbers here could learn which are canaries.
        """
        stream = self.stream()
        for body in bodies:
            stream.feed(body)
        return stream.found()

    def stream(self) -> "MarkerStream":
        """Return a search of a body that comes in parts."""
        with self._lock:
            self._refresh()
            return MarkerStream(self._canaries, self._parts, self._owners)

    def _refresh(self) -> None:
        generation = self._canaries.generation()
        if generation == self._generation:
            return
        owners = self._canaries.markers()
        self._generation = self._canaries.generation()
        fresh = [text for text in owners if text not in self._owners]
        if len(self._parts) >= _MOST_PARTS:
            # The first one holds nearly all: it stays.
            fresh += [text for _needles, texts in self._parts[1:] for text in texts]
            del self._parts[1:]
        if fresh:
            self._parts = [*self._parts, (Needles(fresh), fresh)]
            self._owners = {**self._owners, **owners}


class MarkerStream:
    """One search; what stands across the border of two parts is found too."""

    def __init__(
        self,
        canaries: Canaries,
        parts: list[tuple[Needles, list[str]]],
        owners: dict[str, SellerId],
    ) -> None:
        self._canaries = canaries
        self._streams: list[tuple[Stream, list[str]]] = [
            (needles.stream(), texts) for needles, texts in parts
        ]
        self._owners = owners
        self._tail = b""
        self._token_owner: SellerId | None = None

    def feed(self, part: bytes) -> None:
        """Search the next part."""
        for stream, _texts in self._streams:
            stream.feed(part)
        if self._token_owner is None and self._streams:
            data = self._tail + part
            numbers = _numbers(data)
            if numbers:
                owners = self._canaries.owners(numbers)
                self._token_owner = next(iter(owners.values()), None)
            self._tail = data[-64:]

    def found(self) -> SellerId | None:
        """Return whose canary was in it so far."""
        for stream, texts in self._streams:
            for hit in stream.hits():
                return self._owners[texts[hit.index]]
        return self._token_owner


def _numbers(data: bytes) -> frozenset[int]:
    """Return the record numbers that tokens in the data name."""
    tokens: Iterable[str] = find_tokens(data.decode("utf-8", errors="replace"))
    return frozenset(number for token in tokens if (number := number_in(token)) is not None)
