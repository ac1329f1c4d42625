"""Documents through the readers alone: no vault, tokens that show record and slot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from strongroom.gateway.documents.document import Document, Said
from strongroom.gateway.documents.packing import Unpacker
from strongroom.gateway.documents.page import Origin, Page
from strongroom.gateway.extraction import Drift
from strongroom.policy.catalogue.reports import Reports
from strongroom.policy.sighting import Sighting
from tests.support.documents import placed

REPORTS = Reports.load()
NOW = 1_773_144_000


@dataclass
class Passed:
    """What came out."""

    output: bytes = b""
    sightings: list[Sighting] = field(default_factory=list)
    drift: list[Drift] = field(default_factory=list)
    content_type: str = ""
    records: int = 0


def run(
    content: bytes,
    kind: str | None = None,
    said: Said = Said(),  # noqa: B008 - frozen
    size: int = 64 * 1024,
    made_at: int = NOW - 60,
    unpacker: Unpacker | None = None,
    into: Passed | None = None,
) -> Passed:
    """Return what becomes of a document that comes in pieces of `size` bytes; `into` has what came before an error.

    Raises: Malformed.
    """
    document = Document(Origin(REPORTS.kind(kind), "doc-1", made_at, NOW, NOW), said, unpacker)
    found = into or Passed()

    def write(pages: Iterator[Page]) -> None:
        for page in pages:
            found.sightings += page.sightings
            found.drift += page.drift
            found.output += document.write(page, placed(page.sightings))

    for start in range(0, len(content), size):
        write(document.feed(content[start : start + size]))
    write(document.end())
    found.output += document.close()
    found.content_type, found.records = document.content_type, document.records
    return found
