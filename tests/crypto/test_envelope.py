"""Records and their keys open where they were sealed, and nowhere else."""

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from strongroom.crypto.derive import aad
from strongroom.crypto.envelope import (
    WRAPPED_BYTES,
    PeriodCipher,
    RecordSealer,
    decode_slots,
    encode_slots,
    new_key,
    open_,
    seal,
    unwrap,
    wrap,
)
from strongroom.errors import Malformed, Tampered
from strongroom.terms import Environment, PeriodId, RecordNumber, Scalar, SellerId

CONTEXT = aad("strongroom/example/v1")
PAYLOAD = encode_slots({1: "Ana", 2: "Calle Mayor 1"})
NUMBER = RecordNumber(7)
PERIOD = PeriodId(3)

SCALARS = (
    st.text(st.characters(exclude_categories=["Cs"]))
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.booleans()
)


@pytest.fixture
def sealer() -> RecordSealer:
    return RecordSealer(Environment.TEST, SellerId(1))


@pytest.fixture
def period() -> PeriodCipher:
    return PeriodCipher(new_key())


# AES-256 vectors 14 and 16 of McGrew and Viega, "The Galois/Counter Mode of Operation (GCM)", the
# submission NIST SP 800-38D is based on: key, nonce, plaintext, associated data, result and tag.
PUBLISHED = [
    (
        bytes(32),
        bytes(12),
        bytes(16),
        b"",
        "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919",
    ),
    (
        bytes.fromhex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"),
        bytes.fromhex("cafebabefacedbaddecaf888"),
        bytes.fromhex(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
            "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
        ),
        bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2"),
        (
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
            "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
            "76fc6ece0f4e1768cddf8853bb2d551b"
        ),
    ),
]


@pytest.mark.parametrize(("key", "nonce", "plaintext", "context", "result"), PUBLISHED)
def test_an_envelope_is_version_nonce_and_published_gcm(
    key: bytes, nonce: bytes, plaintext: bytes, context: bytes, result: str
) -> None:
    sealed = seal(key, plaintext, context=context, entropy=lambda _: nonce)
    assert sealed == b"\x01" + nonce + bytes.fromhex(result)
    assert open_(key, sealed, context=context) == plaintext


@pytest.mark.clause("2.4")
@given(st.binary(max_size=200), st.binary(max_size=40))
def test_what_was_sealed_opens(plaintext: bytes, context: bytes) -> None:
    key = new_key()
    assert open_(key, seal(key, plaintext, context=context), context=context) == plaintext


@pytest.mark.clause("2.4")
def test_nonces_and_keys_never_repeat(sealer: RecordSealer, period: PeriodCipher) -> None:
    key = new_key()
    nonces = {seal(key, b"", context=CONTEXT)[1:13] for _ in range(200)}
    nonces |= {sealer.seal(key, NUMBER, 1, PAYLOAD)[1:13] for _ in range(200)}
    nonces |= {sealer.wrap(period, NUMBER, PERIOD, key)[1:13] for _ in range(200)}
    made = [sealer.seal_new(period, NUMBER, PERIOD, PAYLOAD) for _ in range(200)]
    nonces |= {one.blob[1:13] for one in made} | {one.wrapped_dek[1:13] for one in made}
    assert len(nonces) == 1000
    assert len({one.dek for one in made}) == 200


@pytest.mark.parametrize("place", range(30))
def test_a_changed_byte_keeps_an_envelope_shut(place: int) -> None:
    key = new_key()
    sealed = bytearray(seal(key, b"x", context=CONTEXT))
    assert len(sealed) == 30
    sealed[place] ^= 1
    with pytest.raises(Tampered, match="the seller's secrets does not open"):
        open_(key, bytes(sealed), context=CONTEXT, name="the seller's secrets")


@pytest.mark.parametrize("size", range(30))
def test_a_cut_envelope_stays_shut(size: int) -> None:
    key = new_key()
    with pytest.raises(Tampered):
        open_(key, seal(key, b"x", context=CONTEXT)[:size], context=CONTEXT)


