"""What an attacker inside the service would try next; prints as JSON which attempts succeeded.

    python confined.py DIRECTORY      a directory that it may write to

Run once as the unit lets a process run, and once as the same user without the unit's restrictions.
"""

import contextlib
import ctypes
import json
import mmap
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

_CLONE_NEWUSER = 0x10000000
_PERSONALITY_NO_RANDOM = 0x0040000
_libc = ctypes.CDLL(None, use_errno=True)


def program_in_the_home(own: Path) -> None:
    program = own / "dropped"
    program.write_bytes(Path("/bin/true").read_bytes())
    program.chmod(0o700)
    try:
        subprocess.run([str(program)], check=True)
    finally:
        program.unlink()


def writable_code(_: Path) -> None:
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()


def user_namespace(_: Path) -> None:
    child = os.fork()
    if not child:
        os._exit(0 if _libc.unshare(_CLONE_NEWUSER) == 0 else 1)
    _done(os.waitpid(child, 0)[1] == 0)


def file_elsewhere(_: Path) -> None:
    left = []
    for directory in ("/run/lock", "/dev/shm"):
        path = Path(directory) / "left"
        with contextlib.suppress(OSError):
            path.touch()
            path.unlink()
            left.append(path)
    _done(bool(left))


def packets_of_the_machine(_: Path) -> None:
    socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).close()


def processes_of_others(_: Path) -> None:
    Path("/proc/1/cmdline").read_bytes()


def files_seen_by_others(_: Path) -> None:
    path = Path("/tmp/left-for-others")
    path.write_text("x")
    # A temporary directory of its own is below /tmp of the machine, where root alone sees it.
    shared = Path("/tmp/of-the-machine").exists()
    path.unlink()
    _done(shared)


def set_uid_file(own: Path) -> None:
    path = own / "set-uid"
    path.touch()
    try:
        path.chmod(0o4700)
    finally:
        path.unlink()


def other_personality(_: Path) -> None:
    before = _libc.personality(0xFFFFFFFF)
    _done(before >= 0 and _libc.personality(_PERSONALITY_NO_RANDOM) >= 0)


def cores_of_its_memory(_: Path) -> None:
    _done(resource.getrlimit(resource.RLIMIT_CORE)[1] != 0)


def traced_process(_: Path) -> None:
    child = os.fork()
    if not child:
        os.read(os.pipe()[0], 1)
        os._exit(0)
    try:
        _done(_libc.ptrace(16, child, 0, 0) == 0)  # PTRACE_ATTACH
    finally:
        with contextlib.suppress(OSError):
            os.kill(child, 9)
            os.waitpid(child, 0)


ATTEMPTS: tuple[Callable[[Path], None], ...] = (
    program_in_the_home,
    writable_code,
    user_namespace,
    file_elsewhere,
    packets_of_the_machine,
    processes_of_others,
    files_seen_by_others,
    set_uid_file,
    other_personality,
    cores_of_its_memory,
    traced_process,
)


def _done(did: bool) -> None:
    if not did:
        raise OSError


def main() -> None:
    """Try each, and print which succeeded."""
    own = Path(sys.argv[1])
    found = {}
    for attempt in ATTEMPTS:
        try:
            attempt(own)
        except OSError:
            found[attempt.__name__] = False
        else:
            found[attempt.__name__] = True
    print(json.dumps(found))  # noqa: T201 - what the test reads


if __name__ == "__main__":
    main()
