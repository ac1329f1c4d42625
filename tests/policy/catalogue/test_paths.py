"""Which operation a path means among hundreds, and what a parameter of a path may hold."""

from __future__ import annotations

from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.policy.catalogue.paths import FORMS, Routes, decoded, written

ROUTES = Routes(
    (method, template, f"{method} {template}")
    for method, template in [
        ("GET", "/items/{id}"),
        ("GET", "/items/search"),
        ("PUT", "/items/{id}"),
        ("GET", "/items/{id}/parts/{part}"),
        ("GET", "/items/search/{word}"),
        ("GET", "/{any}/search/parts/all"),
    ]
)


@pytest.mark.parametrize(
    ("method", "path", "found"),
    [
        ("GET", "/items/search", ["GET /items/search", "GET /items/{id}"]),
        ("GET", "/items/1", ["GET /items/{id}"]),
        ("PUT", "/items/search", ["PUT /items/{id}"]),
        ("GET", "/items/search/parts", ["GET /items/search/{word}"]),
        (
            "GET",
            "/items/search/parts/all",
            ["GET /items/{id}/parts/{part}", "GET /{any}/search/parts/all"],
        ),
        ("GET", "/items/1/parts", []),
        ("GET", "/items", []),
        ("GET", "/", []),
        ("GET", "", []),
        ("GET", "items/1", []),
        ("POST", "/items/1", []),
        ("GET", "/items/" + "x" * 2048, []),
    ],
)
def test_a_literal_segment_wins_over_a_parameter(method: str, path: str, found: list[str]) -> None:
    assert [meant for meant, _ in ROUTES.find(method, path)] == found


def test_parameters_come_decoded_and_in_order() -> None:
    ((_, values),) = ROUTES.find("GET", "/items/a%20b/parts/%C3%A9")
    assert values == ["a b", "é"]


def test_two_operations_of_one_form_do_not_load() -> None:
    with pytest.raises(ValueError, match="twice"):
        Routes([("GET", "/a/{b}", 1), ("GET", "/a/{c}", 2)])


@pytest.mark.parametrize(
    ("segment", "said"),
    [
        ("a", "a"),
        ("%41", None),
        ("%7e%3A", "~:"),
        ("a%2eb", None),
        ("%2D", None),
        ("%5f", None),
        ("%7a", None),
        ("%30", None),
        ("%2F", "/"),
        ("%252F", "%2F"),
        ("%4", None),
        ("%zz", None),
        ("%ff", None),
        ("", None),
        ("a b", None),
        ("ä", None),
    ],
)
def test_a_segment_is_decoded_once_or_not_at_all(segment: str, said: str | None) -> None:
    assert decoded(segment) == said


@pytest.mark.clause("1.3")
@pytest.mark.parametrize(
    ("form", "value", "fits"),
    [
        ("identifier", "amzn1.order~x-1_2:3!", True),
        ("identifier", "x" * 128, True),
        ("identifier", "x" * 129, False),
        ("identifier", "..", False),
        ("identifier", ".", False),
        ("identifier", "a/b", False),
        ("identifier", "a%b", False),
        ("identifier", "é", False),
        ("identifier", "", False),
        ("sku", "Größe 5% / rot", True),
        ("sku", "..a", True),
        ("sku", "x" * 201, False),
        ("sku", "..", False),
        ("sku", "a/..", False),
        ("sku", "a\\..\\b", False),
        ("sku", "%2e%2e", False),
        ("sku", "%252e.%2fa", False),
        ("sku", "%2500", False),
        ("sku", "a\x00", False),
        ("sku", "a\u202eb", False),
        ("sku", "", False),
    ],
)
def test_what_a_path_parameter_may_hold(form: str, value: str, fits: bool) -> None:
    assert FORMS[form](value) is fits


@given(st.sampled_from(sorted(FORMS)), st.text(max_size=30) | st.text("./\\%2eEfF5c", max_size=12))
def test_a_value_that_fits_stays_within_its_segment(form: str, value: str) -> None:
    if not FORMS[form](value):
        return
    path = written("/a/{x}/b", {"x": value})
    assert path.count("/") == 3
    segment = path.split("/")[2]
    assert decoded(segment) == value
    for _ in range(4):
        assert not {".", ".."} & set(segment.replace("\\", "/").split("/"))
        segment = unquote(segment)
    assert quote(value, safe="~!:") == path.split("/")[2]
