"""Who received the data a notice is about, as the log and the disclosures tell: each has to confirm its deletion [1.7].

An app or a person received what the door opened for them or they printed; a destination what the relay sent it. Who
only held tokens received nothing.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from strongroom.audit import AuditLog, EventType, Outcome
from strongroom.audit.reading import Entry
from strongroom.relay import Disclosures
from strongroom.terms import PrincipalId, RecordNumber

_OPENED: Final = (EventType.RECORD_REVEALED, EventType.PAPER_PRINTED)


@dataclass(frozen=True, slots=True)
class Received:
    """One party, and of how many of the records it received anything."""

    name: str
    """`principal.7` or `destination.3`: what an event can name."""
    records: int


def received(
    audit: AuditLog,
    disclosures: Disclosures,
    records: Collection[RecordNumber],
) -> list[Received]:
    """Return who received anything of these records, by name."""
    wanted = set(records)
    found: dict[str, set[int]] = {}
    for entry in audit.of_types(_OPENED):
        who = entry.body.get("actor", {}).get("id")
        if entry.outcome == Outcome.SUCCESS and who:
            opened = _records(entry) & wanted
            if opened:
                found.setdefault(f"principal.{who}", set()).update(opened)
    for destination, told in disclosures.by_destination().items():
        sent = told & wanted
        if sent:
            found[f"destination.{destination}"] = {int(number) for number in sent}
    return [Received(name, len(numbers)) for name, numbers in sorted(found.items())]


def principal_of(party: str) -> PrincipalId | None:
    """Return the number of a party that is a principal."""
    kind, _, number = party.partition(".")
    return PrincipalId(int(number)) if kind == "principal" else None


def _records(entry: Entry) -> set[int]:
    body: Mapping[str, Any] = entry.body
    numbers = set(body.get("records", ()))
    about = body.get("obj", {})
    if about.get("kind") == "record":
        numbers.add(int(about["ref"]))
    return numbers
