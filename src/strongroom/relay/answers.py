"""Says what of a third party's answer an app may see: echoes as their tokens, new personal data as new ones [1.3, 2.2].

Pure. An answer is read twice: `survey` says what has to be sealed, `written` puts the tokens for it. What has no form
that is known here is not an answer: nothing of it passes.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from strongroom.errors import Malformed
from strongroom.feeds.parties import Answers
from strongroom.leaks.shapes import Kind as ShapeKind
from strongroom.leaks.shapes import shapes
from strongroom.policy.whole import LABELS, TEXT_MARKS, ZPL_MARKS
from strongroom.relay.bodies import Digits, Kind, rewrite
from strongroom.relay.echoes import Echoes

_ZPL: Final = tuple(mark.decode() for mark in ZPL_MARKS)
_TEXTS: Final = tuple(mark.decode() for mark in TEXT_MARKS)
MOST_FRESH: Final = 400
_LONGEST_TEXT: Final = 16 * 1024
"""A longer text is a document, whatever it says."""

_MOST_CHARACTERS: Final = 1024 * 1024
"""Of all texts that are no documents: looking for echoes in more would hold up everybody else."""

_SHORTEST_HIDDEN: Final = 256
_HEAD: Final = 24
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")
_NOT_A_NAME: Final = re.compile(r"[^a-z0-9]|[0-9]+$")
_PLAIN_WORD: Final = re.compile(r"[A-Za-z_@$][A-Za-z0-9_.:-]*", re.ASCII)
"""A member's name that says what it is of and not whose it is."""

_DATA_URL: Final = re.compile(
    r"data:[\w.+/-]*(;[\w=.+-]+)*;base64,[A-Za-z0-9+/_-]+={0,2}\s*", re.ASCII
)
_MOST_DIGITS: Final = 6
_MOST_BEFORE_A_NUMBER: Final = 2

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

_ENDINGS: Final = ("name", "address", "addressline", "city", "street", "phone", "email")
_LINE: Final = re.compile(r"line[0-9]+$")
_OF_THINGS: Final = frozenset(
    "productname servicename carriername filename hostname statusname typename".split()  # noqa: SIM905 - as above
)


@dataclass(frozen=True, slots=True)
class Fresh:
    """One text of an answer that is new and personal. Prints without it."""

    text: str = field(repr=False)
    document: bool = False


def survey(kind: Kind, body: bytes, echoes: Echoes, policy: Answers) -> list[Fresh]:
    """Return what has to be sealed before the answer may pass, in its order. Raises: Malformed.

    What comes twice is sealed twice: that two texts are alike must not show.
    """
    reader = _Reader(echoes, policy)
    rewrite(kind, body, reader.look)
    return reader.fresh


def written(
    kind: Kind, body: bytes, echoes: Echoes, policy: Answers, tokens: Iterable[str]
) -> bytes:
    """Return the answer with tokens in the places of echoes and of what `survey` found. Raises: Malformed."""
    reader = _Reader(echoes, policy, iter(tokens))
    return rewrite(kind, body, reader.look)


def is_label(essence: str, body: bytes) -> bool:
    """Tell whether a body is what its type says, of those that are kept whole."""
    return essence in LABELS and body.lstrip()[:_HEAD].startswith(LABELS[essence])


class _Reader:
    def __init__(
        self, echoes: Echoes, policy: Answers, tokens: Iterator[str] | None = None
    ) -> None:
        self._echoes = echoes
        self._policy = policy
        self._tokens = tokens
        self._left = _MOST_CHARACTERS
        self._writes_labels = writes_labels(echoes)
        self.fresh: list[Fresh] = []

    def look(self, text: str, name: str) -> str:
        """Return what stands in a text's place; where its token is not made yet, note it and leave it."""
        if not text or text.isspace():
            return text
        if _is_label(text) and not self._writes_labels:
            return self._sealed(Fresh(text, document=True))
        self._left -= len(text)
        if self._left < 0:
            raise Malformed("the answer says too much")
        # What is sealed is never the value of another token: under the new one's category others may read it.
        replaced = self._echoes.replace(text)
        if _is_hidden(text):
            return self._sealed(Fresh(replaced, document=True))
        if self._passes(text, replaced, name):
            return replaced
        return self._sealed(Fresh(replaced))

    def _passes(self, text: str, replaced: str, name: str) -> bool:
        strict = self._policy is Answers.STRICT
        if _has_shape(replaced) or self._echoes.tells(text):
            return False
        if replaced == text and not name:
            return bool(_PLAIN_WORD.fullmatch(text)) if strict else not _says_whose(text)
        if strict:
            number = isinstance(text, Digits) and len(text) <= _MOST_DIGITS
            return number and replaced == text and not _is_personal(name)
        if replaced == text or not _is_personal(name):
            return not _is_personal(name)
        left = replaced
        for token in self._echoes.tokens:
            left = left.replace(token, "")
        return _says_nothing(left)

    def _sealed(self, new: Fresh) -> str:
        if self._tokens is not None:
            return next(self._tokens)
        self.fresh.append(new)
        if len(self.fresh) > MOST_FRESH:
            raise Malformed("the answer is full of personal data")
        return new.text


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


def writes_labels(echoes: Echoes) -> bool:
    """Tell whether the app wrote what begins like a label: what comes back so may be its own text, with values."""
    marks = (*_ZPL, "data:")
    return any(mark in text for text in echoes.own for mark in marks) or any(
        map(_is_label, echoes.own)
    )


def _says_nothing(left: str) -> bool:
    """Tell whether what is left around tokens is marks, or the zeros before a telephone number."""
    said = "".join(filter(str.isalnum, left))
    return not said or (said.isdigit() and len(said) <= _MOST_BEFORE_A_NUMBER)


def _is_personal(name: str) -> bool:
    """Tell whether people stand under a name, or under one of those around it."""
    return any(map(_is_of_people, name.lower().split("/")))


def _is_of_people(name: str) -> bool:
    letters = _NOT_A_NAME.sub("", name)
    if letters in _OF_THINGS:
        return False
    return letters in _PERSONAL or letters.endswith(_ENDINGS) or bool(_LINE.search(name))


def _says_whose(name: str) -> bool:
    """Tell whether a member's name is rather somebody's: words with a space, or not of ASCII."""
    return not name.isascii() or any(map(str.isspace, name.strip()))


def _is_label(text: str) -> bool:
    """Tell whether a text is a label: plain, as a data URL, or in Base64."""
    if text.lstrip().startswith(_TEXTS) or _DATA_URL.fullmatch(text.lstrip()):
        return True
    packed = _packed(text)
    if len(packed) < _HEAD * 2:
        return False
    try:
        begin = base64.b64decode(packed[: _HEAD * 4 // 3].translate(str.maketrans("-_", "+/")))
    except (binascii.Error, ValueError):
        return False
    return any(begin.startswith(magic) for magics in LABELS.values() for magic in magics)


def _is_hidden(text: str) -> bool:
    """Tell whether a text is as long as a document, or hides something as long as one in Base64."""
    return len(text) > _LONGEST_TEXT or len(_packed(text)) >= _SHORTEST_HIDDEN


def _packed(text: str) -> str:
    """Return a text without spaces if it is Base64, else an empty one."""
    packed = "".join(text.split())
    return packed if _BASE64.fullmatch(packed) else ""
