"""Opens what other files are packed in: gzip, bzip2, xz, zip and tar, one in another; bounded against bombs.

Nothing is unpacked to a disk: a temporary file of ours would be one more leak. Streams pass in parts; only a zip inside
something else has to be held in memory, up to a limit. What is not looked into is told, never passed over in silence.
"""

import bz2
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import IO, BinaryIO, Final

PART_BYTES: Final = 256 * 1024
DEEPEST: Final = 6
MOST_MEMBERS: Final = 100_000
MOST_HELD_BYTES: Final = 32 * 1024 * 1024
"""The largest zip inside of something else."""
MOST_BYTES: Final = 16 * 1024**3
FREE_BYTES: Final = 64 * 1024 * 1024
"""What any file may grow to before its ratio counts."""
HIGHEST_RATIO: Final = 200
"""Logs shrink to a twentieth, rarely to a hundredth; a bomb to a thousandth and less."""

_XZ_MEMORY_BYTES: Final = 128 * 1024 * 1024
_GZIP: Final = b"\x1f\x8b\x08"
_BZIP2: Final = b"BZh"
_XZ: Final = b"\xfd7zXZ\x00"
_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
_HEAD_BYTES: Final = 512
_TAR_MAGIC: Final = slice(257, 262)
_FAULTS: Final = (
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    tarfile.TarError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OSError,
)
"""All that a spoilt or hostile archive makes the standard library raise."""

Visit = Callable[[str | None, Iterable[bytes]], None]
"""Takes the name of a member, None for the file itself, and its bytes in parts."""


class TooMuchError(Exception):
    """An archive grows past every bound."""


@dataclass(slots=True)
class Budget:
    """What one file may still grow by."""

    packed: int
    """Bytes of the file itself."""
    grown: int = 0
    members: int = 0

    def grow(self, size: int) -> None:
        """Count bytes that were unpacked. Raises: TooMuchError."""
        self.grown += size
        if self.grown > MOST_BYTES or self.grown > max(FREE_BYTES, HIGHEST_RATIO * self.packed):
            raise TooMuchError

    def enter(self) -> None:
        """Count a member. Raises: TooMuchError."""
        self.members += 1
        if self.members > MOST_MEMBERS:
            raise TooMuchError


