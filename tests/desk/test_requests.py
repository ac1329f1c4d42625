"""Subject requests on the desk: taken in, proved, found, acted on, answered, closed; nobody's data on any page."""

from __future__ import annotations

import io
import zipfile

import pytest
from tests.support.flowing import MAIL, ORDER, WHERE, WHO, give, orders, seller
from tests.support.pages import Member, Page
from tests.support.passphrases import unsealed

from strongroom.terms import Action, Category, Purpose

pytestmark = pytest.mark.clause("2.2")


def next_step(page: Page) -> str:
    """Return the heading of the step that stands in front."""
    return page.body.partition('id="what-next">')[2].partition("<")[0]


def trusted(member: Member) -> None:
    """Give somebody all that answering takes."""
    home, purpose = member.browser.home, Purpose.SUBJECT_REQUEST
    give(home, member.name, Action.SEARCH, purpose, [Category.EMAIL, Category.PHONE])
    for action in (Action.EXPORT, Action.RECTIFY):
        give(home, member.name, action, purpose)


def opened(member: Member, kind: str, **fields: str) -> Page:
    page = member.browser.get("/requests/new")
    named = {"email": MAIL, "name": WHO, "person": "", "law": "gdpr", "received": ""}
    return member.browser.submit(page, "/requests/new", **{"kind": kind, **named, **fields})


def act(member: Member, page: Page, name: str, **fields: str) -> Page:
    """Send a form of a request's page."""
    return member.browser.submit(page, f"{page.path}/{name}", **fields)


def found(member: Member, kind: str) -> Page:
    """Take in, prove and find."""
    page = act(member, opened(member, kind), "verify", method="in_person")
    return act(member, page, "find")


@pytest.fixture
def desk(ada: Member) -> Member:
    trusted(ada)
    orders(ada.browser.home, seller(ada.browser.home), 2)
    return ada


def test_a_whole_request_for_a_copy_is_led_from_receipt_to_close(desk: Member) -> None:
    home = desk.browser.home
    assert "Nobody waits for an answer" in desk.browser.get("/requests").text
    page = opened(desk, "access")
    assert next_step(page) == "Next: who are they?"
    page = act(desk, page, "verify", method="message_answered")
    assert next_step(page) == "Next: find their records"
    page = act(desk, page, "find")
    assert next_step(page) == "Next: make the sealed answer"
    assert "Records: 2" in page.text
    made = act(desk, page, "export", recipient="")
    assert made.h1 == "The sealed answer is ready"
    passphrase = made.body.partition('<code class="secret">')[2].partition("<")[0]
    given = desk.browser.submit(made, f"{page.path}/file")
    plain = unsealed(given.raw, passphrase)
    with zipfile.ZipFile(io.BytesIO(plain)) as archive:
        assert WHO in archive.read("data.json").decode()
    page = desk.browser.get(page.path)
    assert next_step(page) == "Next: answer"
    letter = act(desk, page, "reply", outcome="granted")
    assert "The sealed file that comes with this letter" in letter.text
    drawn = desk.browser.get(f"{page.path}/letter/granted/pdf")
    assert drawn.raw.startswith(b"%PDF")
    page = desk.browser.get(page.path)
    assert next_step(page) == "Next: close it"
    page = act(desk, page, "close")
    assert next_step(page) == "Closed"
    told = [(e.body["op"], e.body["n"]) for e in home.events("egress.delivered")]
    assert told == [("desk.request.find", 2), ("desk.request.export", 2)]


def test_what_they_named_and_what_is_theirs_is_on_no_page(desk: Member) -> None:
    wrong = opened(desk, "access", law="none", order=ORDER)
    assert wrong.status == 400
    pages = [wrong, opened(desk, "access"), found(desk, "erase"), desk.browser.get("/requests")]
    for page in pages:
        for value in (MAIL, WHO, WHERE, ORDER):
            assert value not in page.body, page.path


