"""Puts the rooms of compliance together: what people keep, and what each part tells of the duties it serves."""

from dataclasses import dataclass, field

from strongroom.compliance.overseen import Overseen
from strongroom.compliance.writings import Writings
from strongroom.terms import Environment


@dataclass(frozen=True, slots=True)
class Compliance:
    """The rooms of one home."""

    writings: Writings = field(repr=False)
    overseen: tuple[Overseen, ...]
    """Every room with a part in keeping duties, for the board and the calendar."""

    @classmethod
    def wired(cls, key: bytes, environment: Environment) -> "Compliance":
        """Return the rooms; `key` (32 bytes) seals what people write."""
        return cls(Writings(key, environment), ())
