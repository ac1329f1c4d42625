"""Looks at what surrounds an open home, and explains what it sees [1.1, 1.5, 2.4].

`doctor` asks whether the home itself is well; this asks what could be reached, by whom, and what the machine keeps of
it. Nothing is changed by looking. What cannot be seen from here is `unknown`, never `ok`.
"""

from datetime import datetime
from pathlib import Path

from strongroom.app import System
from strongroom.feeds.destinations import Posted, Syslog, Webhook
from strongroom.feeds.parties import Party
from strongroom.feeds.targets import Role, Target
from strongroom.policy.network import NetworkScope
from strongroom.posture import firewall, listening, machine, transport
from strongroom.posture.finding import Finding, State, Surroundings
from strongroom.posture.listening import Bound, Face
from strongroom.settings import Settings

__all__ = ["Finding", "State", "Surroundings", "faces", "posture", "targets"]

_LISTS_WHY = "who may connect is a list that two people agreed on (1.1)"
_PROXIES_WHY = "whoever is trusted as a proxy says whose request it is (1.1)"


def posture(
    system: System,
    machine_now: datetime,
    surroundings: Surroundings = Surroundings(),  # noqa: B008 - frozen
) -> list[Finding]:
    """Return everything seen; `machine_now` is the machine's own clock, which certificates follow."""
    sockets = listening.bound()
    found = listening.matched(sockets, faces(system))
    control = str(system.home.control)
    lists = _lists(system)
    exposed = any(not one.local for one in found.values())
    served = any(one == Bound(control, 0) for one in sockets)
    authority = system.home.tls / "ca.pem"
    return [
        *listening.findings(sockets, found, lists, control),
        _tampered(system),
        _proxies(system.settings),
        firewall.firewall(surroundings, exposed=exposed),
        *(
            transport.listener(name, one.host, one.port, authority, machine_now)
            for name, one in found.items()
            # The proxy speaks TLS only behind a CONNECT, and then as the gateway.
            if served and name != "proxy"
        ),
        *transport.endpoints(targets(system), machine_now),
        machine.modes(system.home),
        machine.clock(surroundings),
        machine.disk(surroundings, system.home),
        machine.swap(surroundings),
        machine.core_dumps(surroundings),
    ]


def faces(system: System) -> list[Face]:
    """Return the listeners that are asked for; one with a free port has the port that it got."""
    settings, ports = system.settings, system.listening
    found = [
        Face("gateway", settings.gateway.host, ports.get("gateway", settings.gateway.port)),
        Face("api", settings.api.host, ports.get("api", settings.api.port)),
        Face("desk", settings.desk.host, ports.get("desk", settings.desk.port)),
        Face("health", settings.health.host, ports.get("health", settings.health.port)),
    ]
    # Nothing listens there before a log is followed, or a proxy wanted.
    if "witness" in ports:
        found.append(Face("witness", settings.witness.host, ports["witness"]))
    if "proxy" in ports:
        found.append(Face("proxy", settings.proxy.host, ports["proxy"]))
    return found


def _lists(system: System) -> dict[str, list[str]]:
    lists: dict[str, list[str]] = {}
    for row in system.networks.listed():
        if row.in_effect and row.scope is NetworkScope.LISTENER:
            lists.setdefault(row.target, []).append(row.cidr)
    return lists


def _tampered(system: System) -> Finding:
    edited = system.networks.drift()
    if not edited:
        return Finding("network.lists", State.OK, "as approved", _LISTS_WHY)
    seen = f"{len(edited)} networks are not what was approved; they let nobody in"
    remedy = "`strongroom network list`, and find out who writes to the database"
    return Finding("network.lists", State.FAILED, seen, _LISTS_WHY, remedy)


def _proxies(settings: Settings) -> Finding:
    trusted = settings.network.trusted_proxies
    if not trusted:
        seen = "none: X-Forwarded-For counts for nothing"
    else:
        seen = (
            f"{', '.join(trusted)}: each must append to X-Forwarded-For and take no client's word"
        )
    return Finding("network.proxies", State.OK, seen, _PROXIES_WHY)


def targets(system: System) -> list[transport.Target]:
    """Return every place that we speak to over TLS from the first byte."""
    found = []
    for seller in system.sellers.all():
        for what, url in (("endpoint", seller.endpoint), ("lwa", seller.lwa_url)):
            found.append(transport.target(f"tls.{seller.name}.{what}", url, seller.upstream_ca))
    oidc = system.settings.oidc
    if oidc.issuer:
        pem = None if oidc.ca is None else _pem(system.home.root / oidc.ca)
        found.append(transport.target("tls.oidc", oidc.issuer, pem))
    for role in Role:
        found += [_destination(one) for one in system.targets.listed(role) if _has_tls(one)]
    return found


def _has_tls(one: Target) -> bool:
    """Say whether a destination is spoken to over TLS from its first byte; a mail server's begins later."""
    return isinstance(one.destination, Party | Webhook | Posted | Syslog)


def _destination(one: Target) -> transport.Target:
    id_, to = f"tls.{one.role}.{one.name}", one.destination
    match to:
        case Party() | Syslog():
            return transport.Target(id_, to.host, to.port, to.ca)
        case Webhook():
            return transport.target(id_, to.url, to.ca)
        case Posted():
            return transport.target(id_, to.webhook.url, to.webhook.ca)
    raise TypeError("not a place that is spoken to over TLS")


def _pem(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return "-"  # no certificate, which is then what is found
