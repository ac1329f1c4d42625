"""The canaries of one selling partner in memory: what each is like, and what rides along with which document.

Pure but for the order of calls: what is new follows from the selling partner's key and what was seen. Rows, the log and
the door are `canaries.py`'s.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from strongroom.crypto.index import SubjectKey, normalize_email, same_phone, subject_ref
from strongroom.policy.limits import CANARY_EVERY, FEWEST_CANARIES
from strongroom.policy.retention import DAY, Progress, SightedFacts
from strongroom.policy.sighting import Sighting, SlotKey
from strongroom.terms import RecordNumber, Scalar
from strongroom.vault.invented import DEFAULT_SLOTS, Inventor

MOST_GUESTS: Final = 4
"""Canaries that one document brings, at most."""

_VARIANTS: Final = 16
_FIRST_GAP: Final = 10
_OPEN: Final = (Progress.PENDING, Progress.UNSHIPPED, Progress.PARTIAL, Progress.UNDELIVERED)
_HOUR: Final = 3600


@dataclass(slots=True)
class Canary:
    """One whose data is still there."""

    number: int
    """Among the canaries of its selling partner."""
    record: RecordNumber
    purchased_at: int
    status: Progress
    burnt: bool = False
    """Somebody touched it, or it was rotated: it still tells, but counts no more."""


@dataclass(frozen=True, slots=True)
class Twin:
    """How a canary follows the order it was made after: which names it has, and by how much its dates are earlier."""

    number: int
    variant: int
    shift: int


@dataclass(frozen=True, slots=True)
class Guest:
    """A sighting that rides along with a document, and is none of its own."""

    ref: bytes
    sighting: Sighting
    number: int


@dataclass(slots=True)
class Flock:
    """The canaries of one selling partner, as far as this process knows."""

    inventor: Inventor
    key: SubjectKey
    next: int = 0
    planted: int = 0
    gone: int = 0
    alive: dict[bytes, Canary] = field(default_factory=dict)
    twins: dict[bytes, Twin] = field(default_factory=dict)
    waiting: list[tuple[int, Sighting]] = field(default_factory=list)
    unmentioned: list[RecordNumber] = field(default_factory=list)
    fresh: int = 0
    """New orders since the last canary."""

    def ref(self, number: int) -> bytes:
        """Return the reference under which a canary's row stands."""
        return subject_ref(self.key, "order", self.inventor.order(number))

    def unburnt(self) -> int:
        """Return how many canaries nobody has touched."""
        return sum(not canary.burnt for canary in self.alive.values())

    def is_its(self, canary: Canary, kind: str, wanted: str) -> bool:
        """Say whether an e-mail address or phone number is a canary's own."""
        if kind == "phone":
            return same_phone(self.inventor.phone(canary.number), wanted)
        return normalize_email(self.inventor.email(canary.number)) == normalize_email(wanted)

    def guests(
        self,
        refs: Sequence[bytes],
        sightings: Sequence[Sighting],
        fresh: Sequence[int],
        seconds: int,
    ) -> list[Guest]:
        """Return what rides along with a document of several orders; `fresh` are the places of its new ones."""
        most = min(MOST_GUESTS, len(sightings)) - 1
        found: list[Guest] = []
        for number, sighting in list(self.waiting):
            # No record is written twice by one document.
            if len(found) < most and number not in {guest.number for guest in found}:
                self.waiting.remove((number, sighting))
                found.append(Guest(self.ref(number), sighting, number))
        if not found:
            found = self._shipped(seconds)
        self.fresh += len(fresh)
        if fresh and self.fresh >= self._gap():
            self.fresh = 0
            found.append(self._born(refs, sightings, fresh))
        return found

    def follow(self, refs: Sequence[bytes], sightings: Sequence[Sighting]) -> None:
        """Keep what is new of orders that a canary was made after, for the next document of several orders."""
        if self.twins.keys().isdisjoint(refs):
            return
        for ref, sighting in zip(refs, sightings, strict=True):
            twin = self.twins.get(ref)
            if twin is not None and sighting.kind == "order":
                self.waiting.append((twin.number, self._like(twin, sighting)))

    def invent(self, count: int, seconds: int) -> list[Guest]:
        """Return so many new canaries, ordered within the last three days, like no order in particular."""
        like: dict[SlotKey, Scalar] = dict.fromkeys(DEFAULT_SLOTS, "")
        found = []
        for _ in range(count):
            number = self.next
            self.next += 1
            age = self.inventor.choose(number, "age", 3 * DAY)
            purchased = seconds - age
            shipped = age > DAY and self.inventor.choose(number, "shipped", 3) > 0
            updated = purchased + age // 2
            facts = SightedFacts(
                Progress.SHIPPED if shipped else Progress.UNSHIPPED,
                purchased,
                updated if shipped else 0,
                updated,
            )
            slots = self.inventor.slots(number, like, 0)
            sighting = Sighting("order", self.inventor.order(number), slots, facts)
            found.append(Guest(self.ref(number), sighting, number))
        return found

    def _shipped(self, seconds: int) -> list[Guest]:
        """Return the shipment of a canary that no order is followed for any more, as after a restart."""
        followed = {twin.number for twin in self.twins.values()}
        for ref, canary in self.alive.items():
            if canary.status not in _OPEN or canary.number in followed:
                continue
            shipped = canary.purchased_at + self.inventor.choose(canary.number, "ships", 2 * DAY)
            if shipped + _HOUR < seconds:
                facts = SightedFacts(Progress.SHIPPED, canary.purchased_at, shipped, shipped + 60)
                order = self.inventor.order(canary.number)
                return [Guest(ref, Sighting("order", order, {}, facts), canary.number)]
        return []

    def _gap(self) -> int:
        """Return how many new orders come between the last canary and the next."""
        least = _FIRST_GAP if self.unburnt() < FEWEST_CANARIES else CANARY_EVERY // 2
        return least + self.inventor.choose(self.next, "gap", 2 * least)

    def _born(
        self, refs: Sequence[bytes], sightings: Sequence[Sighting], fresh: Sequence[int]
    ) -> Guest:
        """Return a new canary, made after one of the document's new orders."""
        number = self.next
        self.next += 1
        place = fresh[self.inventor.choose(number, "twin", len(fresh))]
        slots = sightings[place].slots
        wanted = _size(slots)
        # Sealed records show how long they are: of several names the one that makes it as long as the twin's.
        variant = min(
            range(_VARIANTS),
            key=lambda one: abs(_size(self.inventor.slots(number, slots, one)) - wanted),
        )
        twin = Twin(number, variant, 60 + self.inventor.choose(number, "shift", 6 * _HOUR))
        self.twins[refs[place]] = twin
        return Guest(self.ref(number), self._like(twin, sightings[place]), number)

    def _like(self, twin: Twin, sighting: Sighting) -> Sighting:
        """Return what a document that shows an order shows of its canary."""
        slots = self.inventor.slots(twin.number, sighting.slots, twin.variant)
        status, *instants = sighting.facts
        earlier = (at - twin.shift if at else 0 for at in instants)
        facts = SightedFacts(status, *earlier)
        return Sighting("order", self.inventor.order(twin.number), slots, facts)


def _size(slots: Mapping[SlotKey, Scalar]) -> int:
    """Return by how many bytes the values make a sealed record longer."""
    return sum(len(str(value).encode(errors="replace")) for value in slots.values())
