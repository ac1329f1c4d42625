"""Gzip in and out, by pieces and within limits (RFC 1952): a bomb ends before it is unpacked. No I/O."""

import zlib
from collections.abc import Iterator
from typing import Final

from strongroom.errors import Malformed

PIECE_BYTES: Final = 256 * 1024
"""The most that is unpacked at once."""

MOST_BYTES: Final = 4 * 1024 * 1024 * 1024
"""The longest document, unpacked; Amazon's are shorter by far."""

MOST_RATIO: Final = 100
"""How many bytes one packed byte may become, once a document is long; reports reach 30."""

_FREE_BYTES: Final = 4 * 1024 * 1024
"""So long no ratio is looked at."""

_GZIP: Final = 31
_MEMBER: Final = b"\x1f\x8b"


class Unpacker:
    """Unpacks one document, or counts one that is not packed."""

    def __init__(
        self, *, packed: bool, most_bytes: int = MOST_BYTES, free_bytes: int = _FREE_BYTES
    ) -> None:
        self.seen = 0
        """Bytes unpacked so far."""
        self._most = most_bytes
        self._free = free_bytes
        self._packed = 0
        self._gzip = zlib.decompressobj(_GZIP) if packed else None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what these bytes unpack to, in pieces. Raises: Malformed."""
        if self._gzip is None:
            self._packed += len(data)
            self._count(len(data))
            if data:
                yield data
            return
        while data:
            if self._gzip.eof:
                data = self._next_member(data)
            yield from self._unpack(data)
            data = self._gzip.unused_data

    def end(self) -> None:
        """Check that nothing is missing. Raises: Malformed."""
        if self._gzip is not None and not self._gzip.eof:
            raise Malformed("the document ends in the middle of its packing")

    def _next_member(self, data: bytes) -> bytes:
        # Several members are one file (RFC 1952, 2.2); anything else behind the end is nobody's.
        if data[:1] != _MEMBER[:1]:
            raise Malformed("something follows the document's packing")
        self._gzip = zlib.decompressobj(_GZIP)
        return data

    def _unpack(self, data: bytes) -> Iterator[bytes]:
        if self._gzip is None:  # pragma: no cover - asked of packed documents only
            return
        full = True
        # A full piece may have more behind it though all of the packed bytes are taken.
        while data or full:
            try:
                piece = self._gzip.decompress(data, PIECE_BYTES)
            except zlib.error:
                raise Malformed("the document's packing is broken") from None
            rest = self._gzip.unconsumed_tail
            self._packed += len(data) - len(rest) - len(self._gzip.unused_data)
            data, full = rest, len(piece) == PIECE_BYTES
            self._count(len(piece))
            if piece:
                yield piece

    def _count(self, length: int) -> None:
        self.seen += length
        if self.seen > self._most:
            raise Malformed("the document is longer than any report")
        if self.seen > self._free and self.seen > MOST_RATIO * max(self._packed, 1):
            raise Malformed("the document is packed more tightly than any report")


class Packer:
    """Packs what goes out, where what came in was packed."""

    def __init__(self, *, packed: bool) -> None:
        self._gzip = zlib.compressobj(1, zlib.DEFLATED, _GZIP) if packed else None

    def feed(self, data: bytes) -> bytes:
        """Return what can go out."""
        return data if self._gzip is None else self._gzip.compress(data)

    def end(self) -> bytes:
        """Return the rest; without it a reader knows that something is missing."""
        return b"" if self._gzip is None else self._gzip.flush()
