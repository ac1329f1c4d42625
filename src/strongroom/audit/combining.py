"""Lets many threads that have something to write at once have it written by one of them, in one go.

The first to come leads: what the others brought while it waited for its turn is written with its own. Then the next
one waiting leads, once. Nobody returns before what it brought is written, or has failed.
"""

import threading
from collections import deque
from collections.abc import Callable
from copy import copy
from typing import Generic, TypeVar

from strongroom.errors import Malformed, Unavailable

Part = TypeVar("Part")
Take = Callable[[], list[Part]]


class _Place(Generic[Part]):
    """What one thread brought, and what became of it."""

    __slots__ = ("failure", "leads", "lock", "part")

    def __init__(self, part: Part) -> None:
        self.part = part
        self.leads = False
        self.failure: BaseException | None = None
        self.lock = threading.Lock()
        self.lock.acquire()


class Combining(Generic[Part]):
    """Writes the parts of all threads that wait. Safe between threads.

    `write` gets a function that takes what has come by now; it is to call it once, as late as it can, and to return
    when that is durable. A part of the wrong form fails alone.
    """

    def __init__(self, write: Callable[[Take[Part]], None]) -> None:
        self._write = write
        self._mutex = threading.Lock()
        self._queue: deque[_Place[Part]] = deque()
        self._is_led = False

    def add(self, part: Part) -> None:
        """Have the part written; durable on return. Raises: what `write` raises."""
        place = _Place(part)
        with self._mutex:
            self._queue.append(place)
            place.leads = not self._is_led
            self._is_led = True
        if not place.leads:
            try:
                place.lock.acquire()
            except BaseException:
                self._leave(place)
                raise
        if place.leads:
            self._lead()
        if place.failure is not None:
            # One error object in two threads would grow two tracebacks.
            raise copy(place.failure) from None

    def _lead(self) -> None:
        places: list[_Place[Part]] = []

        def take() -> list[Part]:
            with self._mutex:
                places.extend(self._queue)
                self._queue.clear()
            return [place.part for place in places]

        failure: BaseException | None = Unavailable("the writing was interrupted")
        try:
            self._write(take)
            failure = None
        except Exception as exc:  # noqa: BLE001 - each thread raises it itself
            failure = exc
        finally:
            if not places:
                take()
            if isinstance(failure, Malformed) and len(places) > 1:
                self._write_apart(places)
            else:
                for place in places:
                    place.failure = failure
            self._hand_on()
            for place in places:
                place.lock.release()

    def _write_apart(self, places: list[_Place[Part]]) -> None:
        """Write each part by itself: one of them has the wrong form."""
        for place in places:
            try:
                self._write(lambda part=place.part: [part])  # type: ignore[misc]
            except Exception as exc:  # noqa: BLE001 - each thread raises its own
                place.failure = exc

    def _hand_on(self) -> None:
        """Let who waits longest lead."""
        with self._mutex:
            if not self._queue:
                self._is_led = False
                return
            heir = self._queue[0]
            heir.leads = True
            heir.lock.release()

    def _leave(self, place: _Place[Part]) -> None:
        """Go without an answer; what was brought may be written."""
        with self._mutex:
            if place in self._queue and not place.leads:
                self._queue.remove(place)
        if place.leads and place.failure is None:
            self._lead()
