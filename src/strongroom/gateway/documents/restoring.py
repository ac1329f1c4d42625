"""Finds the tokens in a feed and writes values in their place, as its form wants them written.

The feed comes in pieces; what could be the beginning of a token waits for the next one. A value that its form cannot
hold ends the feed: half an address in the next column would be Amazon's to keep. Holds plaintext; no I/O.
"""

import re
from collections.abc import Callable
from enum import StrEnum
from typing import Final
from xml.sax.saxutils import escape

import orjson

from strongroom.crypto.token import EMAIL_DOMAIN, TOKEN_LENGTH, token_places
from strongroom.errors import Malformed
from strongroom.terms import Scalar

_HEAD: Final = f"https://{EMAIL_DOMAIN}/"
_TAIL: Final = f"@{EMAIL_DOMAIN}"
_LONGEST: Final = len(_HEAD) + TOKEN_LENGTH + len(_TAIL)
_BREAKS: Final = re.compile(r"[\t\r\n\0]")


class Written(StrEnum):
    """How a feed is written."""

    XML = "xml"
    JSON = "json"
    TABS = "tabs"
    COMMAS = "commas"


def form_of(text: str) -> Written:
    """Return how a feed is written, by its beginning."""
    head = text.lstrip("\ufeff \t\r\n")
    if head.startswith("<"):
        return Written.XML
    if head.startswith(("{", "[")):
        return Written.JSON
    first = head.partition("\n")[0]
    return Written.COMMAS if "," in first and "\t" not in text[: len(first) + 1] else Written.TABS


class Restorer:
    """Puts values back into one feed; `value_of` gives a token's, or raises."""

    def __init__(self, form: Written, value_of: Callable[[str], Scalar]) -> None:
        self._form = form
        self._value_of = value_of
        self._held = ""
        self._inside = False
        """What was written ends within quotation marks."""
        self._before = ""
        """The last character that was written: it tells a token from a part of a longer word."""

    def feed(self, text: str) -> str:
        """Return what can be written so far. Raises: Malformed."""
        return self._run(self._held + text, final=False)

    def end(self) -> str:
        """Return the rest."""
        return self._run(self._held, final=True)

    def _run(self, text: str, *, final: bool) -> str:
        limit = len(text) if final else max(len(text) - _LONGEST, 0)
        whole = self._before + text
        shift, at, written = len(self._before), len(self._before), list[str]()
        for start in token_places(whole):
            if start < shift:
                continue  # begins with what was written as part of a word
            token = whole[start : start + TOKEN_LENGTH]
            begin, end = _rendering(whole, start, shift)
            if begin - shift >= limit and not final:
                break
            if end - shift > limit and not final:
                limit = begin - shift
                break
            self._pass(whole[at:begin], written)
            written.append(self._written(whole, begin, end, token))
            at = end
        stop = max(limit + shift, at)
        if not final:
            # Not in the middle of a web address that may end in a token.
            head = whole.rfind(_HEAD, max(stop - _LONGEST, at), stop + len(_HEAD))
            stop = head if at <= head < stop else stop
        self._pass(whole[at:stop], written)
        if stop > shift:
            self._before = whole[stop - 1]
        self._held = whole[stop:]
        return "".join(written)

    def _pass(self, text: str, written: list[str]) -> None:
        self._inside ^= text.count('"') % 2 == 1
        written.append(text)

    def _written(self, text: str, begin: int, end: int, token: str) -> str:
        value = str(self._value_of(token))
        if self._form is Written.XML:
            if _BREAKS.search(value.replace("\n", "").replace("\t", "")):
                raise _unfit()
            return escape(value, {'"': "&quot;", "'": "&apos;"})
        if self._form is Written.JSON:
            return orjson.dumps(value).decode()[1:-1]
        if _BREAKS.search(value):
            raise _unfit()
        if self._form is Written.COMMAS:
            doubled = value.replace('"', '""')
            if self._inside:
                return doubled
            if '"' in value or "," in value:
                if text[begin - 1 : begin] not in ("", ",", "\n") or text[end : end + 1] not in (
                    "",
                    ",",
                    "\r",
                    "\n",
                ):
                    raise _unfit()
                return f'"{doubled}"'
        return value


def _rendering(text: str, start: int, shift: int) -> tuple[int, int]:
    """Return where a token's rendering begins and ends: the token alone, an e-mail or a web address."""
    end = start + TOKEN_LENGTH
    if text[end : end + len(_TAIL)].casefold() == _TAIL:
        return start, end + len(_TAIL)
    head = start - len(_HEAD)
    if head >= shift and text[head:start] == _HEAD:
        return head, end
    return start, end


def _unfit() -> Malformed:
    return Malformed("a value does not fit the form of this feed")
