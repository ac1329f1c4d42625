"""Tells what a sealed document is: its bytes, and a content type by how they begin [2.3].

Pure. Amazon's own word about it is not asked: a page of script that claims to be a label is bytes without a form, which
no browser runs.
"""

import base64
import binascii
import re
import zlib
from dataclasses import dataclass, field
from typing import Final

from strongroom.errors import Malformed
from strongroom.policy import whole
from strongroom.terms import Scalar

LARGEST: Final = 32 * 1024 * 1024
"""Bytes of a document once it is unpacked."""

UNKNOWN: Final = "application/octet-stream"

FORMS: Final = (*dict.fromkeys(form.content_type for form in whole.FORMS), UNKNOWN)
"""Every content type that a document is handed out with."""

_GZIP: Final = b"\x1f\x8b"
_MOST_MEMBERS: Final = 100
"""Each is a copy of all that follows it: of a million tiny ones no end would come."""

_WINDOW: Final = zlib.MAX_WBITS | 16
_DATA_URL: Final = re.compile(r"data:[\w.+/-]*(?:;[\w=.+-]+)*;base64,", re.ASCII)
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]+={0,2}", re.ASCII)
_PAGE: Final = re.compile(rb"/Type\s*/Page(?![A-Za-z])")


@dataclass(frozen=True, slots=True)
class File:
    """One document as a printer or a program takes it. Prints without its content."""

    content: bytes = field(repr=False)
    content_type: str
    suffix: str
    pages: int | None
    """None where its form does not tell."""


def file_of(value: Scalar) -> File:
    """Return the document that a value of Amazon's or of a carrier's is, unpacked.

    Raises:
        Malformed: it is no document, or larger than any that is handed out.

    """
    if not isinstance(value, str):
        raise Malformed("the token stands for no document")
    content = _decoded(value)
    if content.startswith(_GZIP):
        content = _unpacked(content)
    content_type, suffix = _form(content)
    return File(content, content_type, suffix, _pages(content, content_type))


def kind_of(content: bytes) -> str:
    """Return the content type of a document's bytes, packed or not; of what does not unpack, the unknown one."""
    try:
        return _form(_unpacked(content) if content.startswith(_GZIP) else content)[0]
    except Malformed:
        return UNKNOWN


def _decoded(value: str) -> bytes:
    told = _DATA_URL.match(value.lstrip())
    text = value.lstrip()[told.end() :] if told else value
    packed = "".join(text.split())
    if _form(text.lstrip()[:16].encode())[0] is UNKNOWN and _BASE64.fullmatch(packed):
        try:
            return base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True)
        except (binascii.Error, ValueError):
            raise Malformed("the document is not valid Base64") from None
    # ZPL is text, and some send it so.
    return value.encode()


def _unpacked(content: bytes) -> bytes:
    found, size = [], 0
    # Several members are one file (RFC 1952, 2.2): the first alone would be half a document that looks whole.
    for _member in range(_MOST_MEMBERS):
        if not content.startswith(_GZIP):
            raise Malformed("something follows the document's packing")
        unpacker = zlib.decompressobj(_WINDOW)
        try:
            found.append(unpacker.decompress(content, LARGEST + 1 - size))
        except zlib.error:
            raise Malformed("the document does not unpack") from None
        size += len(found[-1])
        if size > LARGEST:
            raise Malformed(f"the document has more than {LARGEST} bytes unpacked")
        if not unpacker.eof:
            raise Malformed("the document does not unpack: it is cut")
        content = unpacker.unused_data
        if not content:
            return b"".join(found)
    raise Malformed(f"the document is packed in more than {_MOST_MEMBERS} members")


def _form(content: bytes) -> tuple[str, str]:
    begin = content.lstrip()[:16]
    return next(
        ((form.content_type, form.suffix) for form in whole.FORMS if begin.startswith(form.mark)),
        (UNKNOWN, "bin"),
    )


def _pages(content: bytes, content_type: str) -> int | None:
    if content_type == whole.PDF:
        return len(_PAGE.findall(content)) or None
    if content_type == whole.ZPL:
        return content.count(b"^XA") or None
    return 1 if content_type.startswith("image/") else None
