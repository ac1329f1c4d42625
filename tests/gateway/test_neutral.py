"""Errors of Amazon's lose everything that could repeat somebody's data."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.gateway.neutral import MAX_ERRORS, neutral_errors


@pytest.mark.clause("2.6")
def test_a_message_of_ours_replaces_one_that_repeats_the_request():
    body = {
        "errors": [
            {
                "code": "InvalidInput",
                "message": "No order for jane@example.com",
                "details": "Jane Doe, 5 Main Street",
            }
        ],
        "who": "Jane",
    }
    made = neutral_errors(body, 400)
    assert "jane" not in json.dumps(made).lower()
    assert made["errors"][0]["code"] == "InvalidInput"
    assert made["errors"][0]["details"] == ""


def test_amazons_standard_sentences_pass_word_for_word():
    sentence = "Access to requested resource is denied."
    made = neutral_errors({"errors": [{"code": "Unauthorized", "message": sentence}]}, 403)
    assert made == {"errors": [{"code": "Unauthorized", "message": sentence, "details": ""}]}
    changed = neutral_errors(
        {"errors": [{"code": "Unauthorized", "message": sentence + " Jane"}]}, 400
    )
    assert "Jane" not in json.dumps(changed)


@pytest.mark.parametrize("code", ["Jane Doe", "a@b", "", "x" * 65, None, 5, ["x"], "X\n"])
def test_a_code_that_is_no_word_becomes_the_statuss_own(code):
    made = neutral_errors({"errors": [{"code": code, "message": "m"}]}, 404)
    assert made["errors"][0]["code"] == "NotFound"


@pytest.mark.parametrize(
    "body", [None, [], "x", {}, {"errors": None}, {"errors": ["x"]}, {"errors": []}]
)
def test_there_is_always_an_error_to_read(body):
    made = neutral_errors(body, 503)
    assert made["errors"][0]["code"] == "ServiceUnavailable"


def test_a_flood_of_errors_is_cut():
    assert len(neutral_errors({"errors": [{}] * 1000}, 400)["errors"]) == MAX_ERRORS


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(["errors", "code", "x"]), inner)
        ),
    ),
    st.integers(400, 599),
)
def test_any_body_becomes_amazons_shape(body, status):
    for entry in neutral_errors(body, status)["errors"]:
        assert entry.keys() == {"code", "message", "details"}
        assert all(isinstance(value, str) for value in entry.values())
