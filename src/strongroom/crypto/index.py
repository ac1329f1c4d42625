"""Blind index: finds records by e-mail, phone or order number without decrypting anything.

A tag is an HMAC-SHA-256 (RFC 2104) of the normalised value, cut to 64 bits, under a key derived
from the period key, so that the index of a day dies with the day's data [2.1]. Byte-exact in
`docs/formats/record.md`. Normalised values are personal data: they live only as arguments here,
never in an error or a `repr`.
"""

import unicodedata
from collections.abc import Callable, Mapping
from struct import Struct
from typing import TYPE_CHECKING, Final

from strongroom.crypto.derive import aad, derive, keyed_states, sha256
from strongroom.errors import Malformed
from strongroom.terms import SellerId

if TYPE_CHECKING:
    from _hashlib import HASH

SUBJECT_REF_BYTES: Final = 16
PHONE_TAG_DIGITS: Final = 9
"""A phone number is indexed by its last nine digits; see `normalize_phone`."""

_SHORTEST_PHONE_DIGITS: Final = 5
_NO_DIGITS: Final = bytes(byte for byte in range(128) if not chr(byte).isdigit())
_FIRST_64_BITS: Final = Struct(">q24x")
_LENGTH: Final = Struct(">I")


class _LabelledKey:
    """A key for HMAC-SHA-256 over `aad(label, value)`, with one keyed state for each label seen."""

    __slots__ = ("_key", "_labels", "_outer")

    def __init__(self, key: bytes) -> None:
        self._key: Final = key
        self._labels: Final[dict[str, Callable[[], HASH]]] = {}
        self._outer: Final = keyed_states(sha256, key)[1].copy

    def digest(self, label: str, value: str) -> bytes:
        """Return the 32 bytes; labels are few and fixed, since each is kept.

        Raises:
            Malformed: the value is not valid Unicode.

        """
        try:
            inner = self._labels[label]()
        except KeyError:
            inner = self._add(label)
        try:
            raw = value.encode()
        except UnicodeEncodeError:
            raise Malformed(f"the {label} is not valid Unicode") from None
        inner.update(_LENGTH.pack(len(raw)) + raw)
        outer = self._outer()
        outer.update(inner.digest())
        return outer.digest()

    def _add(self, label: str) -> "HASH":
        state = keyed_states(sha256, self._key, aad(label))[0]
        self._labels[label] = state.copy
        return state.copy()

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a key cannot be pickled")


class SearchKey(_LabelledKey):
    """The key of one period's tags; keep it beside the period's cipher and drop both together."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<search key>"


class SubjectKey(_LabelledKey):
    """The key under which one selling partner's subjects, such as orders, are looked up."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<subject key>"


def search_key(period_key: bytes) -> SearchKey:
    """Return the key of the tags that live and die with this period key."""
    return SearchKey(derive(period_key, "strongroom/search/v1"))


def subject_key(key: bytes, seller: SellerId) -> SubjectKey:
    """Return one selling partner's key, from the home's."""
    return SubjectKey(derive(key, "strongroom/subject/v1", seller))


def tag(key: SearchKey, field: str, normalized: str) -> int:
    """Return the 64-bit signed tag of a normalised value in a field such as `email`."""
    found: int = _FIRST_64_BITS.unpack(key.digest(field, normalized))[0]
    return found


def subject_ref(key: SubjectKey, kind: str, subject_id: str) -> bytes:
    """Return the 16 bytes under which a subject is stored and found."""
    return key.digest(kind, subject_id)[:SUBJECT_REF_BYTES]


def normalize_email(address: str) -> str:
    """Return the form in which addresses are compared: trimmed, NFKC, case folded.

    Dots and `+` suffixes stay: whether they matter is the mailbox owner's business, and a wrong
    match shows one person another's record.
    """
    if address.isascii():
        return address.strip().lower()  # what the long way gives, at a tenth of its cost
    folded = unicodedata.normalize("NFKC", address).casefold()
    # Folding can undo the normal form, and normalising can bring out spaces.
    return unicodedata.normalize("NFKC", folded).strip()


def normalize_phone(number: str) -> str:
    """Return the digits a phone number is indexed by: its last nine, or all when it has fewer.

    So +49 151 23456789, 0049 151…, and 0151… meet, whatever country code or trunk prefix was
    written: for 9-digit and longer national numbers. An extension counts as part of the number:
    behind a shared relay number it is what tells people apart. Fewer than five digits give the
    empty string: nothing to find by. A match is a candidate; confirm it with `same_phone` on the
    decrypted value, since numbers of two area codes may end alike.
    """
    digits = _digits(number)
    return digits[-PHONE_TAG_DIGITS:] if len(digits) >= _SHORTEST_PHONE_DIGITS else ""


NORMALIZERS: Final[Mapping[str, Callable[[str], str]]] = {
    "email": normalize_email,
    "phone": normalize_phone,
}
"""How a value of each tagged field is written first: who stores, who searches and who scans must agree."""


def same_phone(one: str, other: str) -> bool:
    """Say whether two written phone numbers can be the same.

    They are equal, or one of them only lacks its country code or trunk zero.
    """
    first, second = sorted((_significant(one), _significant(other)), key=len)
    return len(first) >= _SHORTEST_PHONE_DIGITS and second.endswith(first)


def _significant(number: str) -> str:
    # +49 (0)151…: the bracketed trunk zero is for readers at home and not dialled from abroad.
    return _digits(number.replace("(0)", "")).lstrip("0")


def _digits(number: str) -> str:
    if number.isascii():
        return number.encode().translate(None, _NO_DIGITS).decode()
    decimals = (unicodedata.decimal(character, -1) for character in number)
    return "".join(str(value) for value in decimals if value >= 0)
