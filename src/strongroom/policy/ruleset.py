"""Writes what the configuration lets in and out as rules of a firewall: nftables, or an AWS security group [1.1].

Pure. Exactly what is listed is open: a listener that only this machine may reach gets no rule, and there is no way to
say "everybody". Names were resolved before; a rule holds addresses.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import collapse_addresses, ip_address, ip_network
from typing import Any, Final

from strongroom.errors import Malformed
from strongroom.policy.network import Range, parse_range
from strongroom.request import Json

ADMIN_PORT: Final = 22
MOST_IN_GROUP: Final = 60
"""Rules of one direction that a security group takes unless AWS was asked for more."""

_DOCUMENT_SERVICES: Final = frozenset({"S3", "CLOUDFRONT"})
_LABEL: Final = "strongroom: "


@dataclass(frozen=True, slots=True)
class Opening:
    """One listener that others may reach: its address (None: any of this machine), its port, who may come."""

    name: str
    address: str | None
    port: int
    networks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Way:
    """One place that we speak to: what it is, its host and port, `tcp` or `udp`, and whether one of AWS's own."""

    what: str
    host: str
    port: int
    protocol: str = "tcp"
    aws_itself: bool = False
    """AWS passes it whatever a security group says: its resolver, and where a machine's credentials come from."""


@dataclass(frozen=True, slots=True)
class Plan:
    """All that may come in, and all that may go out. Nothing else."""

    home: str
    openings: tuple[Opening, ...]
    ways: tuple[Way, ...]
    documents: tuple[str, ...] = ()
    """Networks of Amazon's storage of documents, whose host only Amazon's answer names."""

    @classmethod
    def of(cls, said: Json) -> "Plan":
        """Return the plan that `dataclasses.asdict` wrote."""
        openings = [
            Opening(**{**one, "networks": tuple(one["networks"])}) for one in said["openings"]
        ]
        ways = [Way(**one) for one in said["ways"]]
        return cls(said["home"], tuple(openings), tuple(ways), tuple(said["documents"]))

    @property
    def names(self) -> tuple[str, ...]:
        """Return the hosts that have to be resolved."""
        return tuple(sorted({way.host for way in self.ways if not _is_address(way.host)}))


def opening(name: str, host: str, port: int, networks: Iterable[str]) -> Opening | None:
    """Return what is opened for a listener; None where only this machine may reach it, or can."""
    address = ip_address(host) if _is_address(host) else None
    if address is not None and address.is_loopback:
        return None
    wanted = [one for one in map(parse_range, networks) if not one.is_loopback]
    if not wanted:
        return None
    if address is not None and (address.version == 4 or not address.is_unspecified):  # noqa: PLR2004 - IP
        # `::` takes IPv4 as well on most systems, and nothing else takes the other kind.
        wanted = [one for one in wanted if one.version == address.version]
    bound = None if address is None or address.is_unspecified else str(address)
    return Opening(name, bound, port, tuple(map(str, _collapsed(wanted)))) if wanted else None


def documents(text: str) -> tuple[str, ...]:
    """Return the networks of Amazon's storage that AWS's `ip-ranges.json` names. Raises: Malformed."""
    try:
        said = json.loads(text)
        found = [
            ip_network(one[name])
            for list_, name in (("prefixes", "ip_prefix"), ("ipv6_prefixes", "ipv6_prefix"))
            for one in said[list_]
            if one["service"] in _DOCUMENT_SERVICES
        ]
    except (ValueError, KeyError, TypeError):
        raise Malformed("this is not AWS's ip-ranges.json") from None
    if not found or any(one.prefixlen == 0 for one in found):
        raise Malformed("AWS's ip-ranges.json names no storage, or everybody")
    return tuple(map(str, _collapsed(found)))


def nftables(
    plan: Plan, addresses: Mapping[str, Sequence[str]], *, account: str | None = None
) -> str:
    """Return one file for `nft -f`, which takes the place of the one before in one step.

    `addresses` has those of each name; with `account`, only its processes use the ways out that are the home's.
    """
    inward = [line for one in plan.openings for line in _inward(one)]
    who = f'meta skuid "{account}" ' if account else ""
    outward = [line for one in plan.ways for line in _outward(one, addresses, who)]
    sets, allowed = [], []
    for family, version in (("ip", 4), ("ip6", 6)):
        found = [one for one in plan.documents if ip_network(one).version == version]
        if found:
            name = f"documents_ipv{version}"
            elements = ",\n      ".join(found)
            sets += [
                f"  set {name} {{",
                f"    type ipv{version}_addr; flags interval;",
                f"    elements = {{\n      {elements}\n    }}",
                "  }",
            ]
            allowed.append(
                f'{who}{family} daddr @{name} tcp dport 443 accept comment "documents of Amazon"'
            )
    return "\n".join(
        [
            f"# What home {plan.home} lets in and out, by `strongroom network firewall`. Names were",
            "# resolved when it was written: write it anew from a timer. `nft -f` puts it in the",
            "# place of the one before in one step.",
            "table inet strongroom",
            "delete table inet strongroom",
            "table inet strongroom {",
            *sets,
            *_chain("input", [*_COMMON, 'iif "lo" accept', *_ICMP_IN, *inward]),
            *_chain("forward", []),
            *_chain(
                "output",
                [*_COMMON, 'oif "lo" accept', *_ICMP_OUT, *_unique([*outward, *allowed])],
            ),
            "}",
            "",
        ]
    )


