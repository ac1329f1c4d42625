"""Answers of operations that an operator lets pass and the catalogue does not know: every string becomes a token [1.3].

Numbers, booleans and nulls pass: it is the operator's word that this will do. Keys that are no plain words go, since
they could be somebody's name.
"""

from strongroom.errors import Malformed
from strongroom.gateway.extraction import NO_CALL, Call, Extraction, Hole, Json, Slots, Write, plain
from strongroom.gateway.shapes import MANY_SLOTS, MAX_DEPTH, SAFE_KEY
from strongroom.policy.catalogue import Operation, unknown_slot
from strongroom.policy.kinds import CALL, KEPT
from strongroom.policy.sighting import Sighting


class Everything:
    """What becomes of one such operation's answers, in the manner of a plan."""

    __slots__ = ("operation",)

    def __init__(self, operation: Operation) -> None:
        self.operation = operation

    def extract(self, document: Json, call: Call = NO_CALL) -> Extraction:
        """Return every string of a document, with this call as its only subject. Changes nothing.

        Raises:
            Malformed: it is too deep or has too many members.

        """
        walk = _Walk(Extraction(document), call, self.operation.id)
        walk.value(walk.x.holder, "", "", 0)
        return walk.x

    def __repr__(self) -> str:
        return f"<everything of {self.operation.id}>"


class _Walk:
    """One walk through one document."""

    def __init__(self, x: Extraction, call: Call, operation: str) -> None:
        self.x = x
        self._call = call
        self._operation = operation
        self._slots: Slots = {}
        self._writes: list[Write] = []
        self._begin()

    def value(self, holder: Json, key: str | int, place: str, depth: int) -> None:
        """Take the strings of a member or element."""
        value = holder[key]
        if isinstance(value, str):
            if value:
                self._take(holder, key, value, place)
        elif isinstance(value, (dict, list)):
            if depth > MAX_DEPTH:
                raise Malformed("the document is nested too deeply")
            self.x.spend(len(value) + 1)
            for step in value if isinstance(value, dict) else range(len(value)):
                if isinstance(step, int) or SAFE_KEY(step):
                    self.value(value, step, f"{place}.{step}", depth + 1)
                else:
                    self.x.report("", "unsafe_key")
                    self.x.drop(value, step)

    def _take(self, holder: Json, key: str | int, value: str, place: str) -> None:
        if len(self._slots) >= MANY_SLOTS:
            # A record has so many slots; the next one takes what follows.
            self._begin()
        slot = unknown_slot(f"{self._operation}:{place}")
        if not self._slots:
            seen = Sighting(CALL, self.x.anchor(self._call), self._slots, KEPT[CALL])
            self.x.sightings.append(seen)
            holes: list[Hole] = []
            self.x.changes.append((holes, self._writes))
        self._slots[slot] = value
        self._writes.append((holder, key, slot, plain))

    def _begin(self) -> None:
        self._slots, self._writes = {}, []
