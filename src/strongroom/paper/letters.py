"""Which letters are printed, in which of two typefaces; for every other there is one mark, never a wrong letter.

Noto Sans has Latin, Greek and Cyrillic; Noto Sans CJK has Han, kana and Hangul. What needs shaping or runs from right
to left (Arabic, Hebrew, the scripts of India, Thai, …) would come out wrong letter by letter, so it is not printed. No
text is ever put into an error or a log.
"""

import importlib.resources
import unicodedata
from bisect import bisect_right
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path
from typing import Final

from pymupdf_fonts import NotoSans_Bold, NotoSans_Regular

MARK: Final = "\N{REPLACEMENT CHARACTER}"
"""Stands for what is not printed."""

PLAIN: Final = "plain"
BOLD: Final = "bold"
CJK: Final = "cjk"

_PRINTED: Final = (
    (0x0020, 0x007E),
    (0x00A1, 0x00AC),
    (0x00AE, 0x024F),
    (0x0370, 0x0482),
    (0x048A, 0x052F),
    (0x1E00, 0x1EFF),
    (0x1F00, 0x1FFF),
    (0x2010, 0x2027),
    (0x2030, 0x205E),
    (0x20A0, 0x20C0),
    (0x2100, 0x214F),
    (0x3001, 0x3020),
    (0x3031, 0x3035),
    (0x3041, 0x3096),
    (0x309B, 0x30FF),
    (0x3131, 0x318E),
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xAC00, 0xD7A3),
    (0xF900, 0xFAFF),
    (0xFF01, 0xFFEE),
    (0x20000, 0x323AF),
)
"""Letters that stand side by side as they are written; no mark that joins another, no order of writing."""

_STARTS: Final = [first for first, _last in _PRINTED]
_SPACES: Final = {"\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u3000": " ", "\t": " "}


def font_bytes(name: str) -> bytes:
    """Return a Latin, Greek and Cyrillic typeface: `PLAIN` or `BOLD`."""
    content: bytes = (NotoSans_Bold if name == BOLD else NotoSans_Regular).fontbuffer
    return content


@lru_cache(1)
def cjk_path() -> Path:
    """Return the file of the typeface for Chinese, Japanese and Korean."""
    return (
        Path(str(importlib.resources.files("noto_cjk_sans_jp_regular")))
        / "NotoSansCJKjp-Regular.otf"
    )


def printable(text: str) -> list[str]:
    """Return a text's lines with the mark in place of what is not printed."""
    lines = unicodedata.normalize("NFC", text).splitlines() or [""]
    return ["".join(map(_letter, line)).strip() for line in lines]


def runs(
    line: str, first: str, latin: Collection[int], cjk: Collection[int]
) -> list[tuple[str, str]]:
    """Return a line in pieces, each with its typeface; what neither has becomes the mark."""
    found: list[tuple[str, str]] = []
    for letter in line:
        point = ord(letter)
        if point in latin:
            face, shown = first, letter
        elif point in cjk:
            face, shown = CJK, letter
        else:
            face, shown = first, MARK
        if found and found[-1][0] == face:
            found[-1] = (face, found[-1][1] + shown)
        else:
            found.append((face, shown))
    return found


def _letter(letter: str) -> str:
    letter = _SPACES.get(letter, letter)
    point = ord(letter)
    place = bisect_right(_STARTS, point) - 1
    return letter if place >= 0 and point <= _PRINTED[place][1] else MARK
