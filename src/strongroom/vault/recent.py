"""What the vault remembers of late merges, in memory alone: views it knows again, and when records changed.

A view that was merged before needs nothing opened. And an answer that was asked for before its record changed is not
taken for the latest: Amazon's own last update tells which of two views is the older, but a view without one (an
address, a list of items) can only be told by when it was asked for.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Final

import orjson

from strongroom.errors import Conflict
from strongroom.policy.retention import SightedFacts
from strongroom.policy.sighting import Sighting
from strongroom.terms import RecordNumber
from strongroom.vault.store import Row

_LONGEST_CALL: Final = timedelta(minutes=1)
_MANY: Final = 20_000


class Overtaken(Conflict):
    """The record changed after this view was asked for; nothing of the batch was kept. Ask Amazon once more."""


class RecentChanges:
    """The instants at which records were last changed. One process writes a home, so memory is enough."""

    def __init__(self) -> None:
        self._at: dict[RecordNumber, datetime] = {}
        self._full = _MANY

    def note(self, numbers: Iterable[RecordNumber], now: datetime) -> None:
        """Remember that these records were changed; call it once that is durable."""
        self._at.update(dict.fromkeys(numbers, now))
        if len(self._at) > self._full:
            self._at = {n: at for n, at in self._at.items() if now - at < _LONGEST_CALL}
            # A long report changes more in a minute: looking through all of them for each page would cost the most.
            self._full = max(_MANY, 2 * len(self._at))

    def overtaking(self, asked_at: datetime | None) -> Callable[[RecordNumber], bool]:
        """Return what tells whether a record changed after an answer was asked for; never, where nobody says when."""
        at = self._at
        if asked_at is None or not at:
            return lambda _number: False
        return lambda number: number in at and at[number] > asked_at


View = tuple[bytes, SightedFacts]
"""What tells one view of a record from another: the fingerprint of its values, and its facts."""


class Recognised:
    """Knows again what was merged before, by keyed fingerprints (BLAKE2b, RFC 7693) that live in memory only.

    On one day, merging the same view into a record that stands as it stood changes nothing, so an unchanged order
    needs neither its key nor its values opened.
    """

    def __init__(self, key: bytes, *, most: int = 100_000) -> None:
        self._keyed = blake2b(key=key, digest_size=16)
        self._most = most
        self._known: dict[RecordNumber, tuple[tuple[object, ...], set[View]]] = {}

    def __repr__(self) -> str:
        return "<recognised views>"

    def view(self, sighting: Sighting) -> View | None:
        """Return how this view is known again; None where it cannot be."""
        state = self._keyed.copy()
        try:
            state.update(orjson.dumps(list(sighting.slots.items())))
        except TypeError:
            # Not valid Unicode, say; sealing it will tell.
            return None
        return state.digest(), sighting.facts

    def has(self, row: Row, view: View, today: int) -> bool:
        """Say whether this view was merged today into the record as it stands."""
        known = self._known.get(row.number)
        return known is not None and view in known[1] and known[0] == _standing(row, today)

    def add(self, row: Row, view: View, today: int) -> None:
        """Remember a view that is part of the record as it stands."""
        standing = _standing(row, today)
        known = self._known.get(row.number)
        if known is not None and known[0] == standing:
            known[1].add(view)
            return
        if len(self._known) >= self._most:
            self._known.clear()
        self._known[row.number] = (standing, {view})


def _standing(row: Row, today: int) -> tuple[object, ...]:
    """Return all that decides what a merge does, beside the view."""
    return today, row.ref, row.version, row.facts, row.source_updated, row.period, row.due_at
