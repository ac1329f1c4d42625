"""Key derivation and framing, against the published vectors of what they are made of."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.crypto.derive import aad, derive, keyed_states, sha256, sha512

KEYS = st.binary(min_size=32, max_size=32)
PARTS = st.lists(st.binary(max_size=20) | st.text(max_size=20) | st.integers(0, 2**64 - 1))


def _hkdf(key: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869 section 2, without salt, written out."""
    pseudorandom = hmac.digest(bytes(32), key, "sha256")
    output, block, count = b"", b"", 0
    while len(output) < length:
        count += 1
        block = hmac.digest(pseudorandom, block + info + bytes([count]), "sha256")
        output += block
    return output[:length]


def _framed(data: bytes) -> list[bytes]:
    parts = []
    while data:
        size = int.from_bytes(data[:4], "big")
        parts.append(data[4 : 4 + size])
        assert len(parts[-1]) == size
        data = data[4 + size :]
    return parts


def test_the_reference_hkdf_of_these_tests_is_that_of_rfc_5869_case_3() -> None:
    expected = (
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
    )
    assert _hkdf(b"\x0b" * 22, b"", 42).hex() == expected


@given(KEYS, PARTS)
def test_derive_is_hkdf_sha256_over_the_framed_parts(key: bytes, parts: list[bytes]) -> None:
    assert derive(key, *parts) == _hkdf(key, aad(*parts), 32)


@given(st.lists(st.binary(max_size=30)))
def test_framed_parts_can_be_read_back_in_one_way_only(parts: list[bytes]) -> None:
    assert _framed(aad(*parts)) == parts


def test_a_number_is_eight_bytes_and_text_is_utf8() -> None:
    assert _framed(aad(258, "é")) == [b"\0\0\0\0\0\0\x01\x02", b"\xc3\xa9"]


@pytest.mark.parametrize("number", [-1, 2**64])
def test_a_number_beyond_64_bits_is_refused(number: int) -> None:
    with pytest.raises(OverflowError):
        aad(number)


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_a_key_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        derive(bytes(size), "x")
    with pytest.raises(ValueError, match="32 bytes"):
        keyed_states(sha256, bytes(size))


# RFC 4231 sections 4.2 to 4.5: key, data, the first bytes of HMAC-SHA-256 and of HMAC-SHA-512.
# HMAC pads a key with zeros to its block, so ours of 32 bytes say the same as the shorter ones.
RFC_4231 = [
    (b"\x0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b", "87aa7cdea5ef619d4ff0b4241a1d6cb0"),
    (b"Jefe", b"what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c7", "164b7a7bfcf819e2e395fbe73b56e0a3"),
    (b"\xaa" * 20, b"\xdd" * 50, "773ea91e36800e46854db8ebd09181a7", "fa73b0089d56a284efb0f0756c890be9"),
    (bytes(range(1, 26)), b"\xcd" * 50, "82558a389a443c0ea4cc819899f2083a", "b0ba465637458c6990e5a8c5f61d4af7"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "data", "short", "long"), RFC_4231)
def test_keyed_states_are_hmac_as_published(key: bytes, data: bytes, short: str, long: str) -> None:
    for algorithm, expected in ((sha256, short), (sha512, long)):
        inner, outer = keyed_states(algorithm, key.ljust(32, b"\0"), data[:5])
        inner.update(data[5:])
        outer.update(inner.digest())
        assert outer.hexdigest().startswith(expected)


@given(KEYS, st.binary(max_size=300), st.binary(max_size=300))
def test_copies_of_keyed_states_are_hmac(key: bytes, prefix: bytes, message: bytes) -> None:
    states = keyed_states(sha512, key, prefix)
    for _ in range(2):
        inner, outer = (state.copy() for state in states)
        inner.update(message)
        outer.update(inner.digest())
        assert outer.digest() == hmac.digest(key, prefix + message, hashlib.sha512)
