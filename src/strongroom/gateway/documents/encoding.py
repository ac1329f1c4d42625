"""Bytes to text and back for documents whose encoding nobody tells truly: detected, never guessed twice.

While every byte is ASCII the encoding is open. The first bytes that are not decide it: a byte order mark, else valid
UTF-8, else what the header said, else the one of the selling partner's country. From then on the text is read
strictly, and a byte that does not fit ends the document: a garbled name is worse than none. Text goes out in one
encoding from the first byte to the last. No I/O.
"""

import codecs
from typing import Final

from strongroom.errors import Malformed

FALLBACK: Final = "cp1252"
JAPANESE: Final = "cp932"

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LONGEST_MARK: Final = 3
_OPEN: Final = "ascii"
_NAMES: Final = {
    "utf-8": "UTF-8",
    "utf-16-le": "UTF-16LE",
    "utf-16-be": "UTF-16BE",
    "cp1252": "windows-1252",
    "cp932": "windows-31j",
    "iso8859-1": "ISO-8859-1",
    "iso8859-15": "ISO-8859-15",
    "shift_jis": "Shift_JIS",
    "gb18030": "GB18030",
    "big5": "Big5",
    "euc_jp": "EUC-JP",
    "ascii": "US-ASCII",
}
"""Encodings that are read, each with its name on the wire. Others count as not said."""

# HTML's rule, for the same reason: who writes Latin-1 or Shift JIS means Microsoft's.
_MEANT: Final = {"iso8859-1": "cp1252", "shift_jis": "cp932", "ascii": ""}


def known_encoding(name: str | None) -> str:
    """Return Python's name of an encoding that a header states; empty where it states none that is read."""
    if not name:
        return ""
    try:
        found = codecs.lookup(name.strip().strip("\"'")).name
    except LookupError:
        return "cp932" if name.strip().casefold() in ("windows-31j", "ms932") else ""
    return _MEANT.get(found, found) if found in _NAMES else ""


def wire_name(encoding: str) -> str:
    """Return how a header writes an encoding."""
    return _NAMES[encoding]


class Decoder:
    """Turns one document's bytes into text. `declared` is the header's encoding, `local` the country's."""

    def __init__(self, declared: str, local: str) -> None:
        self.mark = b""
        """The byte order mark, which is no part of the text."""
        self.found = ""
        """The encoding, once something has decided it."""
        self._declared = declared
        self._candidates = [*dict.fromkeys(name for name in (declared, local, FALLBACK) if name)]
        self._decoder: codecs.IncrementalDecoder | None = None
        self._held = b""
        self._begun = False

    def feed(self, data: bytes) -> str:
        """Return the text of these bytes, less what may need the next ones. Raises: Malformed."""
        data, self._held = self._held + data, b""
        if not self._begun:
            if len(data) < _LONGEST_MARK:
                self._held = data
                return ""
            data = self._begin(data)
        return self._decode(data) if self._is_decided() else self._open_ended(data)

    def end(self) -> str:
        """Return the rest. Raises: Malformed where the last character is cut off."""
        data, self._held = self._held, b""
        if not self._begun:
            data = self._begin(data)
        if not self._is_decided() and not data.isascii():
            self._choose(data, complete=True)
        return self._decode(data, final=True) if self._is_decided() else data.decode("ascii")

    def _is_decided(self) -> bool:
        return self._decoder is not None

    def _begin(self, data: bytes) -> bytes:
        self._begun = True
        for mark, encoding in _MARKS:
            if data.startswith(mark):
                self.mark = mark
                self._use(encoding)
                return data[len(mark) :]
        return data

    def _open_ended(self, data: bytes) -> str:
        if not data.isascii():
            self._choose(data, complete=False)
            if self._is_decided():
                return self._decode(data)
            # Nothing but a last character that may be cut off: ASCII so far.
            whole = len(data) - len(_tail(data))
            data, self._held = data[:whole], data[whole:]
        return data.decode("ascii")

    def _choose(self, data: bytes, *, complete: bool) -> None:
        utf8 = codecs.getincrementaldecoder("utf-8")("strict")
        try:
            text = utf8.decode(data, final=complete)
        except UnicodeDecodeError as fault:
            # What began as UTF-8 is that, unless its header knew better: else half of it would come out garbled.
            mixed = not data[: fault.start].isascii()
        else:
            if complete or not text.isascii():
                self._use("utf-8")
            return
        for name in self._candidates[: 1 if self._declared else 0] if mixed else self._candidates:
            if name != "utf-8" and not name.startswith("utf-16") and _decodes(data, name):
                self._use(name)
                return
        raise Malformed("the document is in no encoding, or in two")

    def _use(self, encoding: str) -> None:
        self.found = encoding
        self._decoder = codecs.getincrementaldecoder(encoding)("strict")

    def _decode(self, data: bytes, *, final: bool = False) -> str:
        if self._decoder is None:  # pragma: no cover - callers have one
            raise Malformed("the document's encoding is not known")
        try:
            return self._decoder.decode(data, final)
        except UnicodeDecodeError:
            raise Malformed(
                f"the document is not {_NAMES[self.found]} all through, as it began"
            ) from None


class Encoder:
    """Turns text into bytes of one encoding, its mark first where the document had one."""

    def __init__(self, encoding: str, mark: bytes = b"") -> None:
        self.encoding = encoding
        self._mark = mark

    def encode(self, text: str) -> bytes:
        """Return the bytes of a text. Raises: Malformed where the encoding has no such character."""
        try:
            found = text.encode(self.encoding)
        except UnicodeEncodeError:
            raise Malformed(
                f"the document began as {_NAMES[self.encoding]} and does not fit it any more"
            ) from None
        if self._mark:
            found, self._mark = self._mark + found, b""
        return found


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)("strict").decode(data)
    except UnicodeDecodeError:
        return False
    return True


def _tail(data: bytes) -> bytes:
    """Return the bytes at the end that are not ASCII."""
    end = len(data)
    while end and data[end - 1] > 127:  # noqa: PLR2004 - ASCII
        end -= 1
    return data[end:]
