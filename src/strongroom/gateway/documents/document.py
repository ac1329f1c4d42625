"""One document on its way through: unpacked, decoded, read into pages, and written again as it came. Pure.

Constant memory: a piece of at most `PIECE_BYTES` is under way, and what a reader keeps of the last one. What a document
is, its own first bytes say; a header or a catalogue that says otherwise changes nothing. What is no text is refused.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from strongroom.errors import Malformed
from strongroom.gateway.documents.encoding import Decoder, Encoder, known_encoding, wire_name
from strongroom.gateway.documents.markup import MarkupReader, declared_encoding
from strongroom.gateway.documents.objects import LinesReader, ObjectReader, parsed
from strongroom.gateway.documents.packing import Packer, Unpacker
from strongroom.gateway.documents.page import Origin, Page, Reader
from strongroom.gateway.documents.tables import TableReader
from strongroom.gateway.extraction import Placed
from strongroom.policy import whole

_FIRST_BYTES: Final = 4096
"""So much is at hand before anything is decided."""

_MARK_BYTES: Final = 4
_BINARY: Final = (
    *(form.mark[:_MARK_BYTES] for form in whole.FORMS),
    b"\x1f\x8b",
    b"\xd0\xcf\x11\xe0",
)
"""First bytes of what nothing can be replaced in: PDF, spreadsheets, images, labels, gzip in gzip."""

_TABLES: Final = ("text/csv", "text/tab-separated-values", "text/plain")
_LINES: Final = ("application/jsonl", "application/x-ndjson", "application/x-jsonlines")


class Sealed(Malformed):
    """The document is no text: nothing in it can be replaced, so only its token passes."""


@dataclass(frozen=True, slots=True)
class Said:
    """What is said of a document before it is read."""

    content_type: str = ""
    packed: bool = False
    local: str = ""
    """The encoding usual in the selling partner's country."""
    lines: bool = False
    """It is JSON lines, whatever its content type."""

    @property
    def charset(self) -> str:
        """Return the encoding that the content type states, empty where it states none that is read."""
        for part in self.content_type.split(";")[1:]:
            name, _, value = part.partition("=")
            if name.strip().casefold() == "charset":
                return known_encoding(value)
        return ""


class Document:
    """Transforms one document. Feed it, store each page, `write` it, in this order."""

    def __init__(self, origin: Origin, said: Said, unpacker: Unpacker | None = None) -> None:
        self.records = 0
        self.bytes = 0
        """Written so far."""
        self.content_type = ""
        """What the document truly is; known with its first page."""
        self._origin = origin
        self._said = said
        self._unpacker = unpacker or Unpacker(packed=said.packed)
        self._packer = Packer(packed=said.packed)
        self._first = b""
        self._decoder: Decoder | None = None
        self._encoder: Encoder | None = None
        self._reader: Reader | None = None
        self._text = ""

    def feed(self, data: bytes) -> Iterator[Page]:
        """Yield the pages that these bytes complete. Raises: Malformed."""
        for piece in self._unpacker.feed(data):
            yield from self._piece(piece)

    def end(self) -> Iterator[Page]:
        """Yield the rest. Raises: Malformed where anything is missing."""
        self._unpacker.end()
        if self._decoder is None:
            yield from self._begin()
        if self._decoder is not None:
            yield from self._read(self._decoder.end(), last=True)
        if self._reader is not None:
            yield from self._reader.end()

    def write(self, page: Page, placed: Sequence[Placed]) -> bytes:
        """Return a page with tokens in place of what the vault keeps; may be empty while packing gathers."""
        self.records += page.records
        if self._encoder is None:
            raise Malformed("the document has no encoding yet")
        data = self._packer.feed(self._encoder.encode(page.render(placed)))
        self.bytes += len(data)
        return data

    def close(self) -> bytes:
        """Return the last bytes; only they make the document whole where it is packed."""
        data = self._packer.end()
        self.bytes += len(data)
        return data

    def _piece(self, piece: bytes) -> Iterator[Page]:
        if self._decoder is None:
            self._first += piece
            if len(self._first) >= _FIRST_BYTES:
                yield from self._begin()
            return
        yield from self._read(self._decoder.feed(piece))

    def _begin(self) -> Iterator[Page]:
        first, self._first = self._first, b""
        if first.startswith(_BINARY):
            raise Sealed("the document is no text, so nothing in it can be replaced")
        head = first[:200].decode("ascii", "ignore")
        stated = known_encoding(declared_encoding(head)) or self._said.charset
        self._decoder = Decoder(stated, self._said.local)
        yield from self._read(self._decoder.feed(first))

    def _read(self, text: str, *, last: bool = False) -> Iterator[Page]:
        if self._reader is None:
            self._text += text
            if not self._text.strip() and not last:
                return
            text, self._text = self._text, ""
            self._reader = self._choose(text)
        if text:
            yield from self._reader.feed(text)

    def _choose(self, text: str) -> Reader:
        """Decide by its first characters what the document is."""
        decoder = self._decoder
        found = "" if decoder is None else decoder.found
        encoding = found or self._said.charset or "utf-8"
        self._encoder = Encoder(encoding, b"" if decoder is None else decoder.mark)
        head = text.lstrip()
        charset = f"; charset={wire_name(encoding)}"
        kind = self._said.content_type.partition(";")[0].strip().casefold()
        if head.startswith("<"):
            self.content_type = f"text/xml{charset}"
            return MarkupReader(self._origin, wire_name(encoding))
        if head.startswith("{") and (self._said.lines or kind in _LINES or _is_lines(head)):
            self.content_type = f"application/jsonl{charset}"
            return LinesReader(self._origin)
        if head.startswith(("{", "[")):
            self.content_type = f"application/json{charset}"
            return ObjectReader(self._origin)
        self.content_type = (kind if kind in _TABLES else "text/plain") + charset
        return TableReader(self._origin)


def _is_lines(head: str) -> bool:
    """Say whether the first line is a whole object and another one follows."""
    first, _, rest = head.partition("\n")
    if not rest.lstrip().startswith("{"):
        return False
    try:
        return isinstance(parsed(first), dict)
    except Malformed:
        return False
