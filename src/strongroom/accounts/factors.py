"""Second factors: what a person proves besides the password [1.4]."""

from dataclasses import dataclass, field

from strongroom.accounts.changes import Changes
from strongroom.accounts.visits import FactorKind
from strongroom.terms import PrincipalId


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A factor that was proved to work and is not stored yet; `Factors.store` stores it once."""

    kind: FactorKind
    label: str
    step: str = field(repr=False)
    secret: bytes | None = field(repr=False)
    credential_id: bytes | None = field(repr=False)
    public_key: bytes | None = field(repr=False)
    counter: int


class Factors:
    """The second factors of one home."""

    def store(self, change: Changes, principal: PrincipalId, enrolment: Enrolment) -> int:
        """Store a checked factor as this person's; return its id.

        Raises:
            Unauthenticated: the enrolment was stored before, or is too old.
            Conflict: the person has too many factors, or the passkey is known.

        """
        raise NotImplementedError

    def issue_recovery(self, change: Changes, principal: PrincipalId) -> list[str]:
        """Return new recovery codes, shown this once; the person's earlier ones end."""
        raise NotImplementedError

    def end_all(self, change: Changes, principal: PrincipalId) -> None:
        """End every factor and recovery code of this person."""
        raise NotImplementedError
