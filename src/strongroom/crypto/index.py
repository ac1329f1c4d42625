"""Blind index: lets the vault find a record by e-mail, phone or order number without decrypting anything.

A tag is an HMAC-SHA-256 (RFC 2104) of the normalised value, cut to 64 bits, under a key derived
from the period key, so that the index of a day dies with the day's data [2.1]. Byte-exact in
`docs/formats/record.md`. Normalised values are personal data: they live only as arguments here,
never in an error or a `repr`.
"""

import unicodedata
from struct import Struct
from typing import TYPE_CHECKING, Final

from strongroom.crypto.derive import aad, derive, keyed_states, sha256

if TYPE_CHECKING:
    from _hashlib import HASH

SUBJECT_REF_BYTES: Final = 16
PHONE_TAG_DIGITS: Final = 9
"""A phone number is indexed by its last nine digits; see `normalize_phone`."""

_SHORTEST_PHONE_DIGITS: Final = 5
_FIRST_64_BITS: Final = Struct(">q24x")
_LENGTH: Final = Struct(">I")


class SearchKey:
    """The key of one period's tags, with one keyed state per field; drop it when the period key is destroyed."""

    __slots__ = ("_key", "fields", "outer")

    def __init__(self, key: bytes) -> None:
        self._key: Final = key
        self.fields: Final[dict[str, HASH]] = {}
        self.outer: Final = keyed_states(sha256, key)[1]

    def add(self, field: str) -> "HASH":
        """Return the inner state of a field, now kept for the next tag."""
        inner = keyed_states(sha256, self._key, aad(field))[0]
        self.fields[field] = inner
        return inner

    def __repr__(self) -> str:
        return "<search key>"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a key cannot be pickled")


class SubjectKey:
    """The key under which a selling partner's subjects (orders) are looked up."""

    __slots__ = ("inner", "outer")

    def __init__(self, key: bytes) -> None:
        self.inner, self.outer = keyed_states(sha256, key)

    def __repr__(self) -> str:
        return "<subject key>"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a key cannot be pickled")


def search_key(period_key: bytes) -> SearchKey:
    """Return the key of the tags that live and die with this period key; keep it as long as the period's cipher."""
    return SearchKey(derive(period_key, "strongroom/search/v1"))


def tag(key: SearchKey, field: str, normalized: str) -> int:
    """Return the 64-bit signed tag of a normalised value in a field such as `email`.

    A tag names candidates: two of 2**32 values in one period may share one.
    """
    inner = (key.fields.get(field) or key.add(field)).copy()
    raw = normalized.encode()
    inner.update(_LENGTH.pack(len(raw)) + raw)
    outer = key.outer.copy()
    outer.update(inner.digest())
    found: int = _FIRST_64_BITS.unpack(outer.digest())[0]
    return found


def subject_ref(key: SubjectKey, kind: str, subject_id: str) -> bytes:
    """Return the 16 bytes under which a subject, such as an order, is stored and found."""
    inner = key.inner.copy()
    inner.update(aad(kind, subject_id))
    outer = key.outer.copy()
    outer.update(inner.digest())
    return outer.digest()[:SUBJECT_REF_BYTES]


def normalize_email(address: str) -> str:
    """Return the form in which addresses are compared: trimmed, NFKC, case folded; empty when nothing is left.

    Dots and `+` suffixes stay: whether they matter is the mailbox owner's business, and a wrong
    match shows one person another's record.
    """
    if address.isascii():
        return address.strip().lower()  # what the long way gives, at a tenth of its cost
    folded = unicodedata.normalize("NFKC", address).casefold()
    # Folding can undo the normal form, and normalising can bring out spaces.
    return unicodedata.normalize("NFKC", folded).strip()


def normalize_phone(number: str) -> str:
    """Return the digits a phone number is indexed by: its last nine; all of them when it has five to eight.

    So +49 151 23456789, 0049 151…, and 0151… meet, whatever country code or trunk prefix was
    written: for 9-digit and longer national numbers. An extension counts as part of the number:
    behind a shared relay number it is what tells people apart. Fewer than five digits give the
    empty string: nothing to find by. A match is a candidate; confirm it with `same_phone` on the
    decrypted value, since numbers of two area codes may end alike.
    """
    digits = _digits(number)
    return digits[-PHONE_TAG_DIGITS:] if len(digits) >= _SHORTEST_PHONE_DIGITS else ""


def same_phone(one: str, other: str) -> bool:
    """Say whether two written phone numbers can be the same: equal, or one lacks only its country code or trunk zero."""
    first, second = sorted((_significant(one), _significant(other)), key=len)
    return len(first) >= _SHORTEST_PHONE_DIGITS and second.endswith(first)


def _significant(number: str) -> str:
    # +49 (0)151…: the bracketed trunk zero is written for readers at home, and not dialled from abroad.
    return _digits(number.replace("(0)", "")).lstrip("0")


def _digits(number: str) -> str:
    if number.isascii():
        return "".join(filter(str.isdigit, number))
    decimals = (unicodedata.decimal(character, -1) for character in number)
    return "".join(str(value) for value in decimals if value >= 0)
