"""Who may connect, by address: allow lists, and what a proxy says of the client behind it [1.1].

Pure. One address has one form here: an IPv4 address inside an IPv6 one (RFC 4291, 2.5.5.2) is the IPv4 address, and a
zone (`%eth0`) is refused, because it says something of a machine and nothing of a client. Nothing is guessed: what does
not parse is refused, and no error repeats it.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final

from strongroom.errors import Malformed
from strongroom.policy.limits import LONGEST_FORWARDING, WIDEST_IPV4_RANGE, WIDEST_IPV6_RANGE

Address = IPv4Address | IPv6Address
Range = IPv4Network | IPv6Network


class NetworkScope(StrEnum):
    """What an allow list stands before."""

    LISTENER = "listener"
    PRINCIPAL = "principal"


LISTENERS: Final = ("gateway", "api", "desk", "health", "witness", "proxy")
"""Each has a list of its own."""

_MAPPED: Final = IPv6Network("::ffff:0:0/96")


def parse_address(text: str) -> Address:
    """Return an address in its one form. Raises: Malformed."""
    try:
        found = None if "%" in text else ip_address(text)
    except ValueError:
        found = None
    if found is None:
        raise Malformed("this is no address", hint="such as 203.0.113.7 or 2001:db8::7, no zone")
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return found if mapped is None else mapped


def parse_range(text: str) -> Range:
    """Return the range of addresses that a CIDR text names; an address alone is a range of one.

    Raises:
        Malformed: it is none, has bits set behind its prefix, is wider than `WIDEST_…` allows (there is no way to
            say "everybody"), or holds what is no client's address.

    """
    try:
        found = None if "%" in text else ip_network(text, strict=False)
    except ValueError:
        found = None
    if found is None:
        raise Malformed("this is no network", hint="such as 203.0.113.0/24 or 2001:db8::/48")
    address = text.partition("/")[0]
    if ip_address(address) != found.network_address:
        # Whoever wrote 10.1.2.3/8 meant one of two things, and we would guess.
        raise Malformed(
            "the network has bits set behind its prefix",
            hint="write the first address of the range, or leave the prefix out",
        )
    found = _unmapped(found)
    widest = WIDEST_IPV4_RANGE if found.version == 4 else WIDEST_IPV6_RANGE  # noqa: PLR2004 - IP
    if found.prefixlen < widest:
        raise Malformed(
            f"the network is wider than /{widest}",
            hint="a list names those who may come; nobody may open a listener to everybody [1.1]",
        )
    if found.is_multicast or found.is_unspecified or found.overlaps(_MAPPED):
        raise Malformed("no client has an address of this network")
    return found


def parse_proxies(texts: Iterable[str]) -> tuple[Range, ...]:
    """Return the ranges of proxies that an operator trusts. Raises: Malformed, as `parse_range`."""
    return tuple(parse_range(text) for text in texts)


def permits(address: Address, ranges: Sequence[Range]) -> bool:
    """Return whether a list lets an address in; an empty one lets in this machine alone [1.1]."""
    if not ranges:
        return address.is_loopback
    return _among(address, ranges)


def client_address(peer: str, forwarded: Sequence[str], trusted: Sequence[Range]) -> Address:
    """Return whose request it is: the peer's, or, where the peer is a trusted proxy, the client's behind it.

    `forwarded` are the values of all `X-Forwarded-For` headers in their order. Each proxy appends who connected to it,
    so only the right end is anybody's word but the client's: read from there, the first address that is no trusted
    proxy's is the client. What stands further left is never looked at.

    Raises:
        Malformed: the peer's own address is none; or it is a trusted proxy and names no client, something that is no
            address, or too many. Its requests are refused then: taking the proxy itself for the client would let
            everybody behind it in.

    """
    found = parse_address(peer)
    if not _among(found, trusted):
        return found
    hops = [hop for value in forwarded for hop in value.split(",")]
    if not hops or len(hops) > LONGEST_FORWARDING:
        raise Malformed(
            "a trusted proxy names no client, or too many",
            hint="have it append to X-Forwarded-For",
        )
    for hop in reversed(hops):
        found = _hop(hop.strip(" \t"))
        if not _among(found, trusted):
            break
    return found


def _among(address: Address, ranges: Sequence[Range]) -> bool:
    # An address is in no range of the other version; `in` says so without raising.
    return any(address in range_ for range_ in ranges)


def _unmapped(found: Range) -> Range:
    """Return a range of IPv4 addresses inside IPv6 ones as the range of IPv4 addresses that it is."""
    if isinstance(found, IPv4Network) or not found.subnet_of(_MAPPED):
        return found
    address = int(found.network_address) - int(_MAPPED.network_address)
    return IPv4Network((address, found.prefixlen - _MAPPED.prefixlen))


def _hop(text: str) -> Address:
    """Return the address of one entry; some proxies write its port behind it."""
    if text.startswith("["):
        inner, bracket, rest = text[1:].partition("]")
        if bracket and (not rest or (rest.startswith(":") and _is_port(rest[1:]))):
            return parse_address(inner)
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
        if _is_port(port):
            return parse_address(host)
    return parse_address(text)


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) < 2**16 if len(text) <= 5 else False  # noqa: PLR2004 - digits of a port