def test_an_envelope_opens_only_in_its_context_and_under_its_key() -> None:
    key = new_key()
    sealed = seal(key, b"x", context=CONTEXT)
    for other_key, other_context in ((new_key(), CONTEXT), (key, CONTEXT + b"\0"), (key, b"")):
        with pytest.raises(Tampered):
            open_(other_key, sealed, context=other_context)


def test_a_wrapped_key_is_61_bytes_and_comes_back() -> None:
    kek, key = new_key(), new_key()
    wrapped = wrap(kek, key, context=CONTEXT)
    assert len(wrapped) == WRAPPED_BYTES == 61
    assert unwrap(kek, wrapped, context=CONTEXT) == key
    for other in (wrapped[:-1], wrapped + b"\0", b"", seal(kek, b"short", context=CONTEXT)):
        with pytest.raises(Tampered):
            unwrap(kek, other, context=CONTEXT)


@pytest.mark.parametrize("size", [0, 16, 24, 31, 33])
def test_no_key_but_one_of_256_bits_is_taken(
    size: int, sealer: RecordSealer, period: PeriodCipher
) -> None:
    """AES-GCM itself takes shorter keys and would quietly be weaker."""
    short = bytes(size)
    attempts: list[Callable[[], object]] = [
        lambda: seal(short, b"", context=b""),
        lambda: wrap(short, new_key(), context=b""),
        lambda: wrap(new_key(), short, context=b""),
        lambda: PeriodCipher(short),
        lambda: sealer.seal(short, NUMBER, 1, PAYLOAD),
        lambda: sealer.wrap(period, NUMBER, PERIOD, short),
    ]
    for attempt in attempts:
        with pytest.raises(ValueError, match="32 bytes"):
            attempt()


@pytest.mark.clause("2.4", "2.5")
@pytest.mark.parametrize(
    ("environment", "seller", "number", "version"),
    [
        (Environment.PRODUCTION, 1, 7, 1),
        (Environment.TEST, 2, 7, 1),
        (Environment.TEST, 1, 8, 1),
        (Environment.TEST, 1, 7, 2),
    ],
    ids=["environment", "seller", "number", "version"],
)
def test_a_record_moved_elsewhere_does_not_open(
    sealer: RecordSealer, environment: Environment, seller: int, number: int, version: int
) -> None:
    dek = new_key()
    blob = sealer.seal(dek, NUMBER, 1, PAYLOAD)
    assert sealer.open(dek, NUMBER, 1, blob) == PAYLOAD
    elsewhere = RecordSealer(environment, SellerId(seller))
    with pytest.raises(Tampered, match=f"record {number} does not open"):
        elsewhere.open(dek, RecordNumber(number), version, blob)


@pytest.mark.clause("2.4", "2.5")
@pytest.mark.parametrize(
    ("environment", "seller", "number", "period_id"),
    [
        (Environment.PRODUCTION, 1, 7, 3),
        (Environment.TEST, 2, 7, 3),
        (Environment.TEST, 1, 8, 3),
        (Environment.TEST, 1, 7, 4),
    ],
    ids=["environment", "seller", "number", "period"],
)
def test_a_wrapped_dek_moved_elsewhere_does_not_open(
    sealer: RecordSealer,
    period: PeriodCipher,
    environment: Environment,
    seller: int,
    number: int,
    period_id: int,
) -> None:
    made = sealer.seal_new(period, NUMBER, PERIOD, PAYLOAD)
    assert sealer.unwrap(period, NUMBER, PERIOD, made.wrapped_dek) == made.dek
    elsewhere = RecordSealer(environment, SellerId(seller))
    with pytest.raises(Tampered, match=f"key of record {number} does not open"):
        elsewhere.unwrap(period, RecordNumber(number), PeriodId(period_id), made.wrapped_dek)


@pytest.mark.clause("2.1")
def test_without_its_period_key_a_record_stays_shut(
    sealer: RecordSealer, period: PeriodCipher
) -> None:
    made = sealer.seal_new(period, NUMBER, PERIOD, PAYLOAD)
    with pytest.raises(Tampered):
        sealer.unwrap(PeriodCipher(new_key()), NUMBER, PERIOD, made.wrapped_dek)


