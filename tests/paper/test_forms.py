"""What a sealed document is, by how it begins."""

from __future__ import annotations

import base64
import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.errors import Malformed
from strongroom.paper.forms import FORMS, LARGEST, UNKNOWN, file_of

pytestmark = pytest.mark.clause("2.3")

PDF = b"%PDF-1.4\n<< /Type /Pages >> << /Type /Page /Parent 2 0 R >> << /Type/Page >>"


def text(content: bytes) -> str:
    return base64.b64encode(content).decode()


@pytest.mark.parametrize(
    ("value", "content_type", "content", "pages"),
    [
        (text(PDF), "application/pdf", PDF, 2),
        (text(gzip.compress(PDF, mtime=0)), "application/pdf", PDF, 2),
        (f"data:application/pdf;base64,{text(PDF)}", "application/pdf", PDF, 2),
        (text(PDF)[:20] + "\r\n" + text(PDF)[20:], "application/pdf", PDF, 2),
        (text(b"%PDF-1.5 packed"), "application/pdf", b"%PDF-1.5 packed", None),
        ("^XA^FDZoë^FS^XZ^XA^XZ", "application/zpl", "^XA^FDZoë^FS^XZ^XA^XZ".encode(), 2),
        (text(b"^XA^XZ"), "application/zpl", b"^XA^XZ", 1),
        (text(b"\x89PNG\r\n\x1a\nrest"), "image/png", b"\x89PNG\r\n\x1a\nrest", 1),
        (text(b"GIF89a"), "image/gif", b"GIF89a", 1),
        (text(b"PK\x03\x04zip"), "application/zip", b"PK\x03\x04zip", None),
        (text(b"<script>alert(1)</script>"), UNKNOWN, b"<script>alert(1)</script>", None),
        ("<html>no Base64</html>", UNKNOWN, b"<html>no Base64</html>", None),
    ],
)
def test_a_document_is_what_its_first_bytes_say(
    value: str, content_type: str, content: bytes, pages: int | None
) -> None:
    file = file_of(value)

    assert (file.content_type, file.content, file.pages) == (content_type, content, pages)
    assert file.content_type in FORMS
    assert "PDF-1" not in repr(file)


@pytest.mark.parametrize(
    "value",
    [
        5,
        True,
        text(gzip.compress(PDF, mtime=0)[:-6]),
        text(b"\x1f\x8b\x08\x00 and no more"),
        text(gzip.compress(bytes(LARGEST + 1), 1)),
    ],
    ids=["a number", "a truth", "cut", "no gzip", "a bomb"],
)
def test_what_does_not_unpack_is_no_document(value: str | int) -> None:
    with pytest.raises(Malformed):
        file_of(value)


def test_a_bomb_is_not_unpacked_beyond_its_bound() -> None:
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    content = b"".join(packer.compress(bytes(2**20)) for _ in range(64)) + packer.flush()

    with pytest.raises(Malformed, match="more than"):
        file_of(text(content))


@given(st.text())
def test_any_text_is_a_document_or_malformed(value: str) -> None:
    try:
        file = file_of(value)
    except (Malformed, UnicodeEncodeError):
        return
    assert file.content_type in FORMS
