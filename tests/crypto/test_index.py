"""The blind index finds the same value however it was written, and tells nothing without its key."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.crypto.envelope import new_key
from strongroom.crypto.index import (
    SearchKey,
    SubjectKey,
    normalize_email,
    normalize_phone,
    same_phone,
    search_key,
    subject_ref,
    tag,
)
from strongroom.errors import Malformed


@given(st.text(max_size=40))
def test_normalizing_an_email_twice_changes_nothing_more(text: str) -> None:
    once = normalize_email(text)
    assert normalize_email(once) == once


@given(st.text(st.characters(max_codepoint=127), max_size=40))
def test_the_short_way_for_ascii_gives_what_the_long_way_gives(text: str) -> None:
    long_way = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    assert normalize_email(text) == long_way.strip()


@given(st.text(max_size=40))
def test_a_normalized_phone_is_at_most_nine_ascii_digits(text: str) -> None:
    digits = normalize_phone(text)
    assert set(digits) <= set("0123456789")
    assert len(digits) in {0, 5, 6, 7, 8, 9}


SAME = [
    ("+49 151 23456789", "0151 23456789"),
    ("+49 (0)151 23456789", "0049 151 23456789"),
    ("+44 20 7946 0958", "020 7946 0958"),
    ("+1 (202) 555-0143", "202.555.0143"),
    ("+81 3-1234-5678", "03-1234-5678"),
    ("+47 22 12 34 56", "22123456"),
    ("202-555-0143 ext. 4711", "+1 202 555 0143 x4711"),
]
OTHER = [
    ("202-555-0143", "302-555-0143"),
    ("+1 202 555 0143", "302-555-0143"),
    ("202-555-0143 ext. 4711", "202-555-0143 ext. 4712"),
    ("202-555-0143", "202-555-0143 ext. 4711"),
    ("", ""),
    ("1234", "1234"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_a_number_written_otherwise_is_the_same(one: str, other: str) -> None:
    assert same_phone(one, other)
    assert same_phone(other, one)


@pytest.mark.parametrize(("one", "other"), SAME[:5])
def test_a_number_written_otherwise_is_found(one: str, other: str) -> None:
    assert normalize_phone(one) == normalize_phone(other)


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_numbers_that_only_end_alike_are_not_the_same(one: str, other: str) -> None:
    assert not same_phone(one, other)
    assert not same_phone(other, one)


@given(st.text(st.characters(exclude_categories=["Cs"])), st.sampled_from(["email", "phone"]))
def test_a_tag_has_64_bits_and_stays_the_same(value: str, field: str) -> None:
    key = SearchKey(bytes(32))
    assert (
        tag(key, field, value) == tag(key, field, value) == tag(SearchKey(bytes(32)), field, value)
    )
    assert -(2**63) <= tag(key, field, value) < 2**63


@pytest.mark.clause("2.1")
def test_another_period_gives_other_tags() -> None:
    tags = {tag(search_key(new_key()), "email", "ana@example.com") for _ in range(50)}
    assert len(tags) == 50


def test_tags_depend_on_the_field_and_its_bounds() -> None:
    key = SearchKey(new_key())
    pairs = [("email", "x"), ("phone", "x"), ("emai", "lx"), ("emailx", "")]
    assert len({tag(key, field, value) for field, value in pairs}) == len(pairs)


def test_subject_refs_depend_on_kind_id_and_key() -> None:
    one, other = SubjectKey(new_key()), SubjectKey(new_key())
    refs = {
        subject_ref(one, "order", "123"),
        subject_ref(one, "orde", "r123"),
        subject_ref(one, "message", "123"),
        subject_ref(other, "order", "123"),
    }
    assert len(refs) == 4
    assert {len(ref) for ref in refs} == {16}


@pytest.mark.clause("2.6")
def test_a_value_that_is_no_unicode_is_refused_unseen() -> None:
    """The codec's own error would carry the whole value."""
    with pytest.raises(Malformed, match=r"^the email is not valid Unicode$") as caught:
        tag(SearchKey(new_key()), "email", "ana\udc80@example.com")
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.clause("2.6")
def test_keys_are_not_printed_or_pickled() -> None:
    for key, text in (
        (SearchKey(bytes(32)), "<search key>"),
        (SubjectKey(bytes(32)), "<subject key>"),
    ):
        assert repr(key) == text
        with pytest.raises(TypeError, match="cannot be pickled"):
            key.__reduce__()
