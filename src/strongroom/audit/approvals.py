"""Holds each giving up of the log against who asked for it: two people, unless the home was made for one [1.2, 3].

What a program of ours would not have recorded was recorded by another one, or under settings that are not those the
home was made with.
"""

import json
from typing import Final

from strongroom.audit.entry import EventType, Outcome

ONE_PERSON: Final = "init.one_person"
"""How the log's first event says what was declared at `init`: a setting alone could be edited."""

NOTED: Final = frozenset(
    {
        EventType.HOME_INITIALIZED.value,
        EventType.LOG_PRUNE_REQUESTED.value,
        EventType.LOG_PRUNED.value,
    }
)


class Approvals:
    """What one reading of a log found of them, in order. Takes entries that are as they were recorded."""

    def __init__(self) -> None:
        self._made_for_one: bool | None = None
        self._asked: dict[str, int] = {}
        self._found: list[str] = []

    def note(self, seq: int, type_: str, body: bytes) -> None:
        """Take the next entry of a type in `NOTED`."""
        entry = json.loads(body)
        if type_ == EventType.HOME_INITIALIZED:
            if self._made_for_one is None:
                self._made_for_one = entry.get("op") == ONE_PERSON
            return
        if entry["outcome"] != Outcome.SUCCESS:
            return
        # The one HMAC of all that the change says.
        seal = next((change.get("after", "") for change in entry.get("chg", ())), "")
        if type_ == EventType.LOG_PRUNE_REQUESTED:
            self._asked.setdefault(seal, entry["actor"]["id"])
        elif seal not in self._asked:
            self._found.append(f"event {seq} gives up what nobody asked for")
        elif self._asked[seal] == entry["actor"]["id"]:
            self._found.append(f"event {seq} was approved by who asked for it")

    @property
    def faults(self) -> list[str]:
        """What cannot be in a home of several people."""
        return [f"prune.alone: {said}" for said in self._found if self._made_for_one is False]

    @property
    def notices(self) -> tuple[str, ...]:
        """What one person did alone, in a home that was made for one."""
        return tuple(f"prune.alone: {said}" for said in self._found if self._made_for_one)
