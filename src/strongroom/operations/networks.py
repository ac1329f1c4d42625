"""What commands do to allow lists of networks [1.1]."""

from dataclasses import asdict
from ipaddress import ip_network

from strongroom.accounts import NetworkRange
from strongroom.errors import Malformed
from strongroom.operations.registry import Call, iso, operation
from strongroom.policy.network import NetworkScope
from strongroom.posture.reach import plan
from strongroom.request import Json
from strongroom.terms import PrincipalId


@operation("network.list")
def _network_list(call: Call, *, ended: bool = False) -> Json:
    tampered = call.system.networks.drift()
    rows = [_network(call, row) for row in call.system.networks.listed(ended=ended)]
    for row in rows:
        row["tampered"] = row["id"] in tampered
    return {"networks": rows, "tampered": tampered}


@operation("network.allow")
def _network_allow(
    call: Call, *, cidr: str, listener: str | None = None, principal: str | None = None
) -> Json:
    if (listener is None) == (principal is None):
        raise Malformed("a network is allowed for a listener or for a principal")
    scope = NetworkScope.PRINCIPAL if listener is None else NetworkScope.LISTENER
    row = call.system.networks.request_add(
        scope, listener or principal or "", cidr, call.caller, call.now
    )
    return _network(call, row)


@operation("network.remove")
def _network_remove(call: Call, *, network: int) -> Json:
    return _network(call, call.system.networks.request_removal(network, call.caller, call.now))


@operation("network.approve")
def _network_approve(call: Call, *, network: int) -> Json:
    return _network(call, call.system.networks.approve(network, call.caller, call.now))


@operation("network.reject")
def _network_reject(call: Call, *, network: int) -> Json:
    return _network(call, call.system.networks.reject(network, call.caller, call.now))


@operation("network.firewall")
def _network_firewall(call: Call) -> Json:
    """Return what a firewall has to let in and out, with names that nobody resolved yet."""
    return asdict(plan(call.system))


def _network(call: Call, row: NetworkRange) -> Json:
    """Return a line, and whether its list lets this machine in, or would with what is asked for."""
    lines = [
        other
        for other in call.system.networks.listed()
        if (other.scope, other.target) == (row.scope, row.target) and other.state != "leaving"
    ]
    return {
        "id": row.id,
        "scope": row.scope.value,
        "target": row.target,
        "cidr": row.cidr,
        "state": row.state,
        "requested_by": _name(call, row.requested_by),
        "requested_at": row.requested_at.isoformat(),
        "approved_by": _name(call, row.approved_by),
        "approved_at": iso(row.approved_at),
        "rejected_at": iso(row.rejected_at),
        "removal_by": _name(call, row.removal_by),
        "removal_at": iso(row.removal_at),
        "removed_by": _name(call, row.removed_by),
        "removed_at": iso(row.removed_at),
        "this_machine": not lines or any(ip_network(line.cidr).is_loopback for line in lines),
    }


def _name(call: Call, id_: PrincipalId | None) -> str | None:
    return None if id_ is None else call.system.accounts.name_of(id_)
