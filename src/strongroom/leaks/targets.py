"""Walks over what is to be scanned: files and directories, histories of git, databases outside.

Links are not followed. What cannot be read is told, since of it nothing can be said. A scan that was interrupted goes
on where it was: a state file keeps keyed digests of the files that were clean, and no name and no value.
"""

import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Final

import orjson

from strongroom.errors import Malformed, StrongroomError, Unavailable
from strongroom.leaks.containers import PART_BYTES
from strongroom.leaks.outside import SQLITE_MAGIC, postgres_cells, shown_dsn, sqlite_cells
from strongroom.leaks.report import Finding, masked
from strongroom.leaks.repository import git_directory, history, paths_of, staged
from strongroom.leaks.scan import Scan

STATE_LASTS: Final = timedelta(days=1)
"""After that a file called clean may hold what the vault has learned since."""

_MOST_UNSAVED: Final = 500
_STATE_VERSION: Final = 1
# Of a git directory: git itself reads these, and they are compressed.
_PACKED_BY_GIT: Final = frozenset({"objects", "index"})

Tell = Callable[[int], None]
"""Hears of bytes read from files."""


class State:
    """What an interrupted scan was done with. One line of JSON, then one digest a line."""

    def __init__(self, path: Path, mode: str, key_of: Callable[[str], str], now: datetime) -> None:
        """Read a state file, or begin one.

        Raises:
            Malformed: it is not ours.
            Unavailable: it cannot be read or written.

        """
        self._path = path
        self._waiting: list[str] = []
        self._done: set[str] = set()
        try:
            text = path.read_text() if path.exists() else ""
        except (OSError, UnicodeDecodeError):
            raise Unavailable("the state file cannot be read") from None
        salt = ""
        if text:
            head, *lines = text.splitlines()
            salt, mode_before, begun_at = _head(head)
            if mode_before == mode and timedelta(0) <= now - begun_at <= STATE_LASTS:
                self._done = set(lines)
            else:
                salt = ""
        if not salt:
            salt = os.urandom(16).hex()
            line = orjson.dumps(
                {"v": _STATE_VERSION, "salt": salt, "mode": mode, "begun_at": now.isoformat()}
            )
            self._write(line + b"\n", "wb")
        self._key = key_of(salt).encode()[:64]

    def has(self, path: Path, found: os.stat_result) -> bool:
        """Say whether a file was clean and is as it was."""
        return self._mark(path, found) in self._done

    def add(self, path: Path, found: os.stat_result) -> None:
        """Note that a file was clean; kept at the next `save`."""
        self._waiting.append(self._mark(path, found))

    @property
    def is_due(self) -> bool:
        """Whether enough waits to be saved."""
        return len(self._waiting) >= _MOST_UNSAVED

    def save(self) -> None:
        """Write what was noted. Raises: Unavailable."""
        if self._waiting:
            self._write("".join(f"{mark}\n" for mark in self._waiting).encode(), "ab")
            self._done.update(self._waiting)
            self._waiting.clear()

    def finish(self) -> None:
        """Remove the file: the scan came to its end."""
        self._path.unlink(missing_ok=True)

    def _mark(self, path: Path, found: os.stat_result) -> str:
        facts = f"{path}\0{found.st_size}\0{found.st_mtime_ns}\0{found.st_ino}"
        raw = facts.encode(errors="surrogateescape")
        return hashlib.blake2b(raw, key=self._key, digest_size=16).hexdigest()

    def _write(self, content: bytes, mode: str) -> None:
        try:
            with self._path.open(mode) as file:
                file.write(content)
            self._path.chmod(0o600)
        except OSError:
            raise Unavailable("the state file cannot be written") from None


def _head(line: str) -> tuple[str, str, datetime]:
    try:
        head = orjson.loads(line)
        if head["v"] == _STATE_VERSION:
            return str(head["salt"]), str(head["mode"]), datetime.fromisoformat(head["begun_at"])
    except (ValueError, KeyError, TypeError):
        pass
    raise Malformed("this is no state file of a scan")


def size_of(paths: Iterable[Path]) -> int:
    """Return the bytes of all files to read, for a progress bar; what cannot be seen counts nothing."""
    return sum(found.st_size for path in paths for _file, found in _files(path, lambda _path: None))


