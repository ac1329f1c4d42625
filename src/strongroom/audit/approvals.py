"""Holds what takes two people against who asked for it, unless the home was made for one [1.2, 2.1, 3].

That is giving up a part of the log, and the word that a clock is right which nobody would believe.

What a program of ours would not have recorded was recorded by another one, or under settings that are not those the
home was made with.
"""

import json
from typing import Any, Final

from strongroom.audit.entry import Outcome
from strongroom.audit.event_types import EventType

ONE_PERSON: Final = "init.one_person"
"""How the log's first event says what was declared at `init`: a setting alone could be edited."""

NOTED: Final = frozenset(
    {
        EventType.HOME_INITIALIZED.value,
        EventType.LOG_PRUNE_REQUESTED.value,
        EventType.LOG_PRUNED.value,
        EventType.CLOCK_JUMPED.value,
    }
)
_CLOCK_ASKED, _CLOCK_CONFIRMED = "clock.asked", "clock.confirmed"


class Approvals:
    """What one reading of a log found of them, in order. Takes entries that are as they were recorded."""

    def __init__(self) -> None:
        self._made_for_one: bool | None = None
        self._asked: dict[str, int] = {}
        self._found: list[str] = []
        self._clock_asked: int | None = None
        self._clock_alone: list[str] = []

    def note(self, seq: int, type_: str, body: bytes) -> None:
        """Take the next entry of a type in `NOTED`."""
        entry = json.loads(body)
        if type_ == EventType.HOME_INITIALIZED:
            if self._made_for_one is None:
                self._made_for_one = entry.get("op") == ONE_PERSON
            return
        if entry["outcome"] != Outcome.SUCCESS:
            return
        if type_ == EventType.CLOCK_JUMPED:
            self._note_clock(seq, entry)
            return
        # The one HMAC of all that the change says.
        seal = next((change.get("after", "") for change in entry.get("chg", ())), "")
        if type_ == EventType.LOG_PRUNE_REQUESTED:
            self._asked.setdefault(seal, entry["actor"]["id"])
        elif seal not in self._asked:
            self._found.append(f"event {seq} gives up what nobody asked for")
        elif self._asked[seal] == entry["actor"]["id"]:
            self._found.append(f"event {seq} was approved by who asked for it")

    def _note_clock(self, seq: int, entry: dict[str, Any]) -> None:
        who = entry["actor"]["id"]
        if entry.get("op") == _CLOCK_CONFIRMED and self._clock_asked in (None, who):
            self._clock_alone.append(f"event {seq} believes a clock on one person's word")
        self._clock_asked = who if entry.get("op") == _CLOCK_ASKED else None

    @property
    def faults(self) -> list[str]:
        """What cannot be in a home of several people."""
        return self._said() if self._made_for_one is False else []

    def _said(self) -> list[str]:
        prunes = [f"prune.alone: {said}" for said in self._found]
        return [*prunes, *(f"clock.alone: {said}" for said in self._clock_alone)]

    @property
    def notices(self) -> tuple[str, ...]:
        """What one person did alone, in a home that was made for one."""
        return tuple(self._said()) if self._made_for_one else ()
