"""What kinds of assets there are, how they came in, and how what was on them was destroyed [2.3]. Pure."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

LONGEST_NAME: Final = 120
LONGEST_SERIAL: Final = 80
LONGEST_PLACE: Final = 200
LONGEST_NOTE: Final = 2000


class Kind(StrEnum):
    """What an asset is."""

    COMPUTER = "computer"
    MOBILE = "mobile"
    SERVER = "server"
    PRINTER = "printer"
    NETWORK = "network"
    MEDIUM = "medium"
    SOFTWARE = "software"
    SERVICE = "service"
    OTHER = "other"


class Source(StrEnum):
    """How an asset came into the inventory."""

    DECLARED = "declared"
    IMPORT = "import"
    SEEN = "seen"
    """It opened values here, or receives them: the house added it by itself."""


class Disposal(StrEnum):
    """How data was destroyed when an asset left (NIST SP 800-88)."""

    CLEAR = "clear"
    PURGE = "purge"
    CRYPTO_ERASE = "crypto_erase"
    DESTROY = "destroy"
    NONE_HELD = "none_held"


KINDS: Final[Mapping[Kind, str]] = {
    Kind.COMPUTER: "Computer",
    Kind.MOBILE: "Phone or tablet",
    Kind.SERVER: "Server",
    Kind.PRINTER: "Printer",
    Kind.NETWORK: "Network device",
    Kind.MEDIUM: "Removable medium",
    Kind.SOFTWARE: "Software",
    Kind.SERVICE: "Service of others",
    Kind.OTHER: "Something else",
}
SOURCES: Final[Mapping[Source, str]] = {
    Source.DECLARED: "Declared",
    Source.IMPORT: "Imported",
    Source.SEEN: "Seen here",
}
DISPOSALS: Final[Mapping[Disposal, str]] = {
    Disposal.CLEAR: "Clear: overwritten with ordinary commands",
    Disposal.PURGE: "Purge: erased by the device's own sanitize command",
    Disposal.CRYPTO_ERASE: "Cryptographic erase: the keys were destroyed",
    Disposal.DESTROY: "Destroy: shredded, pulverised or melted",
    Disposal.NONE_HELD: "It held no personal data",
}

PHYSICAL: Final = frozenset(
    {Kind.COMPUTER, Kind.MOBILE, Kind.SERVER, Kind.PRINTER, Kind.NETWORK, Kind.MEDIUM}
)
"""Physical assets; what handles personal data of them has a row in the matrix [2.3]."""

END_USER: Final = frozenset({Kind.COMPUTER, Kind.MOBILE})
"""Devices of people, which run anti-malware [1.1]."""
