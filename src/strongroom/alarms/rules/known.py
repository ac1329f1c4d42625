"""What a rule remembers, by principal or place: bounded, the quiet ones forgotten first; and counts of a sliding span.

Pure. Both give and take JSON that leads to exactly the same signals.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Generic, Self, TypeVar

from strongroom.alarms.rules.cases import MOST_EVIDENCE

T = TypeVar("T")

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SLICES: Final = 15
_MOST_OBJECTS: Final = 256


def seconds(at: datetime) -> int:
    """Return whole seconds since 1970."""
    return int(at.timestamp())


def at_second(number: int) -> datetime:
    """Return the instant of so many seconds since 1970."""
    return _EPOCH + timedelta(seconds=number)


class Known(Generic[T]):
    """Values by key, at most `most` of them; those that were used longest ago are forgotten first."""

    __slots__ = ("_make", "_most", "_of", "_values")

    def __init__(self, most: int, make: Callable[[], T], of: Callable[[Any], T]) -> None:
        self._most = most
        self._make = make
        self._of = of
        self._values: OrderedDict[str, T] = OrderedDict()

    def get(self, key: str) -> T:
        """Return the key's value, made where there is none."""
        found = self._values.get(key)
        if found is None:
            found = self._values[key] = self._make()
            if len(self._values) > self._most:
                self._values.popitem(last=False)
        else:
            self._values.move_to_end(key)
        return found

    def find(self, key: str) -> T | None:
        """Return the key's value, if there is one, without using it."""
        return self._values.get(key)

    def forget(self, key: str) -> None:
        """Forget a key."""
        self._values.pop(key, None)

    def forget_until(self, used_at: Callable[[T], int], oldest: int) -> None:
        """Forget what was last used before a second since 1970."""
        for key, value in self:
            if used_at(value) >= oldest:
                return
            del self._values[key]

    def __iter__(self) -> Iterator[tuple[str, T]]:
        return iter(list(self._values.items()))

    def __len__(self) -> int:
        return len(self._values)

    def state(self, dump: Callable[[T], Any]) -> list[Any]:
        """Return everything as JSON, in its order: a database may sort the members of an object."""
        return [[key, dump(value)] for key, value in self._values.items()]

    def restore(self, state: list[Any]) -> None:
        """Take what `state` gave."""
        self._values = OrderedDict((key, self._of(value)) for key, value in state)


class Tally:
    """How many, and of how many different things, within a span before now; and which entries they were."""

    __slots__ = ("_counts", "_objects", "evidence", "told", "told_objects")

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self._objects: dict[str, int] = {}
        self.evidence: deque[int] = deque(maxlen=MOST_EVIDENCE)
        self.told = 0
        """The count that was last told; 0 where nothing is to be told of this span."""
        self.told_objects = 0

    def add(self, at: int, span: timedelta, seq: int, n: int = 1, about: str | None = None) -> int:
        """Count `n` more at a second since 1970 and return how many the span has."""
        slice_ = int(span.total_seconds()) // _SLICES
        self._drop(at, slice_)
        number = at // slice_
        self._counts[number] = self._counts.get(number, 0) + n
        if about is not None and (about in self._objects or len(self._objects) < _MOST_OBJECTS):
            self._objects[about] = number
        self.evidence.append(seq)
        return sum(self._counts.values())

    def count(self, at: int, span: timedelta) -> int:
        """Return how many the span before a second has."""
        self._drop(at, int(span.total_seconds()) // _SLICES)
        return sum(self._counts.values())

    @property
    def objects(self) -> int:
        """How many different things, up to 256."""
        return len(self._objects)

    def tells(self, count: int, limit: int) -> bool:
        """Tell whether to say so now: at the limit, and each time the count doubled since."""
        if count < limit or count < 2 * self.told:
            return False
        self.told = count
        return True

    def tells_objects(self, limit: int) -> bool:
        """Tell the same of the different things."""
        if self.objects < limit or self.objects < 2 * self.told_objects:
            return False
        self.told_objects = self.objects
        return True

    def _drop(self, at: int, slice_: int) -> None:
        oldest = at // slice_ - _SLICES
        if self._counts and next(iter(self._counts)) > oldest:
            return
        self._counts = {n: count for n, count in self._counts.items() if n > oldest}
        self._objects = {about: n for about, n in self._objects.items() if n > oldest}
        if not self._counts:
            self.told = self.told_objects = 0
            self.evidence.clear()

    def state(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "counts": list(self._counts.items()),
            "objects": list(self._objects.items()),
            "evidence": list(self.evidence),
            "told": [self.told, self.told_objects],
        }

    @classmethod
    def of(cls, state: dict[str, Any]) -> Self:
        """Return what `state` gave."""
        made = cls()
        made._counts = dict(state["counts"])
        made._objects = dict(state["objects"])
        made.evidence.extend(state["evidence"])
        made.told, made.told_objects = state["told"]
        return made