def test_a_value_is_put_right_and_shown_nowhere(desk: Member) -> None:
    page = found(desk, "rectify")
    record = page.body.partition('name="record"><option value="')[2].partition('"')[0]
    wish = {"record": record, "value": "Bonn am Rhein", "lift": ""}
    page = act(desk, page, "rectify", **wish, field="recipient.city")
    assert page.said.startswith("The value is put right")
    assert "Bonn" not in page.body
    again = act(desk, page, "rectify", **wish, field="no.such")
    assert again.status == 404
    assert "Bonn" not in again.body


def test_what_is_erased_goes_and_the_letter_says_so(desk: Member) -> None:
    page = found(desk, "erase")
    assert next_step(page) == "Next: erase"
    unmeant = act(desk, page, "erase", meant="")
    assert unmeant.status == 400
    page = act(desk, page, "erase", meant="yes")
    assert next_step(page) == "Next: answer"
    letter = act(desk, page, "reply", outcome="granted")
    assert "We have erased it: 2 records." in letter.text


def test_a_restriction_lets_nothing_out_but_by_a_second_persons_word(desk: Member) -> None:
    home = desk.browser.home
    page = found(desk, "restrict")
    page = act(desk, page, "stop")
    assert "Nothing of these records comes out" in page.text
    give(home, "ada", Action.OVERSEE)
    page = act(desk, page, "permit", principal="ada", ground="legal_claims", days="7")
    assert "Another person approves it." in page.text
    ben = home.member("ben")
    give(home, "ben", Action.OVERSEE)
    seen = ben.browser.get(page.path)
    assert next_step(seen) == "ada handles it"
    seen = ben.browser.submit(seen, f"{page.path}/approve")
    assert seen.said == "The exception counts from now on."
    letter = act(desk, desk.browser.get(page.path), "tell-lifting")
    assert "this restriction will be lifted" in letter.text
    page = act(desk, desk.browser.get(page.path), "lift")
    assert page.said == "The restriction has ended."


def test_only_who_handles_it_acts_on_it(desk: Member) -> None:
    home = desk.browser.home
    page = opened(desk, "access")
    ben = home.member("ben")
    trusted(ben)
    seen = ben.browser.get(page.path)
    assert f"{page.path}/verify" not in seen.actions
    token = {"token": seen.form("/sign-out")["token"]}
    answer = ben.browser.post(f"{page.path}/verify", token | {"method": "in_person"})
    assert answer.status == 403
    handed = act(desk, page, "assign", handler="ben")
    assert "ben handles it" in handed.text
    assert next_step(ben.browser.get(page.path)) == "Next: who are they?"


def test_more_time_is_taken_with_its_letter(desk: Member) -> None:
    page = opened(desk, "access")
    before = desk.browser.get(f"{page.path}/letter/longer-complex")
    assert "because it is complex" in before.text
    letter = act(desk, page, "extend", ground="complex")
    assert letter.path == f"{page.path}/letter/longer"
    page = desk.browser.get(page.path)
    assert "It takes longer because it is complex; ada told them 2026-03-10" in page.text
    assert f"{page.path}/extend" not in page.actions


def test_a_refusal_has_its_ground(desk: Member) -> None:
    page = found(desk, "erase")
    letter = act(desk, page, "reply", outcome="refused-legal-duty")
    assert "a law obliges us to keep and use this data" in letter.text
    page = desk.browser.get(page.path)
    assert "refused legal duty" in page.text
    assert act(desk, page, "reply", outcome="refused").status == 400


def test_the_file_waits_for_who_had_it_made_and_not_for_long(desk: Member) -> None:
    home = desk.browser.home
    page = found(desk, "access")
    made = act(desk, page, "export", recipient="")
    ben = home.member("ben")
    trusted(ben)
    token = {"token": ben.browser.get("/profile").form("/sign-out")["token"]}
    assert ben.browser.post(f"{page.path}/file", token).status == 404
    home.passes(minutes=11)
    assert desk.browser.submit(made, f"{page.path}/file").status == 404
