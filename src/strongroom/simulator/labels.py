"""Labels as carriers make them: small but whole PDF, ZPL or PNG files with the lines of an address on them.

The PDF carries as many bytes of picture as a carrier's logo, so that its size is that of a real one.
"""

from __future__ import annotations

import base64
import random
import struct
import zlib
from typing import Final

_LOGO_BYTES: Final = 48 * 1024


def label(form: str, lines: list[str]) -> bytes:
    """Return a label of the form `PDF`, `ZPL203` or `PNG`; the same one for the same lines."""
    if form == "ZPL203":
        fields = "".join(f"^FO40,{40 + 40 * n}^A0N,32^FD{line}^FS" for n, line in enumerate(lines))
        return f"^XA^CI28{fields}^XZ".encode()
    return _png(lines) if form == "PNG" else _pdf(lines)


def encoded(content: bytes) -> str:
    """Return a file as JSON carries it."""
    return base64.b64encode(content).decode("ascii")


def _pdf(lines: list[str]) -> bytes:
    """Return a page with these lines, beside a logo that is as large as a real one."""
    escaped = [line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)") for line in lines]
    text = "BT /F1 12 Tf 20 400 Td 16 TL " + " ".join(f"({line}) Tj T*" for line in escaped) + " ET"
    page = text.encode("latin-1", "replace")
    # The same bytes for the same lines, whenever the label is asked for.
    logo = random.Random("logo").randbytes(_LOGO_BYTES)  # noqa: S311 - a picture
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 288 432] /Contents 4 0 R /Resources 6 0 R >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(page), page),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Font << /F1 5 0 R >> >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(logo), logo),
    )
    made, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(made))
        made += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    trailer = b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    return made + head + table + trailer % (len(objects) + 1, len(made))


def _png(lines: list[str]) -> bytes:
    """Return a white point that says these lines in its text."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
        + chunk(b"tEXt", b"Comment\0" + " ".join(lines).encode("latin-1", "replace"))
        + chunk(b"IDAT", zlib.compress(b"\0\xff"))
        + chunk(b"IEND", b"")
    )
