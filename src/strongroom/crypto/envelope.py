"""Seals records under their own keys (DEK) and wraps those keys [2.4].

Everything is AES-256-GCM with random 96-bit nonces (NIST SP 800-38D, RFC 5116). The associated data
binds every ciphertext to its format, environment, selling partner, record and version, so bytes
moved elsewhere do not open. Byte-exact in `docs/formats/envelope.md` and `record.md`; why plain GCM
suffices here is ADR 0010, why it wraps the keys as well ADR 0012.

A nonce never repeats under a key: it is random, and no key here seals 2**32 times (SP 800-38D
section 8.3). Nothing in this file may put a plaintext, a key or a ciphertext into an error.
"""

import math
import os
from collections.abc import Callable, Mapping, Sequence
from struct import Struct
from typing import Any, Final, NamedTuple

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from strongroom.crypto.derive import KEY_BYTES, aad
from strongroom.errors import Malformed, Tampered
from strongroom.terms import Environment, PeriodId, RecordNumber, Scalar, SellerId

Entropy = Callable[[int], bytes]
"""Gives so many unpredictable bytes: `os.urandom`, except where a test vector is recomputed."""

WRAPPED_BYTES: Final = 61
"""Length of a wrapped key: version 1, nonce 12, key 32, tag 16."""

_VERSION: Final = b"\x01"
_NONCE_BYTES: Final = 12
_HEAD_BYTES: Final = 1 + _NONCE_BYTES
_FRESH_BYTES: Final = KEY_BYTES + 2 * _NONCE_BYTES
"""What a new record takes of entropy: its DEK, its own nonce and that of its wrapped DEK."""
_TAG_BYTES: Final = 16
_TWO_NUMBERS: Final = Struct(">IQIQ")  # two `aad` parts that are numbers, framed in one step

_SCALARS: Final = frozenset({str, int, float, bool})


def new_key() -> bytes:
    """Return 32 random bytes from the operating system."""
    return os.urandom(KEY_BYTES)


def seal(key: bytes, plaintext: bytes, *, context: bytes, entropy: Entropy = os.urandom) -> bytes:
    """Return version byte, nonce and ciphertext; opening takes the same `context`, from `aad`."""
    nonce = entropy(_NONCE_BYTES)
    return _VERSION + nonce + _cipher(key).encrypt(nonce, plaintext, context)


def open_(key: bytes, sealed: bytes, *, context: bytes, name: str = "a sealed value") -> bytes:
    """Return the plaintext of what `seal` made; `name` is how an error calls it.

    Raises:
        Tampered: the bytes, the key or the context are not those of the sealing.

    """
    try:
        return _opened(_cipher(key), sealed, context)
    except InvalidTag:
        raise Tampered(f"{name} does not open: altered, or of another place") from None


def wrap(kek: bytes, key: bytes, *, context: bytes, entropy: Entropy = os.urandom) -> bytes:
    """Return a 32-byte key wrapped under another: 61 bytes."""
    if len(key) != KEY_BYTES:
        raise ValueError(f"a key has {KEY_BYTES} bytes")
    return seal(kek, key, context=context, entropy=entropy)


def unwrap(kek: bytes, wrapped: bytes, *, context: bytes, name: str = "a wrapped key") -> bytes:
    """Return the key that `wrap` wrapped.

    Raises:
        Tampered: the bytes, the key or the context are not those of the wrapping.

    """
    if len(wrapped) != WRAPPED_BYTES:
        raise Tampered(f"{name} does not open: it has {len(wrapped)} bytes")
    return open_(kek, wrapped, context=context, name=name)


class PeriodCipher:
    """A period key, ready to wrap and unwrap DEKs.

    Build it once per key and drop it when the key is destroyed.
    """

    __slots__ = ("decrypt", "encrypt")

    def __init__(self, key: bytes) -> None:
        # Kept as bound methods: looking them up is a tenth of a small encryption.
        cipher = _cipher(key)
        self.encrypt: Final = cipher.encrypt
        self.decrypt: Final = cipher.decrypt

    def __repr__(self) -> str:
        return "<period cipher>"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a key cannot be pickled")


class SealedRecord(NamedTuple):
    """What `RecordSealer.seal_new` made: two columns to store, and the DEK for further use."""

    blob: bytes
    wrapped_dek: bytes
    dek: bytes

    def __repr__(self) -> str:
        return "<sealed record>"


