"""A home that is served looks at its duties by itself, and its doors are seen as clients see them."""

from __future__ import annotations

import json
import sqlite3
import time
from pathlib import Path

import pytest

from tests.support.home import Home

_SECONDS = 6.0
"""The first round begins three seconds after the start."""


@pytest.mark.clause("1.5-a", "1.1-b", "2.2-e")
def test_a_served_home_is_looked_at_soon_and_shows_tls_to_its_own_checks(tmp_path: Path) -> None:
    with Home.make(tmp_path) as home:
        home.start()
        began = time.monotonic()
        for duty in ("1.5-a", "1.1-b"):
            told = home.ask("duty.check", duty=duty)
            assert told["ok"], told
        time.sleep(max(began + _SECONDS - time.monotonic(), 0))
        began = time.monotonic()
        home.stop()
        # A round that was under way holds nothing up.
        assert time.monotonic() - began < 20
        # Not while it is served: who opens its files then is taken for somebody who replaces them.
        with sqlite3.connect(home.path / "vault.db") as tx:
            (kept,) = tx.execute("SELECT count(DISTINCT check_id) FROM duty_finding").fetchone()
            query = "SELECT body FROM audit_event WHERE type = 'duty.checked'"
            runs = [json.loads(body)["op"] for (body,) in tx.execute(query)]
        tx.close()
        assert kept > 3
        assert [op for op in runs if op.startswith("scheduled.")]
