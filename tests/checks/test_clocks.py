"""Amazon's notices and subject requests: red when a clock has run out, green once it is done."""

from __future__ import annotations

import pytest

from strongroom.compliance.overseen import Verdict
from tests.checks.looking import House

PASS, FAIL = Verdict.PASS, Verdict.FAIL


def register(house: House) -> int:
    house.order(delivered=house.now)
    found = house.ask("notice.register", kind="deletion", reference="CASE-7", sellers=["acme"])
    return int(found["id"])


def carry_out(house: House, notice: int) -> None:
    house.ask("notice.plan", notice=notice, recipients=[], declared=[])
    house.ask("notice.run", notice=notice)


@pytest.mark.clause("1.7-a", "1.7-d", "1.7-e")
def test_a_notice_is_red_past_72_hours_uncertified_for_5_days_and_open_for_90(
    house: House,
) -> None:
    notice = register(house)
    assert house.verdict("notices.erased") is PASS
    house.passes(hours=71)
    assert house.verdict("notices.erased") is PASS
    house.passes(hours=2)
    found = house.look("notices.erased")
    assert (found.verdict, found.proof) == (FAIL, (f"notices {notice}",))
    carry_out(house, notice)
    assert house.verdict("notices.erased") is PASS

    assert house.verdict("notices.certified") is PASS
    house.passes(days=6)
    assert house.verdict("notices.certified") is FAIL
    house.ask("notice.verify", notice=notice)
    house.ask("notice.certificate", notice=notice)
    assert house.verdict("notices.certified") is PASS

    assert house.verdict("notices.gone") is PASS
    house.passes(days=85)
    assert house.verdict("notices.gone") is FAIL
    house.ask("notice.close", notice=notice)
    assert house.verdict("notices.gone") is PASS


@pytest.mark.clause("2.2-g")
def test_a_subject_request_past_its_laws_day_is_red_until_it_is_closed(house: House) -> None:
    assert house.verdict("requests.answered") is PASS
    opened = house.ask(
        "request.open", kind="access", law="gdpr", sought={"email": "j.gross@example.net"}
    )
    number = int(opened["request"])
    assert house.verdict("requests.answered") is PASS
    house.passes(days=32)
    found = house.look("requests.answered")
    assert (found.verdict, found.proof) == (FAIL, (f"requests {number}",))
    house.ask("request.reply", request=number, outcome="identity_unproved")
    house.ask("request.close", request=number)
    assert house.verdict("requests.answered") is PASS