class RecordSealer:
    """Seals and opens one selling partner's records; safe to share between threads."""

    __slots__ = ("_entropy", "_key_context", "_record_context")

    def __init__(
        self, environment: Environment, seller_id: SellerId, *, entropy: Entropy = os.urandom
    ) -> None:
        self._record_context: Final = aad("strongroom/record/v1", environment, seller_id)
        self._key_context: Final = aad("strongroom/dek/v1", environment, seller_id)
        self._entropy: Final = entropy

    def seal_new(
        self,
        period: PeriodCipher,
        number: RecordNumber,
        period_id: PeriodId,
        payload: bytes,
        version: int = 1,
    ) -> SealedRecord:
        """Return a payload sealed under a fresh DEK, and that DEK wrapped: `seal` and `wrap` in one step."""
        return SealedRecord(*self.seal_all(period, period_id, [(number, version, payload)])[0])

    def seal_all(
        self,
        period: PeriodCipher,
        period_id: PeriodId,
        records: Sequence[tuple[RecordNumber, int, bytes]],
    ) -> list[tuple[bytes, bytes, bytes]]:
        """Return blob, wrapped DEK and DEK of each (number, version, payload), sealed under a fresh DEK of its own.

        One request to the operating system gives all DEKs and nonces; no byte of it is used twice.
        """
        fresh = self._entropy(_FRESH_BYTES * len(records))
        frame, wrap = _TWO_NUMBERS.pack, period.encrypt
        record_context, key_context = self._record_context, self._key_context
        sealed = []
        for (number, version, payload), at in zip(
            records, range(0, len(fresh), _FRESH_BYTES), strict=True
        ):
            dek, nonce = fresh[at : at + 32], fresh[at + 32 : at + 44]
            key_nonce = fresh[at + 44 : at + 56]
            blob = AESGCM(dek).encrypt(
                nonce, payload, record_context + frame(8, number, 8, version)
            )
            wrapped = wrap(key_nonce, dek, key_context + frame(8, number, 8, period_id))
            sealed.append((_VERSION + nonce + blob, _VERSION + key_nonce + wrapped, dek))
        return sealed

    def seal(self, dek: bytes, number: RecordNumber, version: int, payload: bytes) -> bytes:
        """Return one version of a record sealed under its DEK."""
        nonce = self._entropy(_NONCE_BYTES)
        context = self._record_context + _TWO_NUMBERS.pack(8, number, 8, version)
        return _VERSION + nonce + _cipher(dek).encrypt(nonce, payload, context)

    def open(self, dek: bytes, number: RecordNumber, version: int, blob: bytes) -> bytes:
        """Return the payload of exactly this version of this record.

        Raises:
            Tampered: the blob is not what was sealed for it.

        """
        context = self._record_context + _TWO_NUMBERS.pack(8, number, 8, version)
        try:
            return _opened(_cipher(dek), blob, context)
        except InvalidTag:
            raise Tampered(
                f"record {number} does not open: altered, or not its version {version}"
            ) from None

    def wrap(
        self, period: PeriodCipher, number: RecordNumber, period_id: PeriodId, dek: bytes
    ) -> bytes:
        """Return a record's DEK wrapped under a period key: 61 bytes."""
        if len(dek) != KEY_BYTES:
            raise ValueError(f"a key has {KEY_BYTES} bytes")
        nonce = self._entropy(_NONCE_BYTES)
        context = self._key_context + _TWO_NUMBERS.pack(8, number, 8, period_id)
        return _VERSION + nonce + period.encrypt(nonce, dek, context)

    def unwrap(
        self, period: PeriodCipher, number: RecordNumber, period_id: PeriodId, wrapped: bytes
    ) -> bytes:
        """Return a record's DEK.

        Raises:
            Tampered: it was not wrapped for this record under this period.

        """
        context = self._key_context + _TWO_NUMBERS.pack(8, number, 8, period_id)
        try:
            return _opened(period, wrapped, context)
        except InvalidTag:
            raise Tampered(
                f"key of record {number} does not open: altered, or not under period {period_id}"
            ) from None


def encode_slots(slots: Mapping[int, Scalar]) -> bytes:
    """Return a record's payload: version byte and the slots, in their order, as JSON.

    Raises:
        Malformed: a value is no JSON scalar: not finite, beyond 64 bits, or not valid Unicode.

    """
    try:
        encoded = orjson.dumps(list(slots.items()))
    except (TypeError, ValueError):
        raise Malformed("a slot's value cannot be written as JSON") from None
    # orjson writes NaN and the infinities as null: look closer only where that may have happened.
    if b"null" in encoded and not all(map(_is_scalar, slots.values())):
        raise Malformed("a slot's value cannot be written as JSON")
    return _VERSION + encoded


def decode_slots(payload: bytes) -> dict[int, Scalar]:
    """Return the slots of a payload, with each number and text exactly as it was encoded.

    Raises:
        Tampered: the payload has another form. It was authenticated, so its writer was not this
            code.

    """
    if payload[:1] != _VERSION:
        raise Tampered("a record's payload has an unknown version")
    try:
        pairs: list[tuple[int, Scalar]] = orjson.loads(payload[1:])
        slots = dict(pairs)
        sound = type(pairs) is list and len(slots) == len(pairs)
        sound = sound and set(map(type, slots)) <= {int}
        sound = sound and set(map(type, slots.values())) <= _SCALARS
    except (TypeError, ValueError):
        sound = False
    if not sound:
        raise Tampered("a record's payload has an unknown form")
    return slots


def _cipher(key: bytes) -> AESGCM:
    # AESGCM would take 16 bytes and quietly be AES-128.
    if len(key) != KEY_BYTES:
        raise ValueError(f"a key has {KEY_BYTES} bytes")
    return AESGCM(key)


def _opened(cipher: "AESGCM | PeriodCipher", sealed: bytes, context: bytes) -> bytes:
    if len(sealed) < _HEAD_BYTES + _TAG_BYTES or sealed[0] != 1:
        raise InvalidTag
    return cipher.decrypt(sealed[1:_HEAD_BYTES], sealed[_HEAD_BYTES:], context)


def _is_scalar(value: Any) -> bool:  # noqa: ANN401 - the question is what it is
    return type(value) in _SCALARS and (type(value) is not float or math.isfinite(value))
