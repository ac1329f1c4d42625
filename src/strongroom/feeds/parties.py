"""A third party that the relay may send personal data to, as somebody asked and another approved [1.3, 1.5, 2.2].

Pure. Whoever reads one knows all that can happen: where it is, how it is trusted, which data about whose buyers for
what, how much, and what of its answers an app gets to see.
"""

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from strongroom.errors import Malformed
from strongroom.policy.grants import DenyReason
from strongroom.terms import Category, Purpose, SellerId

LEAST_BYTES: Final = 1024
MOST_BYTES: Final = 8 * 1024 * 1024
MOST_PER_MINUTE: Final = 6000
_MOST_PINS: Final = 8
_MOST_NETWORKS: Final = 16
_WIDEST: Final = {4: 8, 6: 32}
_PIN_BYTES: Final = 32
_BASE64_LENGTH: Final = 44

_SEGMENT: Final = re.compile(r"[A-Za-z0-9._~!$&'()*+,=:@-]{1,200}", re.ASCII)
_LONGEST_PATH: Final = 1000

_TRANSLATED: Final = tuple(
    map(
        ip_network,
        (
            *("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96"),
            *("::ffff:0:0:0/96", "192.88.99.0/24", "fec0::/10"),
        ),
    )
)
"""IPv6 addresses that stand for an IPv4 address, and relays: where they lead is another machine's decision."""

_CREDENTIALS: Final = frozenset(
    map(ip_address, ("fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192"))
)
"""Where clouds keep credentials, besides link-local addresses: no network of one's own lets them in."""

Address = IPv4Address | IPv6Address


class Answers(StrEnum):
    """What an app gets of an answer, once what was sent is tokens again."""

    SCAN = "scan"
    """All but what looks like personal data, by its shape or by the name of its member: that becomes tokens."""
    STRICT = "strict"
    """No text at all but as a token; numbers pass."""
    NONE = "none"
    """The status alone."""


@dataclass(frozen=True, slots=True)
class Party:
    """One third party. `sellers` None means all; `networks` are those of its own that are not public."""

    host: str
    port: int
    prefix: str
    categories: tuple[Category, ...]
    purposes: tuple[Purpose, ...]
    sellers: tuple[SellerId, ...] | None = None
    pins: tuple[str, ...] = ()
    """SHA-256 of the public keys (SPKI) that its certificate may have, in hexadecimal; none: any trusted one."""
    ca: str | None = field(default=None, repr=False)
    networks: tuple[str, ...] = ()
    answers: Answers = Answers.SCAN
    answer_bytes: int = 1024 * 1024
    per_minute: int = 60

    def __post_init__(self) -> None:
        if self.prefix != "/" and path_of(self.prefix.removeprefix("/")) != self.prefix:
            raise Malformed(
                "a path begins with / and has plain segments", hint="such as /v1/labels"
            )
        if not self.categories or not self.purposes or self.sellers == ():
            raise Malformed("a destination is for some categories, purposes and selling partners")
        if not LEAST_BYTES <= self.answer_bytes <= MOST_BYTES:
            raise Malformed(f"an answer may have {LEAST_BYTES} to {MOST_BYTES} bytes")
        if not 1 <= self.per_minute <= MOST_PER_MINUTE:
            raise Malformed(f"a destination takes 1 to {MOST_PER_MINUTE} requests a minute")
        if len(self.pins) > _MOST_PINS or len(self.networks) > _MOST_NETWORKS:
            raise Malformed(f"at most {_MOST_PINS} pins and {_MOST_NETWORKS} networks")
        for text in self.networks:
            _network(text)

    @property
    def authority(self) -> str:
        """Return host and port as a URL has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == 443 else f"{host}:{self.port}"  # noqa: PLR2004 - HTTPS

    def refuses(self, seller: SellerId, category: Category) -> DenyReason | None:
        """Return why a value must not go there, None where it may."""
        if self.sellers is not None and seller not in self.sellers:
            return DenyReason.WRONG_SELLER
        return None if category in self.categories else DenyReason.WRONG_CATEGORY

    def target(self, path: str) -> str:
        """Return the path for a request, below the prefix. Raises: Malformed."""
        below = path_of(path)
        return below if self.prefix == "/" else self.prefix + below.removesuffix("/")

    def may_be_at(self, address: str) -> bool:
        """Tell whether it may be connected to at an address: a public one, or one of its own networks."""
        found = plain(address)
        if found is None or found.is_link_local or found.is_multicast or found.is_unspecified:
            return False
        if found in _CREDENTIALS:
            return False
        if any(
            found.version == own.version and found in own for own in map(_network, self.networks)
        ):
            return True
        led = any(found.version == one.version and found in one for one in _TRANSLATED)
        return found.is_global and not led


def path_of(path: str) -> str:
    """Return a path below a prefix: `/` and plain segments, so that nothing leads out of it. Raises: Malformed."""
    segments = path.split("/") if path else []
    sound = all(_SEGMENT.fullmatch(segment) and segment.strip(".") for segment in segments)
    if not sound or len(path) > _LONGEST_PATH:
        raise Malformed("the path has an empty, dotted or escaped segment")
    return "/" + path


def plain(address: str) -> Address | None:
    """Return an address, an IPv4 one that is written as IPv6 as what it is; None where it is none."""
    try:
        found = ip_address(address)
    except ValueError:
        return None
    if isinstance(found, IPv6Address) and found.scope_id is not None:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def pin(text: str) -> str:
    """Return a pin as it is kept, of `sha256/BASE64` as curl writes it, or hexadecimal. Raises: Malformed."""
    value = text.removeprefix("sha256/")
    if len(value) > _BASE64_LENGTH:
        value = value.removeprefix("/")  # curl writes two
    try:
        in_hex = len(value) == 2 * _PIN_BYTES
        raw = bytes.fromhex(value) if in_hex else base64.b64decode(value, validate=True)
    except (ValueError, binascii.Error):
        raw = b""
    if len(raw) != _PIN_BYTES:
        raise Malformed(
            "a pin is the SHA-256 of a public key", hint="sha256/BASE64, or 64 hex digits"
        )
    return raw.hex()


def ordered(members: Iterable[Category]) -> tuple[Category, ...]:
    """Return categories once each, in one order: what is sealed is always the same bytes."""
    return tuple(sorted(set(members)))


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        found = ip_network(text)
    except ValueError:
        raise Malformed("a network is an address or a CIDR range") from None
    if found.prefixlen < _WIDEST[found.version]:
        raise Malformed("a destination's network is no wider than /8, or /32 of IPv6")
    return found
