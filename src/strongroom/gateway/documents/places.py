"""Finds where in a feed its tokens stand, before any is opened: each must be the whole of a place for personal data.

A feed is read here as Amazon reads it, and what could be read in two ways has no place at all: a token there ends the
upload. Holds no plaintext but the app's own; no I/O.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, NoReturn, Protocol
from xml.parsers import expat

import orjson

from strongroom.crypto.token import find_tokens, looks_like_token
from strongroom.errors import Malformed
from strongroom.gateway.documents.restoring import Written
from strongroom.gateway.documents.tables import Lines, parsed_rows
from strongroom.policy.catalogue.feeds import FeedPlaces
from strongroom.terms import Category

MAX_JSON: Final = 8 * 1024 * 1024
"""The longest JSON feed with tokens in it: it is read whole."""

_QUOTE: Final = '"'
_TEMPLATE: Final = "templatetype="
_SHIPPING: Final = "templatetype=orderfulfillment"
"""Of Amazon's templates, whose first line says this, the one whose second line is the header."""


class Found:
    """The tokens of a feed that stand where their category may."""

    def __init__(self, places: FeedPlaces) -> None:
        self.count: Counter[str] = Counter()
        self.categories: dict[str, set[Category]] = {}
        self._places = places

    def leaf(self, names: Sequence[str], value: str) -> None:
        """Note the token that a place holds, if its value is one and may be."""
        value = value.strip()
        category = self._places.category(names) if looks_like_token(value) else None
        if category is not None:
            for token in find_tokens(value):
                self.count[token] += 1
                self.categories.setdefault(token, set()).add(category)


class PlaceReader(Protocol):
    """Reads one form of feed."""

    def feed(self, text: str) -> None:
        """Take the next piece. Raises: Malformed."""

    def end(self) -> None:
        """Take the end. Raises: Malformed."""


def place_reader(form: Written, found: Found) -> PlaceReader:
    """Return what reads a feed of this form."""
    if form is Written.XML:
        return _Markup(found)
    if form is Written.JSON:
        return _Objects(found)
    return _Table(found, quoted=form is Written.COMMAS)


class _Table:
    """Cells by their columns."""

    def __init__(self, found: Found, *, quoted: bool) -> None:
        self._found = found
        self._quoted = quoted
        self._lines = Lines()
        self._open: list[str] = []
        self._inside = False
        self._header: list[str] | None = None
        self._doubtful = False
        """Something before may make Amazon see other columns."""

    def feed(self, text: str) -> None:
        for line in self._lines.cut(text):
            self._line(line)

    def end(self) -> None:
        self._line(self._lines.rest)
        if self._inside:
            raise Malformed("a quotation mark is never closed")

    def _line(self, line: str) -> None:
        line = line.removesuffix("\r")
        if not self._quoted:
            cells = line.split("\t")
            self._doubtful |= "\r" in line or any(cell.startswith(_QUOTE) for cell in cells)
            self._row(cells)
            return
        self._open.append(line)
        self._inside ^= line.count(_QUOTE) % 2 == 1
        if not self._inside:
            for cells in parsed_rows(self._open, ","):
                self._row(cells)
            self._open = []

    def _row(self, cells: list[str]) -> None:
        if self._header is None:
            first = cells[0].strip().casefold()
            if first.startswith(_TEMPLATE):
                # Amazon's other templates have further lines before their names of columns.
                self._doubtful |= first != _SHIPPING
            elif any(cells):
                self._header = cells
        elif not self._doubtful:
            for name, cell in zip(self._header, cells, strict=False):
                self._found.leaf((name,), cell)


class _Markup:
    """Elements without elements in them."""

    def __init__(self, found: Found) -> None:
        self._found = found
        self._names: list[str] = []
        self._text: list[str] = []
        parser = expat.ParserCreate("UTF-8")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text.append
        parser.StartDoctypeDeclHandler = _refuse
        self._parser = parser

    def feed(self, text: str, *, final: bool = False) -> None:
        try:
            self._parser.Parse(text, final)
        except (expat.ExpatError, UnicodeEncodeError):
            raise Malformed("it is not well-formed XML") from None

    def end(self) -> None:
        self.feed("", final=True)

    def _start(self, name: str, _attributes: object) -> None:
        self._names.append(name.rpartition(":")[2])
        self._text.clear()

    def _end(self, _name: str) -> None:
        self._found.leaf(self._names, "".join(self._text))
        self._names.pop()
        self._text.clear()


class _Objects:
    """Members of JSON objects."""

    def __init__(self, found: Found) -> None:
        self._found = found
        self._text: list[str] = []
        self._characters = 0

    def feed(self, text: str) -> None:
        self._text.append(text)
        self._characters += len(text)
        if self._characters > MAX_JSON:
            raise Malformed("a JSON feed with tokens is too long")

    def end(self) -> None:
        try:
            stack: list[tuple[Any, tuple[str, ...]]] = [(orjson.loads("".join(self._text)), ())]
        except orjson.JSONDecodeError:
            raise Malformed("it is not valid JSON") from None
        while stack:
            value, names = stack.pop()
            if isinstance(value, dict):
                stack += [(member, (*names[-1:], name)) for name, member in value.items()]
            elif isinstance(value, list):
                stack += [(member, names) for member in value]
            elif isinstance(value, str):
                self._found.leaf(names, value)


def _refuse(*_declared: object) -> NoReturn:
    raise Malformed("it declares a type or entities, which no feed does")
