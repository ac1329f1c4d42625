"""An echo is found however it is spelled, and nothing else is one."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from strongroom.errors import Malformed
from strongroom.relay.echoes import Echoes, Put
from strongroom.terms import Category

pytestmark = pytest.mark.clause("1.3", "2.6")

TOKEN = "ST000001000HB2RG8HFV"
OTHER = "ST000001000C5T2J1Z9Q"
VALUE = st.text(
    st.characters(categories=("Lu", "Ll", "Nd", "Zs"), max_codepoint=0x24F), min_size=6, max_size=40
)
SPELLINGS = st.sampled_from(
    [
        str,
        str.upper,
        str.lower,
        str.strip,
        quote,
        quote_plus,
        html.escape,
        lambda text: json.dumps(text)[1:-1],
        lambda text: quote(quote(text)),
        lambda text: f"  {text}, ",
        lambda text: base64.b64encode(text.encode()).decode(),
        lambda text: "".join(f"&#{ord(character)};" for character in text),
    ]
)


@given(VALUE, SPELLINGS)
def test_a_value_is_found_in_every_spelling(value: str, spelling: object) -> None:
    assume(sum(character.isalnum() for character in value) >= 6)
    echoes = Echoes([Put(value, TOKEN, Category.ADDRESS)])
    replaced = echoes.replace(spelling(value))  # type: ignore[operator]
    assert TOKEN in replaced
    assert value not in replaced.replace(TOKEN, "")


@given(st.text(max_size=60))
def test_without_an_echo_a_text_stays_as_it_is(text: str) -> None:
    echoes = Echoes([Put("Hauptstrasse 5", TOKEN, Category.ADDRESS)])
    assume("hauptstr" not in text.casefold())
    assert echoes.replace(text) is text


def test_short_values_are_no_part_of_longer_words() -> None:
    echoes = Echoes([Put("5", TOKEN, Category.ADDRESS), Put("Bonn", OTHER, Category.ADDRESS)])
    assert echoes.replace("5") == TOKEN
    for text in ("2026-05-15", "15", "Bonnet", "carbonneutral"):
        assert echoes.replace(text) == text
    assert echoes.replace("to BONN.") == f"to {OTHER}."


def test_the_longest_of_two_values_wins() -> None:
    echoes = Echoes(
        [Put("Hauptstr", OTHER, Category.ADDRESS), Put("Hauptstr 5 Hof", TOKEN, Category.ADDRESS)]
    )
    assert echoes.replace("HAUPTSTR 5, HOF / Hauptstr 9") == f"{TOKEN} / {OTHER} 9"


def test_words_of_a_name_are_echoes_of_it() -> None:
    echoes = Echoes([Put("Zoë van der Berg", TOKEN, Category.NAME)])
    assert echoes.replace("first: ZOE") == f"first: {TOKEN}"
    assert echoes.replace("bergen") == "bergen"


def test_nothing_of_a_value_is_printed() -> None:
    put = Put("Zoë", TOKEN, Category.NAME)
    assert "Zo" not in repr(put) + repr(Echoes([put]))


def told(value: str, category: Category, text: str) -> str:
    return Echoes([Put(value, TOKEN, category)]).replace(text)


@pytest.mark.parametrize(
    "text",
    [
        "Attn. Erika Krause, Lindenallee 27",
        "to Lindenal...",
        '{"street": "Lindenalle"',
        "Lindenall…",
        "Lindenallee",
    ],
)
def test_a_value_that_is_cut_short_is_found(text: str) -> None:
    assert "inden" not in told("Lindenallee 27b", Category.ADDRESS, text)


def test_a_beginning_in_the_middle_of_a_text_is_none() -> None:
    text = "a Lindenholz table"
    assert told("Lindenallee 27b", Category.ADDRESS, text) == text


def test_words_of_an_address_are_found_but_those_that_anybody_writes() -> None:
    assert told("Am Wilhelmsruh 7", Category.ADDRESS, "near WILHELMSRUH") == f"near {TOKEN}"
    text = "no such street"
    assert told("7 Elm Street", Category.ADDRESS, text) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("\u5c71\u7530", "\u914d\u9054\u5148: \u5c71\u7530\u69d8"),
        ("\u5c71\u7530 \u592a\u90ce", "\u5c71\u7530\u592a\u90ce\u69d8\u5b9b"),
        ("\uae40\ubbfc", "\uae40\ubbfc\ub2d8"),
        ("\u0141ukasz \u0141ab\u0119dzki", "LUKASZ LABEDZKI"),
        ("S\u00f8ren \u00d8stby", "Soren Ostby"),
        ("S\u00f8ren \u00d8stby", "SOEREN OESTBY"),
        ("I\u015f\u0131k Y\u0131ld\u0131z", "ISIK YILDIZ"),
        ("\u00de\u00f3r\u00f0ur \u00c6gisson", "Thordur Aegisson"),
        ("Bruce Li", "Mr. LI"),
    ],
)
def test_names_of_other_scripts_and_letters_are_found(value: str, text: str) -> None:
    replaced = told(value, Category.NAME, text)
    assert TOKEN in replaced
    assert not any(word.casefold() in replaced.casefold() for word in value.split())
    assert not any(word in replaced for word in text.split() if word.isascii() and len(word) > 3)


def test_base64_within_a_text_is_looked_into_and_so_is_the_rest_of_it() -> None:
    packed = base64.b64encode("to Jürgen Groß, now".encode()).decode()
    assert TOKEN in told("Jürgen Groß", Category.NAME, f"debug={packed}; end")
    assert packed not in told("Jürgen Groß", Category.NAME, f"debug={packed}; end")
    both = told("Jürgen Groß", Category.NAME, f"Jürgen Groß J%C3%BCrgen {packed}")
    assert packed not in both
    assert "rgen" not in both


def test_looking_ends_where_it_would_hold_up_others() -> None:
    echoes = Echoes(
        [Put(f"Hauptstrasse {number}", TOKEN, Category.ADDRESS) for number in range(1000)]
    )
    with pytest.raises(Malformed):
        echoes.replace("x" * 1_000_000)


def test_many_beginnings_of_many_values_end_it_too() -> None:
    echoes = Echoes([Put(f"Person {number} Name", TOKEN, Category.NAME) for number in range(200)])
    with pytest.raises(Malformed):
        echoes.replace("Perso " * 20_000)
