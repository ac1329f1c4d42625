"""An echo is found however it is spelled, and nothing else is one."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

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
