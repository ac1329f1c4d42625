"""What this very process listens on, held against the settings and the allow lists [1.1]."""

import os
import socket
import stat
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from strongroom.errors import Malformed
from strongroom.policy.network import parse_address
from strongroom.posture.finding import Finding, State, duplicated

_WHY: Final = "what listens is what can be attacked (1.1): each is to be there on purpose"
_LIST_WHY: Final = "who may connect is a list that two people agreed on (1.1)"
_ANY: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared, not bound
_FD: Final = "/dev/fd"


@dataclass(frozen=True, slots=True)
class Bound:
    """One socket that takes connections."""

    host: str
    port: int
    """0 for one in the file system, whose path is `host` then."""

    @property
    def everywhere(self) -> bool:
        """Whether it is bound to every address of the machine."""
        return self.host in _ANY

    @property
    def local(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return parse_address(self.host).is_loopback
        except Malformed:
            return not self.port


@dataclass(frozen=True, slots=True)
class Face:
    """A listener as the settings ask for it; port 0 is a free one."""

    name: str
    host: str
    port: int


def bound() -> list[Bound]:
    """Return every socket of this process that takes connections."""
    found = []
    for name in os.listdir(_FD):  # noqa: PTH208 - numbers, not paths
        try:
            with duplicated(int(name)) as copy:
                if stat.S_ISSOCK(os.fstat(copy).st_mode):
                    found += _accepting(copy)
        except OSError:  # closed since it was listed
            continue
    return found


def matched(sockets: Iterable[Bound], faces: Collection[Face]) -> dict[str, Bound]:
    """Return which socket is which listener; one with a port of its own before those with a free one."""
    free = [one for one in sockets if one.port]
    found: dict[str, Bound] = {}
    for face in sorted(faces, key=lambda face: face.port == 0):
        hosts = _addresses(face.host)
        fitting = [one for one in free if one.host in hosts and face.port in (0, one.port)]
        if fitting:
            found[face.name] = min(fitting, key=lambda one: one.port)
            free.remove(found[face.name])
    return found


def findings(
    sockets: Iterable[Bound],
    found: Mapping[str, Bound],
    lists: Mapping[str, list[str]],
    control: str,
) -> list[Finding]:
    """Return what is to be said of each socket; `lists` are the networks that each listener lets in."""
    sockets = list(sockets)
    if not any(one.host == control for one in sockets):
        seen = "the home is not served by this process: nothing of ours listens"
        remedy = "start `strongroom serve`, and ask again"
        return [Finding("listeners.expected", State.UNKNOWN, seen, _WHY, remedy)]
    known = {*found.values(), Bound(control, 0)}
    strange = [one for one in sockets if one not in known]
    if strange:
        places = ", ".join(f"{one.host} port {one.port}" for one in strange)
        remedy = "stop, and find out what opened it: nothing of ours does"
        told = [Finding("listeners.expected", State.FAILED, f"also {places}", _WHY, remedy)]
    else:
        seen = f"{len(found)} listeners and the control socket, nothing else"
        told = [Finding("listeners.expected", State.OK, seen, _WHY)]
    return told + [_listener(name, one, lists.get(name, [])) for name, one in found.items()]


def _listener(name: str, one: Bound, networks: list[str]) -> Finding:
    id_ = f"listener.{name}"
    place = f"[{one.host}]:{one.port}" if ":" in one.host else f"{one.host}:{one.port}"
    who = ", ".join(networks) if networks else "this machine alone"
    seen = f"{place}, lets in {who}"
    if one.everywhere:
        remedy = f"set {name}.host to the one address that clients use"
        return Finding(id_, State.WARNING, f"every address: {seen}", _LIST_WHY, remedy)
    if not one.local and not networks:
        remedy = f"`strongroom network allow --listener {name} CIDR`, or host 127.0.0.1"
        return Finding(id_, State.WARNING, seen, _LIST_WHY, remedy)
    return Finding(id_, State.OK, seen, _LIST_WHY)


def _accepting(descriptor: int) -> list[Bound]:
    with socket.socket(fileno=os.dup(descriptor)) as one:
        if not one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return []
        name = one.getsockname()
    return [Bound(os.fsdecode(name), 0) if isinstance(name, str | bytes) else Bound(*name[:2])]


def _addresses(host: str) -> frozenset[str]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return frozenset({host})
    return frozenset(str(entry[4][0]) for entry in found)
