"""Opens and seals the records of one selling partner. What it gives is plaintext, which stays in this room."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from strongroom.crypto import envelope
from strongroom.crypto.index import NORMALIZERS, SubjectKey, subject_ref, tag
from strongroom.errors import Gone, Tampered
from strongroom.policy.catalogue.slots import (
    FIXED,
)
from strongroom.terms import Scalar
from strongroom.vault import large
from strongroom.vault.keystore import Keystore, PeriodKey
from strongroom.vault.store import Row, SealedValue, Tag

SUBJECT_ID: Final = 0
"""The slot that holds the subject's own id inside the sealed record; no token is ever made of it."""

_SEARCHED: Final = {n: spec.search for n, spec in FIXED.items() if spec.search is not None}
_NO_TAGS: Final[frozenset[Tag]] = frozenset()

_NAME_HASH_BYTES: Final = 8
_MOST_NAMES: Final = 50_000


class RecordBox:
    """Opens and seals the records of one selling partner. What it returns is plaintext: it stays inside this room."""

    def __init__(
        self,
        sealer: envelope.RecordSealer,
        values: large.ValueSealer,
        keystore: Keystore,
        subjects: SubjectKey,
    ) -> None:
        self._sealer = sealer
        self._values = values
        self._keystore = keystore
        self._subjects = subjects
        self._outside: dict[str, str] = {}

    def outside_name(self, name: str) -> str:
        """Return a dynamic slot's name as it may stand beside the sealed record: its id as a keyed hash."""
        known = self._outside.get(name)
        if known is None:
            kind, colon, rest = name.partition(":")
            ident, _, field = rest.partition(".")
            known = name
            if colon:
                hashed = subject_ref(self._subjects, f"slot:{kind}", ident)[:_NAME_HASH_BYTES]
                known = f"{kind}:{hashed.hex()}.{field}"
            if len(self._outside) >= _MOST_NAMES:
                self._outside.clear()
            self._outside[name] = known
        return known

    def dek(self, row: Row) -> bytes:
        """Return the record's DEK.

        Raises:
            Gone: the period key that wraps it was destroyed.
            Tampered: the wrapped DEK is not this record's.

        """
        if row.period is None or row.wrapped is None:
            raise Gone(f"record {row.number} holds nothing any more")
        period = self._keystore.find_period(row.period)
        if period is None:
            raise Gone(f"record {row.number} was destroyed on its day")
        if period.seller != row.seller:
            raise Tampered(f"record {row.number} names another selling partner's period")
        return self._sealer.unwrap(period.cipher, row.number, row.period, row.wrapped)

    def open(self, row: Row, dek: bytes) -> dict[int, Scalar]:
        """Return the record's values by slot number."""
        if row.blob is None:
            return {}
        return envelope.decode_slots(self._sealer.open(dek, row.number, row.version, row.blob))

    def seal_new(
        self, period: PeriodKey, new: Sequence[tuple[Row, dict[int, Scalar]]]
    ) -> list[SealedValue]:
        """Put values into rows, each under a fresh DEK, as their next version; return those that lie beside them."""
        payloads = [large.payload_of(slots) for _row, slots in new]
        sealed = self._sealer.seal_all(
            period.cipher,
            period.id,
            [
                (row.number, row.version + 1, payload)
                for (row, _slots), (payload, _beside) in zip(new, payloads, strict=True)
            ],
        )
        values: list[SealedValue] = []
        for (row, _slots), (_payload, beside), (blob, wrapped, dek) in zip(
            new, payloads, sealed, strict=True
        ):
            row.version += 1
            row.blob, row.wrapped, row.period = blob, wrapped, period.id
            if beside:
                values += self.seal_values(row, dek, beside)
        return values

    def seal(self, row: Row, dek: bytes, slots: dict[int, Scalar]) -> None:
        """Put the values into the row as its next version."""
        row.version += 1
        row.blob = self._sealer.seal(dek, row.number, row.version, envelope.encode_slots(slots))

    def seal_values(self, row: Row, dek: bytes, beside: Mapping[int, str]) -> list[SealedValue]:
        """Return long values sealed for the places beside their record."""
        return [
            SealedValue(
                row.number, slot, row.seller, self._values.seal(dek, row.number, slot, value)
            )
            for slot, value in beside.items()
        ]

    def open_value(self, row: Row, slot: int, reference: str, sealed: bytes | None) -> str:
        """Return the long value that a slot of this record refers to. Raises: Gone, Tampered."""
        if sealed is None:
            raise Tampered(f"a value of record {row.number} is missing")
        return self._values.open(self.dek(row), row.number, slot, reference, sealed)

    def wrap(self, row: Row, dek: bytes, period: PeriodKey) -> None:
        """Wrap the DEK under a period key."""
        row.period = period.id
        row.wrapped = self._sealer.wrap(period.cipher, row.number, period.id, dek)


def refuse_other_subject(row: Row, slots: Mapping[int, Scalar], subject: str) -> None:
    """Refuse a record that belongs to another subject than the one it was found by.

    Raises:
        Tampered: it does; the reference from subject to record is outside the seal and was changed.

    """
    if slots.get(SUBJECT_ID) != subject:
        raise Tampered(f"record {row.number} belongs to another subject")


def tags_of(row: Row, period: PeriodKey, slots: Mapping[int, Scalar]) -> AbstractSet[Tag]:
    """Return the search tags of a record's values under a period."""
    searched = _SEARCHED.keys() & slots
    if not searched:
        return _NO_TAGS
    found: set[Tag] = set()
    for number in searched:
        kind, value = _SEARCHED[number], slots[number]
        if isinstance(value, str):
            normal = NORMALIZERS[kind](value)
            if normal:
                found.add((period.id, tag(period.search, kind, normal), row.number))
    return found