def scan_path(
    scan: Scan, path: Path, tell: Tell, state: State | None, passed_over: Callable[[Path], bool]
) -> None:
    """Scan a file, or every file below a directory, and each history of git in it.

    Raises:
        Unavailable: there is nothing, or looking values up failed.

    """
    if not path.exists():
        raise Unavailable("a file or directory to scan is not there")

    def unreadable(which: Path) -> None:
        scan.incomplete.append((masked(str(which)), "unreadable"))

    clean: list[tuple[Path, os.stat_result]] = []
    for file, found in _files(path, unreadable):
        if passed_over(file) or (state is not None and state.has(file, found)):
            tell(found.st_size)
            continue
        before = len(scan.incomplete)
        try:
            scan_file(scan, file, found.st_size, tell)
        except FileNotFoundError:
            continue
        except OSError:
            unreadable(file)
        if state is not None and len(scan.incomplete) == before:
            clean.append((file, found))
            if len(clean) >= _MOST_UNSAVED:
                _keep(scan, state, clean)
    if state is not None:
        _keep(scan, state, clean)
    for repository in _repositories(path):
        scan_history(scan, repository)


def _keep(scan: Scan, state: State, clean: list[tuple[Path, os.stat_result]]) -> None:
    """Note the files in which nothing was found, now that it is known."""
    scan.flush()
    dirty = {finding.file for finding in scan.findings()}
    for file, found in clean:
        if masked(str(file)) not in dirty:
            state.add(file, found)
    state.save()
    clean.clear()


def scan_file(scan: Scan, path: Path, size: int, tell: Tell) -> None:
    """Scan one file, its name included. Raises: OSError."""
    place = Finding("", masked(str(path)))
    scan.name(place, str(path))
    with path.open("rb", buffering=0) as file:
        if file.read(len(SQLITE_MAGIC)) == SQLITE_MAGIC:
            try:
                scan.cells(place, sqlite_cells(path))
            except StrongroomError as exc:
                if "SQLite" not in exc.message:
                    raise
                scan.incomplete.append((place.file, "spoilt"))
            file.seek(0)
            scan.files += 1
            # Rows that were deleted lie in it still.
            scan.stream(place, _read(file, tell), told=False)
            return
        file.seek(0)
        with path.open("rb") as again:
            scan.file(place, _read(file, tell), size, again)


def scan_history(scan: Scan, repository: Path) -> None:
    """Scan every object of a git history. Raises: Unavailable."""
    place = Finding("", masked(str(repository)))
    for thing in history(repository):
        scan.file(replace(place, object=thing.id), thing.parts, 0)
    scan.flush()
    scan.trace(lambda ids: paths_of(repository, ids), place.file)


def scan_staged(scan: Scan, repository: Path) -> None:
    """Scan what the next commit brings. Raises: Malformed, Unavailable."""
    if git_directory(repository) is None:
        raise Malformed("this is no git repository")
    for thing in staged(repository):
        scan.file(Finding("", masked(thing.path or thing.id)), thing.parts, 0)


def scan_postgres(scan: Scan, dsn: str, password: str | None) -> None:
    """Scan every table of a PostgreSQL database. Raises: as `postgres_cells`."""
    scan.files += 1
    scan.cells(Finding("", masked(shown_dsn(dsn))), postgres_cells(dsn, password))


def _read(file: BinaryIO, tell: Tell) -> Iterator[bytes]:
    while part := file.read(PART_BYTES):
        tell(len(part))
        yield part


def _files(path: Path, unreadable: Callable[[Path], None]) -> Iterator[tuple[Path, os.stat_result]]:
    if not path.is_dir():
        yield path, path.stat()
        return
    walk = os.walk(path, onerror=lambda exc: unreadable(Path(exc.filename)))
    for root, directories, names in walk:
        directories.sort()
        if os.path.basename(root) == ".git" or git_directory(Path(root)) == Path(root):  # noqa: PTH119 - often
            directories[:] = [name for name in directories if name not in _PACKED_BY_GIT]
            names = [name for name in names if name not in _PACKED_BY_GIT]  # noqa: PLW2901 - what is left
        for name in sorted(names):
            file = Path(root, name)
            try:
                found = file.lstat()
            except FileNotFoundError:
                continue
            if stat.S_ISREG(found.st_mode):
                yield file, found


def _repositories(path: Path) -> Iterator[Path]:
    if path.is_dir():
        for root, directories, _names in os.walk(path):
            directories.sort()
            if git_directory(Path(root)) is not None:
                yield Path(root)
                if ".git" in directories:
                    directories.remove(".git")
