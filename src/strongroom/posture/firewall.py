"""Tells whether the machine's own firewall denies what nobody allowed [1.1].

It reads what `nft`, `iptables` or ufw's files say. Without the rights to read rules the answer is `unknown`: a firewall
of the network in front of the machine is never seen from here at all.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from strongroom.posture.finding import Finding, State, Surroundings

_WHY: Final = (
    "clause 1.1 asks for a firewall that denies unauthorized addresses; our own lists refuse strangers, but only after "
    "the kernel let them connect"
)
_REMEDY: Final = (
    "deny incoming traffic by default and allow the listeners' ports for the networks that need them: "
    "`strongroom network firewall --nftables` writes such rules"
)
_ENDS: Final = frozenset({"drop", "reject"})
_HARMLESS: Final = frozenset({"counter", "log"})


@dataclass(frozen=True, slots=True)
class Denies:
    """Whether incoming traffic that no rule allows is denied; None where that cannot be seen."""

    by: str
    ipv4: bool
    ipv6: bool


def firewall(machine: Surroundings, *, exposed: bool) -> Finding:
    """Return what the firewall does; `exposed` says whether a listener can be reached from elsewhere."""
    found = _nft(machine) or _iptables(machine) or _ufw(machine)
    if found is None:
        seen = "the rules cannot be read: no rights, or no nft and no iptables"
        remedy = "look as root (`nft list ruleset`), and at the firewall in front of this machine"
        return Finding("firewall.input", State.UNKNOWN, seen, _WHY, remedy)
    if found.ipv4 and found.ipv6:
        return Finding("firewall.input", State.OK, f"{found.by} denies by default", _WHY)
    open_ = " and ".join(
        name for name, denies in (("IPv4", found.ipv4), ("IPv6", found.ipv6)) if not denies
    )
    state = State.FAILED if exposed else State.WARNING
    seen = f"{found.by} lets incoming {open_} in by default"
    return Finding("firewall.input", state, seen, _WHY, _REMEDY)


def _nft(machine: Surroundings) -> Denies | None:
    text = machine.output("nft", "-j", "list", "ruleset")
    if text is None:
        return None
    try:
        entries = json.loads(text)["nftables"]
        chains = [entry["chain"] for entry in entries if "chain" in entry]
        rules = [entry["rule"] for entry in entries if "rule" in entry]
        hooked = [chain for chain in chains if chain.get("hook") == "input"]
        denying = {chain["family"] for chain in hooked if _denies(chain, rules)}
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    # Rules of the older kind are another table in the kernel, which only iptables shows.
    if not hooked and (older := _iptables(machine)) is not None:
        return older
    return Denies("nftables", bool(denying & {"ip", "inet"}), bool(denying & {"ip6", "inet"}))


def _denies(chain: dict[str, Any], rules: list[dict[str, Any]]) -> bool:
    if chain.get("policy") == "drop":
        return True
    own = [
        rule
        for rule in rules
        if (rule["family"], rule["table"], rule["chain"])
        == (chain["family"], chain["table"], chain["name"])
    ]
    if not own:
        return False
    # The last rule, where it asks for nothing and denies.
    said = {name for statement in own[-1]["expr"] for name in statement} - _HARMLESS
    return len(said) == 1 and bool(said & _ENDS)


def _iptables(machine: Surroundings) -> Denies | None:
    four = machine.output("iptables", "-S", "INPUT")
    six = machine.output("ip6tables", "-S", "INPUT")
    if four is None:
        return None
    return Denies("iptables", _ends_denied(four), six is not None and _ends_denied(six))


def _ends_denied(text: str) -> bool:
    lines = text.split("\n")
    if "-P INPUT DROP" in lines or "-P INPUT REJECT" in lines:
        return True
    rules = [line for line in lines if line.startswith("-A INPUT ")]
    return bool(rules) and re.fullmatch(r"-A INPUT -j (DROP|REJECT)\b.*", rules[-1]) is not None


def _ufw(machine: Surroundings) -> Denies | None:
    """Return what ufw's own files promise, which everybody may read; that it runs is its service's word."""
    conf, defaults = machine.text("etc/ufw/ufw.conf"), machine.text("etc/default/ufw")
    if conf is None or defaults is None or not re.search(r"(?m)^ENABLED=yes\s*$", conf):
        return None
    denies = bool(re.search(r'(?m)^DEFAULT_INPUT_POLICY="?(DROP|REJECT)"?\s*$', defaults))
    six = bool(re.search(r"(?m)^IPV6=\"?yes\"?\s*$", defaults))
    return Denies("ufw, by its files,", denies, denies and six)
