"""XML documents, streamed: each child of the root is a record; read whole, its leaves by their rules, then written.

Expat reads, with everything refused that could reach beyond the document or grow inside it: a document type, so that
there is no entity to declare, internal or external (CWE-611, CWE-776), and its own guard against amplification is left
on. Comments and processing instructions are dropped. Text comes from expat in pieces and is put together first. Pure.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final, NoReturn
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from strongroom.errors import Malformed
from strongroom.gateway.documents.leaves import Leaf, Sighter
from strongroom.gateway.documents.page import MAX_CHARACTERS, PAGE_RECORDS, Origin, Page
from strongroom.gateway.extraction import Drift, Placed
from strongroom.policy.sighting import Sighting

MAX_DEPTH: Final = 64

_DECLARATION: Final = re.compile(
    r"""\s*<\?xml\s+version\s*=\s*["'][0-9.]+["']"""
    r"""(?:\s+encoding\s*=\s*["']([A-Za-z0-9._-]+)["'])?[^<>]{0,80}\?>"""
)
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}(?::[A-Za-z_][A-Za-z0-9_.-]{0,63})?")
_NAMESPACE: Final = re.compile(r"xmlns(?::[A-Za-z][A-Za-z0-9]{0,15})?")
_PLACES: Final = frozenset({"xsi:schemaLocation", "xsi:noNamespaceSchemaLocation"})
_PLACE: Final = re.compile(r"(?:https?://[a-z0-9.-]+(?:/[A-Za-z0-9._#/-]*)?|[A-Za-z0-9_-]+\.xsd)")
_SAID: Final = {
    "xsi:nil": re.compile(r"true|false|0|1"),
    "xsi:type": re.compile(r"xsd?:(?:string|date|dateTime|decimal|integer|int|boolean|double)"),
}
"""Of attributes that are about the document, the forms that pass: addresses, names of schemas, kinds of values."""

_Part = str | Leaf


class _Record:
    """What stands between two of the root's children, or one of them: markup as written, leaves to be replaced."""

    __slots__ = ("characters", "leaves", "parts")

    def __init__(self) -> None:
        self.parts: list[_Part] = []
        self.leaves: list[Leaf] = []
        self.characters = 0

    def markup(self, text: str) -> None:
        self.parts.append(text)
        self._count(len(text))

    def leaf(self, leaf: Leaf, *, attribute: bool) -> None:
        self.parts += [_OPEN_QUOTE, leaf, _CLOSE_QUOTE] if attribute else [leaf]
        self.leaves.append(leaf)
        self._count(len(str(leaf.value)))

    def _count(self, characters: int) -> None:
        self.characters += characters
        if self.characters > MAX_CHARACTERS:
            raise Malformed("a record of the document is longer than any report's")


_OPEN_QUOTE: Final = '"'
_CLOSE_QUOTE: Final = '"'