def ingress(plan: Plan) -> list[Json]:
    """Return `--ip-permissions` of `aws ec2 authorize-security-group-ingress`. Raises: Malformed: too many rules."""
    return _bounded([_permission("tcp", one.port, one.name, one.networks) for one in plan.openings])


def egress(
    plan: Plan, addresses: Mapping[str, Sequence[str]], prefix_lists: Sequence[str] = ()
) -> list[Json]:
    """Return `--ip-permissions` of `aws ec2 authorize-security-group-egress`.

    `prefix_lists` are AWS's own lists of where documents are (S3, CloudFront), since a group takes few rules.

    Raises:
        Malformed: too many rules for a group.

    """
    found: dict[tuple[str, int, str], list[str]] = {}
    for way in plan.ways:
        wanted = [] if way.aws_itself else _reached(way, addresses)
        seen = {
            one
            for (protocol, port, _), had in found.items()
            if (protocol, port) == (way.protocol, way.port)
            for one in had
        }
        # A group refuses a rule that it has.
        if rest := [one for one in (str(ip_network(one)) for one in wanted) if one not in seen]:
            found.setdefault((way.protocol, way.port, way.what), []).extend(rest)
    permissions = [
        _permission(protocol, port, what, networks)
        for (protocol, port, what), networks in found.items()
    ]
    if prefix_lists:
        lists = [{"PrefixListId": one, "Description": f"{_LABEL}documents"} for one in prefix_lists]
        permissions.append(
            {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "PrefixListIds": lists}
        )
    return _bounded(permissions)


RESOLVER: Final = "resolver"
MACHINE: Final = "asked for"
"""Ways of the machine itself, whoever runs there."""

_COMMON: Final = ("ct state established,related accept", "ct state invalid drop")
# RFC 4890: without these, connections break or IPv6 has no neighbours.
_ERRORS: Final = "destination-unreachable, time-exceeded, parameter-problem"
_ICMP_IN: Final = (
    f"icmp type {{ {_ERRORS}, echo-request }} limit rate 50/second accept",
    "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert } ip6 hoplimit 255 accept",
    f"icmpv6 type {{ {_ERRORS}, packet-too-big, echo-request }} limit rate 50/second accept",
)
_ICMP_OUT: Final = (
    f"icmp type {{ {_ERRORS} }} accept",
    "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit } accept",
    f"icmpv6 type {{ {_ERRORS}, packet-too-big }} accept",
)


def _chain(hook: str, rules: Sequence[str]) -> list[str]:
    head = f"    type filter hook {hook} priority filter; policy drop;"
    return [f"  chain {hook} {{", head, *(f"    {rule}" for rule in rules), "  }"]


def _inward(one: Opening) -> list[str]:
    found = []
    for family, version in (("ip", 4), ("ip6", 6)):
        networks = [text for text in one.networks if ip_network(text).version == version]
        if networks:
            to = f"{family} daddr {one.address} " if one.address else ""
            come = f"{to}{family} saddr {{ {', '.join(networks)} }}"
            found.append(f'{come} tcp dport {one.port} ct state new accept comment "{one.name}"')
    return found


def _outward(way: Way, addresses: Mapping[str, Sequence[str]], who: str) -> list[str]:
    found = []
    reached = _reached(way, addresses)
    for family, version in (("ip", 4), ("ip6", 6)):
        hosts = [one for one in reached if ip_address(one).version == version]
        if hosts:
            # The machine's own services ask for names, too.
            whose = "" if way.what in (RESOLVER, MACHINE) else who
            go = f"{whose}{family} daddr {{ {', '.join(hosts)} }} {way.protocol} dport {way.port}"
            found.append(f'{go} accept comment "{way.what}"')
    return found


def _reached(way: Way, addresses: Mapping[str, Sequence[str]]) -> list[str]:
    found = [way.host] if _is_address(way.host) else list(addresses[way.host])
    return sorted({one for one in found if not ip_address(one).is_loopback})


def _permission(protocol: str, port: int, what: str, networks: Sequence[str]) -> Json:
    found: dict[str, Any] = {"IpProtocol": protocol, "FromPort": port, "ToPort": port}
    four = [one for one in networks if ip_network(one).version == 4]  # noqa: PLR2004 - IP
    six = [one for one in networks if one not in four]
    label = f"{_LABEL}{what}"
    if four:
        found["IpRanges"] = [{"CidrIp": one, "Description": label} for one in four]
    if six:
        found["Ipv6Ranges"] = [{"CidrIpv6": one, "Description": label} for one in six]
    return found


def _bounded(permissions: list[Json]) -> list[Json]:
    count = sum(
        len(one.get(name, ()))
        for one in permissions
        for name in ("IpRanges", "Ipv6Ranges", "PrefixListIds")
    )
    if count > MOST_IN_GROUP:
        raise Malformed(
            f"{count} rules are more than the {MOST_IN_GROUP} that a security group takes",
            hint="put listeners behind fewer networks, or use nftables on the machine",
        )
    return permissions


def _collapsed(networks: Iterable[Range]) -> list[Range]:
    both = list(networks)
    four = [one for one in both if one.version == 4]  # noqa: PLR2004 - IP
    six = [one for one in both if one.version == 6]  # noqa: PLR2004 - IP
    return [*collapse_addresses(four), *collapse_addresses(six)]


def _unique(lines: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(lines))


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
