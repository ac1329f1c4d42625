"""Reads whole git histories through git itself: every object it has, packed or loose, reachable or not, as a stream.

Git runs without the system's and the user's settings, without hooks, and never reaches a network.
"""

import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from strongroom.errors import Conflict, Malformed, Unavailable

_PART_BYTES: Final = 256 * 1024
_MARK: Final = "# Installed by `strongroom scan --install-hook`"
_MOST_TRACED: Final = 100
_ENVIRONMENT: Final = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "LC_ALL": "C",
}
_SCANNED: Final = frozenset({b"blob", b"commit", b"tag"})


@dataclass(frozen=True, slots=True)
class GitObject:
    """One object of a history, or one staged file."""

    id: str
    kind: str
    parts: Iterable[bytes]
    path: str | None = None


def git_directory(directory: Path) -> Path | None:
    """Return where a working tree, or a bare repository, keeps its objects; None where it is neither."""
    dot = directory / ".git"
    if dot.exists():
        return dot
    bare = all((directory / name).exists() for name in ("HEAD", "objects", "refs"))
    return directory if bare else None


def history(repository: Path) -> Iterator[GitObject]:
    """Yield every blob, commit and tag. Take the parts of each before the next.

    Raises:
        Unavailable: git is missing, or does not read this repository.

    """
    listing = ("cat-file", "--batch-all-objects", "--unordered", "--batch-check")
    with _lines(repository, *listing) as ids:
        names = (line.split()[0] for line in ids if line.split()[1] in _SCANNED)
        yield from _contents(repository, names, {}, hooked=False)


def staged(repository: Path) -> Iterator[GitObject]:
    """Yield the files that the next commit brings or changes, as they are staged. Raises: Unavailable."""
    listing = (
        "diff-index",
        "--cached",
        "--raw",
        "--no-abbrev",
        "--diff-filter=ACMRT",
        "--no-renames",
        "-z",
    )
    head = ("rev-parse", "--verify", "--quiet", "HEAD")
    begun = _run(repository, *head, check=False, hooked=True).strip()
    # Before the first commit everything is new; git names that empty tree.
    base = begun or _run(repository, "hash-object", "-t", "tree", "/dev/null", hooked=True).strip()
    fields = _run(repository, *listing, base.decode(), hooked=True).split(b"\0")
    paths = {}
    for meta, path in zip(fields[::2], fields[1::2], strict=False):
        mode, id_ = meta.split()[1], meta.split()[3]
        if mode != b"160000":  # a submodule is a history of its own
            paths[id_] = os.fsdecode(path)
    yield from _contents(repository, iter(paths), paths, hooked=True)


def paths_of(repository: Path, ids: set[str]) -> dict[str, tuple[str | None, str | None]]:
    """Return, for objects in which something was found, a path and the commit that brought it, where there are any."""
    found: dict[str, tuple[str | None, str | None]] = {}
    with _lines(repository, "rev-list", "--objects", "--all", "--reflog") as lines:
        for line in lines:
            id_, _, path = line.decode(errors="surrogateescape").rstrip("\n").partition(" ")
            if id_ in ids and id_ not in found:
                found[id_] = (path or None, None if path else id_)
    for id_, (named, commit) in list(found.items())[:_MOST_TRACED]:
        if named is not None and commit is None:
            args = ("log", "--all", "--reflog", "--reverse", "--format=%H", f"--find-object={id_}")
            commits = _run(repository, *args, check=False).split()
            found[id_] = (named, commits[0].decode() if commits else None)
    return found


