"""Searches bytes for thousands of known values at once, in every encoding they may hide in.

A hit says which value (by its index) and in which encoding, never the value itself: what this file
reports may be printed and logged. Compressed and encrypted data is not looked into.

One pass over the data, whatever the number of values: a needle of eleven bytes or more holds, wherever
it lies, an eight-byte window that starts at a multiple of four. So the windows at multiples of four are
looked up in a table of each needle's first four windows, and only what matches is compared in full.
"""

import base64
import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from urllib.parse import quote, quote_plus

from strongroom.errors import Malformed

SHORTEST_BYTES: Final = 6
"""A shorter value is found everywhere by chance and proves nothing."""

_WINDOW: Final = 8
_STRIDE: Final = 4
_INDEXED_BYTES: Final = _WINDOW + _STRIDE - 1
_UNICODE_ESCAPE: Final = re.compile(r"\\u[0-9a-f]{4}")
_PERCENT_ESCAPE: Final = re.compile(r"%[0-9A-F]{2}")

# Characters of a base64 text that depend on bytes before the value, by how many those are.
_BASE64_FOREIGN: Final = (0, 2, 3)


@dataclass(frozen=True, slots=True, order=True)
class Hit:
    """One value found: its index among the values given, and how it was encoded."""

    index: int
    encoding: str


class Needles:
    """Known values, ready to be searched for. Immutable, so safe between threads.

    Numbers are looked for as decimal text. Building takes about 0.1 ms a value.

    Raises:
        Malformed: a value has fewer than `SHORTEST_BYTES` bytes.

    """

    def __init__(self, values: Iterable[str | float]) -> None:
        self._patterns: list[bytes] = []
        self._hits: list[Hit] = []
        self._short: list[int] = []
        # Nearly every window belongs to one needle: a list for each would cost most of the memory.
        self._windows: dict[int, int] = {}
        self._shared: dict[int, tuple[int, ...]] = {}
        for index, value in enumerate(values):
            for pattern, encoding in _encodings(index, value):
                self._add(pattern, Hit(index, encoding))
        self.longest_bytes: Final = max(map(len, self._patterns), default=0)

    def __repr__(self) -> str:
        return f"<{len(self._patterns)} needles>"

    def search(self, data: bytes | bytearray) -> list[Hit]:
        """Return every value that occurs in the data, once for each encoding, sorted."""
        return sorted({self._hits[number] for number in self._found(data, frozenset())})

    def stream(self) -> "Stream":
        """Return a search of data that comes in parts."""
        return Stream(self)

    def _add(self, pattern: bytes, hit: Hit) -> None:
        number = len(self._patterns)
        self._patterns.append(pattern)
        self._hits.append(hit)
        if len(pattern) < _INDEXED_BYTES:
            self._short.append(number)
            return
        for start in range(_STRIDE):
            window = int.from_bytes(pattern[start : start + _WINDOW], sys.byteorder)
            if self._windows.setdefault(window, number) != number:
                self._shared[window] = (*self._shared.get(window, ()), number)

    def _found(self, data: bytes | bytearray, known: frozenset[int] | set[int]) -> Iterator[int]:
        """Yield the numbers of patterns in the data, leaving out those known already."""
        candidates = set(self._short)
        view = memoryview(data)
        for start in range(0, _WINDOW, _STRIDE):
            length = (len(data) - start) // _WINDOW * _WINDOW
            if length <= 0:
                continue
            for window in self._windows.keys() & view[start : start + length].cast("Q"):
                candidates.add(self._windows[window])
                candidates.update(self._shared.get(window, ()))
        for number in candidates - known:
            if self._patterns[number] in data:
                yield number


class Stream:
    """One search of data that comes in parts; a value across their border is found too."""

    def __init__(self, needles: Needles) -> None:
        self._needles = needles
        self._tail = b""
        self._seen: set[int] = set()

    def feed(self, part: bytes | bytearray) -> None:
        """Search the next part. Costs memory of the order of the part."""
        data = self._tail + part
        self._seen.update(self._needles._found(data, self._seen))  # noqa: SLF001 - one class in two parts
        keep = self._needles.longest_bytes - 1
        self._tail = data[-keep:] if keep > 0 else b""

    def hits(self) -> list[Hit]:
        """Return what was found so far, sorted."""
        return sorted({self._needles._hits[number] for number in self._seen})  # noqa: SLF001 - as above


def _encodings(index: int, value: str | float) -> list[tuple[bytes, str]]:
    """Return the forms of a value, each once, under the name of the simplest encoding that gives it."""
    found: dict[bytes, str] = {}
    for text in _texts(value):
        for encoding, pattern in _forms(text):
            found.setdefault(pattern, encoding)
    if not found or any(len(pattern) < SHORTEST_BYTES for pattern in found):
        raise Malformed(f"value {index} is too short to be searched for")
    return list(found.items())


def _texts(value: str | float) -> Sequence[str]:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, int):
        return (str(int(value)),)
    # 1e-07 and 0.0000001 are one number.
    return (repr(value), format(Decimal(repr(value)), "f"))


def _forms(text: str) -> Iterator[tuple[str, bytes]]:
    raw = text.encode()
    yield "raw", raw
    yield "lower", text.lower().encode()
    yield "upper", text.upper().encode()
    for name, escaped in (("url", quote(text, safe="")), ("url-plus", quote_plus(text))):
        yield name, escaped.encode()
        yield name, _PERCENT_ESCAPE.sub(lambda found: found[0].lower(), escaped).encode()
    escaped = json.dumps(text)[1:-1]
    yield "json", json.dumps(text, ensure_ascii=False)[1:-1].encode()
    yield "json", escaped.encode()
    yield "json", _UNICODE_ESCAPE.sub(lambda found: "\\u" + found[0][2:].upper(), escaped).encode()
    yield "utf-16-le", text.encode("utf-16-le")
    yield "utf-16-be", text.encode("utf-16-be")
    yield "hex", raw.hex().encode()
    yield "hex", raw.hex().upper().encode()
    for before, foreign in enumerate(_BASE64_FOREIGN):
        encoded = base64.b64encode(b"\0" * before + raw)
        # Of the last characters, those that depend on bytes after the value.
        sure = encoded[foreign : (before + len(raw)) * 8 // 6]
        yield "base64", sure
        yield "base64-url", sure.replace(b"+", b"-").replace(b"/", b"_")
