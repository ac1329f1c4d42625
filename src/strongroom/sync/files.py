"""Writes what came, tokens in place of values, into a directory: each file whole or not there.

A name says which page or notification it is, so that what is done twice after a crash replaces itself. Files are for
their owner alone.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from strongroom.errors import Malformed, Unavailable

_PART: Final = ".part"


class Folder:
    """A directory that takes files. Durable on return."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def at(cls, path: str, home: Path) -> "Folder":
        """Return a directory outside the home, made where it is not there.

        Raises:
            Malformed: it is not absolute, or lies inside the home.
            Unavailable: it can't be made, or is no directory of ours.

        """
        place = Path(path)
        if not place.is_absolute():
            raise Malformed("the directory is not given by its whole path")
        if place.resolve().is_relative_to(home.resolve()):
            raise Malformed("the directory lies inside the home", hint="choose another one")
        try:
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            if place.stat().st_uid != os.geteuid():
                raise Unavailable("the directory belongs to somebody else")
        except OSError as exc:
            raise Unavailable(f"the directory can't be made: {exc.strerror}") from None
        return cls(place)

    def write(self, name: str, content: bytes) -> None:
        """Put a file there. Raises: Unavailable."""
        with self.writing(name) as file:
            file.write(content)

    @contextmanager
    def writing(self, name: str) -> Iterator[IO[bytes]]:
        """Give a file to write; it gets its name only when the block ends well. Raises: Unavailable."""
        part = self._path / f".{name}{_PART}"
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(part, flags, 0o600), "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            part.replace(self._path / name)
            self._sync()
        except OSError as exc:
            raise Unavailable(f"a file can't be written: {exc.strerror}") from None
        finally:
            part.unlink(missing_ok=True)

    def _sync(self) -> None:
        handle = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
