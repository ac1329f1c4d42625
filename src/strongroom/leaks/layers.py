"""Undoes the encodings that values hide in: URL and JSON escapes, base64, hex, UTF-16, and gzip inside base64. Pure.

Each encoding gives one layer: the decoded text of everything in the data that may be so encoded, with the offsets it
came from. Base64 is decoded from each of the four characters a group may begin with, so that a value is found whatever
stands before it (three alignments) and whatever the text is glued to; and only where it can be text.
"""

import binascii
import re
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from typing import Final

DEPTH: Final = 3
"""Encodings within encodings that are undone."""

_MOST_INFLATED_BYTES: Final = 1024 * 1024
_TEXT: Final = re.compile(rb"[\t\x20-\x7e]{6,}")
_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_"
# Two groups that decode to six characters of printable ASCII. Of a group's first character the six high bits of a byte
# are seen, of its second and third four and two of the next: one group in fourteen passes by chance. A line may end
# between groups (RFC 2045).
_BASE64_TEXT: Final = re.compile(
    rb"(?:[I-Za-f][C-HS-Xi-nyz0-3][ABEFIJMNQRUVYZcdghklopstwx014589][A-Za-z0-9+/_-](?:\r?\n)?){2,}"
)
_BASE64_REST: Final = re.compile(rb"[A-Za-z0-9+/_-]{0,512}")
_BASE64_WORD: Final = re.compile(rb"(?:[A-Za-z0-9+/_-]+(?:\r?\n)?)+")
_GZIP_IN_BASE64: Final = b"H4sI"
_STANDARD: Final = bytes.maketrans(b"-_", b"+/")
_HEX: Final = re.compile(rb"(?:[2-6][0-9A-Fa-f]|7[0-9A-Ea-e]){7,}")
_UTF_16_LE: Final = re.compile(rb"(?:[\t\n\r\x20-\x7e]\x00){7,}")
_UTF_16_BE: Final = re.compile(rb"(?:\x00[\t\n\r\x20-\x7e]){7,}")
_PERCENT: Final = re.compile(rb"%[0-9A-Fa-f]{2}")
_BACKSLASH: Final = re.compile(rb"\\u00[0-7][0-9A-Fa-f]")
_AROUND: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+@()"
_LONGEST_SIDE: Final = 80
_REST: Final = {
    _PERCENT: re.compile(rb"(?:%[0-9A-Fa-f]{2}|[A-Za-z0-9._~+@()-])*"),
    _BACKSLASH: re.compile(rb"(?:\\u00[0-7][0-9A-Fa-f]|[A-Za-z0-9._~+@() -])*"),
}


class Layer:
    """What one encoding hid: pieces of text, and a way to tell where each was."""

    def __init__(
        self, encoding: str, pieces: list[bytes], origins: Callable[[int], int], stretch: float
    ) -> None:
        """Join the pieces; `origins` says where a piece began, `stretch` how many bytes one decoded byte took."""
        self.encoding = encoding
        self.data = b"\n".join(pieces)
        self._pieces = pieces
        self._origins = origins
        self._stretch = stretch
        self._starts: list[int] = []

    def __repr__(self) -> str:
        return f"<layer of {self.encoding}>"

    def origin(self, position: int) -> int:
        """Return where a byte of the layer was, to within one group of the encoding."""
        if not self._starts:
            self._starts = _starts(map(len, self._pieces), 1)
        piece = bisect_right(self._starts, position) - 1
        return self._origins(piece) + int((position - self._starts[piece]) * self._stretch)


def layers(data: bytes) -> Iterator[Layer]:
    """Yield a layer for each encoding that something in the data may have."""
    if b"%" in data:
        yield from _escaped("url", data, _PERCENT, _unquoted)
    if b"\\u00" in data:
        yield from _escaped("json", data, _BACKSLASH, _unescaped)
    if b"\0" in data:
        yield from _wide("utf-16-le", data, _UTF_16_LE, 0)
        yield from _wide("utf-16-be", data, _UTF_16_BE, 1)
    yield from _hex(data)
    yield from _base64(data)


