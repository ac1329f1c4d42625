"""The review of access on the desk: begun, decided row by row, closed once it is proved."""

from __future__ import annotations

import csv
import io

import pytest
from tests.support.flowing import give
from tests.support.pages import Member, Page

from strongroom.terms import Action, Category, Purpose

pytestmark = pytest.mark.clause("1.2", "1.3")


def next_step(page: Page) -> str:
    """Return the heading of the step that stands in front."""
    return page.body.partition('id="what-next">')[2].partition("<")[0]


def begun(ada: Member) -> Page:
    return ada.browser.submit(ada.browser.get("/reviews"), "/reviews")


def decide(member: Member, page: Page, grant: int, verdict: str, **fields: str) -> Page:
    """Decide about a grant, as the form of its row would."""
    items = member.browser.home.system.reviews.show(int(page.path.split("/")[2]))[1]
    item = next(one.id for one in items if one.grant.grant.id == grant)
    sent = {"token": page.form("/sign-out")["token"], "item": str(item), "verdict": verdict}
    return member.browser.post(f"/reviews/{page.path.split('/')[2]}/decide", sent | fields)


def test_a_review_is_decided_row_by_row_and_closed_once_it_is_proved(ada: Member) -> None:
    home = ada.browser.home
    ben = home.member("ben")
    give(home, "ben", Action.OVERSEE)
    kept = give(home, "ben", Action.SEARCH, Purpose.AMAZON_REQUEST, [Category.EMAIL])
    gone = give(home, "ben", Action.EXPORT)
    page = begun(ada)
    assert next_step(page).startswith("Next: decide about ")
    assert "0 reads" in page.text
    state = home.system.grants
    page = decide(ada, page, kept, "keep", days="30")
    assert page.said == "It is decided, and in effect."
    page = decide(ada, page, gone, "revoke")
    assert state.one(gone).grant.revoked_at is not None if hasattr(state, "one") else True
    early = ada.browser.post(f"{page.path}/close", {"token": page.form("/sign-out")["token"]})
    assert early.status == 409
    for row in home.system.reviews.show(1)[1]:
        if row.decision is None:
            mine = row.content["principal"] == "ada"
            who = ben if mine else ada
            where = who.browser.get("/reviews/1")
            answer = decide(who, where, row.grant.grant.id, "keep")
            assert answer.status == 200, answer.text
    page = ada.browser.get("/reviews/1")
    assert next_step(page) == "Next: close it"
    page = ada.browser.submit(page, "/reviews/1/close")
    assert next_step(page) == "Closed"
    assert "Review 1" in ada.browser.get("/reviews").text


def test_nobody_keeps_access_of_their_own(ada: Member) -> None:
    home = ada.browser.home
    mine = give(home, "ada", Action.OVERSEE)
    page = begun(ada)
    assert "Your own: another person keeps or narrows it." in page.text
    answer = decide(ada, page, mine, "keep")
    assert answer.status == 403
    assert decide(ada, page, mine, "revoke").status == 200


def test_a_grant_is_narrowed_to_what_is_ticked(ada: Member) -> None:
    home = ada.browser.home
    home.member("ben")
    wide = give(
        home, "ben", Action.SEARCH, Purpose.AMAZON_REQUEST, [Category.EMAIL, Category.PHONE]
    )
    page = decide(ada, begun(ada), wide, "change", **{"category-email": "1"})
    assert page.status == 200, page.text
    items = home.system.reviews.show(1)[1]
    found = next(one.grant.grant for one in items if one.grant.grant.id == wide)
    assert found.categories == {Category.EMAIL}


def test_the_list_comes_as_a_table_in_which_nothing_is_a_formula(ada: Member) -> None:
    home = ada.browser.home
    home.member("ben")
    give(home, "ben", Action.SEARCH, Purpose.AMAZON_REQUEST, [Category.EMAIL])
    begun(ada)
    given = ada.browser.get("/reviews/1/csv")
    assert given.header("content-disposition") == 'attachment; filename="review-1.csv"'
    rows = list(csv.DictReader(io.StringIO(given.raw.decode())))
    assert {row["principal"] for row in rows} == {"ada", "ben"}
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())


def test_a_long_list_comes_page_by_page(ada: Member) -> None:
    home = ada.browser.home
    home.member("ben")
    for _ in range(30):
        give(home, "ben", Action.SEARCH, Purpose.AMAZON_REQUEST, [Category.EMAIL])
    page = begun(ada)
    assert page.body.count("<summary>Decide") == 25
    older = page.body.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
    assert ada.browser.get(older).status == 200
