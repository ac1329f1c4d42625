"""Tokens: one per slot, bound to their key and world, found and parsed however they are written."""

import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.crypto.envelope import new_key
from strongroom.crypto.token import (
    LAST_NUMBER,
    LAST_SLOT,
    ForeignToken,
    ForgedToken,
    Mint,
    as_email,
    as_ip,
    as_url,
    find_tokens,
    looks_like_token,
)
from strongroom.errors import Denied, Malformed
from strongroom.terms import Environment, RecordNumber

KEY = bytes(range(32))
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
PLACES = st.tuples(st.integers(0, LAST_NUMBER).map(RecordNumber), st.integers(0, LAST_SLOT))


@pytest.fixture
def mint() -> Mint:
    return Mint(KEY, Environment.PRODUCTION)


@pytest.fixture
def token(mint: Mint) -> str:
    return mint.record(RecordNumber(123_456)).token(5)


def _reference(number: int, slot: int, prefix: str) -> str:
    """The MAC of `docs/formats/token.md`, one HMAC for each token."""
    block = (slot // 8).to_bytes(2, "big")
    message = b"strongroom/token/v1" + prefix.encode() + number.to_bytes(8, "big") + block
    digest = hmac.digest(KEY, message, "sha512")
    return "".join(CROCKFORD[byte & 31] for byte in digest)[8 * (slot % 8) :][:8]


@given(PLACES, st.sampled_from(Environment))
def test_a_token_names_its_record_and_slot(
    place: tuple[RecordNumber, int], environment: Environment
) -> None:
    number, slot = place
    mint = Mint(KEY, environment)
    token = mint.record(number).token(slot)
    assert len(token) == 20
    assert token[12:] == _reference(number, slot, token[:2])
    for spelling in (
        token,
        token.lower(),
        token.swapcase(),
        as_email(token),
        as_ip(token),
        as_url(token),
    ):
        parsed = mint.parse(spelling)
        assert (parsed.number, parsed.slot, parsed.token) == (number, slot, token)


def test_every_slot_of_a_record_has_its_own_token_whatever_the_order(mint: Mint) -> None:
    forward, backward = mint.record(RecordNumber(1)), mint.record(RecordNumber(1))
    tokens = [forward.token(slot) for slot in range(1024)]
    assert [backward.token(slot) for slot in reversed(range(1024))] == tokens[::-1]
    assert len({token[12:] for token in tokens}) == 1024
    assert all(mint.parse(token).slot == slot for slot, token in enumerate(tokens))


@pytest.mark.parametrize("slot", [-1, -1024, 1024, 2**40])
def test_a_slot_of_more_than_ten_bits_is_refused(mint: Mint, slot: int) -> None:
    with pytest.raises(IndexError):
        mint.record(RecordNumber(1)).token(slot)


@pytest.mark.parametrize("number", [-1, 2**40])
def test_a_number_of_more_than_forty_bits_is_refused(mint: Mint, number: int) -> None:
    with pytest.raises(ValueError, match="40 bits"):
        mint.record(RecordNumber(number))


@pytest.mark.parametrize("place", range(2, 20))
def test_a_changed_character_is_a_forgery(mint: Mint, token: str, place: int) -> None:
    for other in set(CROCKFORD) - {token[place]}:
        with pytest.raises(ForgedToken, match=r"^token does not verify$"):
            mint.parse(token[:place] + other + token[place + 1 :])


@pytest.mark.clause("2.5")
def test_a_token_of_the_other_environment_is_denied(token: str) -> None:
    test = Mint(KEY, Environment.TEST)
    with pytest.raises(ForeignToken, match=r"^token belongs to another environment$"):
        test.parse(token)
    # Its prefix exchanged, it is a forgery: the prefix is under the MAC.
    with pytest.raises(ForgedToken):
        test.parse("ST" + token[2:])
    assert issubclass(ForeignToken, Denied)
    assert issubclass(ForgedToken, Denied)


def test_a_token_of_another_key_is_a_forgery(token: str) -> None:
    with pytest.raises(ForgedToken):
        Mint(new_key(), Environment.PRODUCTION).parse(token)


NOT_TOKENS = [
    "",
    "SR",
    "SR000000000000000000\n",
    " SR000000000000000000",
    "SR00000000000000000",
    "SR0000000000000000000",
    "SX000000000000000000",
    "SRI00000000000000000",
    "SRL00000000000000000",
    "SRO00000000000000000",
    "SRU00000000000000000",
    "SR\u0660" + 17 * "0",
    "\u017fR" + 18 * "0",
    "sr000000000000000000@token.invalid.example",
    "sr000000000000000000@example.com",
    "sr00000000000000000@token.invalid",
    "sr000000000000000000@token.invalid ",
    "@token.invalid",
    "::1",
    "fd00::1",
    "fd53:5200::1",
    "fd53:520c:e000::%1",
    "192.0.2.1",
    ":" * 30,
    "x" * 1_000_000,
]


@pytest.mark.parametrize("text", NOT_TOKENS, ids=lambda text: repr(text[:50]))
def test_another_form_is_no_token(mint: Mint, text: str) -> None:
    assert not looks_like_token(text)
    with pytest.raises(Malformed, match=r"^not a token$") as caught:
        mint.parse(text)
    assert caught.value.__cause__ is None


@given(st.text(max_size=60))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        Mint(KEY, Environment.TEST).parse(text)
    except (Malformed, Denied):
        return
    raise AssertionError("a random text verified")


def test_every_spelling_looks_like_a_token(token: str) -> None:
    for spelling in (token, token.lower(), as_email(token), as_ip(token), as_email(token).upper()):
        assert looks_like_token(spelling)


def test_renderings_are_a_valid_address_each(token: str) -> None:
    assert as_email(token) == token.lower() + "@token.invalid"
    assert as_ip(token).startswith("fd53:520")


def test_tokens_are_found_in_text(mint: Mint) -> None:
    first, second = (mint.record(RecordNumber(number)).token(1) for number in (1, 2))
    text = f"{first},to:{second.lower()}\n<{as_email(first)}>_{second}_"
    assert find_tokens(text) == [first, second.lower(), first.lower(), second]
    assert find_tokens(first) == [first]
    assert find_tokens(f"{first} {second}") == [first, second]


@pytest.mark.parametrize("around", ["{}A", "A{}", "0{}", "{}0", "\u00e9{}", "{}\u00e9", "{0}{0}"])
def test_a_part_of_something_longer_is_not_found(token: str, around: str) -> None:
    assert find_tokens(around.format(token)) == []


@pytest.mark.parametrize("letter", ["\u017f", "\u212a"])
def test_letters_that_only_fold_to_ours_are_not_found(letter: str) -> None:
    assert find_tokens(f"{letter}R{'K' * 18} S{letter}{'0' * 18} SR{letter}{'0' * 17}") == []


def test_nothing_secret_is_printed_or_pickled(mint: Mint) -> None:
    assert repr(mint) == "<mint>"
    assert repr(mint.record(RecordNumber(9))) == "<tokens of record 9>"
    with pytest.raises(TypeError, match="cannot be pickled"):
        mint.__reduce__()


def test_the_mac_of_a_slot_says_nothing_about_its_neighbours(mint: Mint) -> None:
    """The eight MACs of a block are separate pieces of one digest: no character is used twice."""
    record = mint.record(RecordNumber(77))
    joined = "".join(record.token(slot)[12:] for slot in range(8, 16))
    message = b"strongroom/token/v1SR" + (77).to_bytes(8, "big") + (1).to_bytes(2, "big")
    digest = hmac.digest(KEY, message, "sha512")
    assert [CROCKFORD.index(character) for character in joined] == [byte & 31 for byte in digest]
