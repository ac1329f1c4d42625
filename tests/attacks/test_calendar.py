"""What is tried at a calendar feed: other people's, guesses, sessions, and who has left [1.2]."""

from __future__ import annotations

import pytest
from tests.desk.conftest import ada, joined, made_for_two
from tests.desk.test_calendar import feed, make
from tests.support.pages import Member

__all__ = ["ada", "joined", "made_for_two"]

pytestmark = pytest.mark.clause("1.2")


def test_nobody_reads_another_persons_feed(ada: Member) -> None:
    home = ada.browser.home
    ben = home.member("ben")
    mine, theirs = make(ada), make(ben)
    for name, password in (("ada", theirs), ("ben", mine), ("ada", ""), ("", mine), ("zoe", mine)):
        assert feed(ada, name, password).status == 401, name
    # The account's own password is none of the feed's, nor is a session.
    assert feed(ada, "ada", ada.password).status == 401
    assert ada.browser.get("/calendar.ics").status == 401
    assert feed(ada, "ben", theirs).status == 200


def test_guesses_are_held_up_and_recorded_without_what_was_shown(ada: Member) -> None:
    password = make(ada)
    answers = [feed(ada, "ada", f"guess-{number}").status for number in range(12)]
    assert answers[0] == 401
    assert answers[-1] == 429
    # Held up, even with the right one: it is the address that waits.
    assert feed(ada, "ada", password).status == 429
    refused = ada.browser.home.events("calendar.refused")
    assert 0 < len(refused) <= 10
    assert "guess" not in str([event.body for event in refused])
    ada.browser.home.passes(minutes=20)
    assert feed(ada, "ada", password).status == 200


def test_who_has_left_or_is_locked_reads_nothing(ada: Member) -> None:
    home = ada.browser.home
    ben = home.member("ben")
    password = make(ben)
    assert feed(ada, "ben", password).status == 200
    home.system.guard.disowned(home.system.accounts.find("ben").id, home.now, home.console)
    assert feed(ada, "ben", password).status == 401


@pytest.mark.parametrize(
    "shown", ["Basic", "Basic !!!", "Basic YWRh", "Bearer x", "Basic " + "A" * 4000]
)
def test_a_header_that_is_none_opens_nothing(ada: Member, shown: str) -> None:
    browser = ada.browser.home.visitor()
    page = browser.send("GET", "/calendar.ics", headers={"authorization": shown})
    assert page.status == 401


def test_the_stored_digest_is_no_password_and_bound_to_its_person(ada: Member) -> None:
    home = ada.browser.home
    home.member("ben")
    password = make(ada)
    assert password.encode() not in (home.system.home.root / "vault.db").read_bytes()
    with home.system.database.write() as tx:
        tx.exec_driver_sql("UPDATE calendar_password SET person_id = person_id + 1")
    ben = home.system.accounts.find("ben")
    assert ben.id == home.system.accounts.find("ada").id + 1
    assert feed(ada, "ben", password).status == 401


def test_a_password_is_made_by_who_just_proved_it(ada: Member) -> None:
    ada.browser.home.passes(minutes=11)
    page = ada.browser.get("/calendar")
    assert "/calendar" not in page.actions
    token = ada.browser.form_fields("/calendar")
    assert (
        ada.browser.post("/calendar", token, follow=False).header("location") == "/prove/calendar"
    )
    assert not ada.browser.home.events("calendar.changed")
