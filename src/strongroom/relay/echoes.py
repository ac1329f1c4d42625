"""Finds in an answer what was put into its request, however it is spelled now, and gives the token for it [1.3, 2.6].

Pure. Third parties echo what they got: in capitals, without accents, URL-encoded, escaped once more, cut into words.
So a text is compared by its letters and digits alone, in every form that it decodes to. What nobody who knows the value
would recognise is not found: a destination is trusted by two people not to hide things from us.

A token in the place of a right guess would tell that it is right. So whoever writes a value that few texts hold beside
its token is found out before anything is sent (`guessed`); what many texts hold, a city or a word of a name, is left
alone in a text that the app wrote itself, and is no token that the app knows anywhere else (`tells`).
"""

import base64
import binascii
import html
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final
from urllib.parse import unquote_plus

from strongroom.crypto.token import TOKEN_LENGTH
from strongroom.errors import Malformed
from strongroom.terms import Category

_MOST_COMPARED: Final = 10**9
"""Characters times needles: looking for more would hold up everybody else for seconds."""

_A_HIT: Final = 2000
"""What a letter of a beginning that was found costs, in characters."""

_RARE_FROM: Final = 5
"""Letters and digits of a value that no text holds by chance; see `_is_rare`."""

_MOST_WRITTEN: Final = 1000
"""Letters and digits of an app's own texts beyond which they may be a list of all cities."""

_WHOLE_BELOW: Final = 3
"""Letters and digits of a value below which only a text of nothing else is an echo: `12` is also half of a date."""

_BOUNDED_BELOW: Final = 6
"""Below this an echo begins and ends at a border of words."""

_NATIONAL_DIGITS: Final = 9
"""Of a telephone number: what stays of it when the country's code is written in another way."""

_FEWEST_OF_A_WORD: Final = {Category.NAME: 2, Category.ADDRESS: 4}
_FEWEST_OF_A_BEGINNING: Final = 5
_ENDS: Final = ("…", "...", '"', "'", "\u201c", "\u201d", "\u2019", "»", "«")
"""What stands after a value that was cut short, besides the end of the text."""

_ANYBODYS: Final = frozenset(
    """
    de da di do du la le el al en zu st mr ms dr jr sr and und der den del dos das van von ter ten
    street road avenue lane drive square court place north south east west house floor apartment
    strasse stra\u00dfe platz allee gasse haus rue calle plaza piazza straat ulica
    """.split()  # noqa: SIM905 - read as text
)
"""Words of names and addresses that say nothing."""

_PLAIN_LETTERS: Final = str.maketrans(
    {
        "ł": "l",
        "đ": "d",
        "ð": "d",
        "ø": "o",
        "\u0131": "i",
        "þ": "th",
        "æ": "ae",
        "œ": "oe",
        "ħ": "h",
        "ŧ": "t",
    }
)
"""Letters that no normal form takes apart."""

_NO_BORDERS: Final = re.compile(
    "[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\u1100-\u11ff\uf900-\ufaff]"
)
"""Kana, Han and hangul: words of them stand side by side."""
_DECODINGS: Final = 3
_MOST_ROUNDS: Final = 8
_MOST_FORMS: Final = 12
_LONGEST_DECODED: Final = 64 * 1024
_WRITTEN_OUT: Final = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "ø": "oe", "å": "aa", "œ": "oe"}
)
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}|\A[A-Za-z0-9+/_-]{8,}={0,2}\Z")


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
    part: bool
    rare: bool

    @property
    def bordered(self) -> bool:
        """Tell whether it is written in words that have borders."""
        return not _NO_BORDERS.search(self.folded)

    @property
    def bounded(self) -> bool:
        return self.bordered and (self.part or len(self.folded) < _BOUNDED_BELOW)

    @property
    def whole(self) -> bool:
        """Tell whether only a text of nothing else is an echo of it; two letters of a name are one as a word."""
        return len(self.folded) < _WHOLE_BELOW and self.bordered and not self.part

    def widened(self, text: str, begin: int, end: int) -> tuple[int, int]:
        """Return the place of an echo with the marks that the value begins and ends with, where they are there."""
        if self.head and text.endswith(self.head, 0, begin):
            begin -= len(self.head)
        if self.tail and text.startswith(self.tail, end):
            end += len(self.tail)
        return begin, end


