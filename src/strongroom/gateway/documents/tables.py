"""Tab-separated and comma-separated documents, streamed: lines in, pages out, untouched cells as they came.

Amazon's tab-separated files are not quoted: a quotation mark is a character like any other. A file whose header is
quoted, or separated by commas, follows RFC 4180. Pure.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Final, Literal

from strongroom.errors import Malformed
from strongroom.gateway.documents.headers import drift_name, shown_names
from strongroom.gateway.documents.page import (
    MAX_CHARACTERS,
    PAGE_RECORDS,
    Origin,
    Page,
    fixed_page,
)
from strongroom.gateway.documents.rows import Batch, Columns
from strongroom.gateway.extraction import Placed

_QUOTE: Final = '"'


class Lines:
    """Cuts text into lines, ends included off; keeps what is not complete."""

    def __init__(self) -> None:
        self.rest = ""

    def cut(self, text: str) -> list[str]:
        """Return the lines that are complete. Raises: Malformed where one is too long or holds a NUL."""
        if "\0" in text:
            raise Malformed("the document holds bytes that are no text")
        lines = (self.rest + text).split("\n")
        self.rest = lines.pop()
        # A page of lines is only measured where it could hold such a line at all.
        longest = max(map(len, lines), default=0) if len(text) > MAX_CHARACTERS // 2 else 0
        if max(len(self.rest), longest) > MAX_CHARACTERS:
            raise Malformed("a line of the document is longer than any report's")
        return lines


class TableReader:
    """Reads one table."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._lines = Lines()
        self._columns: Columns | None = None
        self._separator = "\t"
        self._quoting: Literal[0, 1] | None = None
        self._end = "\n"
        self._open: list[str] = []
        self._open_characters = 0
        self._inside = False
        self._ready: list[str] = []

    def feed(self, text: str) -> Iterator[Page]:
        """Yield the pages of the lines that are complete."""
        lines = self._lines.cut(text)
        if self._columns is None:
            while lines and not lines[0].strip():
                # Seen in the wild: an empty line before the header.
                yield fixed_page(lines.pop(0) + "\n")
            if not lines:
                return
        self._ready += lines
        # However small the pieces are that come: each page is one durable commit.
        while len(self._ready) >= PAGE_RECORDS:
            lines, self._ready = self._ready[:PAGE_RECORDS], self._ready[PAGE_RECORDS:]
            yield from self._page(lines, end="\n")

    def end(self) -> Iterator[Page]:
        """Yield what the last line, which needs no end, completes."""
        rest, self._lines.rest = self._lines.rest, ""
        lines, self._ready = self._ready, []
        if lines or rest:
            yield from self._page([*lines, rest] if rest else lines, end="" if rest else "\n")
        if self._open:
            raise Malformed("a quotation mark of the document is never closed")

    def _page(self, lines: list[str], *, end: str) -> Iterator[Page]:
        if self._columns is None:
            yield from self._begin(lines, end)
            return
        if self._quoting is None:
            yield self._plain(self._columns, lines, end)
        else:
            yield from self._quoted(self._columns, lines, end)

    def _begin(self, lines: list[str], end: str) -> Iterator[Page]:
        header = lines[0]
        self._end = "\r\n" if header.endswith("\r") else "\n"
        named = header.removesuffix("\r")
        if "\r" in named:
            # A document of such lines would be one header, and pass as that.
            raise Malformed("the document's header is not one line")
        if "\t" in named:
            self._separator = "\t"
        elif "," in named:
            self._separator = ","
        if self._separator == "," or named.startswith(_QUOTE):
            self._quoting = csv.QUOTE_ALL if named.startswith(_QUOTE) else csv.QUOTE_MINIMAL
            found = parsed_rows([named], self._separator)
            if len(found) != 1:
                raise Malformed("the document's header is not one line")
            names = found[0]
        else:
            names = named.split(self._separator)
        shown = shown_names(names, self._origin.kind)
        findings = [drift_name(name, index) for index, name in enumerate(shown)]
        self._columns = Columns(names, findings, self._origin)
        yield fixed_page(self._written([shown], "") if shown != names else named)
        yield fixed_page(self._end if len(lines) > 1 or end else "")
        if len(lines) > 1:
            yield from self._page(lines[1:], end=end)

    def _plain(self, columns: Columns, lines: list[str], end: str) -> Page:
        batch, separator, read = Batch(), self._separator, columns.read
        windows = self._end == "\r\n"
        for line in lines:
            read(batch, (line.removesuffix("\r") if windows else line).split(separator))

        def render(placed: Sequence[Placed]) -> str:
            return self._written(batch.fill(placed), end)

        return Page(batch.sightings, render, len(lines), batch.drift)

    def _quoted(self, columns: Columns, lines: list[str], end: str) -> Iterator[Page]:
        complete: list[str] = []
        for line in lines:
            self._open.append(line)
            self._open_characters += len(line)
            if self._open_characters > MAX_CHARACTERS:
                raise Malformed("a quotation mark of the document is not closed for too long")
            # Within quotation marks a mark is written twice, so a row is whole where their number is even.
            self._inside ^= line.count(_QUOTE) % 2 == 1
            if not self._inside:
                complete += self._open
                self._open, self._open_characters = [], 0
        if complete:
            yield self._quoted_page(columns, complete, end)

    def _quoted_page(self, columns: Columns, lines: list[str], end: str) -> Page:
        batch = Batch()
        rows = parsed_rows(lines, self._separator)
        for cells in rows:
            columns.read(batch, cells)

        def render(placed: Sequence[Placed]) -> str:
            return self._written(batch.fill(placed), end)

        return Page(batch.sightings, render, len(rows), batch.drift)

    def _written(self, rows: Sequence[Sequence[str]], end: str) -> str:
        """Return rows as the document writes them, the last one with an end or without."""
        if self._quoting is None:
            return self._end.join(map(self._separator.join, rows)) + (self._end if end else "")
        out = io.StringIO()
        writer = csv.writer(
            out, delimiter=self._separator, lineterminator=self._end, quoting=self._quoting
        )
        writer.writerows(rows)
        text = out.getvalue()
        return text if end else text.removesuffix(self._end)


def parsed_rows(lines: Sequence[str], separator: str) -> list[list[str]]:
    """Return the rows of whole lines. Raises: Malformed."""
    try:
        return list(csv.reader([f"{line}\n" for line in lines], delimiter=separator, strict=True))
    except csv.Error:
        raise Malformed("the document's quotation marks are not as they should be") from None
