"""The words every room shares: who, what, why, and the type that keeps a secret from being printed.

Nothing here does I/O. A name that only one room needs lives in that room.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NewType

SellerId = NewType("SellerId", int)
"""A selling partner's number in this home."""

PrincipalId = NewType("PrincipalId", int)
"""A person's, app's or service's number in this home; never reused [1.2]."""

RecordNumber = NewType("RecordNumber", int)
"""A record's 40-bit number; every token of the record carries it."""

PeriodId = NewType("PeriodId", int)
"""A period key's number in the keystore."""

Scalar = str | int | float | bool
"""What one slot holds: the value as the JSON document had it."""


class Environment(StrEnum):
    """Which of the two separated worlds a home belongs to [2.5]; bound into keys, AAD, tokens and certificates."""

    TEST = "test"
    PRODUCTION = "production"


class Purpose(StrEnum):
    """Why personal data is wanted: the three of clause 2.1 and those the policy itself creates (1.6, 1.7, 2.2)."""

    FULFILMENT = "fulfilment"
    TAX = "tax"
    INVOICING = "invoicing"
    SUBJECT_REQUEST = "subject_request"
    INCIDENT = "incident"
    AMAZON_REQUEST = "amazon_request"


class Action(StrEnum):
    """What a grant allows its principal to do [1.3]."""

    REVEAL = "reveal"
    SEARCH = "search"
    RELAY = "relay"
    EXPORT = "export"
    ADMINISTER = "administer"
    AUDIT = "audit"
    """Read the log: who did what and when, never a value."""
    SYNC = "sync"
    """Bring data from Amazon into the vault without an app's asking; opens none of it."""
    ERASE = "erase"
    """Have records erased; reads none of them [1.7]."""
    RECTIFY = "rectify"
    """Correct, restrict or free what is kept of somebody who asked for that; shows none of it [2.2]."""
    OVERSEE = "oversee"
    """Keep the records of compliance: duties, incidents, notices, documents; shows no value [1.6, 3]."""


class Category(StrEnum):
    """Kinds of personal data; a grant names those it covers. `unclassified` is what the catalogue does not know."""

    NAME = "name"
    ADDRESS = "address"
    EMAIL = "email"
    PHONE = "phone"
    TAX_ID = "tax_id"
    FREE_TEXT = "free_text"
    GEO = "geo"
    DOCUMENT = "document"
    TRACKING = "tracking"
    PAYMENT = "payment"
    NETWORK = "network"
    DEVICE = "device"
    UNCLASSIFIED = "unclassified"


class PrincipalKind(StrEnum):
    """People answer for what apps and services do [1.2]."""

    PERSON = "person"
    APP = "app"
    NODE = "node"
    """A process of this installation on some machine."""
    SERVICE = "service"


class AuthMethod(StrEnum):
    """How a caller proved who it is."""

    CREDENTIAL = "credential"
    """An app's own client secret."""
    ACCESS_TOKEN = "access_token"
    """An access token issued by our gateway."""
    CERTIFICATE = "certificate"
    """A registered client certificate, shown in the TLS handshake."""
    SESSION = "session"
    """A person's signed-on session."""
    CONSOLE = "console"
    """A command on the machine itself, by the user that owns the home (peer credentials)."""
    SYSTEM = "system"
    """Strongroom's own scheduled work."""


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated principal, as a door sees it; made only by the code that checked the proof."""

    principal: PrincipalId
    kind: PrincipalKind
    name: str
    auth: AuthMethod


SYSTEM: Final = Caller(PrincipalId(0), PrincipalKind.SERVICE, "strongroom", AuthMethod.SYSTEM)
"""Strongroom itself, for scheduled work. It holds no grant and so can reveal nothing."""


class Plaintext:
    """A revealed value; prints as nothing, so that a log line or a traceback cannot carry it [2.6]."""

    __slots__ = ("_value",)

    def __init__(self, value: Scalar) -> None:
        self._value = value

    def unwrap(self) -> Scalar:
        """Return the value itself; call this only where it leaves the process."""
        return self._value

    def __repr__(self) -> str:
        return "<plaintext>"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "<plaintext>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Plaintext) and other._value == self._value

    def __hash__(self) -> int:
        raise TypeError("plaintext is not hashable")

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("plaintext cannot be pickled")
