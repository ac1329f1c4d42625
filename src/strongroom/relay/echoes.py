"""Finds in an answer what was put into its request, however it is spelled now, and gives the token for it [1.3, 2.6].

Pure. Third parties echo what they got: in capitals, without accents, URL-encoded, escaped once more, cut into words.
So a text is compared by its letters and digits alone, in every form that it decodes to. What nobody who knows the value
would recognise is not found: a destination is trusted by two people not to hide things from us.
"""

import base64
import binascii
import html
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final
from urllib.parse import unquote_plus

from strongroom.terms import Category

_WHOLE_BELOW: Final = 3
"""Letters and digits of a value below which only a text of nothing else is an echo: `12` is also half of a date."""

_BOUNDED_BELOW: Final = 6
"""Below this an echo begins and ends at a border of words."""

_NATIONAL_DIGITS: Final = 9
"""Of a telephone number: what stays of it when the country's code is written in another way."""

_FEWEST_OF_A_WORD: Final = 3
_DECODINGS: Final = 3
_MOST_FORMS: Final = 12
_LONGEST_DECODED: Final = 64 * 1024
_WRITTEN_OUT: Final = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "ø": "oe", "å": "aa", "œ": "oe"}
)
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")


@dataclass(frozen=True, slots=True)
class Put:
    """One value that went out, and the token that stood for it. Prints without it."""

    value: str = field(repr=False)
    token: str
    category: Category


@dataclass(frozen=True, slots=True)
class _Needle:
    folded: str = field(repr=False)
    token: str
    head: str = field(repr=False)
    tail: str = field(repr=False)
    bounded: bool
    whole: bool

    def widened(self, text: str, begin: int, end: int) -> tuple[int, int]:
        """Return the place of an echo with the marks that the value begins and ends with, where they are there."""
        if self.head and text.endswith(self.head, 0, begin):
            begin -= len(self.head)
        if self.tail and text.startswith(self.tail, end):
            end += len(self.tail)
        return begin, end


class Echoes:
    """What went out with one request."""

    def __init__(self, puts: Iterable[Put]) -> None:
        needles: dict[str, _Needle] = {}
        for put in puts:
            head, tail = _marks(put.value)
            for folded, part in _spellings(put):
                if folded and folded not in needles:
                    bounded = part or len(folded) < _BOUNDED_BELOW
                    whole = len(folded) < _WHOLE_BELOW
                    marks = ("", "") if part else (head, tail)
                    needles[folded] = _Needle(folded, put.token, *marks, bounded, whole)
        # The longest first: a street's name is also the beginning of the street with its number.
        self._needles = sorted(needles.values(), key=lambda needle: -len(needle.folded))
        self._known: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"<{len(self._needles)} echoes>"

    def replace(self, text: str) -> str:
        """Return the text with tokens where an echo was; the very same text where there was none."""
        known = self._known.get(text)
        if known is None:
            # An answer is read twice, and says the same thing often.
            known = self._known[text] = self._replaced(text)
        return known

    def _replaced(self, text: str) -> str:
        for form in _forms(text):
            replaced = self._in(form)
            if replaced is not None:
                return replaced
        hidden = _from_base64(text)
        if hidden is not None:
            for form in _forms(hidden):
                replaced = self._in(form)
                if replaced is not None:
                    return replaced
        return text

    def _in(self, text: str) -> str | None:
        folded, places = _folded(text)
        taken: list[tuple[int, int, str]] = []
        covered = bytearray(len(text))
        for needle in self._needles:
            if needle.whole:
                if folded == needle.folded:
                    return needle.token
                continue
            at = folded.find(needle.folded)
            while at >= 0:
                begin, end = places[at], places[at + len(needle.folded) - 1] + 1
                begin, end = needle.widened(text, begin, end)
                free = not any(covered[begin:end])
                if free and (not needle.bounded or _stands_alone(text, begin, end)):
                    taken.append((begin, end, needle.token))
                    covered[begin:end] = b"\x01" * (end - begin)
                at = folded.find(needle.folded, at + 1)
        if not taken:
            return None
        parts, last = [], 0
        for begin, end, token in sorted(taken):
            # What of a character is left of an echo (an accent that stands alone) goes with it.
            parts += [text[last:begin], token]
            last = end
        rest = text[last:]
        while rest and unicodedata.combining(rest[0]):
            rest = rest[1:]
        return "".join([*parts, rest])


def _spellings(put: Put) -> Iterator[tuple[str, bool]]:
    """Yield the letters and digits of a value in every spelling; True for what is a part of it only."""
    composed = unicodedata.normalize("NFC", put.value)
    for spelling in (composed, composed.casefold().translate(_WRITTEN_OUT)):
        yield _folded(spelling)[0], False
    if put.category is Category.PHONE:
        digits = "".join(filter(str.isdigit, put.value))
        if len(digits) > _NATIONAL_DIGITS:
            yield digits[-_NATIONAL_DIGITS:], False
    if put.category is Category.NAME:
        for word in re.split(r"\W+", composed):
            for spelling in (word, word.casefold().translate(_WRITTEN_OUT)):
                folded = _folded(spelling)[0]
                if len(folded) >= _FEWEST_OF_A_WORD:
                    yield folded, True


def _marks(value: str) -> tuple[str, str]:
    """Return what a value has before its first and after its last letter or digit."""
    places = [place for place, character in enumerate(value) if character.isalnum()]
    return (value[: places[0]], value[places[-1] + 1 :]) if places else ("", "")


def _folded(text: str) -> tuple[str, list[int]]:
    """Return a text's letters and digits without case and accents, and of each where it came from."""
    if text.isascii():
        places = [place for place, character in enumerate(text) if character.isalnum()]
        return "".join(filter(str.isalnum, text.lower())), places
    folded: list[str] = []
    places = []
    for place, character in enumerate(text):
        plain = _plain(character)
        folded.append(plain)
        places += [place] * len(plain)
    return "".join(folded), places


@lru_cache(4096)
def _plain(character: str) -> str:
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKD", character).casefold()))


def _stands_alone(text: str, begin: int, end: int) -> bool:
    before = begin > 0 and text[begin - 1].isalnum()
    return not before and not text[end : end + 1].isalnum()


def _forms(text: str) -> list[str]:
    """Return a text and what it is once decoded, and once more."""
    found = [text]
    new = found
    for _ in range(_DECODINGS):
        new = [form for one in new for form in _decoded(one) if form not in found]
        if not new or len(found) > _MOST_FORMS:
            break
        found.extend(dict.fromkeys(new))
    return found


def _decoded(text: str) -> Iterator[str]:
    if "%" in text or "+" in text:
        yield unquote_plus(text, errors="replace")
    if "&" in text:
        yield html.unescape(text)
    if "\\" in text:
        try:
            yield json.loads(f'"{text}"', strict=False)
        except ValueError:
            yield text.replace("\\", "")


def _from_base64(text: str) -> str | None:
    """Return the text that stands in Base64, None where it is none."""
    if len(text) > _LONGEST_DECODED or not _BASE64.fullmatch(text):
        return None
    padded = text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)
    try:
        return base64.b64decode(padded, altchars=b"-_" if {"-", "_"} & set(text) else None).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
