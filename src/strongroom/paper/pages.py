"""Draws packing slips and address labels as PDF, in memory and without any file [2.3].

The page says nothing of the machine or of the software: no title, author or producer, and the instant it was given.
What can't be printed shows as a mark (`letters.py`). No text is ever put into an error or a log.
"""

import io
import logging
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from fontTools.ttLib import TTFont
from fpdf import FPDF
from fpdf.fonts import TTFFont

from strongroom.errors import Malformed
from strongroom.paper.letters import (
    BOLD,
    CJK,
    MARK,
    PLAIN,
    cjk_path,
    font_bytes,
    printable,
    runs,
)
from strongroom.paper.sheets import SIZES, Drawn, Line, Text

MOST_PAGES: Final = 40
MOST_REPORT_PAGES: Final = 1000
_MM: Final = 25.4 / 72
_LINE: Final = 1.35
_BREAKS: Final = " -/"
_SHRED: Final = "Personal data. Shred this paper when it has served."
_LONGEST: Final = 20_000
"""Characters of one text: measuring more would hold up everybody else."""

_SMALL: Final = 8.0
_STYLES: Final = {"title": (16.0, BOLD, 0.0), "head": (11.0, BOLD, 3.0), "plain": (9.0, PLAIN, 0.0)}
"""Size, typeface, and millimetres above."""

_UNIT: Final = 10.0


def draw_slip(
    size: str,
    order: str,
    ordered_on: str | None,
    address: Sequence[str],
    lines: Sequence[Line],
    now: datetime,
) -> Drawn:
    """Return a packing slip. Raises: Malformed where it has too many pages."""
    sheet = _Sheet(size, 18, now)
    sheet.write("Packing slip", 18, BOLD)
    sheet.write(f"Order {order}", 11)
    if ordered_on is not None:
        sheet.write(f"Ordered on {ordered_on}", 11)
    sheet.space(4)
    sheet.write("Ship to", 9, BOLD)
    for text in address:
        sheet.write(text, 11)
    sheet.space(6)
    sheet.row(("Quantity", "SKU", "Item"), 9, BOLD)
    for line in lines:
        sheet.row((str(line.quantity), line.sku, line.title), 10)
        if line.gift_message:
            sheet.write("Gift message", 9, BOLD, indent=0.15)
            sheet.write(line.gift_message, 11, indent=0.15)
    sheet.end()
    return sheet.drawn()


def draw_report(texts: Sequence[Text], now: datetime) -> Drawn:
    """Return paragraphs below each other on A4. Raises: Malformed where they are too many."""
    sheet = _Sheet("a4", 18, now, most=MOST_REPORT_PAGES)
    for text in texts:
        size, face, above = _STYLES[text.style]
        sheet.space(above)
        sheet.write(text.said, size, face)
    sheet.end()
    return sheet.drawn()


def draw_label(
    size: str, order: str, sender: Sequence[str], address: Sequence[str], now: datetime
) -> Drawn:
    """Return an address label: one page. Raises: Malformed where it would take more."""
    sheet = _Sheet(size, 7, now, most=1)
    for text in sender:
        sheet.write(text, 8)
    sheet.space(8)
    sheet.write("Ship to", 9, BOLD)
    for text in address:
        sheet.write(text, 15, BOLD)
    sheet.space(6)
    sheet.write(f"Order {order}", 9)
    sheet.end()
    return sheet.drawn()


def draw_statement(title: str, parts: Sequence[tuple[str, Sequence[str]]], now: datetime) -> Drawn:
    """Return a statement to others, without personal data: headings, each with its lines."""
    sheet = _Sheet("a4", 18, now)
    sheet.write(title, 18, BOLD)
    for heading, lines in parts:
        sheet.space(4)
        sheet.write(heading, 11, BOLD)
        for line in lines:
            sheet.write(line, 9)
    return sheet.drawn()


