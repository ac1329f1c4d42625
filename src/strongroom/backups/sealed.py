"""Writes a sealed file whole or not at all, hashing it on the way, and reads one with an identity.

What lies on the disk at any moment is age's ciphertext; no temporary file holds anything else.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Final, cast

from strongroom.backups.stream import Reading
from strongroom.crypto.age import Identities, Recipients
from strongroom.errors import StrongroomError, Unavailable

_MODE: Final = 0o600
_PIECE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Written:
    """A sealed file on the disk."""

    path: Path
    bytes_: int
    sha256: str


def write_sealed(path: Path, parts: Iterable[bytes], recipients: Recipients) -> Written:
    """Put a sealed file in place, durable on return. Raises: Unavailable: it can't be written."""
    draft = path.with_name(f".{path.name}.part")
    try:
        draft.unlink(missing_ok=True)
        handle = os.open(
            draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, _MODE
        )
        with os.fdopen(handle, "wb") as file:
            target = _Hashing(file)
            recipients.seal_parts(parts, cast("BinaryIO", target))
            file.flush()
            os.fsync(handle)
        draft.replace(path)
        sync(path.parent)
    except OSError as exc:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise Unavailable(f"{path} cannot be written: {exc.strerror}") from None
    return Written(path, target.bytes_, target.hexdigest)


def read_sealed(path: Path, identities: Identities, reading: Reading) -> str:
    """Give what a sealed file holds to `reading`, and return the file's SHA-256; `reading.finish` says the rest.

    Raises:
        Tampered: it does not open, or was changed.
        Unavailable: it can't be read.
        StrongroomError: what `reading` raised.

    """
    target = _Guarded(reading)
    try:
        with path.open("rb") as file:
            source = _HashingReader(file)
            try:
                identities.open(cast("BinaryIO", source), cast("BinaryIO", target))
            except Exception:
                # What the reader of its lines raised comes back wrapped: the reason is ours.
                if target.failure is not None:
                    raise target.failure from None
                raise
            source.drain()
    except OSError as exc:
        raise Unavailable(f"{path} cannot be read: {exc.strerror}") from None
    return source.hexdigest


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file. Raises: OSError."""
    whole = sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            whole.update(piece)
    return whole.hexdigest()


def sync(directory: Path) -> None:
    """Make the names in a directory durable. Raises: OSError."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class _Hashing:
    """A file that is written to, and the hash of what was."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = sha256()
        self.bytes_ = 0

    @property
    def hexdigest(self) -> str:
        return self._hash.hexdigest()

    def write(self, data: bytes) -> int:
        self._file.write(data)
        self._hash.update(data)
        self.bytes_ += len(data)
        return len(data)

    def flush(self) -> None:
        self._file.flush()


class _HashingReader:
    """A file that is read, and the hash of what was."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = sha256()

    @property
    def hexdigest(self) -> str:
        return self._hash.hexdigest()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._hash.update(data)
        return data

    def drain(self) -> None:
        while self.read(_PIECE):
            pass


class _Guarded:
    """Hands on what is written, and keeps what the one behind it raised."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self.failure: StrongroomError | None = None

    def write(self, data: bytes) -> int:
        if self.failure is not None:
            # What is buffered in between is offered once more.
            raise self.failure
        try:
            return self._reading.write(bytes(data))
        except StrongroomError as exc:
            self.failure = exc
            raise

    def flush(self) -> None:
        self._reading.flush()