def test_a_blob_is_no_wrapped_dek_and_the_other_way_round(sealer: RecordSealer) -> None:
    """One key used for both by mistake still would not let them stand in for each other."""
    key = new_key()
    period = PeriodCipher(key)
    blob = sealer.seal(key, NUMBER, 3, new_key())
    with pytest.raises(Tampered):
        sealer.unwrap(period, NUMBER, PERIOD, blob)
    with pytest.raises(Tampered):
        sealer.open(key, NUMBER, 3, sealer.wrap(period, NUMBER, PERIOD, key))


@pytest.mark.parametrize("size", [0, 1, 12, 13, 28, 60, 62])
def test_a_wrapped_dek_of_another_length_stays_shut(
    sealer: RecordSealer, period: PeriodCipher, size: int
) -> None:
    wrapped = sealer.wrap(period, NUMBER, PERIOD, new_key()).ljust(size, b"\0")[:size]
    with pytest.raises(Tampered):
        sealer.unwrap(period, NUMBER, PERIOD, wrapped)


def test_seal_new_uses_a_key_and_nonces_of_its_own(sealer: RecordSealer) -> None:
    period_key = new_key()
    made = sealer.seal_new(PeriodCipher(period_key), NUMBER, PERIOD, PAYLOAD)
    context = aad("strongroom/dek/v1", "test", 1, NUMBER, PERIOD)
    assert unwrap(period_key, made.wrapped_dek, context=context) == made.dek
    context = aad("strongroom/record/v1", "test", 1, NUMBER, 1)
    opened = AESGCM(made.dek).decrypt(made.blob[1:13], made.blob[13:], context)
    assert opened == PAYLOAD


@pytest.mark.clause("2.4")
def test_records_sealed_together_share_no_key_and_no_nonce(
    sealer: RecordSealer, period: PeriodCipher
) -> None:
    """One draw of entropy serves them all; each opens alone, and as no other."""
    numbers = [RecordNumber(NUMBER + place) for place in range(300)]
    made = sealer.seal_all(period, PERIOD, [(number, 1, PAYLOAD) for number in numbers])

    for number, (blob, wrapped, dek) in zip(numbers, made, strict=True):
        assert sealer.unwrap(period, number, PERIOD, wrapped) == dek
        assert sealer.open(dek, number, 1, blob) == PAYLOAD
    assert len({dek for _blob, _wrapped, dek in made}) == len(made)
    assert len({text[1:13] for blob, wrapped, _dek in made for text in (blob, wrapped)}) == 600
    with pytest.raises(Tampered):
        sealer.unwrap(period, numbers[1], PERIOD, made[0][1])
    assert sealer.seal_all(period, PERIOD, []) == []


@pytest.mark.clause("2.6")
def test_nothing_secret_is_printed_or_pickled(sealer: RecordSealer, period: PeriodCipher) -> None:
    made = sealer.seal_new(period, NUMBER, PERIOD, PAYLOAD)
    assert repr(made) == str(made) == "<sealed record>"
    assert repr(period) == "<period cipher>"
    with pytest.raises(TypeError, match="cannot be pickled"):
        period.__reduce__()


@pytest.mark.clause("2.6")
def test_an_error_carries_no_cause_and_no_bytes(sealer: RecordSealer) -> None:
    with pytest.raises(Tampered) as caught:
        sealer.open(new_key(), NUMBER, 1, b"\x01" + b"secret" * 20)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert "secret" not in str(caught.value)


@given(st.dictionaries(st.integers(1, 1023), SCALARS))
def test_slots_come_back_with_the_same_values_and_order(slots: dict[int, Scalar]) -> None:
    # repr tells 1 from 1.0 and True, which are equal.
    assert repr(decode_slots(encode_slots(slots))) == repr(slots)


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), -float("inf"), 2**64, -(2**63) - 1, "\ud800", None, ["a"], b"a"],
    ids=repr,
)
@pytest.mark.clause("2.6")
def test_a_value_that_json_cannot_hold_is_refused_unseen(value: Scalar) -> None:
    with pytest.raises(Malformed, match=r"^a slot's value cannot be written as JSON$") as caught:
        encode_slots({1: "null", 2: value})
    assert caught.value.__cause__ is None


def test_the_word_null_is_a_value_like_any_other() -> None:
    assert decode_slots(encode_slots({1: "null", 2: 1.5})) == {1: "null", 2: 1.5}
