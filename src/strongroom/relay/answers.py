"""Says what of a third party's answer an app may see: echoes as their tokens, new personal data as new ones [1.3, 2.2].

Pure. An answer is read twice: `survey` says what has to be sealed, `written` puts the tokens for it. What has no form
that is known here is not an answer: nothing of it passes.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from strongroom.crypto.token import find_tokens
from strongroom.errors import Malformed
from strongroom.feeds.parties import Answers
from strongroom.leaks.shapes import Kind as ShapeKind
from strongroom.leaks.shapes import shapes
from strongroom.relay.bodies import Kind, rewrite
from strongroom.relay.echoes import Echoes

LABELS: Final = {
    "application/pdf": (b"%PDF-",),
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/gif": (b"GIF8",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "application/zpl": (b"^XA", b"CT~~"),
    "application/x-zpl": (b"^XA", b"CT~~"),
    "x-application/zpl": (b"^XA", b"CT~~"),
    "text/zpl": (b"^XA", b"CT~~"),
}
"""Types of documents that are kept whole, each with how one begins."""

MOST_FRESH: Final = 200
_LONGEST_TEXT: Final = 16 * 1024
"""A longer text is a document, whatever it says."""

_MOST_CHARACTERS: Final = 1024 * 1024
"""Of all texts that are no documents: looking for echoes in more would hold up everybody else."""

_SHORTEST_HIDDEN: Final = 256
_HEAD: Final = 24
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")
_NOT_A_NAME: Final = re.compile(r"[^a-z0-9]|[0-9]+$")

_PERSONAL: Final = frozenset(
    """
    name firstname lastname givenname familyname middlename surname fullname personname contact contactname
    contactperson recipient recipientname receiver receivername consignee consigneename addressee customername
    buyername shippername sendername attention attentionname company companyname signature signedby signedforby
    signatory signername receivedby acceptedby neighbour neighbor neighbourname neighborname
    address addressline line street streetname streetaddress streetlines housenumber building city town postalcode
    postcode zip zipcode phone phonenumber telephone tel mobile mobilenumber mobilephone fax faxnumber email
    emailaddress mail birthdate dateofbirth dob taxid vatid vatnumber
    """.split()  # noqa: SIM905 - read as text
)
"""Names of members, letters alone, under which people stand: a name has no shape."""


@dataclass(slots=True)
class Fresh:
    """What of an answer is new and personal, each text once, in the order it came. Prints without it."""

    texts: dict[str, None] = field(default_factory=dict, repr=False)
    documents: dict[str, None] = field(default_factory=dict, repr=False)

    def __bool__(self) -> bool:
        return bool(self.texts or self.documents)


def survey(kind: Kind, body: bytes, echoes: Echoes, policy: Answers) -> Fresh:
    """Return what has to be sealed before the answer may pass. Raises: Malformed."""
    reader = _Reader(echoes, policy)
    rewrite(kind, body, reader.look)
    return reader.fresh


def written(
    kind: Kind, body: bytes, echoes: Echoes, policy: Answers, tokens: Mapping[str, str]
) -> bytes:
    """Return the answer with tokens in the places of echoes and of what `survey` found. Raises: Malformed."""
    reader = _Reader(echoes, policy, tokens)
    return rewrite(kind, body, reader.look)


def is_label(essence: str, body: bytes) -> bool:
    """Tell whether a body is what its type says, of those that are kept whole."""
    return essence in LABELS and body.lstrip()[:_HEAD].startswith(LABELS[essence])


class _Reader:
    def __init__(
        self, echoes: Echoes, policy: Answers, tokens: Mapping[str, str] | None = None
    ) -> None:
        self._echoes = echoes
        self._policy = policy
        self._tokens = tokens
        self._left = _MOST_CHARACTERS
        self.fresh = Fresh()

    def look(self, text: str, name: str) -> str:
        """Return what stands in a text's place; where its token is not made yet, note it and leave it."""
        if not text or text.isspace():
            return text
        if _is_document(text):
            return self._sealed(text, self.fresh.documents)
        self._left -= len(text)
        if self._left < 0:
            raise Malformed("the answer says too much")
        replaced = self._echoes.replace(text)
        if self._passes(text, replaced, name):
            return replaced
        return self._sealed(text, self.fresh.texts)

    def _passes(self, text: str, replaced: str, name: str) -> bool:
        if _has_shape(replaced):
            return False
        if replaced != text:
            left = replaced
            for token in find_tokens(replaced):
                left = left.replace(token, "")
            return self._policy is Answers.SCAN or not any(map(str.isalnum, left))
        if not name:
            return True
        return self._policy is Answers.SCAN and _NOT_A_NAME.sub("", name.lower()) not in _PERSONAL

    def _sealed(self, text: str, kept: dict[str, None]) -> str:
        if self._tokens is not None:
            return self._tokens[text]
        kept[text] = None
        if len(self.fresh.texts) + len(self.fresh.documents) > MOST_FRESH:
            raise Malformed("the answer is full of personal data")
        return text


def _has_shape(text: str) -> bool:
    """Tell whether an e-mail address or a telephone number stands in a text; digits alone are somebody's numbering."""
    for shape in shapes(text.encode(errors="replace")):
        if shape.kind is ShapeKind.EMAIL:
            return True
        if shape.kind is ShapeKind.PHONE and (
            shape.told or shape.forms[0].startswith("0") or not shape.forms[0].isdigit()
        ):
            return True
    return False


def _is_document(text: str) -> bool:
    """Tell whether a text is a label: plain, as a data URL, or in Base64; or hides something as long as one."""
    if len(text) > _LONGEST_TEXT or text.lstrip().startswith(("^XA", "CT~~", "%PDF-", "data:")):
        return True
    packed = "".join(text.split())
    if len(packed) < _HEAD * 2 or not _BASE64.fullmatch(packed):
        return False
    head = packed[: _HEAD * 4 // 3].translate(str.maketrans("-_", "+/"))
    try:
        begin = base64.b64decode(head)
    except (binascii.Error, ValueError):
        return False
    return len(packed) >= _SHORTEST_HIDDEN or any(
        begin.startswith(magic) for magics in LABELS.values() for magic in magics
    )
