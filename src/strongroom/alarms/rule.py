"""What every rule offers to the watch: it sees entries and the passing of time, and gives signals [2.6].

Pure. A rule's state is small JSON, kept by the watch together with the number of the last entry it saw, so that a
restart neither misses nor repeats one.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar, Protocol

from strongroom.alarms.kinds import AlarmKind, Signal
from strongroom.alarms.seen import Seen
from strongroom.audit.event_types import EventType


class Rule(Protocol):
    """One rule over the whole log, in order."""

    name: ClassVar[str]
    """Never renamed: its state is kept under it."""
    kind: ClassVar[AlarmKind]
    types: ClassVar[frozenset[EventType] | None]
    """The entries it wants to see; None means all."""

    def feed(self, seen: Seen) -> Iterable[Signal]:
        """Take the next entry and return what is wrong because of it."""
        ...

    def tick(self, now: datetime) -> Iterable[Signal]:
        """Take note that it is `now`, and return what is wrong because of what did not happen. Asked once a minute."""
        ...

    def state(self) -> dict[str, Any]:
        """Return what has to be kept, as JSON."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from what `state` returned. An older version's is understood, or ignored."""
        ...