def install_hook(repository: Path, command: str) -> Path:
    """Write a pre-commit hook that scans what is staged for credentials, and return its path.

    Raises:
        Malformed: it is no repository.
        Conflict: there is a hook of somebody else's.

    """
    if git_directory(repository) is None:
        raise Malformed("this is no git repository")
    place = _run(repository, "rev-parse", "--git-path", "hooks").decode().strip()
    hook = repository / place / "pre-commit"
    if hook.exists() and _MARK not in hook.read_text(errors="replace"):
        raise Conflict(
            f"{hook} exists already", hint="add `strongroom scan --secrets --staged .` to it"
        )
    hook.parent.mkdir(parents=True, exist_ok=True)
    quoted = "'" + command.replace("'", "'\\''") + "'"
    hook.write_text(
        f"#!/bin/sh\n{_MARK}: no credential is committed. Remove this file to remove it.\n"
        f"exec {quoted} scan --secrets --staged .\n"
    )
    hook.chmod(0o755)
    return hook


def _contents(
    repository: Path, names: Iterator[bytes], paths: dict[bytes, str], *, hooked: bool
) -> Iterator[GitObject]:
    with _batch(repository, hooked=hooked) as (requests, answers):
        for name in names:
            requests.write(name + b"\n")
            requests.flush()
            head = answers.readline().split()
            if len(head) != 3:  # noqa: PLR2004 - id, kind and size; else it is missing
                raise Unavailable("git does not give an object it listed", hint="run `git fsck`")
            rest = _Rest(answers, int(head[2]))
            yield GitObject(name.decode(), head[1].decode(), rest, paths.get(name))
            for _ in rest:
                pass
            answers.read(1)


class _Rest:
    """The bytes of one object that are still to come."""

    def __init__(self, source: IO[bytes], size: int) -> None:
        self._source = source
        self._left = size

    def __iter__(self) -> Iterator[bytes]:
        while self._left:
            part = self._source.read(min(_PART_BYTES, self._left))
            if not part:
                raise Unavailable("git ended in the middle of an object")
            self._left -= len(part)
            yield part


def _command(repository: Path, arguments: tuple[str, ...]) -> list[str]:
    program = shutil.which("git")
    if program is None:
        raise Unavailable("git is not installed")
    quiet: tuple[str, ...] = (
        "-c",
        "core.hooksPath=/dev/null",
        "-c",
        "core.fsmonitor=false",
        "-c",
        "log.showSignature=false",
    )
    if arguments[0] == "rev-parse":
        quiet = ()  # it runs nothing, and is asked where hooks lie
    return [program, "-C", str(repository), *quiet, *arguments]


def _environment(*, hooked: bool) -> dict[str, str]:
    # Git tells a hook which repository and index it is about; any other call is about the one we name.
    kept = {
        name: value for name, value in os.environ.items() if hooked or not name.startswith("GIT_")
    }
    return {**kept, **_ENVIRONMENT}


def _run(repository: Path, *arguments: str, check: bool = True, hooked: bool = False) -> bytes:
    done = subprocess.run(  # noqa: S603 - git, with arguments of ours
        _command(repository, arguments),
        env=_environment(hooked=hooked),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if check and done.returncode != 0:
        raise _unreadable()
    return done.stdout


@contextmanager
def _lines(repository: Path, *arguments: str) -> Iterator[IO[bytes]]:
    with _git(repository, arguments, hooked=False) as process:
        assert process.stdout is not None  # noqa: S101 - asked for
        yield process.stdout


@contextmanager
def _batch(repository: Path, *, hooked: bool) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    with _git(repository, ("cat-file", "--batch"), hooked=hooked) as process:
        assert process.stdin is not None  # noqa: S101 - asked for
        assert process.stdout is not None  # noqa: S101 - asked for
        yield process.stdin, process.stdout


@contextmanager
def _git(
    repository: Path, arguments: tuple[str, ...], *, hooked: bool
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(  # noqa: S603 - as above
        _command(repository, arguments),
        env=_environment(hooked=hooked),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
        if process.stdin is not None:
            process.stdin.close()
        if process.wait() != 0:
            raise _unreadable()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()


def _unreadable() -> Unavailable:
    return Unavailable("git does not read this repository", hint="is it yours, and whole?")
