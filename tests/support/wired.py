"""Two machines on one wire, made of namespaces of the kernel that end with the script; says who reaches whom.

Run by `unshare --net --mount` as root. The server has 10.20.0.1, 10.30.0.1 and fd00:20::1; the client 10.20.0.9,
10.30.0.9 and fd00:20::9.

    python wired.py RULES PROBES     files: rules for the server, and probes as JSON: [side, from, to, port]
"""

import json
import socket
import subprocess
import sys
import time
from pathlib import Path

WAIT_SECONDS = 0.3
_TRIES = 10
_LISTEN = """
import socket, sys
listeners = []
for address in ("0.0.0.0", "::"):
    for port in map(int, sys.argv[1:]):
        one = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        if ":" in address:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind((address, port))
        one.listen()
        listeners.append(one)
print("ready", flush=True)
sys.stdin.read()
"""


def run(*command: str) -> str:
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout


def wire() -> None:
    run("mount", "-t", "tmpfs", "tmpfs", "/run")
    for name in ("server", "client"):
        run("ip", "netns", "add", name)
    ends = ("s0", "netns", "server", "type", "veth", "peer", "name", "c0", "netns", "client")
    run("ip", "link", "add", *ends)
    for name, device, last in (("server", "s0", "1"), ("client", "c0", "9")):
        for address in (f"10.20.0.{last}/16", f"10.30.0.{last}/16"):
            run("ip", "-n", name, "addr", "add", address, "dev", device)
        run("ip", "-n", name, "addr", "add", f"fd00:20::{last}/64", "dev", device, "nodad")
        for one in ("lo", device):
            run("ip", "-n", name, "link", "set", one, "up")


def inside(name: str, *command: str) -> list[str]:
    return ["ip", "netns", "exec", name, *command]


def reached(probes: list[tuple[str, str, str, int]]) -> list[bool]:
    """Try each from its side, in a process of that side."""
    found = []
    for side in ("server", "client"):
        own = json.dumps([one[1:] for one in probes if one[0] == side])
        said = run(*inside(side, sys.executable, __file__, "--connect", own))
        found.append(iter(json.loads(said)))
    return [next(found[("server", "client").index(one[0])]) for one in probes]


def connect(probes: list[tuple[str, str, int]]) -> list[bool]:
    found = []
    for source, target, port in probes:
        with socket.socket(socket.AF_INET6 if ":" in target else socket.AF_INET) as one:
            one.settimeout(WAIT_SECONDS)
            try:
                one.bind((source, 0))
                one.connect((target, port))
            except OSError:
                found.append(False)
            else:
                found.append(True)
    return found


def main() -> None:
    """Probe without rules, then with them; print both, and the rules as the kernel has them."""
    if sys.argv[1] == "--connect":
        print(json.dumps(connect(json.loads(sys.argv[2]))))  # noqa: T201 - what is read
        return
    rules, probes = sys.argv[1], json.loads(Path(sys.argv[2]).read_text())
    wire()
    ports = sorted({str(one[3]) for one in probes})
    listening = [
        subprocess.Popen(
            inside(side, sys.executable, "-c", _LISTEN, *ports),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for side in ("server", "client")
    ]
    for one in listening:
        assert one.stdout is not None
        one.stdout.readline()
    before = reached(probes)
    for _try in range(_TRIES):
        # Neighbours of IPv6 take their time to find each other.
        if all(before):
            break
        time.sleep(0.2)
        before = reached(probes)
    run(*inside("server", "nft", "-f", rules))
    run(*inside("server", "nft", "-f", rules))  # a second time it takes its own place
    after = reached(probes)
    ruleset = run(*inside("server", "nft", "-j", "list", "ruleset"))
    for one in listening:
        one.kill()
        one.communicate()
    print(json.dumps({"before": before, "after": after, "ruleset": ruleset}))  # noqa: T201 - as above


if __name__ == "__main__":
    main()
