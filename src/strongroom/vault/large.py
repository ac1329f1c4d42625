"""Values too long for a record, such as labels: sealed beside it under its own DEK, a reference in the slot [2.4].

A record is opened and sealed again with each view of its order; a label of a megabyte within would be, too. So what is
longer than `LARGE` lies in a row of its own, which no merge touches and which dies with the record's key. The reference
is inside the record's seal and names the value by its hash: an older value put back into the row does not open.

Pure, except for the nonces. Byte-exact in `docs/formats/record.md`.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Final, TypeGuard

from strongroom.crypto import envelope
from strongroom.crypto.derive import aad
from strongroom.errors import Malformed, Tampered
from strongroom.policy.catalogue.slots import OVERFLOW
from strongroom.terms import Environment, RecordNumber, Scalar, SellerId

LARGE: Final = 16 * 1024
"""A text of more characters lies beside its record."""

LARGEST: Final = 24 * 1024 * 1024
"""A text of more bytes is not kept."""

MOST_TOGETHER: Final = 4 * 1024 * 1024
"""Bytes of long values that one answer may have beside other values: a small question must not fill the memory."""

_WITHIN: Final = frozenset({0, OVERFLOW})
"""The subject's id and the slots' names, which the record can't be read without."""

_MARK: Final = "\0"
_MARK_AS_JSON: Final = b'"\\u0000'
_REFERENCE: Final = re.compile(r"\0sha256:([0-9a-f]{64}):([0-9]{1,8})").fullmatch


def payload_of(slots: Mapping[int, Scalar]) -> tuple[bytes, dict[int, str]]:
    """Return the payload of a new record, and of its values those that lie beside it.

    Raises:
        Malformed: a value is longer than any that is kept, or cannot be written.

    """
    payload = envelope.encode_slots(slots)
    # One look at the whole costs nothing; looking at each value would be felt by every page of orders.
    if len(payload) <= LARGE and _MARK_AS_JSON not in payload:
        return payload, {}
    short, beside = split(slots)
    return (envelope.encode_slots(short) if beside else payload), beside


def split(slots: Mapping[int, Scalar]) -> tuple[Mapping[int, Scalar], dict[int, str]]:
    """Return values as Amazon gave them with references for the long ones, and those. Raises: Malformed."""
    beside = {n: value for n, value in slots.items() if n not in _WITHIN and _is_beside(value)}
    if not beside:
        return slots, {}
    return {**slots, **{n: reference(value) for n, value in beside.items()}}, beside


def reference(value: str) -> str:
    """Return what stands in a long value's slot. Raises: Malformed."""
    content = _bytes(value)
    if len(content) > LARGEST:
        raise Malformed(f"a value has more than {LARGEST} bytes")
    return f"{_MARK}sha256:{hashlib.sha256(content).hexdigest()}:{len(content)}"


def kept(value: Scalar) -> Scalar:
    """Return what a slot of an opened record holds for a value: a reference for a long one. Raises: Malformed."""
    return reference(value) if _is_beside(value) else value


def is_reference(value: Scalar | None) -> TypeGuard[str]:
    """Say whether a slot of an opened record refers to a value beside it."""
    # A value of that form is itself kept beside its record, so none can pose as a reference.
    return isinstance(value, str) and _REFERENCE(value) is not None


class TooLong(Malformed):
    """A long value is asked for together with others; alone it is answered."""


def refuse_long(values: Iterable[Scalar | None], most: int) -> None:
    """Refuse to open values of an opened record that have more bytes together, told by their references.

    Raises:
        TooLong: they have.

    """
    found = (_REFERENCE(value) for value in values if is_reference(value))
    if sum(int(reference[2]) for reference in found if reference) > most:
        raise TooLong(
            "the values are too long for one answer",
            hint="ask for each by its own token, and for documents as files",
        )


class ValueSealer:
    """Seals and opens the long values of one selling partner's records."""

    __slots__ = ("_environment", "_seller")

    def __init__(self, environment: Environment, seller: SellerId) -> None:
        self._environment = environment
        self._seller = seller

    def seal(self, dek: bytes, number: RecordNumber, slot: int, value: str) -> bytes:
        """Return a long value sealed for its place."""
        context = self._context(number, slot, reference(value))
        return envelope.seal(dek, _bytes(value), context=context)

    def open(self, dek: bytes, number: RecordNumber, slot: int, ref: str, sealed: bytes) -> str:
        """Return the value that a reference names.

        Raises:
            Tampered: these bytes are another value, or of another place.

        """
        context = self._context(number, slot, ref)
        opened = envelope.open_(dek, sealed, context=context, name=f"a value of record {number}")
        try:
            return opened.decode()
        except UnicodeDecodeError:
            raise Tampered(f"a value of record {number} has an unknown form") from None

    def _context(self, number: RecordNumber, slot: int, ref: str) -> bytes:
        return aad(
            "strongroom/value/v1",
            self._environment,
            self._seller,
            number,
            slot,
            ref,
        )


def _is_beside(value: Scalar) -> TypeGuard[str]:
    return isinstance(value, str) and (len(value) > LARGE or value.startswith(_MARK))


def _bytes(value: str) -> bytes:
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise Malformed("a slot's value is not valid Unicode") from None
