"""Dates as reports write them."""

import pytest

from strongroom.gateway.documents.dates import Instants, instant, status_of
from strongroom.policy.retention import Progress

MARCH_1 = 1_772_323_200


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-01T00:00:00+00:00", MARCH_1),
        ("2026-03-01T00:00:00Z", MARCH_1),
        ("2026-02-28T16:00:00-08:00", MARCH_1),
        ("2026-03-01", MARCH_1),
        ("2026/03/01 09:00:00 JST", MARCH_1),
        ("2026-03-01 00:00:00 UTC", MARCH_1),
        ("01-Mar-2026 UTC", MARCH_1),
        ("13/03/2026", MARCH_1 + 12 * 86_400),
        ("", 0),
        ("soon", 0),
        ("2026-13-45", 0),
        ("99-Foo-2026", 0),
    ],
)
def test_an_instant_is_read_in_the_forms_it_comes_in(text: str, expected: int):
    assert instant(text) == expected
    assert Instants().read(text) == expected


@pytest.mark.clause("2.1")
def test_a_date_of_two_readings_is_the_earlier_one():
    assert instant("03/01/2026") == instant("01/03/2026") == 1_767_398_400  # 3 January


def test_states_are_those_of_reports():
    assert status_of("Shipped - Delivered to Buyer") is Progress.DELIVERED
    assert status_of("Shipped - Returned to Seller") is Progress.SHIPPED
    assert status_of("Cancelled") is Progress.CANCELLED
    assert status_of("Whatever") is Progress.UNKNOWN
