"""Long lists, clocks, signs, and the one script that is not ours."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import strongroom.desk
from strongroom.desk.paging import Cursor, cursor_of, link, slice_in
from strongroom.desk.words import chip, span, urgency
from strongroom.errors import Malformed

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
STATIC = Path(strongroom.desk.__file__).parent / "static"
HTMX = "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717"


@given(st.sets(st.integers(1, 500), max_size=60), st.integers(1, 7))
def test_walking_a_list_shows_each_row_once_and_the_way_back_is_the_same(
    keys: set[int], size: int
) -> None:
    rows = list(keys)
    pages, cursor = [], Cursor()
    while True:
        page = slice_in(rows, cursor, int, size)
        pages.append(list(page.rows))
        if page.older is None:
            break
        cursor = Cursor(before=page.older)
    assert [row for page in pages for row in page] == sorted(keys, reverse=True)
    back = [pages[-1]]
    while page.newer is not None:
        page = slice_in(rows, Cursor(after=page.newer), int, size)
        back.append(list(page.rows))
    assert back == pages[::-1]


@pytest.mark.parametrize(
    "query",
    [{"before": "1", "after": "2"}, {"before": "x"}, {"after": "-1"}, {"before": "9" * 19}],
)
def test_a_page_begins_at_one_number(query: dict[str, str]) -> None:
    with pytest.raises(Malformed):
        cursor_of(query)


def test_a_link_keeps_filters_and_drops_the_page_before() -> None:
    assert link("/log", {"type": "a b", "before": "9", "x": ""}, after=4) == "/log?type=a+b&after=4"
    assert link("/log", {}) == "/log"


def test_a_clock_is_heeded_in_its_last_quarter_and_bad_once_it_is_late() -> None:
    def look(hours: float) -> tuple[str, str, int | None]:
        found = urgency(NOW + timedelta(hours=hours), NOW, NOW + timedelta(hours=hours - 24))
        return found.kind, found.text, found.used

    assert look(20) == ("good", "20 h left", 16)
    assert look(5.5) == ("heed", "5 h 30 min left", 77)
    assert look(-50) == ("bad", "late by 2 d 2 h", 100)
    assert urgency(NOW + timedelta(hours=3), NOW).kind == "heed"
    assert urgency(NOW + timedelta(days=3), NOW).used is None


def test_lengths_and_signs() -> None:
    assert [span(timedelta(minutes=m)) for m in (0, 61, 1440)] == ["0 min", "1 h 1 min", "1 d"]
    assert [chip(word) for word in ("Passed", "overdue", "in effect", "blue")] == [
        "good",
        "bad",
        "good",
        "",
    ]


def test_the_script_of_others_is_as_its_authors_published_it() -> None:
    assert hashlib.sha256((STATIC / "htmx.min.js").read_bytes()).hexdigest() == HTMX