@dataclass(frozen=True, slots=True)
class _Found:
    text: str = field(repr=False)
    needles: frozenset[_Needle] = frozenset()


class Echoes:
    """What went out with one request; `own` are the texts that the app wrote into it, without its tokens."""

    def __init__(self, puts: Iterable[Put], own: Iterable[str] = ()) -> None:
        needles: dict[str, _Needle] = {}
        for put in puts:
            head, tail = _marks(put.value)
            for folded, part in _spellings(put):
                if folded and folded not in needles:
                    marks = ("", "") if part else (head, tail)
                    rare = not part and _is_rare(put, folded)
                    needles[folded] = _Needle(folded, put.token, *marks, part, rare)
        # The longest first: a street's name is also the beginning of the street with its number.
        self._needles = sorted(needles.values(), key=lambda needle: -len(needle.folded))
        self.tokens: Final = frozenset(needle.token for needle in self._needles)
        self._left = _MOST_COMPARED
        self._own: frozenset[str] = frozenset()
        self._known: dict[str, _Found] = {}
        texts = frozenset(own)
        self._guesses = frozenset(
            needle for text in sorted(texts) for needle in self._found(text).needles
        )
        self._known.clear()
        self._own = texts

    def __repr__(self) -> str:
        return f"<{len(self._needles)} echoes>"

    @property
    def own(self) -> frozenset[str]:
        """Return what the app wrote itself."""
        return self._own

    @property
    def guessed(self) -> bool:
        """Tell whether the app wrote one of the values itself, of those that no text as short holds by chance."""
        if any(needle.rare for needle in self._guesses):
            return True
        written = sum(len(_folded(text)[0]) for text in self._own)
        return bool(self._guesses) and written > _MOST_WRITTEN

    def replace(self, text: str) -> str:
        """Return the text with tokens where an echo was; the very same text where there was none.

        Raises: Malformed, where all that was asked for takes too long.
        """
        return self._found(text).text

    def tells(self, text: str) -> bool:
        """Tell whether the tokens that `replace` puts would tell the app that a guess of its own is right."""
        return not self._guesses.isdisjoint(self._found(text).needles)

    def _found(self, text: str) -> _Found:
        known = self._known.get(text)
        if known is None:
            # An answer is read twice, and says the same thing often.
            found = _Found(text) if text in self._own else self._searched(text)
            known = self._known[text] = found
        return known

    def _searched(self, text: str) -> _Found:
        """Search until nothing is found: one text may hold a value in several spellings."""
        needles: set[_Needle] = set()
        for _ in range(_MOST_ROUNDS):
            found = self._once(text)
            if found is None:
                return _Found(text, frozenset(needles))
            text = found.text
            needles |= found.needles
        raise Malformed("a text holds too many spellings")

    def _once(self, text: str) -> _Found | None:
        for form in _forms(text):
            found = self._in(form)
            if found is not None:
                return found
        for run, hidden in _from_base64(text):
            for form in _forms(hidden):
                found = self._in(form)
                if found is not None:
                    # What follows is left out: nobody needs it.
                    return _Found(text.partition(run)[0] + found.text, found.needles)
        return None

    def _in(self, text: str) -> _Found | None:
        self._spend(len(text) * len(self._needles))
        folded, places = _folded(text)
        taken: list[tuple[int, int, _Needle]] = []
        covered = self._covered(text)
        for needle in self._needles:
            if needle.whole:
                if folded == needle.folded:
                    return _Found(needle.token, frozenset({needle}))
                continue
            for at, length, echoed in _occurrences(needle, folded, places, text):
                self._spend(_A_HIT * length)
                begin, end = places[at], places[at + length - 1] + 1
                whole = length == len(needle.folded)
                if whole:
                    begin, end = needle.widened(text, begin, end)
                if echoed and not any(covered[begin:end]):
                    # The beginning of a street is also a city's name.
                    taken.append((begin, end, needle if whole else replace(needle, rare=False)))
                    covered[begin:end] = b"\x01" * (end - begin)
        if not taken:
            return None
        parts, last = [], 0
        for begin, end, needle in sorted(taken, key=lambda one: one[0]):
            # What of a character is left of an echo (an accent that stands alone) goes with it.
            parts += [text[last:begin], needle.token]
            last = end
        rest = text[last:]
        while rest and unicodedata.combining(rest[0]):
            rest = rest[1:]
        return _Found("".join([*parts, rest]), frozenset(needle for _, _, needle in taken))

    def _spend(self, compared: int) -> None:
        self._left -= compared
        if self._left < 0:
            raise Malformed("there is too much to compare")

    def _covered(self, text: str) -> bytearray:
        """Return which characters of a text belong to tokens that were put there."""
        covered = bytearray(len(text))
        for token in self.tokens:
            place = text.find(token)
            while place >= 0:
                covered[place : place + TOKEN_LENGTH] = b"\x01" * TOKEN_LENGTH
                place = text.find(token, place + TOKEN_LENGTH)
        return covered


