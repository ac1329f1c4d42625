"""What one document showed of one data subject: the form in which a view hands its personal data to the vault."""

from dataclasses import dataclass, field
from typing import Final

from strongroom.policy.retention import SightedFacts
from strongroom.terms import Scalar

SlotKey = int | str
"""A fixed slot's number, or a dynamic slot's whole name (`item:123.gift_message`)."""


OLDEST: Final = 1
"""The `as_of` of a document that could be of any age: it only adds to what is known."""


@dataclass(slots=True)
class Sighting:
    """One order (or other subject) seen in one document. `slots` holds plaintext: it is never logged or printed."""

    kind: str
    id: str
    slots: dict[SlotKey, Scalar] = field(default_factory=dict, repr=False)
    facts: SightedFacts = field(default_factory=SightedFacts)
    as_of: int = 0
    """When the document was made, in seconds, where it was not made for this call; it then only adds to a record that
    Amazon has updated since, and brings none back that was destroyed."""

    @property
    def subject(self) -> str:
        """What is sealed within the record, to prove whose it is: an order's id alone, any other with its kind."""
        return self.id if self.kind == "order" else f"{self.kind}:{self.id}"
