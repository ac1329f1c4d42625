"""What the demo puts on the desk: all of it comes through operations, and the pages show a house that lives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from strongroom.accounts import names
from strongroom.compliance.duties import Status
from strongroom.operations.registry import run
from strongroom.request import Request
from strongroom.tour.house import furnish
from strongroom.vault import LwaCredentials
from tests.desk.conftest import NOW
from tests.support.offline import Offline
from tests.support.pages import DeskHome

pytestmark = pytest.mark.clause("1.6", "2.2", "3")


def test_the_desk_of_the_demo_shows_a_house_that_lives(tmp_path: Path) -> None:
    made = Offline.make(tmp_path / "one", one_person=True)
    with DeskHome.opened(made.path, NOW) as home:

        def ask(operation: str, **arguments: object) -> dict[str, Any]:
            request = Request(operation, arguments, now=home.now.isoformat())
            return run(home.system, request, "anna")

        for name in ("shop", "label-printer"):
            ask("app.add", name=name, owner="anna")
        home.system.sellers.add(
            home.console,
            name="acme",
            region="eu",
            marketplaces=("A1PA6795UKMFR9",),
            credentials=LwaCredentials("client-1", "secret", "Atzr|1"),
            now=home.now,
        )
        furnish(ask, names.of_console("anna"), home.now)
        board = home.system.compliance.duties.board(home.now)
        stated = home.system.compliance.duties.statements.last(home.now)
        # Nothing is stated that the checks do not see.
        assert {board.row(duty).status for duty in stated} == {Status.PASS}
        assert len(stated) > 10
        newcomer = home.first("newcomer")
        page = newcomer.browser.get("/today")
        for clock in ("Tell Amazon of incident 1", "Carry out notice AMZ-DEMO-1", "Answer request"):
            assert clock in page.text
        for path, shown in {
            "/documents": "Read and acknowledge",
            "/offices": "19 of 20 places in order",
            "/scope": "label-printer",
            "/risks": "22 in the register",
            "/laws": "DE",
            "/reviews": "Go on",
        }.items():
            assert shown in newcomer.browser.get(path).text, path