def _occurrences(
    needle: _Needle, folded: str, places: list[int], text: str
) -> Iterator[tuple[int, int, bool]]:
    """Yield where a text holds a needle, and how much of it: all, or its beginning; True where that is an echo."""
    wanted = needle.folded
    short = not needle.part and len(wanted) > _FEWEST_OF_A_BEGINNING
    seed = wanted[:_FEWEST_OF_A_BEGINNING] if short else wanted
    at = folded.find(seed)
    while at >= 0:
        length = len(seed)
        while length < len(wanted) and folded.startswith(wanted[length], at + length):
            length += 1
        begin, end = places[at], places[at + length - 1] + 1
        if length == len(wanted):
            found = not needle.bounded or _stands_alone(text, begin, end)
        else:
            found = _is_cut(text, end) and not (
                needle.bordered and text[begin - 1 : begin].isalnum()
            )
        yield at, length, found
        at = folded.find(seed, at + 1)


def _is_cut(text: str, end: int) -> bool:
    rest = text[end:].lstrip()
    return rest.startswith(_ENDS) or not any(map(str.isalnum, rest[:200]))


def _is_rare(put: Put, folded: str) -> bool:
    """Tell whether hardly a text holds a value by chance: cities and first names are in many."""
    if len(folded) < _RARE_FROM:
        return False
    if put.category is Category.ADDRESS:
        return any(map(str.isdigit, folded))
    return put.category is not Category.NAME or len(put.value.split()) > 1


def _spellings(put: Put) -> Iterator[tuple[str, bool]]:
    """Yield the letters and digits of a value in every spelling; True for what is a part of it only."""
    composed = unicodedata.normalize("NFC", put.value)
    for spelling in (composed, composed.casefold().translate(_WRITTEN_OUT)):
        folded = _folded(spelling)[0]
        yield folded, False
        # A number has no zeros before it.
        if folded.isdigit() and folded.startswith("0"):
            yield folded.lstrip("0"), False
    if put.category is Category.PHONE:
        digits = "".join(filter(str.isdigit, put.value))
        if len(digits) > _NATIONAL_DIGITS:
            yield digits[-_NATIONAL_DIGITS:], False
    fewest = _FEWEST_OF_A_WORD.get(put.category)
    if fewest is not None:
        for word in re.split(r"\W+", composed):
            if word.casefold() in _ANYBODYS:
                continue
            for spelling in (word, word.casefold().translate(_WRITTEN_OUT)):
                folded = _folded(spelling)[0]
                if len(folded) >= fewest or (len(folded) > 1 and _NO_BORDERS.search(folded)):
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
    folded = unicodedata.normalize("NFKD", character).casefold().translate(_PLAIN_LETTERS)
    return "".join(filter(str.isalnum, folded))


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


def _from_base64(text: str) -> Iterator[tuple[str, str]]:
    """Yield each run of Base64 in a text, and the text that stands in it."""
    if len(text) > _LONGEST_DECODED:
        return
    for run in _BASE64.findall(text):
        padded = run.rstrip("=") + "=" * (-len(run.rstrip("=")) % 4)
        altchars = b"-_" if {"-", "_"} & set(run) else None
        with suppress(binascii.Error, UnicodeDecodeError):
            yield run, base64.b64decode(padded, altchars=altchars).decode()
