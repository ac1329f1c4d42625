"""Texts of people lie sealed, each for its own place."""

from __future__ import annotations

import pytest

from strongroom.compliance.writings import LONGEST_TEXT, Writings
from strongroom.errors import Malformed, Tampered
from strongroom.terms import Environment

_KEY = bytes(range(32))


@pytest.mark.clause("2.4", "2.6")
def test_a_text_opens_where_it_was_written_and_nowhere_else() -> None:
    writings = Writings(_KEY, Environment.TEST)
    sealed = writings.seal("incident.description", 7, "Mrs. Example called")
    assert b"Example" not in sealed
    assert writings.open("incident.description", 7, sealed) == "Mrs. Example called"
    for place, row in (("incident.description", 8), ("risk.description", 7)):
        with pytest.raises(Tampered):
            writings.open(place, row, sealed)
    with pytest.raises(Tampered):
        Writings(_KEY, Environment.PRODUCTION).open("incident.description", 7, sealed)


@pytest.mark.clause("2.6")
def test_a_text_without_end_is_refused() -> None:
    with pytest.raises(Malformed):
        Writings(_KEY, Environment.TEST).seal("risk.description", 1, "x" * (LONGEST_TEXT + 1))
    assert repr(Writings(_KEY, Environment.TEST)) == "<writings>"