def _escaped(
    name: str, data: bytes, escape: re.Pattern[bytes], decode: Callable[[bytes], bytes]
) -> Iterator[Layer]:
    pieces, origins, end = [], [], 0
    for found in escape.finditer(data):
        if found.start() < end:
            continue
        before = data[max(end, found.start() - _LONGEST_SIDE) : found.start()]
        start = found.start() - len(before) + len(before.rstrip(_AROUND))
        rest = _REST[escape].match(data, found.start())
        end = found.end() if rest is None else rest.end()
        pieces.append(data[start:end])
        origins.append(start)
    if pieces:
        yield Layer(name, list(map(decode, pieces)), origins.__getitem__, 1.0)
    if escape is _PERCENT and any(b"+" in piece for piece in pieces):
        # In a form a plus is a space, and in a path it is a plus.
        spaced = [_unquoted(piece.replace(b"+", b" ")) for piece in pieces]
        yield Layer(name, spaced, origins.__getitem__, 1.0)


def _unquoted(text: bytes) -> bytes:
    return _PERCENT.sub(lambda found: binascii.unhexlify(found[0][1:]), text)


def _unescaped(text: bytes) -> bytes:
    return _BACKSLASH.sub(lambda found: binascii.unhexlify(found[0][-2:]), text)


def _wide(name: str, data: bytes, pattern: re.Pattern[bytes], low: int) -> Iterator[Layer]:
    pieces, origins = [], []
    for found in pattern.finditer(data):
        pieces.append(found[0][low::2])
        origins.append(found.start())
    if pieces:
        yield Layer(name, pieces, origins.__getitem__, 2.0)


def _hex(data: bytes) -> Iterator[Layer]:
    runs = [(found.start(), found[0]) for found in _HEX.finditer(data)]
    # By digits alone a text can be read from its second digit on as well.
    for phase in (0, 1) if runs else ():
        pieces = [run[phase : phase + (len(run) - phase) // 2 * 2] for _start, run in runs]
        origins = [start + phase for start, _run in runs]
        yield Layer("hex", list(map(binascii.unhexlify, pieces)), origins.__getitem__, 2.0)


def _base64(data: bytes) -> Iterator[Layer]:
    runs, end = [], 0
    for found in _BASE64_TEXT.finditer(data):
        if found.start() < end:
            continue
        before = data[max(end, found.start() - _LONGEST_SIDE) : found.start()]
        start = found.start() - len(before) + len(before.rstrip(_ALPHABET))
        rest = _BASE64_REST.match(data, found.end())
        end = found.end() if rest is None else rest.end()
        text = data[start:end].translate(_STANDARD, b"\r\n")
        runs.append((start, text, 4 / 3 * (end - start) / len(text)))
    for phase in range(4) if runs else ():
        yield from _base64_of(runs, phase)
    at = data.find(_GZIP_IN_BASE64)
    while at >= 0:
        word = _BASE64_WORD.match(data, at)
        text = b"" if word is None else word[0].translate(_STANDARD, b"\r\n")
        inflated = _inflated(binascii.a2b_base64(text[: len(text) // 4 * 4]))
        yield Layer("base64+gzip", [inflated], [at].__getitem__, 0.0)
        at = data.find(_GZIP_IN_BASE64, at + max(4, len(text)))


def _base64_of(runs: list[tuple[int, bytes, float]], phase: int) -> Iterator[Layer]:
    """Yield what is text when a group begins at this character of each run."""
    pieces: list[bytes] = []
    origins: list[int] = []
    for start, run, stretch in runs:
        whole = run[phase:]
        rest = len(whole) % 4
        # The end of a run may be part of a group, its padding left off: zeros decode to no text.
        whole = whole[: len(whole) - rest] if rest < 2 else whole + b"AA"[: 4 - rest]  # noqa: PLR2004 - as above
        for text in _TEXT.finditer(binascii.a2b_base64(whole)):
            pieces.append(text[0])
            origins.append(start + int((phase + text.start() * 4 / 3) * stretch * 3 / 4))
    if pieces:
        yield Layer("base64", pieces, origins.__getitem__, 4 / 3)


def _inflated(data: bytes) -> bytes:
    try:
        return zlib.decompressobj(31).decompress(data, _MOST_INFLATED_BYTES)
    except zlib.error:
        return b""


def _starts(sizes: Iterable[int], gap: int) -> list[int]:
    starts, total = [], 0
    for size in sizes:
        starts.append(total)
        total += size + gap
    return starts