class MarkupReader:
    """Reads one XML document. `encoding` is what its new declaration says."""

    def __init__(self, origin: Origin, encoding: str) -> None:
        self._sighter = Sighter(origin)
        self._encoding = encoding
        self._names: list[str] = []
        self._elements: list[int] = []
        self._count = 0
        self._text: list[str] = []
        self._text_characters = 0
        self._record = _Record()
        self._done: list[_Record] = []
        self._began = False
        # An intern dictionary would grow with every name of a hostile document: it lives as long as the parser.
        parser = expat.ParserCreate("UTF-8")
        parser.buffer_text = True
        parser.ordered_attributes = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartDoctypeDeclHandler = _refuse
        parser.EntityDeclHandler = _refuse
        parser.UnparsedEntityDeclHandler = _refuse
        parser.ExternalEntityRefHandler = _refuse
        parser.SkippedEntityHandler = _refuse
        self._parser = parser

    def feed(self, text: str) -> Iterator[Page]:
        """Yield the pages of the records that are complete."""
        if not self._began:
            self._began = True
            self._record.markup(f'<?xml version="1.0" encoding="{self._encoding}"?>\n')
        for start in range(0, len(text), MAX_CHARACTERS // 4):
            self._parse(text[start : start + MAX_CHARACTERS // 4], final=False)
            yield from self._pages(all_of_them=False)

    def end(self) -> Iterator[Page]:
        """Yield the rest. Raises: Malformed where an element is still open."""
        self._parse("", final=True)
        if self._record.parts:
            self._finish()
        yield from self._pages(all_of_them=True)

    def _parse(self, text: str, *, final: bool) -> None:
        try:
            self._parser.Parse(text, final)
        except (expat.ExpatError, UnicodeEncodeError):
            raise Malformed("the document is not well-formed XML") from None

    def _pages(self, *, all_of_them: bool) -> Iterator[Page]:
        while len(self._done) >= PAGE_RECORDS or (all_of_them and self._done):
            records, self._done = self._done[:PAGE_RECORDS], self._done[PAGE_RECORDS:]
            yield self._page(records)

    def _page(self, records: list[_Record]) -> Page:
        sightings: list[Sighting] = []
        owners: list[int] = []
        drift: list[Drift] = []
        for record in records:
            found = self._sighter.sight(record.leaves)
            drift += found.drift
            owners.append(-1 if found.sighting is None else len(sightings))
            if found.sighting is not None:
                sightings.append(found.sighting)

        def render(placed: Sequence[Placed]) -> str:
            written: list[str] = []
            for record, owner in zip(records, owners, strict=True):
                for part in record.parts:
                    if isinstance(part, str):
                        written.append(part)
                    elif part.slot is None:
                        written.append(escape(str(part.value), _QUOTED))
                    else:
                        written.append(escape(part.render(placed[owner].token(part.slot)), _QUOTED))
            return "".join(written)

        return Page(sightings, render, sum(bool(r.leaves) for r in records), drift)

    # -- what expat tells --

    def _start(self, name: str, attributes: list[str]) -> None:
        self._spill(leaf=False)
        if len(self._names) == 1:
            self._finish()
        if len(self._names) >= MAX_DEPTH:
            raise Malformed("the document is nested too deeply")
        self._names.append(_checked(name))
        self._count += 1
        self._elements.append(self._count)
        self._record.markup(f"<{name}")
        for place in range(0, len(attributes), 2):
            self._attribute(attributes[place], attributes[place + 1])
        self._record.markup(">")

    def _attribute(self, name: str, value: str) -> None:
        local = _checked(name)
        if _is_technical(name, value):
            self._record.markup(f" {name}={quoteattr(value)}")
            return
        self._record.markup(f" {name}=")
        leaf = Leaf((*self._names, f"@{local}"), value, tuple(self._elements))
        self._record.leaf(leaf, attribute=True)

    def _end(self, name: str) -> None:
        self._spill(leaf=True)
        self._record.markup(f"</{name}>")
        self._names.pop()
        self._elements.pop()
        if len(self._names) == 1:
            self._finish()

    def _characters(self, text: str) -> None:
        self._text.append(text)
        self._text_characters += len(text)
        if self._text_characters > MAX_CHARACTERS:
            raise Malformed("a value of the document is longer than any report's")

    def _spill(self, *, leaf: bool) -> None:
        """Write the text before a tag: white space as it is, anything else as a leaf of the element around."""
        text = "".join(self._text)
        self._text, self._text_characters = [], 0
        if not text:
            return
        if text.isspace():
            self._record.markup(text)
            return
        names = tuple(self._names)
        # Text beside elements has no rule of its own.
        mixed = () if leaf and self._record.parts[-1:] == [">"] else ("#text",)
        around = self._elements if mixed else self._elements[:-1]
        self._record.leaf(Leaf((*names, *mixed), text, tuple(around)), attribute=False)

    def _finish(self) -> None:
        self._done.append(self._record)
        self._record = _Record()


_QUOTED: Final = {'"': "&quot;", "\r": "&#13;"}


def declared_encoding(text: str) -> str | None:
    """Return the encoding that an XML document's first line states."""
    found = _DECLARATION.match(text)
    return found[1] if found else None


def _checked(name: str) -> str:
    """Return a name without its prefix. Raises: Malformed where it is no plain one: it could be a value."""
    if not _NAME.fullmatch(name):
        raise Malformed("the document has an element whose name no report has")
    return name.rpartition(":")[2]


def _is_technical(name: str, value: str) -> bool:
    if name in _SAID:
        return bool(_SAID[name].fullmatch(value))
    if _NAMESPACE.fullmatch(name):
        return not value or bool(_PLACE.fullmatch(value))
    return name in _PLACES and all(map(_PLACE.fullmatch, value.split()))


def _refuse(*_declared: object) -> NoReturn:
    raise Malformed("the document declares a type or entities, which no report does")
