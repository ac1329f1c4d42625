"""Charts: where bars stand, and that their numbers can be read without seeing them."""

from __future__ import annotations

import jinja2
import pytest

from strongroom.desk import rendering
from strongroom.desk.charts import HEIGHT, Bars, Columns, Point, bars, columns

DRAWN = (
    '{% from "charts.html" import columns, bars %}'
    '{% if chart.bars is defined %}{{ bars(chart) }}{% else %}{{ columns(chart, "c") }}{% endif %}'
)


def drawn(chart: Columns | Bars) -> str:
    folder = rendering._HERE / "templates"
    loader = jinja2.FileSystemLoader(folder)
    jinja = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    return jinja.from_string(DRAWN).render(chart=chart)


def test_the_tallest_column_stands_under_a_round_number() -> None:
    chart = columns("Records", "By day.", "records", [Point("1", 37), Point("2", 0), Point("3", 1)])
    assert [line.text for line in chart.lines] == ["0", "25", "50"]
    assert [one.height for one in chart.columns] == [round(HEIGHT * 37 / 50), 0, 3]
    assert all(one.y + one.height == chart.lines[0].y for one in chart.columns)


def test_the_smallest_number_is_seen_beside_the_greatest() -> None:
    chart = columns("Records", "By day.", "records", [Point("1", 1_000_000), Point("2", 1)])
    assert [one.height for one in chart.columns] == [HEIGHT, 1]


@pytest.mark.parametrize("count", [0, 1, 2, 9, 31, 400])
def test_columns_stay_within_the_chart_and_their_names_are_few(count: int) -> None:
    chart = columns("Records", "By day.", "records", [Point(str(n), n) for n in range(count)])
    assert len(chart.names) <= 5
    for one in chart.columns:
        assert float(one.x[:-1]) > 0
        assert float(one.x[:-1]) + float(one.width[:-1]) <= 100


def test_a_chart_has_a_title_a_description_and_its_numbers_as_a_table() -> None:
    page = drawn(columns("Records by day", "Most on Monday.", "records", [Point("Monday", 1200)]))
    assert 'role="img" aria-labelledby="c-title c-about"' in page
    assert '<title id="c-title">Records by day</title>' in page
    assert '<desc id="c-about">Most on Monday.</desc>' in page
    assert '<th scope="row">Monday</th><td class="number">1,200</td>' in page
    assert "style=" not in page


def test_lying_bars_are_a_table() -> None:
    page = drawn(
        bars("Keys", "Live periods.", "keys", [Point("acme", 4), Point("blue", 1, "heed")])
    )
    assert '<th scope="row">acme</th>' in page
    assert 'class="bar heed" width="25.00%"' in page
    assert "style=" not in page


@pytest.mark.clause("2.6")
def test_a_name_that_looks_like_a_tag_is_text() -> None:
    hostile = '"><script>alert(1)</script>'
    for chart in (
        columns(hostile, hostile, hostile, [Point(hostile, 1)]),
        bars(hostile, hostile, hostile, [Point(hostile, 1)]),
    ):
        assert "<script>" not in drawn(chart)
