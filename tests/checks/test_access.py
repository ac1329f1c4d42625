"""Who has access and why: each check red and green for the right reason."""

from __future__ import annotations

import contextlib

import pytest

from strongroom.accounts.visits import Visit
from strongroom.compliance.overseen import Verdict
from strongroom.errors import StrongroomError
from strongroom.terms import Action, Category
from tests.checks.looking import House, program

PASS, FAIL = Verdict.PASS, Verdict.FAIL


def left(house: House) -> None:
    """Let somebody leave, whose app ended before."""
    house.ask("user.add", name="boris")
    house.ask("app.add", name="shipper", owner="boris")
    house.ask("app.end", name="shipper")
    house.ask("user.end", name="boris")


@pytest.mark.clause("1.2-a", "1.2-e")
def test_an_ended_app_that_somebody_brings_back_is_red(house: House) -> None:
    left(house)
    for check in ("accounts.owned", "leavers.gone"):
        assert house.verdict(check) is PASS
    # No door does that: whoever writes to the database.
    ended = house.system.accounts.find("shipper").ended_at
    assert ended is not None
    house.edit("UPDATE principal SET ended_at = NULL WHERE name = 'shipper'")
    for check in ("accounts.owned", "leavers.gone"):
        assert house.verdict(check) is FAIL
    assert house.look("accounts.owned").why == "1 program nobody here answers for"
    assert house.look("leavers.gone").why == "1 program and 0 grants of who has left"
    house.ask("app.end", name="shipper")
    for check in ("accounts.owned", "leavers.gone"):
        assert house.verdict(check) is PASS


@pytest.mark.clause("1.2-b")
def test_an_account_used_by_two_at_once_is_red_until_somebody_explains_it(house: House) -> None:
    anna = house.system.accounts.add_person("anna", caller=house.console, now=house.now).person.id
    assert house.verdict("accounts.named") is PASS
    with contextlib.suppress(StrongroomError):
        for number in range(8):
            visit = Visit(f"203.0.{number * 16}.7", None, "Firefox on Linux")
            house.system.guard.seen(anna, visit, house.now)
    (lock,) = house.system.guard.locks(house.now)
    found = house.look("accounts.named")
    assert found.verdict is FAIL
    assert found.proof == (f"locks {lock.id}",)
    house.ask("user.unlock", lock=lock.id, disposition="own_mistake")
    assert house.verdict("accounts.named") is PASS
    # No door takes such a name: whoever writes to the database does.
    house.edit("UPDATE principal SET name = 'admin' WHERE name = 'anna'")
    assert house.look("accounts.named").why == "1 account with a generic name"
    house.edit("UPDATE principal SET name = 'anna' WHERE name = 'admin'")
    assert house.verdict("accounts.named") is PASS


@pytest.mark.clause("1.2-c")
def test_a_grant_that_says_more_than_was_approved_is_red(house: House) -> None:
    grant = house.grant(house.app()).grant
    assert house.verdict("grants.drift") is PASS
    before = ",".join(sorted(grant.categories))
    house.edit("UPDATE access_grant SET categories = categories || ',payment'")
    found = house.look("grants.drift")
    assert (found.verdict, found.proof) == (FAIL, (f"grants {grant.id}",))
    house.edit("UPDATE access_grant SET categories = ?", before)
    assert house.verdict("grants.drift") is PASS


@pytest.mark.clause("1.2-d")
def test_access_that_nobody_reviewed_for_90_days_is_red_until_it_is(house: House) -> None:
    app = house.app()
    house.grant(app)
    house.passes(days=60)
    house.grant(app, lifetime=house.days(90))
    assert house.verdict("access.reviewed") is PASS
    # Its end is a month away, and who has access was never reviewed.
    house.passes(days=31)
    found = house.look("access.reviewed")
    assert (found.verdict, found.why) == (FAIL, "1 grant past the day of review")
    _review(house)
    assert house.verdict("access.reviewed") is PASS


def _review(house: House) -> None:
    review = house.ask("review.start")["review"]
    for item in house.ask("review.show", review=review)["items"]:
        house.ask("review.decide", item=item["item"], decision="keep", days=90)
    house.ask("review.close", review=review)


@pytest.mark.clause("1.2-g")
def test_the_lockouts_alarm_is_red_until_it_was_tried_this_quarter(house: House) -> None:
    assert house.verdict("lockout.drill") is FAIL
    house.ask("alarm.drill", kinds=["sign_on_anomaly"])
    assert house.verdict("lockout.drill") is PASS
    house.passes(days=91)
    assert house.verdict("lockout.drill") is FAIL


@pytest.mark.clause("1.2-h")
def test_a_lock_that_nobody_explains_in_three_days_is_red(house: House) -> None:
    anna = house.system.accounts.add_person("anna", caller=house.console, now=house.now).person.id
    with contextlib.suppress(StrongroomError):
        for number in range(8):
            visit = Visit(f"203.0.{number * 16}.7", None, "Firefox on Linux")
            house.system.guard.seen(anna, visit, house.now)
    (lock,) = house.system.guard.locks(house.now)
    assert house.verdict("locks.explained") is PASS
    house.passes(days=3, minutes=1)
    assert house.verdict("locks.explained") is FAIL
    house.ask("user.dispose", lock=lock.id, disposition="stolen_credentials")
    assert house.verdict("locks.explained") is PASS


@pytest.mark.clause("1.3-a")
def test_somebody_who_administers_and_reads_is_red(shared: House) -> None:
    anna, boris = program(shared, "anna"), program(shared, "boris")
    administers = {"action": Action.ADMINISTER, "sellers": None}
    shared.agreed(boris, anna, **administers)
    assert shared.verdict("grants.superusers") is PASS
    grant = shared.agreed(boris, anna, categories=frozenset({Category.NAME}))
    found = shared.look("grants.superusers")
    assert (found.verdict, found.proof) == (FAIL, (str(boris.principal),))
    shared.system.grants.revoke(shared.console, grant.grant.id, shared.now)
    assert shared.verdict("grants.superusers") is PASS


@pytest.mark.clause("1.3-b")
def test_a_grant_without_a_second_person_is_red(shared: House) -> None:
    app = shared.app()
    anna, boris = program(shared, "anna"), program(shared, "boris")
    grant = shared.agreed(app, boris, by=anna).grant
    assert shared.verdict("grants.approved") is PASS
    # No door gives one: whoever writes to the database does.
    shared.edit("UPDATE access_grant SET approved_by = requested_by")
    found = shared.look("grants.approved")
    assert (found.verdict, found.proof) == (FAIL, (f"grants {grant.id}",))
    shared.system.grants.revoke(shared.console, grant.id, shared.now)
    assert shared.verdict("grants.approved") is PASS


@pytest.mark.clause("1.3-b")
def test_a_grant_that_nobody_uses_for_60_days_is_red_until_it_is_used(house: House) -> None:
    app = house.app()
    house.grant(app, lifetime=house.days(90))
    assert house.verdict("grants.unused") is PASS
    house.passes(days=61)
    assert house.verdict("grants.unused") is FAIL
    token = house.order()
    house.reveal(app, token)
    assert house.verdict("grants.unused") is PASS
