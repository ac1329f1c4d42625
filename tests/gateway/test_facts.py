"""What orders say of their delivery."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.gateway.facts import (
    READERS,
    easy_ship,
    mcf_order,
    mcf_order_2026,
    mcf_package,
    order_2026,
    order_change,
    order_v0,
    seconds,
    shipping_tracking,
    since,
    tracked,
)
from strongroom.policy.catalogue import Catalogue
from strongroom.policy.kinds import KEPT
from strongroom.policy.retention import (
    DeliveryFacts,
    Progress,
    SightedFacts,
    disposal_day,
    is_undated,
    learn,
)

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


def changed(status, **summary):
    return {
        "OrderChangeTrigger": {"TimeOfOrderChange": "2026-08-01T12:00:00Z"},
        "Summary": {"OrderStatus": status, "PurchaseDate": "2026-08-01T12:00:00Z", **summary},
    }


@pytest.mark.clause("2.1")
@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (changed("Unshipped"), SightedFacts(Progress.UNSHIPPED, NOON, 0, NOON)),
        (changed("Canceled"), SightedFacts(Progress.CANCELLED, NOON, 0, NOON)),
        (
            changed("Shipped", EasyShipShipmentStatus="OutForDelivery"),
            SightedFacts(Progress.UNDELIVERED, NOON, 0, NOON),
        ),
        (
            # Windows of delivery are promises.
            changed("Shipped", LatestDeliveryDate="2027-01-01T00:00:00Z"),
            SightedFacts(Progress.SHIPPED, NOON, 0, NOON),
        ),
        (changed(["Shipped"]), SightedFacts(Progress.UNKNOWN, NOON, 0, NOON)),
        ({"Summary": None, "OrderChangeTrigger": 5}, SightedFacts()),
        ({}, SightedFacts()),
    ],
)
def test_what_a_changed_order_says(order, expected):
    assert order_change(order) == expected


@pytest.mark.clause("2.1")
@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("Delivered", Progress.DELIVERED),
        ("OutForDelivery", Progress.UNDELIVERED),
        ("LostInTransit", Progress.UNKNOWN),
        ("ReadyForPickup", Progress.UNKNOWN),
        (None, Progress.UNKNOWN),
        ({}, Progress.UNKNOWN),
    ],
)
def test_what_a_package_of_easy_ship_says(status, expected):
    assert easy_ship({"packageStatus": status}) == SightedFacts(expected)


def shipment(status, at):
    return {"fulfillmentShipmentStatus": status, "shippingDate": at}


@pytest.mark.clause("2.1")
@pytest.mark.parametrize(
    ("status", "shipments", "expected"),
    [
        (
            "Complete",
            [
                shipment("SHIPPED", "2026-08-01T12:00:00Z"),
                # Estimates say nothing.
                shipment("PENDING", "2027-01-01T00:00:00Z"),
                shipment("SHIPPED", "2026-07-01T12:00:00Z"),
            ],
            SightedFacts(Progress.SHIPPED, 0, NOON),
        ),
        (
            "Processing",
            [shipment("SHIPPED", "2026-08-01T12:00:00Z")],
            SightedFacts(),
        ),
        ("CANCELLED", [], SightedFacts(Progress.CANCELLED)),
        ("Unfulfillable", None, SightedFacts(Progress.CANCELLED)),
        ("Complete", None, SightedFacts()),
        ("Complete", ["x", None], SightedFacts(Progress.SHIPPED)),
        (None, [], SightedFacts()),
    ],
)
def test_what_an_order_of_mcf_says(status, shipments, expected):
    result = {"fulfillmentOrder": {"fulfillmentOrderStatus": status}}
    assert mcf_order({**result, "fulfillmentShipments": shipments}) == expected
    # The later version says the same in other words.
    renamed = [
        {"status": s["fulfillmentShipmentStatus"], "shipTime": s["shippingDate"]}
        if isinstance(s, dict)
        else s
        for s in shipments or ()
    ]
    order = {"status": status, "shipments": None if shipments is None else renamed}
    assert mcf_order_2026(order) == expected


@pytest.mark.clause("2.1")
def test_an_order_of_mcf_whose_shipments_were_not_asked_for_says_nothing_of_them():
    assert mcf_order_2026({"status": "COMPLETE"}) == SightedFacts()
    left = [shipment("SHIPPED", "2026-08-01T12:00:00Z")]
    partly = {"fulfillmentOrder": {"fulfillmentOrderStatus": "COMPLETE_PARTIAL"}}
    told = mcf_order({**partly, "fulfillmentShipments": left})
    assert told == SightedFacts(Progress.SHIPPED, 0, NOON)


@pytest.mark.clause("2.1")
def test_a_milestone_of_delivery_counts_from_the_first_and_a_prediction_does_not():
    def milestone(code, at, **more):
        return {"status": {"code": code, "description": "", **more}, "occurredAt": at}

    history = [
        milestone("DELIVERED", "2026-08-02T12:00:00Z"),
        milestone("CUSTOMER_PICKUP_COMPLETED", "2026-08-01T12:00:00Z"),
        milestone("DELIVERED", "2026-07-01T12:00:00Z", subCode="PREDICTED"),
        milestone("DELIVERED", "2026-07-02T12:00:00Z", subCode="REVERTED"),
        milestone("OUT_FOR_DELIVERY", "2026-07-31T12:00:00Z"),
        milestone("DELIVERED", "soon"),
        "x",
        {"status": 5},
    ]
    assert tracked({"milestoneHistory": history}) == SightedFacts(Progress.DELIVERED, 0, NOON)
    assert tracked({"milestoneHistory": history[2:]}) == SightedFacts()
    for broken in ({}, {"milestoneHistory": {}}, {"latestMilestone": history[0]}):
        assert tracked(broken) == SightedFacts()


@pytest.mark.clause("2.1")
def test_a_carriers_first_word_of_delivery_counts():
    later, first = "2026-08-02T12:00:00Z", "2026-08-01T12:00:00Z"
    mcf = [
        {"eventCode": "EVENT_301", "eventDate": later},
        {"eventCode": "EVENT_301", "eventDate": first},
        {"eventCode": "EVENT_302", "eventDate": "2026-07-31T00:00:00Z"},
        {"eventCode": "EVENT_301", "eventDate": "soon"},
        "x",
    ]
    arrived = SightedFacts(Progress.DELIVERED, delivered_at=NOON)
    assert mcf_package({"trackingEvents": mcf}) == arrived
    events = [
        {"eventCode": "Delivered", "eventTime": later, "shipmentType": "FORWARD"},
        {"eventCode": "Delivered", "eventTime": first},
        # Back at the seller.
        {
            "eventCode": "Delivered",
            "eventTime": "2026-07-01T12:00:00Z",
            "shipmentType": "RETURNS",
        },
    ]
    assert shipping_tracking({"eventHistory": events}) == arrived
    promise = {"promisedDeliveryDate": first, "eventHistory": [], "summary": {"status": "Lost"}}
    assert shipping_tracking(promise) == SightedFacts()
    for broken in ({}, {"trackingEvents": 5, "eventHistory": {}}):
        assert mcf_package(broken) == shipping_tracking(broken) == SightedFacts()


@pytest.mark.clause("2.1")
def test_what_is_no_order_counts_from_its_delivery_and_never_later():
    kept = KEPT["fulfillment_order"]
    assert since(kept, SightedFacts()) == kept
    assert since(kept, SightedFacts(Progress.DELIVERED, 0, NOON)).purchased_at == NOON
    gone = since(kept, SightedFacts(Progress.CANCELLED))
    now, day = NOON, 86_400
    known = learn(DeliveryFacts(), kept, now)
    for told, expected in ((gone, now // day), (kept, now // day + 30)):
        due = disposal_day(learn(known, told, now), now, timedelta(0))
        assert due is not None
        assert max(due, now // day) == expected
    # A delivery to come is an error, and would postpone.
    promised = since(kept, SightedFacts(Progress.DELIVERED, 0, NOON + 90 * day))
    assert learn(known, promised, now).purchased_at == now


@pytest.mark.clause("2.1")
def test_every_reader_of_a_model_file_is_one():
    for catalogue in (Catalogue.load(), Catalogue.notifications()):
        for operation in catalogue.operations.values():
            assert all(subject.facts in READERS for subject in operation.subjects)


@pytest.mark.clause("2.1")
def test_a_view_that_tells_an_end_without_a_date_has_none():
    assert is_undated(SightedFacts())
    assert is_undated(SightedFacts(Progress.DELIVERED))
    assert not is_undated(SightedFacts(Progress.DELIVERED, NOON))
    assert not is_undated(SightedFacts(Progress.UNDELIVERED))
    assert not is_undated(SightedFacts(Progress.CANCELLED))
