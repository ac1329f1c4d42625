"""Rules of a firewall from what the home has: `network firewall`. Names are resolved here, by who runs the command."""

import json
import re
import socket
from dataclasses import replace
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Final

import typer

from strongroom.cli.networks import network
from strongroom.cli.session import Session, verb
from strongroom.errors import Malformed, Misconfigured, Unavailable
from strongroom.policy import ruleset
from strongroom.policy.ruleset import ADMIN_PORT, MACHINE, RESOLVER, Opening, Plan, Way

_WAY: Final = re.compile(r"(\[[0-9a-f:]+\]|[A-Za-z0-9.-]{1,253}):([0-9]{1,5})(?:/(tcp|udp))?")
_ACCOUNT: Final = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_PREFIX_LIST: Final = re.compile(r"pl-[0-9a-f]{8,32}")
_RESOLVERS: Final = (Path("/run/systemd/resolve/resolv.conf"), Path("/etc/resolv.conf"))
"""The first has whom systemd's own resolver asks."""
_HIGHEST_PORT: Final = 65535


def register(_root: typer.Typer) -> None:
    """Add nothing: `networks` adds the noun, and its verb stands on it already."""


class Direction(StrEnum):
    """One list of a security group."""

    INGRESS = "ingress"
    EGRESS = "egress"


@verb(
    network,
    "firewall",
    example="strongroom network firewall --nftables --admin 192.0.2.0/28 | nft -f -",
)
def network_firewall(
    session: Session,
    *,
    as_nftables: Annotated[
        bool, typer.Option("--nftables", help="A file for `nft -f`, in one step.")
    ] = False,
    security_group: Annotated[
        Direction | None,
        typer.Option(help="JSON for `--ip-permissions` of `aws ec2 authorize-security-group-…`."),
    ] = None,
    admin: Annotated[
        list[str] | None,
        typer.Option(metavar="CIDR", help="Who may come by SSH; without it nobody. Repeatable."),
    ] = None,
    out: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HOST:PORT[/udp]",
            help="Where else this machine goes: time, packages. Repeatable.",
        ),
    ] = None,
    account: Annotated[
        str | None,
        typer.Option(metavar="USER", help="Only its processes use the home's ways out (nftables)."),
    ] = None,
    amazon_ranges: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="AWS's ip-ranges.json: where documents are (nftables)."),
    ] = None,
    prefix_list: Annotated[
        list[str] | None,
        typer.Option(metavar="pl-…", help="AWS's list of where documents are (group). Repeatable."),
    ] = None,
) -> None:
    """Print the rules that let in and out exactly what this home has; everything else is dropped."""
    if as_nftables == (security_group is not None):
        raise Malformed("choose --nftables or --security-group")
    if account is not None and not _ACCOUNT.fullmatch(account):
        raise Malformed("--account takes the name of a system's user")
    if not all(map(_PREFIX_LIST.fullmatch, prefix_list or ())):
        raise Malformed("--prefix-list takes the id of a list", hint="such as pl-6da54004")
    home = Plan.of(session.call("network.firewall"))
    plan = replace(
        home,
        openings=(*home.openings, *_administrators(admin or [])),
        ways=(*_resolvers(), *home.ways, *(_asked(one) for one in out or ())),
        documents=ruleset.documents(_text(amazon_ranges)) if amazon_ranges is not None else (),
    )
    if not admin:
        session.warn("nobody may come by SSH; what is open stays open (--admin CIDR)")
    if security_group is Direction.INGRESS:
        session.say({"permissions": (found := ruleset.ingress(plan))}, json.dumps(found, indent=2))
        return
    addresses = {name: _resolved(name) for name in plan.names}
    if security_group is Direction.EGRESS:
        found = ruleset.egress(plan, addresses, prefix_list or ())
        session.say({"permissions": found}, json.dumps(found, indent=2))
        return
    if not plan.documents:
        session.warn("no document of Amazon's can be fetched or uploaded (--amazon-ranges FILE)")
    text = ruleset.nftables(plan, addresses, account=account)
    session.say({"nftables": text}, text.rstrip("\n"))


def _administrators(networks: list[str]) -> list[Opening]:
    found = ruleset.opening("ssh", "::", ADMIN_PORT, networks)
    return [] if found is None else [found]


def _asked(text: str) -> Way:
    found = _WAY.fullmatch(text)
    if found is None or not 0 < int(found[2]) <= _HIGHEST_PORT:
        raise Malformed("--out takes HOST:PORT, or HOST:PORT/udp")
    return Way(MACHINE, found[1].strip("[]"), int(found[2]), found[3] or "tcp")


def _resolvers() -> list[Way]:
    """Return the servers that this machine asks for names, as its files have them."""
    for path in _RESOLVERS:
        text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        servers = re.findall(r"(?m)^nameserver\s+([0-9a-fA-F.:]+)\s*$", text)
        if servers:
            return [
                Way(RESOLVER, str(ip_address(server)), 53, protocol, aws_itself=True)
                for server in servers
                for protocol in ("udp", "tcp")
            ]
    return []


def _resolved(name: str) -> list[str]:
    """Return the addresses of a host, sorted. Raises: Unavailable: without them the rules would shut a place out."""
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except OSError:
        raise Unavailable(
            f"{name} has no address here, so no rules were written",
            hint="mend the resolver, or end what names the host",
        ) from None
    return sorted({str(one[4][0]).partition("%")[0] for one in found})


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise Misconfigured("--amazon-ranges names no file that can be read") from None
