"""What orders say of their delivery."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.gateway.facts import order_2026, order_v0, seconds
from strongroom.policy.retention import Progress, SightedFacts

NOON = 1785585600  # 2026-08-01T12:00:00Z


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-08-01T12:00:00Z", NOON),
        ("2026-08-01T12:00:00.750Z", NOON),
        ("2026-08-01T14:00:00+02:00", NOON),
        ("2026-08-01T12:00:00", NOON),
        ("2026-08-01T12:00Z", NOON),
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59Z", 0),
        ("0001-01-01T00:00:00+14:00", 0),
        ("2026-08-01T24:61:00Z", 0),
        ("2026-02-30T12:00:00Z", 0),
        ("soon", 0),
        ("", 0),
        (None, 0),
        (5, 0),
        ([1], 0),
        ({}, 0),
    ],
)
def test_instants(text, expected):
    assert seconds(text) == expected
    # Now perhaps by look-up, the day being known.
    assert seconds(text) == expected


@given(st.text() | st.datetimes().map(lambda moment: moment.isoformat() + "Z"))
def test_any_text_is_an_instant_or_none(text):
    assert seconds(text) == seconds(text) >= 0


@pytest.mark.clause("2.1")
@pytest.mark.parametrize(
    ("status", "easy_ship", "expected"),
    [
        ("Pending", None, Progress.PENDING),
        ("PendingAvailability", None, Progress.PENDING),
        ("Unshipped", None, Progress.UNSHIPPED),
        ("Unshipped", "PendingPickUp", Progress.UNSHIPPED),
        ("InvoiceUnconfirmed", None, Progress.UNSHIPPED),
        ("PartiallyShipped", None, Progress.PARTIAL),
        ("Shipped", None, Progress.SHIPPED),
        ("Shipped", "OutForDelivery", Progress.UNDELIVERED),
        ("Shipped", "Delivered", Progress.DELIVERED),
        ("Shipped", "Lost", Progress.SHIPPED),
        ("Shipped", "RejectedByBuyer", Progress.SHIPPED),
        ("Canceled", None, Progress.CANCELLED),
        ("Unfulfillable", None, Progress.CANCELLED),
        ("Teleported", None, Progress.UNKNOWN),
        (None, None, Progress.UNKNOWN),
    ],
)
def test_v0(status, easy_ship, expected):
    order = {"PurchaseDate": "2026-08-01T12:00:00Z", "LastUpdateDate": "2026-08-01T12:00:01Z"}
    if status is not None:
        order["OrderStatus"] = status
    if easy_ship is not None:
        order["EasyShipShipmentStatus"] = easy_ship
    assert order_v0(order) == SightedFacts(expected, NOON, 0, NOON + 1)


def package(status, shipped="2026-08-01T12:00:00Z"):
    return {"packageStatus": {"status": status}, "shipTime": shipped}


@pytest.mark.clause("2.1")
@pytest.mark.parametrize(
    ("status", "packages", "expected"),
    [
        ("PENDING", [], Progress.PENDING),
        ("UNSHIPPED", [], Progress.UNSHIPPED),
        ("PARTIALLY_SHIPPED", ["DELIVERED"], Progress.PARTIAL),
        ("SHIPPED", [], Progress.SHIPPED),
        ("SHIPPED", ["IN_TRANSIT"], Progress.UNDELIVERED),
        ("SHIPPED", ["DELIVERED", "IN_TRANSIT"], Progress.UNDELIVERED),
        ("SHIPPED", ["DELIVERED", "DELIVERED"], Progress.DELIVERED),
        ("SHIPPED", ["DELIVERED", "CANCELLED"], Progress.DELIVERED),
        ("SHIPPED", ["DELIVERED", "SHIPPED"], Progress.SHIPPED),
        ("SHIPPED", ["SHIPPED"], Progress.SHIPPED),
        ("SHIPPED", ["UNDELIVERABLE"], Progress.SHIPPED),
        ("CANCELLED", ["IN_TRANSIT"], Progress.CANCELLED),
        ("UNFULFILLABLE", [], Progress.CANCELLED),
        (None, ["DELIVERED"], Progress.UNKNOWN),
    ],
)
def test_2026(status, packages, expected):
    order = {
        "createdTime": "2026-08-01T12:00:02Z",
        "lastUpdatedTime": "2026-08-01T12:00:03Z",
        "packages": [package(said) for said in packages],
    }
    if status is not None:
        order["fulfillment"] = {"fulfillmentStatus": status}
    shipped_at = NOON if packages else 0
    assert order_2026(order) == SightedFacts(expected, NOON + 2, shipped_at, NOON + 3)


@pytest.mark.clause("2.1")
def test_the_latest_parcel_counts():
    order = {
        "packages": [package("IN_TRANSIT", None), package("DELIVERED", "2026-08-02T12:00:00Z")]
    }
    assert order_2026(order).shipped_at == NOON + 86_400


@given(
    st.dictionaries(
        st.sampled_from(["fulfillment", "packages", "createdTime"]),
        st.recursive(
            st.none() | st.integers() | st.text(),
            lambda inner: (
                st.lists(inner)
                | st.dictionaries(
                    st.sampled_from(["fulfillmentStatus", "packageStatus", "status", "shipTime"]),
                    inner,
                )
            ),
        ),
    )
)
def test_nonsense_says_nothing(order):
    assert order_2026(order).status is Progress.UNKNOWN
