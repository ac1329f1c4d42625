"""Where everything of a home lies, who may touch it, and who has it open.

A home is a directory of mode 0700 with files of mode 0600 and one owner. One process at a time has
it open: a lock on `lock` says which. Nothing here reads a key or a record.
"""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from strongroom.errors import InUse, Misconfigured, Unavailable

DIRECTORY_MODE: Final = 0o700
FILE_MODE: Final = 0o600
_OTHERS: Final = 0o077


@dataclass(frozen=True, slots=True)
class TooOpen:
    """A file or directory that others than its owner may touch, or that belongs to somebody else."""

    path: Path
    remedy: str


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of one home. `root` is absolute."""

    root: Path

    @property
    def settings(self) -> Path:
        """What the operator sets; its presence says that `init` finished."""
        return self.root / "strongroom.toml"

    @property
    def unfinished(self) -> Path:
        """What `init` was asked for, until it is done."""
        return self.root / "init.unfinished"

    @property
    def restoring(self) -> Path:
        """What `restore` was asked for, until all that it has to destroy again is destroyed."""
        return self.root / "restore.unfinished"

    @property
    def vault_database(self) -> Path:
        """The embedded vault."""
        return self.root / "vault.db"

    @property
    def keys_database(self) -> Path:
        """The embedded keystore."""
        return self.root / "keys.db"

    @property
    def tls(self) -> Path:
        """Certificates, and the key of our own listener."""
        return self.root / "tls"

    @property
    def logs(self) -> Path:
        """The process's log and the published checkpoint."""
        return self.root / "log"

    @property
    def archive(self) -> Path:
        """Copies that law requires, sealed to an offline key."""
        return self.root / "archive"

    @property
    def backups(self) -> Path:
        """Backups of the vault; never of the keystore."""
        return self.root / "backups"

    @property
    def lock(self) -> Path:
        """Locked while a process has the home open; holds its number."""
        return self.root / "lock"

    @property
    def control(self) -> Path:
        """The socket through which commands speak to a running `serve`."""
        return self.root / "control.sock"

    def directories(self) -> tuple[Path, ...]:
        """Return every directory of a home, outermost first."""
        return (self.root, self.tls, self.logs, self.archive, self.backups)


def layout(path: Path) -> Layout:
    """Return the layout of the home at `path`, which need not exist."""
    return Layout(Path(os.path.abspath(path.expanduser())))  # noqa: PTH100 - keeps symbolic links


def too_open(home: Layout) -> list[TooOpen]:
    """Return everything in the home that others may touch: the home, and all files two levels down."""
    found = []
    seen = [home.root, *home.root.iterdir()]
    seen += [inner for path in seen[1:] if path.is_dir() for inner in path.iterdir()]
    for path in seen:
        try:
            status = path.lstat()
        except FileNotFoundError:  # a write-ahead log comes and goes
            continue
        if status.st_uid != os.geteuid() and os.geteuid() != 0:
            found.append(TooOpen(path, f"chown {os.geteuid()} {path}"))
        elif stat.S_IMODE(status.st_mode) & _OTHERS and not stat.S_ISLNK(status.st_mode):
            mode = DIRECTORY_MODE if stat.S_ISDIR(status.st_mode) else FILE_MODE
            found.append(TooOpen(path, f"chmod {mode:o} {path}"))
    return found


def check_modes(home: Layout) -> None:
    """Refuse a home that others may touch.

    Raises:
        Misconfigured: names the first path and the command that closes it.

    """
    faults = too_open(home)
    if faults:
        raise Misconfigured(
            f"{faults[0].path} is open to others than its owner", hint=faults[0].remedy
        )


@contextmanager
def locked(home: Layout) -> Iterator[None]:
    """Hold the home's lock for the block.

    Raises:
        InUse: another process holds it.
        Unavailable: the file cannot be opened.

    """
    try:
        handle = os.open(
            home.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE
        )
    except OSError as exc:
        raise Unavailable(f"{home.lock} cannot be opened: {exc.strerror}") from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUse(f"home {home.root} is in use by {_holder(handle)}") from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        try:
            yield
        finally:
            os.ftruncate(handle, 0)
    finally:
        os.close(handle)


def write_durably(path: Path, content: bytes) -> None:
    """Put a file of mode 0600 in place whole, or not at all; durable on return.

    Raises:
        Unavailable: it cannot be written.

    """
    draft = path.with_name(f".{path.name}.new")
    try:
        draft.unlink(missing_ok=True)
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(handle)
        draft.replace(path)
        sync_directory(path.parent)
    except OSError as exc:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise Unavailable(f"{path} cannot be written: {exc.strerror}") from None


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable. Raises: OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _holder(handle: int) -> str:
    number = os.pread(handle, 32, 0).strip()
    return f"process {number.decode()}" if number.isdigit() else "another process"
