"""Values put back into a feed, in the form that it is written in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.errors import Malformed
from strongroom.gateway.documents.restoring import Restorer, Written, form_of

TOKEN = "ST0000000000000000A1"
OTHER = "ST0000000000000000B2"
VALUES = {TOKEN: 'A "B" & <C>', OTHER: "tab\there"}


def restored(text: str, form: Written, size: int = 1000, values=VALUES) -> str:
    restorer = Restorer(form, lambda token: values.get(token, "another"))
    parts = [restorer.feed(text[at : at + size]) for at in range(0, len(text), size)]
    return "".join([*parts, restorer.end()])


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_values_are_written_as_the_form_wants_them(size: int):
    value = VALUES[TOKEN]
    assert restored(f"a\t{TOKEN}\tb", Written.TABS, size) == f"a\t{value}\tb"
    assert restored(f"<a>{TOKEN}</a>", Written.XML, size) == (
        "<a>A &quot;B&quot; &amp; &lt;C&gt;</a>"
    )
    assert restored(f'["{TOKEN}"]', Written.JSON, size) == '["A \\"B\\" & <C>"]'
    assert restored(f"x,{TOKEN},y", Written.COMMAS, size) == 'x,"A ""B"" & <C>",y'
    assert restored(f'"{TOKEN}"', Written.COMMAS, size) == '"A ""B"" & <C>"'
    assert restored(f'x,"a, {TOKEN}"', Written.COMMAS, size) == 'x,"a, A ""B"" & <C>"'
    assert restored(f'"a","b",{TOKEN}', Written.COMMAS, size) == '"a","b","A ""B"" & <C>"'


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_renderings_are_replaced_whole(size: int):
    values = {TOKEN.lower(): "a@b.c", TOKEN: "https://x.y"}
    text = f"mail {TOKEN.lower()}@token.invalid url https://token.invalid/{TOKEN} end"
    assert restored(text, Written.TABS, size, values) == "mail a@b.c url https://x.y end"


def test_a_token_within_a_longer_word_is_none():
    assert restored(f"x{TOKEN} {TOKEN}9", Written.TABS, 1) == f"x{TOKEN} {TOKEN}9"


def test_a_value_that_breaks_the_form_ends_the_feed():
    with pytest.raises(Malformed):
        restored(OTHER, Written.TABS)
    with pytest.raises(Malformed):
        restored(f"a {TOKEN} b,c", Written.COMMAS)


def test_forms_are_told_by_their_beginning():
    assert form_of("\ufeff <a/>") is Written.XML
    assert form_of(' {"a":1}') is Written.JSON
    assert form_of("a,b\tc\n") is Written.TABS
    assert form_of("a,b\nc\td") is Written.COMMAS


@given(
    st.lists(st.sampled_from(["a", "\t", TOKEN, " ", "ST00", "@token.invalid"])), st.integers(1, 40)
)
def test_pieces_of_any_size_give_the_same(parts: list[str], size: int):
    text = "".join(parts)
    assert restored(text, Written.TABS, size) == restored(text, Written.TABS)
