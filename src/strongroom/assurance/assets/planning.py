"""What an import would change: each row against the asset it is about [2.3]. Pure.

A row changes what it tells and nothing else: an empty cell empties nothing. Who answers for an asset, what a person
wrote of it and whether it handles personal data stay as people set them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from strongroom.assurance.assets.asset import Asset, Words
from strongroom.assurance.assets.kinds import Kind
from strongroom.assurance.assets.posture import Check
from strongroom.terms import PrincipalId


@dataclass(frozen=True, slots=True)
class Found:
    """One row of a file, read and found to be sound. What is empty was not told."""

    number: int
    name: str
    serial: str = ""
    kind: Kind | None = None
    place: str = ""
    owner: str = ""
    seen_at: datetime | None = None
    flags: Mapping[Check, bool] = field(default_factory=dict)
    ages: Mapping[Check, datetime] = field(default_factory=dict)
    software: Sequence[tuple[str, str]] = ()
    """Names and versions of programs on it."""

    @property
    def reports(self) -> bool:
        """Whether it says how the device stands."""
        return bool(self.flags or self.ages)


@dataclass(frozen=True, slots=True)
class Fault:
    """A row that cannot be read, by its number; never what stood in it."""

    row: int
    why: str


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of one row: a new asset where `before` is None."""

    key: str
    found: Found
    before: Asset | None
    words: Words
    kind: Kind
    owner: PrincipalId | None
    returns: bool
    """It was retired, and a feed reports it again."""

    @property
    def changes(self) -> bool:
        """Whether the asset says something else afterwards."""
        old = self.before
        return old is not None and (
            self.returns or (old.words, old.kind, old.owner) != (self.words, self.kind, self.owner)
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """All that an import would do, and which rows it cannot read."""

    steps: tuple[Step, ...]
    unseen: tuple[int, ...]
    """Assets of this feed that the file does not have."""
    faults: tuple[Fault, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many assets are created, changed, untouched and unseen, and how many rows are bad."""
        created = sum(step.before is None for step in self.steps)
        changed = sum(step.changes for step in self.steps)
        return {
            "created": created,
            "changed": changed,
            "untouched": len(self.steps) - created - changed,
            "unseen": len(self.unseen),
            "bad": len(self.faults),
        }


def plan(
    rows: Iterable[tuple[str, Found]],
    known: Mapping[str, Asset],
    of_feed: Mapping[int, str],
    people: Mapping[str, PrincipalId],
    faults: Iterable[Fault],
    *,
    otherwise: Kind,
) -> Plan:
    """Return what the rows would do.

    `rows` come with the key each is known by, `of_feed` are the assets that this feed reported before with theirs,
    `people` are those an asset may belong to, and `otherwise` is what a row is that does not say its kind.
    """
    steps, bad, taken = [], list(faults), set()
    for key, found in rows:
        if key in taken:
            bad.append(Fault(found.number, "is about the same asset as a row before it"))
            continue
        taken.add(key)
        steps.append(_step(key, found, known.get(key), people, otherwise))
    unseen = tuple(id_ for id_, key in of_feed.items() if key not in taken)
    return Plan(tuple(steps), unseen, tuple(sorted(bad, key=lambda one: one.row)))


def _step(
    key: str,
    found: Found,
    before: Asset | None,
    people: Mapping[str, PrincipalId],
    otherwise: Kind,
) -> Step:
    named = _person(found.owner, people)
    if before is None:
        words = Words(found.name, found.serial, found.place)
        kind = found.kind or otherwise
        return Step(key, found, None, words, kind, named, returns=False)
    old = before.words
    words = Words(found.name, found.serial or old.serial, found.place or old.place, old.note)
    kind = found.kind or before.kind
    back = (
        before.retired_at is not None
        and found.seen_at is not None
        and found.seen_at > before.retired_at
    )
    return Step(key, found, before, words, kind, before.owner or named, returns=back)


def _person(text: str, people: Mapping[str, PrincipalId]) -> PrincipalId | None:
    """Return whom a cell names, by name or by what stands before the @ of an address."""
    name = text.strip().lower()
    return people.get(name) or people.get(name.partition("@")[0])
