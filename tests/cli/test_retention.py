"""How disposal stands and why, by command: numbers, rules and periods, never a value."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.offline import Offline

pytestmark = pytest.mark.clause("2.1")


def test_disposal_is_shown_by_numbers_rules_and_periods(tmp_path: Path) -> None:
    home = Offline.make(tmp_path / "offline")
    status = home.command("retention", "status")
    assert (status["oldest_past_its_date_days"], status["overdue_keys"]) == (0, 0)
    rules = home.command("retention", "rules")
    assert {rule["clause"] for rule in rules["rules"]} == {"2.1"}
    assert rules["parts"][0]["id"] == "gift_message"
    assert home.command("retention", "show", "--open") == {"open": []}
    code, _, error = home.attempt("retention", "show", "902-1")
    assert code in (1, 2)
    assert "--seller" in error["error"]["hint"]
