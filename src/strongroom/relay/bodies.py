"""Writes a body anew with other texts in its places: JSON, XML and forms, each with its own escapes [1.3, 1.5].

Pure. A body is read into places and texts and written from them; nothing is put into its bytes. So a text can't end the
place that it stands in, whatever it holds, and what is not understood is refused. XML with a document type is refused
unread: no entity is ever expanded, inside or outside (OWASP XXE). Comments and processing instructions are left out.
"""

import re
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

import orjson

from strongroom.errors import Malformed
from strongroom.terms import Scalar

Text = Callable[[str, str], Scalar]
"""Gives what stands in the place of a text; also hears the names of what it is in, from the outermost, with `/` between
them; empty where it is itself a name."""


class Digits(str):
    """A number, as the text that it is written with."""

    __slots__ = ()


_ROOT: Final = "value"
MOST_FIELDS: Final = 1000
_MOST_DEPTH: Final = 64
_MOST_TEXTS: Final = 50_000
_UNWRITABLE: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to write, section 2.2."""


class Kind(StrEnum):
    """How a body is written."""

    JSON = "json"
    XML = "xml"
    FORM = "form"


def kind_of(content_type: str) -> Kind | None:
    """Return how a body of this content type is written, None where that is not known."""
    essence = essence_of(content_type)
    if essence == "application/json" or essence.endswith("+json"):
        return Kind.JSON
    if essence in ("application/xml", "text/xml") or essence.endswith("+xml"):
        return Kind.XML
    return Kind.FORM if essence == "application/x-www-form-urlencoded" else None


def essence_of(content_type: str) -> str:
    """Return a content type without its parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()


def rewrite(kind: Kind, body: bytes, text: Text) -> bytes:
    """Return the body with `text` applied to everything in it that holds text.

    Raises:
        Malformed: it is not what its kind says, not UTF-8, or nested or long beyond reason.

    """
    if kind is Kind.JSON:
        return _json(body, text)
    if kind is Kind.XML:
        return _Xml(text).rewrite(body)
    try:
        raw = body.decode("ascii")
    except UnicodeDecodeError:
        raise Malformed("the form is not URL-encoded") from None
    return form(raw, text).encode()


def form(raw: str, text: Text) -> str:
    """Return URL-encoded fields, of a body or a query, with `text` applied to each. Raises: Malformed."""
    try:
        pairs = parse_qsl(raw, keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
    except ValueError:
        raise Malformed("the form is malformed") from None
    written = [(str(text(name, "")), str(text(value, name or _ROOT))) for name, value in pairs]
    return urlencode(written, quote_via=quote)


# -- JSON ----------------------------------------------------------------------------------------


def _json(body: bytes, text: Text) -> bytes:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Malformed("the body is not valid JSON") from None
    left = _MOST_TEXTS

    def walk(value: Any, name: str, depth: int) -> Any:  # noqa: ANN401 - any JSON
        nonlocal left
        left -= 1
        if depth > _MOST_DEPTH or left < 0:
            raise Malformed("the body is nested too deeply or too long")
        if isinstance(value, dict):
            return {
                str(text(key, "")): walk(member, f"{name}/{key}", depth + 1)
                for key, member in value.items()
            }
        if isinstance(value, list):
            return [walk(member, name, depth + 1) for member in value]
        if isinstance(value, str):
            return text(value, name)
        if value is None or isinstance(value, bool):
            return value
        # A telephone number, or a postal code, may come back as a number.
        digits = Digits(value)
        written = text(digits, name)
        return value if written == digits else written

    return orjson.dumps(walk(document, _ROOT, 0))


# -- XML -----------------------------------------------------------------------------------------


class _Xml:
    """Reads XML by expat's events and writes it from them."""

    def __init__(self, text: Text) -> None:
        self._text = text
        self._out = ['<?xml version="1.0" encoding="UTF-8"?>\n']
        self._names: list[str] = []
        self._characters: list[str] = []
        self._left = _MOST_TEXTS

    def rewrite(self, body: bytes) -> bytes:
        try:
            body.decode("utf-8")
        except UnicodeDecodeError:
            raise Malformed("the body is not UTF-8") from None
        parser = expat.ParserCreate("UTF-8")
        parser.ordered_attributes = True
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = _refuse_doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters.append
        try:
            parser.Parse(body, True)  # noqa: FBT003 - expat's last argument: nothing follows
        except expat.ExpatError:
            raise Malformed("the body is not valid XML") from None
        return "".join(self._out).encode()

    def _start(self, name: str, attributes: list[str]) -> None:
        self._flush()
        if len(self._names) >= _MOST_DEPTH:
            raise Malformed("the body is nested too deeply or too long")
        self._keep(name)
        self._names.append(name)
        written = [f"<{name}"]
        for key, value in zip(attributes[::2], attributes[1::2], strict=True):
            self._keep(key)
            written.append(f" {key}={quoteattr(self._put(value, key))}")
        self._out.append("".join(written) + ">")

    def _end(self, name: str) -> None:
        self._flush()
        self._names.pop()
        self._out.append(f"</{name}>")

    def _flush(self) -> None:
        if not self._characters:
            return
        characters = "".join(self._characters)
        self._characters.clear()
        # What stands between elements to look tidy is no text.
        put = self._put(characters) if characters.strip() else characters
        self._out.append(escape(put, {"\r": "&#13;"}))

    def _put(self, value: str, *attribute: str) -> str:
        self._left -= 1
        if self._left < 0:
            raise Malformed("the body is nested too deeply or too long")
        name = "/".join(map(local_name, [*self._names, *attribute]))
        written = self._text(value, name)
        if isinstance(written, bool):
            return "true" if written else "false"
        return _UNWRITABLE.sub(" ", str(written))

    def _keep(self, name: str) -> None:
        """Refuse a name that is no name but a text in its place. Raises: Malformed."""
        if self._text(name, "") != name:
            raise Malformed("the body has a name that is personal data, or a token")


def local_name(name: str) -> str:
    """Return a name without its prefix."""
    return name.rpartition(":")[2]


def _refuse_doctype(*_: object) -> None:
    raise Malformed("the body has a document type")
