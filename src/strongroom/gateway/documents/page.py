"""One piece of a document between reading and writing: what the vault is to keep, and how the rest is written.

Nothing of a piece is written before the vault has its values. Holds plaintext; its repr shows counts only [2.6].
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, Protocol

from strongroom.gateway.documents.dates import FRESH_SECONDS
from strongroom.gateway.extraction import Drift, Placed, Render
from strongroom.policy.catalogue.reports import ReportKind
from strongroom.policy.kinds import KEPT
from strongroom.policy.sighting import OLDEST, Sighting

PAGE_RECORDS: Final = 1000
"""Records stored in one go."""

MAX_CHARACTERS: Final = 1024 * 1024
"""The longest line, record or value of a document; whatever is longer ends it."""

MAX_COLUMNS: Final = 800
"""A record has 895 dynamic slots."""

MAX_DRIFT: Final = 200
"""Different findings reported of one document."""

_REF_DIGITS: Final = 24
_KIND: Final = "document"


@dataclass(slots=True, repr=False)
class Page:
    """A piece that is ready to be stored and then written."""

    sightings: list[Sighting]
    render: Callable[[Sequence[Placed]], str]
    records: int = 0
    drift: list[Drift] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"<page of {self.records} records>"


class Reader(Protocol):
    """Reads one form of document."""

    def feed(self, text: str) -> Iterator[Page]:
        """Yield the pages that are complete. Raises: Malformed."""

    def end(self) -> Iterator[Page]:
        """Yield the rest. Raises: Malformed where something is missing."""


class Origin:
    """Which document is read: what kind, of which day, and whose anchor its rows without an order have."""

    def __init__(
        self, kind: ReportKind, document: str, made_at: int, first_seen_at: int, now: int
    ) -> None:
        """Take a document's id, unique for its selling partner, and instants in seconds; `made_at` 0: nobody told."""
        self.kind = kind
        self.as_of = made_at or OLDEST
        self.fresh = made_at > 0 and now - made_at < FRESH_SECONDS
        self._since = min(made_at or first_seen_at, first_seen_at)
        self._ref = sha256(document.encode()).hexdigest()[:_REF_DIGITS]
        self._seen: set[Drift] = set()

    def anchor(self, number: int) -> Sighting:
        """Return a record for what belongs to no order: its day counts from the document's first, asked for or made."""
        facts = KEPT[_KIND]._replace(purchased_at=self._since)
        return Sighting(_KIND, f"{self._ref}-{number}", {}, facts, self.as_of)

    def drift(self, path: str, kind: str) -> list[Drift]:
        """Return a finding the first time it is made."""
        found = Drift(f"{self.kind.name}/{path}", kind)
        if found in self._seen or len(self._seen) >= MAX_DRIFT:
            return []
        self._seen.add(found)
        return [found]


def fixed_page(text: str) -> Page:
    """Return a page without anybody's data."""
    return Page([], lambda _placed: text)


Odd = tuple[int, str | int, Render]
"""A place, its slot, and how its token is written there."""
