"""Records opened and records delivered, held against each other."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.audit.reconciling import (
    Delivered,
    Opened,
    Reconciled,
    delivered_of,
    opened_of,
    reconcile,
)

pytestmark = pytest.mark.clause("2.6")


def opened(req: str | None, *records: str) -> Opened:
    return Opened(req, frozenset(records))


def test_what_left_as_it_was_opened_matches() -> None:
    """An order read under two grants makes two events of one record."""
    seen = [opened("a", "1"), opened("a", "1"), opened("b", "1", "2")]
    left = [Delivered("a", 1, left=True), Delivered("b", 2, left=True)]
    assert reconcile(seen, left) == Reconciled(3, 3)


def test_what_the_log_says_did_not_leave_is_known() -> None:
    seen = [opened("a", "1", "2"), opened("b", "3")]
    left = [Delivered("a", 1, left=True), Delivered("b", 1, left=False)]
    assert reconcile(seen, left) == Reconciled(3, 1, 2)


def test_what_nobody_speaks_of_is_unmatched() -> None:
    assert reconcile([opened("a", "1", "2")], []) == Reconciled(2, 0, 0, 2)
    assert reconcile([opened(None, "1")], [Delivered("b", 1, left=True)]) == Reconciled(1, 0, 0, 1)


def test_more_than_was_opened_is_unmatched() -> None:
    assert reconcile([opened("a", "1")], [Delivered("a", 4, left=True)]) == Reconciled(1, 1, 0, 3)


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ({"outcome": "denied", "obj": {"ref": "1"}}, None),
        ({"obj": {"ref": "1"}, "req": "a"}, opened("a", "1")),
        ({"type": "vault.record.searched", "records": [1, 2], "req": "a"}, opened("a", "1", "2")),
        ({"type": "vault.record.searched", "obj": {"ref": "7"}, "req": "a"}, opened("a", "7")),
        ({"type": "vault.record.searched", "n": 0, "req": "a"}, None),
        ({"type": "vault.record.searched", "op": "leaks.look_up", "records": [1]}, None),
    ],
)
def test_only_what_was_let_out_counts_as_opened(
    body: dict[str, Any], wanted: Opened | None
) -> None:
    assert opened_of({"type": "vault.record.revealed", "outcome": "success", **body}) == wanted


def test_an_answer_counts_as_its_outcome_says() -> None:
    assert delivered_of({"outcome": "success", "n": 2, "req": "a"}) == Delivered("a", 2, left=True)
    assert delivered_of({"outcome": "failure", "req": "a"}) == Delivered("a", 0, left=False)


_REQS = st.sampled_from("abc")
_OPENED = st.builds(Opened, _REQS, st.frozensets(st.sampled_from("123"), min_size=1))
_DELIVERED = st.builds(Delivered, _REQS, st.integers(0, 3), left=st.booleans())


@given(st.lists(_OPENED), st.lists(_DELIVERED))
def test_every_record_opened_is_in_one_place(seen: list[Opened], answers: list[Delivered]) -> None:
    """Delivered, undelivered, or unmatched for want of any word; what left in excess is unmatched besides."""
    found = reconcile(seen, answers)
    spoken_of = {one.req for one in answers}
    silent = {(one.req, record) for one in seen for record in one.read if one.req not in spoken_of}
    assert found.opened == found.delivered + found.undelivered + len(silent)
    assert found.unmatched >= len(silent)
