"""How documents begin in which nothing can be replaced: they are kept whole and handed out by token [2.3].

The one list of them, for whoever takes such a document, looks for one, or says what one is.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

PDF: Final = "application/pdf"
ZPL: Final = "application/zpl"


class Form(NamedTuple):
    """One form: its first bytes, its content type, and how a file of it is named."""

    mark: bytes
    content_type: str
    suffix: str


_LABELS: Final = (
    Form(b"%PDF-", PDF, "pdf"),
    Form(b"\x89PNG\r\n\x1a\n", "image/png", "png"),
    Form(b"\xff\xd8\xff", "image/jpeg", "jpg"),
    Form(b"GIF8", "image/gif", "gif"),
    Form(b"^XA", ZPL, "zpl"),
    Form(b"CT~~", ZPL, "zpl"),
)
FORMS: Final = (*_LABELS, Form(b"PK\x03\x04", "application/zip", "zip"))
"""Every form, of labels and of archives of them."""

ZPL_MARKS: Final = tuple(form.mark for form in _LABELS if form.content_type == ZPL)
TEXT_MARKS: Final = (*ZPL_MARKS, b"%PDF-")
"""Of those that can stand in a text as they are."""

LABELS: Final[Mapping[str, tuple[bytes, ...]]] = {
    **{
        form.content_type: tuple(o.mark for o in _LABELS if o.content_type == form.content_type)
        for form in _LABELS
    },
    # What carriers call it, too.
    **dict.fromkeys(("application/x-zpl", "x-application/zpl", "text/zpl"), ZPL_MARKS),
}
"""Content types of labels, each with how one begins."""
