"""A planted value is found in every encoding, wherever it lies; nothing else is."""

import base64
import json
import random  # noqa: TID251 - the same data every time
import string
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.errors import Malformed
from strongroom.leaks import SHORTEST_BYTES, Hit, Needles

TEXTS = [
    "Zq7hXw02LmPqRt9K",
    "Jürgen Müller Zq7hXw02",
    'Nguyễn "Mac" O\'Brien\n& Söhne+Co',
    "山田 太郎 𠮷野",
    "zq7hxw02lmpqrt@marketplace.amazon.de",
    "482915736284",
    "a?b=c&d~e/f.g",
]

ENCODINGS: dict[str, Callable[[str], bytes]] = {
    "raw": str.encode,
    "lower": lambda text: text.lower().encode(),
    "upper": lambda text: text.upper().encode(),
    "url": lambda text: quote(text, safe="").encode(),
    "url, lower-case escapes": lambda text: _lowered_escapes(quote(text, safe="")),
    "url-plus": lambda text: quote_plus(text).encode(),
    "json": lambda text: json.dumps(text)[1:-1].encode(),
    "json, upper-case escapes": lambda text: _raised_escapes(json.dumps(text)[1:-1]),
    "json, raw UTF-8": lambda text: json.dumps(text, ensure_ascii=False)[1:-1].encode(),
    "utf-16-le": lambda text: text.encode("utf-16-le"),
    "utf-16-be": lambda text: text.encode("utf-16-be"),
    "hex": lambda text: text.encode().hex().encode(),
    "hex, upper": lambda text: text.encode().hex().upper().encode(),
}


def _lowered_escapes(text: str) -> bytes:
    parts = text.split("%")
    return "%".join([parts[0], *(part[:2].lower() + part[2:] for part in parts[1:])]).encode()


def _raised_escapes(text: str) -> bytes:
    parts = text.split("\\u")
    return "\\u".join([parts[0], *(part[:4].upper() + part[4:] for part in parts[1:])]).encode()


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("encode", ENCODINGS.values(), ids=ENCODINGS.keys())
def test_a_planted_value_is_found_in_every_encoding(
    text: str, encode: Callable[[str], bytes]
) -> None:
    needles = Needles([*TEXTS[::-1], text])
    for before in range(9):
        found = needles.search(b"." * before + encode(text) + b"-rest")
        assert any(hit.index == len(TEXTS) for hit in found)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("before", range(7))
@pytest.mark.parametrize("after", range(4))
def test_base64_is_found_whatever_surrounds_the_value(
    text: str, encode: Callable[[bytes], bytes], before: int, after: int
) -> None:
    needles = Needles([text])
    # Surroundings with all bits set, and with none, change the characters they share.
    for filler in (b"\xff", b"\0"):
        data = b'{"x":"' + encode(filler * before + text.encode() + filler * after) + b'"}'
        assert [hit.index for hit in needles.search(data)] == [0]


@pytest.mark.parametrize(
    ("number", "written"),
    [
        (52.482915736284, b"52.482915736284"),
        (-122.419416, b"-122.419416"),
        (4829157362, b"4829157362"),
        (1.25e-05, b"0.0000125"),
        (1.2512e-05, b"1.2512e-05"),
    ],
)
def test_numbers_are_found_as_decimal_text(number: float, written: bytes) -> None:
    assert Needles([number]).search(b'{"Latitude":' + written + b"}") == [Hit(0, "raw")]


def test_other_data_gives_no_hit() -> None:
    generator = random.Random(5)
    needles = Needles(TEXTS)
    assert needles.search(generator.randbytes(300_000)) == []
    assert needles.search("".join(generator.choices(string.printable, k=300_000)).encode()) == []
    # Everything but the last character.
    assert needles.search(b" ".join(text.encode()[:-1] for text in TEXTS)) == []
    assert needles.search(b"") == []
    assert Needles([]).search(b"anything at all") == []


def test_values_that_share_their_beginning_are_told_apart() -> None:
    values = [f"the same long beginning {number}" for number in range(100)]
    assert Needles(values).search(b"... the same long beginning 7.") == [Hit(7, "raw")]


def test_each_value_is_reported_once_for_each_encoding() -> None:
    needles = Needles(["Zq7hXw02LmPqRt9K", "zQ4kk81bXy55Tr0a"])
    data = b"zq7hxw02lmpqrt9k Zq7hXw02LmPqRt9K zQ4kk81bXy55Tr0a Zq7hXw02LmPqRt9K"
    assert needles.search(data) == [Hit(0, "lower"), Hit(0, "raw"), Hit(1, "raw")]


def test_short_values_are_found_too_and_too_short_ones_refused() -> None:
    assert Needles(["Zq7hXw"]).search(b"a Zq7hXw b") == [Hit(0, "raw")]
    for value in ("", "x" * (SHORTEST_BYTES - 1), 12.5):
        with pytest.raises(Malformed) as refused:
            Needles(["a sound value", value])
        assert str(refused.value) == "value 1 is too short to be searched for"


def test_nothing_shows_the_values() -> None:
    needles = Needles(["Zq7hXw02LmPqRt9K"])
    assert "Zq7" not in repr(needles) + repr(needles.search(b"Zq7hXw02LmPqRt9K"))


@pytest.mark.parametrize("part_bytes", [1, 3, 7, 8, 13, 64])
def test_a_value_across_the_border_of_two_parts_is_found(part_bytes: int) -> None:
    needles = Needles(["Zq7hXw02LmPqRt9K", "short7"])
    data = b"-" * 41 + b"Zq7hXw02LmPqRt9K" + b"-" * 5 + b"short7" + b"-" * 40
    stream = needles.stream()
    for start in range(0, len(data), part_bytes):
        stream.feed(data[start : start + part_bytes])
    assert stream.hits() == [Hit(0, "raw"), Hit(1, "raw")]


@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=SHORTEST_BYTES, max_size=40),
    st.binary(max_size=40),
    st.binary(max_size=40),
)
def test_any_text_is_found_between_any_bytes(text: str, before: bytes, after: bytes) -> None:
    needles = Needles([text])
    for encode in ENCODINGS.values():
        assert needles.search(before + encode(text) + after)
