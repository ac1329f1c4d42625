"""What was corrected, against any views: a plain model says what must stand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.policy.catalogue.slots import CORRECTED, FIXED
from strongroom.vault.batch import _latest
from strongroom.vault.corrections import corrected, merge_around, with_marks

pytestmark = pytest.mark.clause("2.2")

SLOTS = st.sampled_from([8, 9, 12, 15, 16])
VALUES = st.sampled_from(["a", "b", "c"])
VIEW = st.dictionaries(SLOTS, VALUES)


def test_the_list_of_corrections_is_no_slot_with_a_name() -> None:
    assert CORRECTED not in FIXED
    assert corrected({}) == frozenset()
    assert with_marks({8: "a"}, ()) == {8: "a"}


@given(VIEW, st.sets(SLOTS), st.lists(VIEW))
def test_a_corrected_value_changes_only_after_amazon_says_it(
    first: dict[int, str], chosen: set[int], views: list[dict[int, str]]
) -> None:
    record = with_marks({**first}, chosen & first.keys())
    standing = {slot: first[slot] for slot in chosen & first.keys()}
    for view in views:
        record = merge_around(record, view, _latest)
        for slot in list(standing):
            assert record[slot] == standing[slot]
            if view.get(slot) == standing[slot]:
                del standing[slot]
        assert corrected(record) == standing.keys()
        for slot, value in view.items():
            if slot not in standing:
                assert record[slot] == value
