"""`strongroom audit find`: entries by what they say, for who may read the log alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.offline import Offline, audit_grant

pytestmark = pytest.mark.clause("2.6", "1.3")


def test_entries_are_found_by_what_they_say_and_looking_is_one_itself(tmp_path: Path) -> None:
    home = Offline.make(tmp_path / "made")
    code, _result, _error = home.attempt("audit", "find")
    assert code == 1
    home.command("grant", "add", *audit_grant())
    found = home.command("audit", "find", "--type", "grant.approved")
    assert {event["type"] for event in found["events"]} == {"grant.approved"}
    denied = home.command("audit", "find", "--type", "log.read", "--outcome", "denied")
    assert len(denied["events"]) == 1
    granted = home.command("audit", "find", "--object", "grant", "-n", "1")
    (event,) = granted["events"]
    assert event["obj"]["kind"] == "grant"
    older = home.command("audit", "find", "--before", str(event["seq"]), "-n", "2")
    assert [one["seq"] for one in older["events"]] == [event["seq"] - 1, event["seq"] - 2]
    code, _result, _error = home.attempt("audit", "find", "--type", "no.such")
    assert code != 0