class _Sheet:
    """Writes lines from the top to the bottom, and goes on on the next page."""

    def __init__(self, size: str, margin: float, now: datetime, *, most: int = MOST_PAGES) -> None:
        self._width, self._height = SIZES[size]
        self._margin = margin
        self._most = most
        self._marks = 0
        self._widths: dict[tuple[str, str], float] = {}
        self._pdf = FPDF(unit="mm", format=(self._width, self._height))
        self._pdf.set_auto_page_break(auto=False)
        self._pdf.set_creation_date(now.astimezone(UTC))
        _quiet()
        for face in (PLAIN, BOLD):
            # The font comes as bytes, and add_font takes only files.
            font = TTFFont(self._pdf, io.BytesIO(font_bytes(face)), face, "")  # type: ignore[arg-type]
            self._pdf.fonts[face] = font
        self._latin: Collection[int] = font.cmap
        self._y = self._height
        self._turn()

    def space(self, height: float) -> None:
        self._y += height

    def write(self, text: str, size: float, face: str = PLAIN, indent: float = 0.0) -> None:
        """Write a text, in as many lines as it takes."""
        left = self._margin + indent * (self._width - 2 * self._margin)
        for line in self._wrapped(text, size, face, self._width - self._margin - left):
            self._room(size)
            self._put(line, size, left)
            self._y += size * _MM * _LINE

    def row(self, cells: tuple[str, str, str], size: float, face: str = PLAIN) -> None:
        """Write three cells beside each other."""
        whole = self._width - 2 * self._margin
        places = ((0.0, 0.13), (0.15, 0.33), (0.5, 0.5))
        columns = [
            (self._margin + start * whole, self._wrapped(text, size, face, wide * whole))
            for text, (start, wide) in zip(cells, places, strict=True)
        ]
        for index in range(max(len(lines) for _left, lines in columns)):
            self._room(size)
            for left, lines in columns:
                if index < len(lines):
                    self._put(lines[index], size, left)
            self._y += size * _MM * _LINE

    def end(self) -> None:
        """Write what the paper asks for after its use, and what the mark means where it stands."""
        self.space(4)
        self.write(_SHRED, _SMALL)
        if self._marks:
            note = f"{MARK} stands for a letter that can't be printed here."
            marks = self._marks
            self.write(note, _SMALL)
            self._marks = marks

    def drawn(self) -> Drawn:
        return Drawn(bytes(self._pdf.output()), self._pdf.pages_count, self._marks)

    # -- private --

    def _room(self, size: float) -> None:
        if self._y + size * _MM * _LINE > self._height - self._margin:
            self._turn()

    def _turn(self) -> None:
        if self._pdf.pages_count >= self._most:
            raise Malformed(f"it does not fit on {self._most} pages")
        self._pdf.add_page()
        self._y = self._margin

    def _wrapped(
        self, text: str, size: float, face: str, width: float
    ) -> list[list[tuple[str, str]]]:
        """Return a text in lines that fit, each in pieces of one typeface."""
        if len(text) > _LONGEST:
            raise Malformed(f"a text has more than {_LONGEST} characters")
        found = []
        for line in printable(text):
            pieces = self._pieces(line, face)
            self._marks += sum(shown.count(MARK) for _face, shown in pieces)
            found += self._fitting(pieces, size, width)
        return found

    def _fitting(
        self, pieces: list[tuple[str, str]], size: float, width: float
    ) -> list[list[tuple[str, str]]]:
        letters = [(face, letter) for face, shown in pieces for letter in shown]
        lines: list[list[tuple[str, str]]] = []
        while letters:
            used, count, after_word = 0.0, 0, 0
            for face, letter in letters:
                used += self._wide(face, letter, size)
                if used > width and count:
                    break
                count += 1
                if letter in _BREAKS or face == CJK:
                    after_word = count
            if count < len(letters) and after_word:
                count = after_word
            lines.append(_joined(letters[:count]))
            letters = letters[count:]
        return lines

    def _pieces(self, line: str, face: str) -> list[tuple[str, str]]:
        cjk: Collection[int] = ()
        if any(ord(letter) not in self._latin for letter in line):
            cjk = _cjk_points()
        found = runs(line, face, self._latin, cjk)
        if CJK not in self._pdf.fonts and any(used == CJK for used, _shown in found):
            self._pdf.fonts[CJK] = TTFFont(self._pdf, cjk_path(), CJK, "")
        return found

    def _wide(self, face: str, letter: str, size: float) -> float:
        known = self._widths.get((face, letter))
        if known is None:
            self._pdf.set_font(face, size=_UNIT)
            known = self._widths[face, letter] = self._pdf.get_string_width(letter) / _UNIT
        return known * size

    def _put(self, pieces: list[tuple[str, str]], size: float, left: float) -> None:
        for face, shown in pieces:
            self._pdf.set_font(face, size=size)
            self._pdf.text(left, self._y + size * _MM, shown)
            left += self._pdf.get_string_width(shown)


def _joined(letters: list[tuple[str, str]]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for face, letter in letters:
        if found and found[-1][0] == face:
            found[-1] = (face, found[-1][1] + letter)
        else:
            found.append((face, letter))
    return found


@lru_cache(1)
def _cjk_points() -> frozenset[int]:
    """Return what the typeface for Chinese, Japanese and Korean has; reading it takes half a second."""
    with TTFont(cjk_path(), lazy=True) as font:
        return frozenset(font.getBestCmap())


def _quiet() -> None:
    """Keep two libraries from writing about letters and tables."""
    for name in ("fpdf", "fontTools"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
