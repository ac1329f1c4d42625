"""Where personal data is and is not, and who may ask without proof: red and green for the right reason."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from strongroom.checks import exposure
from strongroom.checks.exposure import Asked
from strongroom.compliance.overseen import Verdict
from strongroom.desk.exchange import Answer, Route
from strongroom.desks import api_of, desk_of
from strongroom.paper import Ask, Line
from strongroom.terms import Action, Purpose
from strongroom.vault.sellers import LwaCredentials
from tests.checks.looking import House, program
from tests.support.offline import Offline

PASS, FAIL, UNKNOWN = Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN


@pytest.mark.clause("1.1-d", "2.6-c")
def test_a_page_that_answers_strangers_is_red(house: House) -> None:
    house.system.vault.sweep(house.now)
    silent = "nothing of a month in the log from gateway, api, desk"
    assert house.look("channels.recorded").why == silent
    assert house.verdict("doors.strangers") is PASS
    found = house.look("channels.recorded")
    assert found.verdict is PASS, found
    house.passes(days=31)
    assert house.verdict("channels.recorded") is FAIL

    desk, api = desk_of(house.system), api_of(house.system)
    route = Route("GET", "/orders", lambda exchange: exchange.page("sign_on.html"), open=True)
    leaking = type(desk)(
        [*desk.routes, route],
        sessions=desk._sessions,
        allowed=desk._allowed,
        in_office=desk._in_office,
        inspecting=desk._inspecting,
        audit=desk._audit,
        clock=desk._clock,
        origin=desk._origin,
        tokens=desk._tokens,
        pages=desk._pages,
        static=desk._static,
        witnessed=desk._witnessed,
    )
    for doors, verdict in (
        ({"desk": leaking, "api": api}, FAIL),
        ({"desk": desk, "api": api}, PASS),
    ):
        wanted = exposure.wanted(house.system, doors, house.now)
        asked = asyncio.run(exposure.ask_all(doors, [w for w in wanted if w[0] == "desk"]))
        assert exposure.judged(asked).verdict is verdict
    assert Answer


def test_an_answer_to_a_stranger_is_told_by_door_and_path() -> None:
    found = exposure.judged(
        [Asked("api", "GET", "/v1/grants", 200), Asked("api", "GET", "/x", 401)]
    )
    assert (found.verdict, found.proof) == (FAIL, ("api: GET /v1/grants answers 200",))


@pytest.mark.clause("2-a")
def test_what_nobody_classified_is_red_for_a_month_after_it_was_seen(house: House) -> None:
    assert house.verdict("catalogue.drift") is PASS
    house.order(drift=[("orders[].shoeSize", "unknown_leaf")])
    found = house.look("catalogue.drift")
    assert (found.verdict, found.proof) == (FAIL, ("ordersV0.getOrder orders[].shoeSize",))
    house.passes(days=31)
    assert house.verdict("catalogue.drift") is PASS
    house.order(2, drift=[("orders[].shoeSize", "unknown_leaf")])
    assert house.verdict("catalogue.drift") is FAIL


@pytest.mark.clause("2-c", "2.5-a")
def test_a_scan_that_found_something_is_red_until_one_finds_nothing(
    house: House, tmp_path: Path
) -> None:
    place = tmp_path / "dump"
    place.mkdir()
    house.ask("canary.plant", seller="acme", count=3)
    marker = next(m for m in house.system.vault.canaries.markers() if "-" in m)
    # A command's own scan, by the machine's clock.
    assert house.verdict("scan.data") is FAIL
    assert house.verdict("scan.secrets") is FAIL

    def scan(content: str) -> None:
        (place / "export.csv").write_text(content)
        with house.closed() as path:
            home = Offline(path)
            home.attempt("scan", str(place))
            home.attempt("scan", "--secrets", str(place))

    scan("nothing of anybody\n")
    house.now = house.machine_now()
    assert house.verdict("scan.data") is PASS
    assert house.verdict("scan.secrets") is PASS
    scan(f"{marker},an order\naws_secret_access_key = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'\n")
    assert house.look("scan.data").why.startswith("the last scan found personal data"), house.look(
        "scan.data"
    )
    scan("nothing of anybody\n")
    assert house.verdict("scan.data") is PASS
    house.passes(days=31)
    assert house.verdict("scan.data") is FAIL
    assert house.verdict("scan.secrets") is FAIL


@pytest.mark.clause("1.2-f")
def test_a_grant_to_export_for_daily_work_is_red(house: House) -> None:
    app = house.app()
    asked = {"action": Action.EXPORT, "purpose": Purpose.SUBJECT_REQUEST}
    house.grant(app, **asked)
    assert house.verdict("exports.granted") is PASS
    grant = house.grant(app, action=Action.EXPORT).grant
    found = house.look("exports.granted")
    assert (found.verdict, found.proof) == (FAIL, (f"grants {grant.id}",))
    house.ask("grant.revoke", grant=grant.id)
    assert house.verdict("exports.granted") is PASS


@pytest.mark.clause("2.3-f")
def test_paper_that_nobody_here_can_be_asked_about_is_red(house: House) -> None:
    printer = program(house, "boris")
    house.grant(printer)
    house.order()
    assert house.look("papers.answered").why.startswith("0 pages printed")
    house.system.paper.slip(
        Ask(printer, house.now),
        house.seller,
        "302-0000001-0000001",
        lines=[("1", Line("SKU-1", 1))],
        gift_messages=False,
    )
    assert house.look("papers.answered").why.startswith("1 page printed")
    assert house.verdict("papers.answered") is PASS
    house.ask("user.end", name="boris")
    assert house.verdict("papers.answered") is FAIL
    house.passes(days=91)
    assert house.verdict("papers.answered") is PASS


@pytest.mark.clause("2.5-c")
def test_a_home_for_tests_that_asks_amazon_is_red(house: House) -> None:
    assert house.verdict("environment.apart") is PASS
    house.system.sellers.add(
        house.console,
        name="real",
        region="eu",
        marketplaces=("A1PA6795UKMFR9",),
        credentials=LwaCredentials("amzn1.app", "a secret of the tests", "Atzr|of the tests"),
        now=house.now,
    )
    found = house.look("environment.apart")
    assert (found.verdict, found.why) == (FAIL, "this home is for test and asks Amazon itself")
