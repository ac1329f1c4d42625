"""JSON documents and lines of JSON, streamed: the elements of a top-level list are records, as is each line. Pure.

A document's skeleton (its top-level object and the brackets of the lists in it) is read by character; what hangs on it
is cut out whole and parsed by orjson, within a limit: a longer piece ends the document.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import orjson

from strongroom.errors import Malformed
from strongroom.gateway.documents.leaves import SAFE_NAME, Leaf, Names, Sighter
from strongroom.gateway.documents.page import (
    MAX_CHARACTERS,
    MAX_COLUMNS,
    PAGE_RECORDS,
    Origin,
    Page,
)
from strongroom.gateway.documents.rows import is_order
from strongroom.gateway.documents.tables import Lines
from strongroom.gateway.extraction import Drift, Json, Placed
from strongroom.policy.sighting import Sighting

MAX_DEPTH: Final = 64

_STRUCTURE: Final = re.compile(r'["{}\[\],:]')
_STRING_END: Final = re.compile(r'["\\]')
_SPACE: Final = " \t\r\n"


@dataclass(slots=True, repr=False)
class _Piece:
    """One value of a document, with what is written before it."""

    before: str
    value: Json = None
    names: Names = ()
    present: bool = True
    listed: bool = False
    """Whether it is one of many in a list."""
    leaves: list[tuple[Leaf, Json, str | int]] = field(default_factory=list)
    dropped: list[tuple[Json, str | int]] = field(default_factory=list)


class Pieces:
    """Makes pages of pieces."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._sighter = Sighter(origin)
        self._objects = 0

    def page(self, pieces: list[_Piece], *, whole: bool = False) -> Page:
        """Return a page of these pieces; `whole`: they are all that the document has."""
        sightings: list[Sighting] = []
        owners: list[int] = []
        drift: list[Drift] = []
        for piece in pieces:
            drift += self._gather(piece)
        records = [[piece] for piece in pieces]
        if whole and self._is_of_one_order(pieces):
            records = [pieces]
        for record in records:
            found = self._sighter.sight([leaf for piece in record for leaf, *_ in piece.leaves])
            drift += found.drift
            owners += [-1 if found.sighting is None else len(sightings)] * len(record)
            if found.sighting is not None:
                sightings.append(found.sighting)

        def render(placed: Sequence[Placed]) -> str:
            return "".join(
                _written(piece, placed, owner) for piece, owner in zip(pieces, owners, strict=True)
            )

        return Page(sightings, render, sum(piece.present for piece in pieces), drift)

    def _is_of_one_order(self, pieces: list[_Piece]) -> bool:
        """Tell whether a document names one order and no other, beside its lists: what stands in those is its, too."""
        if sum(len(piece.leaves) for piece in pieces) > MAX_COLUMNS:
            return False
        named, beside = set[str](), set[str]()
        for piece in pieces:
            found = self._sighter.orders([leaf for leaf, *_ in piece.leaves])
            named |= found
            beside |= set() if piece.listed else found
        return len(named) == 1 and named == beside and all(map(is_order, named))

    def _gather(self, piece: _Piece) -> list[Drift]:
        """Find the leaves of a piece, in a holder so that a bare value has a place as well."""
        drift: list[Drift] = []
        if not piece.present:
            return drift
        holder = [piece.value]
        piece.value = holder
        stack: list[tuple[Json, str | int, Names, int, tuple[int, ...]]]
        stack = [(holder, 0, piece.names, 0, ())]
        while stack:
            place, key, names, depth, within = stack.pop()
            value = place[key]
            if depth > MAX_DEPTH:
                raise Malformed("the document is nested too deeply")
            if isinstance(value, dict):
                self._objects += 1
                for name in reversed(list(value)):
                    if SAFE_NAME(name):
                        inside = (*within, self._objects)
                        stack.append((value, name, (*names, name), depth + 1, inside))
                    else:
                        piece.dropped.append((value, name))
                        drift += self._origin.drift("/".join(names), "unsafe_key")
            elif isinstance(value, list):
                stack += [(value, n, names, depth + 1, within) for n in reversed(range(len(value)))]
            elif value is not None:
                piece.leaves.append((Leaf(names, value, within), place, key))
        return drift


def _written(piece: _Piece, placed: Sequence[Placed], owner: int) -> str:
    if not piece.present:
        return piece.before
    for leaf, holder, key in piece.leaves:
        if leaf.slot is None:
            continue
        if isinstance(leaf.value, str):
            holder[key] = leaf.render(placed[owner].token(leaf.slot))
        else:
            # A client would stumble over a token where it expects a number.
            piece.dropped.append((holder, key))
    for holder, key in piece.dropped:
        if isinstance(holder, list):
            holder[int(key)] = None
        else:
            del holder[key]
    return piece.before + orjson.dumps(piece.value[0]).decode()


class LinesReader:
    """Reads JSON lines: each line is a record."""

    def __init__(self, origin: Origin) -> None:
        self._lines = Lines()
        self._pieces = Pieces(origin)
        self._ready: list[str] = []

    def feed(self, text: str) -> Iterator[Page]:
        """Yield the pages of the lines that are complete."""
        self._ready += self._lines.cut(text)
        while len(self._ready) >= PAGE_RECORDS:
            lines, self._ready = self._ready[:PAGE_RECORDS], self._ready[PAGE_RECORDS:]
            yield self._page(lines, "\n")

    def end(self) -> Iterator[Page]:
        """Yield the last line."""
        rest, self._lines.rest = self._lines.rest, ""
        lines, self._ready = self._ready, []
        if lines:
            yield self._page(lines, "\n")
        if rest:
            yield self._page([rest], "")

    def _page(self, lines: list[str], end: str) -> Page:
        pieces: list[_Piece] = []
        for line in lines:
            if line.strip():
                pieces.append(_Piece("", parsed(line)))
            pieces.append(_Piece(end, present=False))
        return self._pieces.page(pieces)


