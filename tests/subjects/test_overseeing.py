"""What requests tell of their duty: red once somebody waits past the day of their law, green when they are answered."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.subjects.conftest import BY_EMAIL, CONSOLE, NOW, Office, World, sqlite_world

from strongroom.compliance.overseen import Verdict
from strongroom.policy.laws import Outcome, RequestKind
from strongroom.subjects.overseeing import RIGHTS, RequestsOverseen

__all__ = ["sqlite_world"]

pytestmark = pytest.mark.clause("2.2")


def test_a_request_is_red_past_its_day_and_green_once_it_is_answered(sqlite_world: World) -> None:
    requests = Office(sqlite_world).requests
    seen = RequestsOverseen(requests)
    assert seen.findings(NOW)[RIGHTS].verdict is Verdict.PASS
    asked = requests.open(CONSOLE, RequestKind.ACCESS, "gdpr", BY_EMAIL, received_at=NOW, now=NOW)
    late = asked.due_at + timedelta(days=1)
    assert seen.findings(NOW)[RIGHTS].verdict is Verdict.PASS
    found = seen.findings(late)[RIGHTS]
    assert (found.verdict, found.why) == (
        Verdict.FAIL,
        f"past the day of their law: request {asked.id}",
    )
    (due,) = seen.dues(NOW)
    assert (due.path, due.due_at, due.person) == (
        f"/requests/{asked.id}",
        asked.due_at,
        CONSOLE.principal,
    )
    requests.reply(CONSOLE, asked.id, Outcome.IDENTITY_UNPROVED, NOW)
    assert seen.findings(late)[RIGHTS].verdict is Verdict.PASS
    requests.close(CONSOLE, asked.id, NOW)
    assert list(seen.dues(NOW)) == []