class Parts(io.RawIOBase):
    """Bytes that come in parts, to be looked at before they are read. Forward only."""

    def __init__(self, parts: Iterable[bytes]) -> None:
        super().__init__()
        self._parts = iter(parts)
        self._ahead = b""

    def readable(self) -> bool:
        """Say yes."""
        return True

    def peek(self, size: int) -> bytes:
        """Return the next bytes without taking them; fewer only at the end."""
        while len(self._ahead) < size:
            part = next(self._parts, b"")
            if not part:
                break
            self._ahead += part
        return self._ahead[:size]

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes; all that are left for a size below zero."""
        if size < 0:
            return b"".join(self)
        self.peek(size)
        found, self._ahead = self._ahead[:size], self._ahead[size:]
        return found

    def __iter__(self) -> Iterator[bytes]:
        while self._ahead or self.peek(1):
            found, self._ahead = self._ahead, b""
            yield found


def open_all(
    parts: Iterable[bytes],
    budget: Budget,
    visit: Visit,
    incomplete: Callable[[str | None, str], None],
    file: BinaryIO | None = None,
) -> None:
    """Visit what is in a file, members of members included; `file` is the same bytes where one can seek in them.

    `incomplete` hears of what could not be looked into, and why, in a word.
    """
    try:
        _open(Parts(parts), None, budget, visit, incomplete, file=file)
    except TooMuchError:
        incomplete(None, "bomb")


def _open(
    parts: Parts,
    name: str | None,
    budget: Budget,
    visit: Visit,
    incomplete: Callable[[str | None, str], None],
    *,
    depth: int = 0,
    file: BinaryIO | None = None,
) -> None:
    head = parts.peek(_HEAD_BYTES)
    unpack = _unpacker(head)
    is_zip, is_tar = head.startswith(_ZIP), head[_TAR_MAGIC] == b"ustar"
    if unpack is None and not is_zip and not is_tar:
        visit(name, parts)
        return
    if depth >= DEEPEST:
        incomplete(name, "deep")
        visit(name, parts)
        return

    def enter(member: str, inner: Parts) -> None:
        budget.enter()
        _open(
            inner,
            member if name is None else f"{name}!{member}",
            budget,
            visit,
            incomplete,
            depth=depth + 1,
        )

    try:
        if unpack is not None:
            inner = Parts(_counted(unpack(parts), budget))
            inner.peek(1)  # what only looks like it fails here
            _open(inner, name, budget, visit, incomplete, depth=depth + 1)
        elif is_zip:
            _open_zip(
                parts,
                file,
                budget,
                enter,
                lambda m, why: incomplete(m if name is None else f"{name}!{m}", why),
            )
        else:
            _open_tar(parts, enter)
    except _FAULTS:
        incomplete(name, "spoilt")
        visit(name, parts)  # what is left of it, as it is


def _open_zip(
    parts: Parts,
    file: BinaryIO | None,
    budget: Budget,
    enter: Callable[[str, Parts], None],
    incomplete: Callable[[str, str], None],
) -> None:
    if file is None:
        held = bytearray()
        for part in parts:
            held += part
            if len(held) > MOST_HELD_BYTES:
                incomplete("", "large")
                return
        file = io.BytesIO(held)
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            if member.is_dir():
                continue
            if member.flag_bits & 1:
                incomplete(member.filename, "encrypted")
                continue
            with archive.open(member) as inner:
                enter(member.filename, Parts(_counted(_read(inner), budget)))


def _open_tar(parts: Parts, enter: Callable[[str, Parts], None]) -> None:
    with tarfile.open(fileobj=parts, mode="r|") as archive:
        for member in archive:
            inner = archive.extractfile(member) if member.isreg() else None
            if inner is not None:
                enter(member.name, Parts(_read(inner)))
            # It remembers each member, and we need none of them again.
            archive.members = []  # type: ignore[attr-defined]


def _read(file: IO[bytes]) -> Iterator[bytes]:
    while part := file.read(PART_BYTES):
        yield part


def _counted(parts: Iterable[bytes], budget: Budget) -> Iterator[bytes]:
    for part in parts:
        budget.grow(len(part))
        yield part


def _unpacker(head: bytes) -> Callable[[Parts], Iterator[bytes]] | None:
    if head.startswith(_GZIP):
        return _gunzip
    if head.startswith(_BZIP2):
        return lambda parts: _decompressed(parts, bz2.BZ2Decompressor, _BZIP2)
    if head.startswith(_XZ):
        return lambda parts: _decompressed(
            parts, lambda: lzma.LZMADecompressor(memlimit=_XZ_MEMORY_BYTES), _XZ
        )
    return None


def _gunzip(parts: Parts) -> Iterator[bytes]:
    """Yield what one or more gzip members hold, and as it is what follows them."""
    while parts.peek(len(_GZIP)) == _GZIP:
        engine = zlib.decompressobj(31)
        while not engine.eof:
            part = engine.unconsumed_tail or parts.read(PART_BYTES)
            if not part:
                raise EOFError
            yield engine.decompress(part, PART_BYTES)
        parts = Parts(_chained(engine.unused_data, parts))
    yield from parts


def _decompressed(
    parts: Parts,
    make: Callable[[], "bz2.BZ2Decompressor | lzma.LZMADecompressor"],
    magic: bytes,
) -> Iterator[bytes]:
    while parts.peek(len(magic)) == magic:
        engine = make()
        while not engine.eof:
            part = parts.read(PART_BYTES) if engine.needs_input else b""
            if engine.needs_input and not part:
                raise EOFError
            yield engine.decompress(part, PART_BYTES)
        parts = Parts(_chained(engine.unused_data, parts))
    yield from parts


def _chained(first: bytes, rest: Iterable[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest
