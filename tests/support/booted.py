"""A machine with a systemd of its own, in a container that lives as long as one script: it boots this machine's files.

Its root is an overlay in memory over `/`, in a mount namespace of its own, so nothing of it is left behind. It has no
network but its loopback. Needs root, systemd-nspawn and the interpreter of `/usr/bin` that the tests' packages are for.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
INTERPRETER = Path(f"/usr/bin/python3.{sys.version_info.minor}")
_SECONDS = 240

_COMMAND = """\
#!{interpreter}
import sys
sys.path[:0] = ["/opt/strongroom/src", "/opt/strongroom/site"]
from strongroom.cli import main
sys.exit(main())
"""

_UNIT = """\
[Unit]
Requires=basic.target dbus.socket
After=basic.target dbus.socket
SuccessAction=poweroff-force
FailureAction=poweroff-force
[Service]
Type=oneshot
ExecStart=/bin/sh /lab/steps.sh
TimeoutStartSec={seconds}
"""

_OUTER = """\
set -e
cd "$1"
mkdir -p memory root
mount -t tmpfs tmpfs memory
mkdir memory/upper memory/work
mount -t overlay overlay -o lowerdir=/,upperdir=memory/upper,workdir=memory/work root
rm -f root/etc/systemd/system/*.wants/*
cp -r machine/. root/
exec systemd-nspawn --quiet --directory="$1/root" --keep-unit --register=no --private-network --bind="$1/lab:/lab" \\
    --bind-ro="$2:/opt/strongroom/site" --bind-ro="$3:/opt/strongroom/src" --boot systemd.unit=lab.service
"""


@dataclass(frozen=True)
class Step:
    """How one step ended, and what it printed."""

    code: int
    output: str

    @property
    def json(self) -> dict[str, object]:
        """Return the JSON that it printed last."""
        found: dict[str, object] = json.loads(self.output.strip().splitlines()[-1])
        return found


def booted(directory: Path, steps: dict[str, str], files: dict[str, str]) -> dict[str, Step]:
    """Boot, run each step as root in turn whatever the others did, and return how each ended.

    `files` are further files of the machine, by path.
    """
    assert INTERPRETER.exists(), f"the packages under test are for {INTERPRETER.name}, not here"
    machine, lab = directory / "machine", directory / "lab"
    lab.mkdir(parents=True)
    units = machine / "etc/systemd/system"
    units.mkdir(parents=True)
    for unit in (DEPLOY / "systemd").glob("*.*"):
        if unit.suffix in (".service", ".timer"):
            shutil.copy(unit, units)
    sysusers = machine / "usr/lib/sysusers.d"
    sysusers.mkdir(parents=True)
    shutil.copy(DEPLOY / "systemd/strongroom.sysusers.conf", sysusers / "strongroom.conf")
    program = machine / "opt/strongroom/bin/strongroom"
    program.parent.mkdir(parents=True)
    for name in ("site", "src"):
        (machine / "opt/strongroom" / name).mkdir()
    program.write_text(_COMMAND.format(interpreter=INTERPRETER))
    program.chmod(0o755)
    (units / "lab.service").write_text(_UNIT.format(seconds=_SECONDS))
    for name, text in files.items():
        path = machine / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    lines = []
    for name, step in steps.items():
        (lab / f"{name}.sh").write_text(step)
        lines.append(f"sh /lab/{name}.sh >/lab/{name}.out 2>&1 </dev/null; echo $? >/lab/{name}.rc")
    (lab / "steps.sh").write_text("\n".join(lines))
    # A new cgroup namespace of the unified kind: the restrictions of sockets are programs of it.
    said = subprocess.run(
        [
            *("unshare", "--mount", "--propagation", "private", "sh", "-c", _OUTER, "sh"),
            *(str(directory), sysconfig.get_path("purelib"), str(ROOT / "src")),
        ],
        env={
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",
        },
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=_SECONDS + 30,
    )
    found = {}
    for name in steps:
        code = lab / f"{name}.rc"
        assert code.exists(), f"step {name} did not end\n{said.stdout.decode()[-3000:]}"
        output = (lab / f"{name}.out").read_text(errors="replace")
        found[name] = Step(int(code.read_text()), output)
    return found
