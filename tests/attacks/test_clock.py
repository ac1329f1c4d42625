"""Whoever sets the machine's clock ahead makes everything look due: nothing is destroyed by that alone."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.home import Home
from tests.support.offline import Offline

pytestmark = pytest.mark.clause("2.1")


def days_ago(days: int) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).isoformat()  # noqa: TID251 - the machine's clock is the point


@pytest.fixture
def home(tmp_path: Path) -> Offline:
    """Give a home whose last entry is so old that the machine's clock cannot be believed."""
    home = Offline.make(tmp_path / "offline")
    home.command("retention", "sweep", "--now", days_ago(90))
    return home


def entries(home: Offline) -> list[dict[str, Any]]:
    home.read_log()
    told: list[dict[str, Any]] = home.command("audit", "tail", "--lines", "100")["events"]
    return told


def test_a_sweep_after_a_leap_of_the_clock_is_refused(home: Offline) -> None:
    for _ in range(2):
        code, _, error = home.attempt("retention", "sweep")
        assert code == 1
        assert "--confirm-clock" in error["error"]["hint"]
    swept = [event for event in entries(home) if event["type"] == "retention.sweep.finished"]
    assert len(swept) == 1
    checks = {check["id"]: check for check in home.attempt("doctor")[1]["checks"]}
    assert checks["clock.plausible"]["state"] == "warning"


def test_a_person_who_looked_at_the_clock_confirms_it(home: Offline) -> None:
    home.attempt("retention", "sweep")
    home.command("retention", "sweep", "--confirm-clock")
    home.command("retention", "sweep")
    told = [
        (event["op"], event["outcome"])
        for event in entries(home)
        if event["type"] == "clock.jumped"
    ]
    assert told == [("clock.withheld", "failure"), ("clock.confirmed", "success")]


def test_one_person_alone_does_not_make_a_clock_believed(tmp_path: Path) -> None:
    """In a home of several people: whoever set the clock can't also be the one who says that it is right."""
    home = Offline.make(tmp_path / "offline", one_person=False)
    home.command("retention", "sweep", "--now", days_ago(90))
    asked = home.command("retention", "sweep", "--confirm-clock")
    assert asked["asked"]
    assert home.attempt("retention", "sweep", "--confirm-clock")[0] == 1
    assert home.attempt("retention", "sweep")[0] == 1


def test_a_time_that_a_test_home_is_told_is_meant(home: Offline) -> None:
    home.attempt("retention", "sweep")
    home.command("retention", "sweep", "--now", days_ago(-3000))


def health(home: Home) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(home.ready["health"], context=home.tls()) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as failing:
        with failing:
            return failing.code, failing.read()


def test_a_served_home_withholds_its_sweeps_and_its_health_says_so(tmp_path: Path) -> None:
    with Home.make(tmp_path) as home:
        home.run("retention", "sweep", "--now", days_ago(90))
        home.start()
        until = time.monotonic() + 30
        while (answer := health(home)) == (200, b"ok\n"):
            assert time.monotonic() < until, "its first sweep is overdue"
            time.sleep(0.1)
        assert answer == (503, b"failing: clock\n")
        home.read_log()
        events = home.ask("audit.tail", limit=100)["events"]
        assert home.stop() == 0
    types = [event["type"] for event in events]
    assert types.count("retention.sweep.finished") == 1
    assert types.count("clock.jumped") == 1
