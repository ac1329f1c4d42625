"""Runs commands as the container of deploy/container would: bare root, read only, another user, no capability.

Run by `unshare --mount` as root. There is no engine and no image: the root is an overlay over this machine's.

    python contained.py PLAN     a JSON file: see `main`
"""

import ctypes
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

_PR_SET_NO_NEW_PRIVS = 38
_PR_CAPBSET_DROP = 24
_CAPABILITIES = 41
_libc = ctypes.CDLL(None, use_errno=True)


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def prepare(plan: dict[str, Any]) -> Path:
    """Make the root, and return it; only the home's directory and /tmp can be written to."""
    base = Path(plan["base"])
    root = base / "root"
    for name in ("memory", "root"):
        (base / name).mkdir()
    mount("-t", "tmpfs", "tmpfs", str(base / "memory"))
    for name in ("upper", "work", "home"):
        (base / "memory" / name).mkdir()
    layers = f"lowerdir=/,upperdir={base}/memory/upper,workdir={base}/memory/work"
    mount("-t", "overlay", "overlay", "-o", layers, str(root))
    for source, target in plan["binds"].items():
        (root / target).mkdir(parents=True, exist_ok=True)
        mount("--bind", source, str(root / target))
    for name, text in plan["files"].items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755 if name.startswith("opt/") else 0o400)
        os.chown(path, plan["user"], plan["user"])
    bare = [sys.executable, plan["bare"], str(plan["user"]), plan["directory"], str(root)]
    subprocess.run(bare, check=True)
    own = root / plan["directory"].lstrip("/")
    mount("--bind", str(base / "memory/home"), str(own))
    own.chmod(0o700)
    os.chown(own, plan["user"], plan["user"])
    mount("-t", "proc", "proc", str(root / "proc"))
    mount("-t", "tmpfs", "tmpfs", str(root / "tmp"))
    (root / "tmp").chmod(0o1777)
    mount("--rbind", "/dev", str(root / "dev"))
    mount("-o", "remount,ro,bind", str(root))
    return root


class Contained:
    """Starts processes in the root as the user."""

    def __init__(self, plan: dict[str, Any], root: Path) -> None:
        self._plan = plan
        self._root = root

    def start(self, command: list[str]) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command,
            env=self._plan["environment"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=self._enter,  # noqa: PLW1509 - one thread
        )

    def _enter(self) -> None:
        user = self._plan["user"]
        os.chroot(self._root)
        os.chdir("/")
        for number in range(_CAPABILITIES):
            _libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0)
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
        _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def main() -> None:
    """Run each command to its end, but the one that serves beside the others, and print how each ended."""
    plan = json.loads(Path(sys.argv[1]).read_text())
    root = prepare(plan)
    inside = Contained(plan, root)
    control = root / plan["directory"].lstrip("/") / "home/control.sock"
    found, serving = {}, None
    for name, command in plan["commands"].items():
        try:
            process = inside.start(command)
        except OSError as exc:
            found[name] = {"code": -1, "output": exc.strerror}
            continue
        if name == "serve":
            serving = process
            until = time.monotonic() + 30
            while time.monotonic() < until and not control.exists():
                time.sleep(0.1)
            time.sleep(1)
            continue
        output, _ = process.communicate(timeout=60)
        found[name] = {"code": process.returncode, "output": output}
    if serving is not None:
        serving.terminate()
        output, _ = serving.communicate(timeout=60)
        found["serve"] = {"code": serving.returncode, "output": output}
    print(json.dumps(found))  # noqa: T201 - what is read


if __name__ == "__main__":
    main()
