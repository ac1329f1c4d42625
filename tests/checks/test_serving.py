"""A home that is served looks at its duties by itself, and its doors are seen as clients see them."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pytest

from tests.support.home import Home

_PATIENCE_SECONDS = 40


def looked(home: Home) -> set[str]:
    with sqlite3.connect(home.path / "vault.db") as tx:
        found = {row[0] for row in tx.execute("SELECT DISTINCT duty FROM duty_finding")}
    tx.close()
    return found


@pytest.mark.clause("1.5-a", "1.1-a", "2.2-e")
def test_a_served_home_is_looked_at_soon_and_shows_tls_to_its_own_checks(tmp_path: Path) -> None:
    with Home.make(tmp_path) as home:
        home.start()
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while len(looked(home)) < 3 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert looked(home)
        for duty in ("1.5-a", "1.1-b"):
            told = home.ask("duty.check", duty=duty)
            assert told["ok"], told
        began = time.monotonic()
        home.stop()
        # A round that was under way holds nothing up.
        assert time.monotonic() - began < 20
