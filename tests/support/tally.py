"""Counts, over all fault tests of a run, what was acknowledged, what of it was lost, and what went undetected.

Each test adds to it through pytest's own `record_property`, so that the counts also come back from parallel workers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

NAME = "fault-tally"


class Tally:
    """What one test found. `lost`: acknowledged and not there; `undetected`: changed by the test and not told."""

    def __init__(self, record: Callable[[str, object], None]) -> None:
        self._record = record

    def add(
        self, faults: int = 1, *, acknowledged: int = 0, lost: int = 0, undetected: int = 0
    ) -> None:
        """Add the outcome of so many injected faults, and fail where anything was lost or not told."""
        self._record(NAME, [faults, acknowledged, lost, undetected])
        assert lost == 0, f"{lost} acknowledged events were lost"
        assert undetected == 0, f"{undetected} faults were not told"


def summed(reports: Iterable[Any]) -> dict[str, int] | None:
    """Return the counts of all reports of pytest; None where no test counted anything."""
    counts = [
        value
        for report in reports
        if getattr(report, "when", "") == "call"
        for name, value in report.user_properties
        if name == NAME
    ]
    if not counts:
        return None
    names = ("faults", "acknowledged", "lost", "undetected")
    return {name: sum(count[place] for count in counts) for place, name in enumerate(names)}


def told(reports: Iterable[Any]) -> str:
    """Return the counts as one line of JSON, or nothing."""
    counts = summed(reports)
    return "" if counts is None else json.dumps({"faults_run": counts})
