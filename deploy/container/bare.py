"""Takes away from an image what a server has no use for and an intruder has; run once, while the image is built.

    python bare.py UID DIRECTORY [ROOT]

Makes the directory for that user alone, removes shells, interpreters beside Python, package managers and itself, and
takes every set-uid and set-gid bit. Everything else stays: what Python needs is not known by name.
"""

import os
import shutil
import stat
import sys
from pathlib import Path

NAMES = (
    *("sh", "dash", "bash", "rbash", "ash", "ksh", "zsh", "busybox"),
    *("perl", "awk", "mawk", "gawk", "tclsh", "ed", "vi", "nc", "curl", "wget", "gcc", "make", "git"),
    *("apt", "apt-get", "apt-cache", "dpkg", "dpkg-deb", "pip", "pip3", "su", "mount", "umount", "chsh", "passwd"),
)  # fmt: skip
PLACES = ("bin", "sbin", "usr/bin", "usr/sbin", "usr/local/bin", "usr/local/sbin")


def main() -> None:
    """Do all of it below ROOT, `/` where none is named."""
    user, directory = int(sys.argv[1]), sys.argv[2]
    root = Path(sys.argv[3] if len(sys.argv) > 3 else "/")  # noqa: PLR2004 - the third argument
    own = root / directory.lstrip("/")
    own.mkdir(parents=True, exist_ok=True)
    own.chmod(0o700)
    os.chown(own, user, user)
    for place in PLACES:
        for program in (root / place).glob("*"):
            if program.name in NAMES or program.name.startswith(("perl", "pip3")):
                program.unlink(missing_ok=True)
    for place in ("var/lib/apt", "var/cache/apt", "usr/lib/apt"):
        shutil.rmtree(root / place, ignore_errors=True)
    for place in PLACES:
        for path in (root / place).glob("*"):
            if path.is_file() and not path.is_symlink():
                mode = path.stat().st_mode
                if mode & (stat.S_ISUID | stat.S_ISGID):
                    path.chmod(stat.S_IMODE(mode) & 0o755)
    (root / "bare.py").unlink(missing_ok=True)


if __name__ == "__main__":
    main()
