"""Keys and retention on the desk: what goes when, which keys there are, and why one order goes on its day."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.support.flowing import MAIL, ORDER, WHO, orders, seller
from tests.support.pages import Member

from strongroom.desk.counted import FRESH, Counting

pytestmark = pytest.mark.clause("2.1", "2.4")


def test_what_goes_when_is_drawn_and_told_in_numbers(ada: Member) -> None:
    home = ada.browser.home
    orders(home, seller(home), 3)
    page = ada.browser.get("/retention")
    assert page.h1 == "Keys and retention"
    assert "0 days past its date: the oldest personal data" in page.text
    assert "Live period keys by selling partner" in page.text
    assert "<caption" in page.body
    assert 'role="img"' in page.body
    for part in ("root key", "master key", "Provider of the root", "24 hours", "No backup yet"):
        assert part in page.text


def test_an_order_is_explained_and_its_number_shown_nowhere(ada: Member) -> None:
    home = ada.browser.home
    orders(home, seller(home))
    page = ada.browser.get("/retention")
    told = ada.browser.submit(page, "/retention", seller="acme", order=ORDER)
    assert told.status == 200
    assert "destroyed at the latest on" in told.text or "live" in told.text
    missing = ada.browser.submit(page, "/retention", seller="acme", order="902-9999999-9999999")
    assert missing.status == 404
    assert "No such order is known for this seller." in missing.text
    for one in (told, missing):
        for value in (ORDER, "902-9999999", WHO, MAIL):
            assert value not in one.body


def test_a_clock_that_is_ahead_is_said(ada: Member) -> None:
    home = ada.browser.home
    home.system.watch._is_withheld = True
    assert "The clock is implausibly ahead" in ada.browser.get("/retention").text


def test_what_takes_a_while_is_counted_once_and_again_when_it_is_old(ada: Member) -> None:
    now, seen = ada.browser.home.now, []
    counting = Counting(lambda: seen.append(1) or len(seen))
    first = counting.now(now)
    assert first is not None
    assert first.found == 1
    again = counting.now(now + FRESH - timedelta(seconds=1))
    assert again is not None
    assert again.found == 1
    counting.now(now + FRESH)
    assert counting._running is not None
    counting._running.join(5)
    last = counting.now(now + FRESH)
    assert last is not None
    assert (last.found, last.at) == (2, now + FRESH)