class ObjectReader:
    """Reads one JSON document by its skeleton."""

    def __init__(self, origin: Origin) -> None:
        self._pieces = Pieces(origin)
        self._text = ""
        self._before: list[str] = []
        self._ready: list[_Piece] = []
        self._stack: list[str] = []
        """Open brackets of the skeleton: nothing, `{`, `[` or `{[`."""
        self._key = ""
        self._expect = "value"
        self._scanned = 0
        self._depth = 0
        self._inside = False
        self._paged = False

    def feed(self, text: str) -> Iterator[Page]:
        """Yield the pages of the values that are complete."""
        if "\0" in text:
            raise Malformed("the document holds bytes that are no text")
        self._text += text
        while self._step():
            if len(self._ready) >= PAGE_RECORDS:
                self._paged = True
                yield self._page()
        if len(self._text) > MAX_CHARACTERS:
            raise Malformed("a value of the document is longer than any report's")

    def end(self) -> Iterator[Page]:
        """Yield the rest. Raises: Malformed where something is still open."""
        self._text += " "  # ends a bare number
        while self._step():
            pass
        if self._stack or self._text.strip(_SPACE) or self._expect == "value":
            raise Malformed("the document ends in the middle")
        yield self._page()

    def _page(self) -> Page:
        pieces, self._ready = self._ready, []
        if self._before:
            pieces.append(_Piece("".join(self._before), present=False))
            self._before = []
        return self._pieces.page(pieces, whole=not self._paged)

    def _step(self) -> bool:
        """Take one thing off the text; return whether there was one."""
        text = self._text.lstrip(_SPACE) if not self._scanned else self._text
        self._text = text
        if not text:
            return False
        if self._expect == "value":
            return self._value()
        return self._punctuation(text[0])

    def _value(self) -> bool:
        first = self._text[0]
        if first == "{" and not self._stack:
            self._open("{", "key or end")
        elif first == "[" and len(self._stack) < 2 and self._stack[-1:] != ["["]:  # noqa: PLR2004
            self._open("[", "value or end")
        else:
            whole = self._whole()
            if whole is None:
                return False
            names = (self._key,) if self._key else ()
            piece = _Piece("".join(self._before), parsed(whole), names)
            piece.listed = self._stack[-1:] == ["["]
            self._ready.append(piece)
            self._before = []
            self._expect = "comma or end" if self._stack else "nothing"
        return True

    def _open(self, bracket: str, expect: str) -> None:
        self._stack.append(bracket)
        self._take(1)
        self._expect = expect

    def _punctuation(self, first: str) -> bool:
        expect = self._expect
        if "end" in expect and first == {"{": "}", "[": "]"}[self._stack[-1]]:
            self._take(1)
            self._stack.pop()
            self._expect = "comma or end" if self._stack else "nothing"
        elif expect == "comma or end" and first == ",":
            self._take(1)
            self._expect = "key" if self._stack[-1] == "{" else "value"
        elif expect == "value or end":
            self._expect = "value"
        elif expect.startswith("key") and first == '"':
            return self._name()
        elif expect == "colon" and first == ":":
            self._take(1)
            self._expect = "value"
        else:
            raise Malformed("the document is not valid JSON")
        return True

    def _name(self) -> bool:
        whole = self._whole()
        if whole is None:
            return False
        name = parsed(whole)
        if not SAFE_NAME(name):
            raise Malformed("the document has a member whose name no report has")
        self._key = name
        self._before.append(whole)
        self._expect = "colon"
        return True

    def _take(self, count: int) -> None:
        self._before.append(self._text[:count])
        self._text = self._text[count:]

    def _whole(self) -> str | None:
        """Take one whole value off the text, or nothing where its end has not come yet."""
        text, at = self._text, self._scanned
        while True:
            found = (_STRING_END if self._inside else _STRUCTURE).search(text, at)
            if found is None:
                self._scanned = len(text)
                return self._bare_end() if not self._depth and not self._inside else None
            at = found.end()
            mark = found[0]
            if self._inside:
                if mark == "\\":
                    if at >= len(text):
                        self._scanned = at - 1
                        return None
                    at += 1
                elif not self._leave_string():
                    return self._cut(at)
                continue
            if not self._depth and mark in ",}]:":
                return self._cut(found.start())
            if mark == '"':
                self._inside = True
            elif mark in "{[":
                self._depth += 1
            elif mark in "}]":
                self._depth -= 1
                if not self._depth:
                    return self._cut(at)

    def _leave_string(self) -> bool:
        """Leave a string; return whether it was part of something larger."""
        self._inside = False
        return self._depth > 0

    def _bare_end(self) -> str | None:
        """Take a bare number or word that white space ends."""
        bare = self._text.split(maxsplit=1)
        if len(bare[0]) == len(self._text):
            self._scanned = 0
            return None
        return self._cut(len(bare[0]))

    def _cut(self, at: int) -> str:
        whole, self._text = self._text[:at], self._text[at:]
        self._scanned, self._depth, self._inside = 0, 0, False
        return whole


def parsed(text: str) -> Json:
    """Return the value of a JSON text. Raises: Malformed."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Malformed("the document is not valid JSON") from None
