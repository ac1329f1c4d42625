"""Searches what is about to leave for what only canaries have: order ids, e-mail addresses and tokens [2.6].

Nobody honest holds any of it, so a body with one of them carries scraped data and is refused. One object for each way
out; the known values stay in memory, in clear, and whatever this file says names the selling partner alone.
"""

import threading
from collections.abc import Callable
from typing import Final

from strongroom.crypto.token import find_tokens, number_in
from strongroom.leaks.needles import Needles, Stream
from strongroom.terms import SellerId
from strongroom.vault.canaries import Canaries

_BORDER: Final = b"\0"
_MOST_PARTS: Final = 8
"""Needles are built for what is new, and joined when there are so many: building for all takes 0.1 ms a value."""


Made = Callable[[str], bool]
"""Tells whether a token was made here."""


class Markers:
    """What one home's canaries have that nothing else has. Safe between threads.

    With `made`, only tokens count that were made here: in what a third party wrote, an invented number proves nothing.
    """

    def __init__(self, canaries: Canaries, made: Made | None = None) -> None:
        self._canaries = canaries
        self._made = made
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
            # The end of one body and the beginning of the next are no text.
            stream.feed(_BORDER)
        return stream.found()

    def stream(self) -> "MarkerStream":
        """Return a search of a body that comes in parts."""
        with self._lock:
            self._refresh()
            return MarkerStream(self._canaries, self._parts, self._owners, self._made)

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
        made: Made | None,
    ) -> None:
        self._canaries = canaries
        self._made = made
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
            numbers = _numbers(data, self._made)
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


def _numbers(data: bytes, made: Made | None) -> frozenset[int]:
    """Return the record numbers that tokens in the data name."""
    tokens = set(find_tokens(data.decode("utf-8", errors="replace")))
    if made is not None:
        tokens = set(filter(made, tokens))
    return frozenset(number for token in tokens if (number := number_in(token)) is not None)
