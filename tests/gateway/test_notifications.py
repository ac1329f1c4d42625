"""Notifications go through plans like answers do: what is personal in them is found."""

import pytest

from strongroom.gateway.extraction import Call
from strongroom.gateway.transform import Plan
from strongroom.policy.catalogue import Catalogue
from tests.support.documents import placed

NOTIFICATIONS = Catalogue.notifications().operations
PLANS = {name: Plan(operation) for name, operation in NOTIFICATIONS.items()}


def tokenized(name, document):
    found = PLANS[name].extract(document)
    return PLANS[name].replace(found, placed(found.sightings)), found.sightings


def test_no_request_means_a_notification():
    catalogue = Catalogue.load()
    assert not NOTIFICATIONS.keys() & catalogue.operations.keys()
    assert all(catalogue.match("GET", o.template) is None for o in NOTIFICATIONS.values())


@pytest.mark.clause("2.1", "4")
def test_the_postal_code_of_a_changed_order_goes_to_the_orders_own_record():
    summary = {"OrderStatus": "Shipped", "DestinationPostalCode": "10115", "OrderItems": []}
    document = {
        "NotificationType": "ORDER_CHANGE",
        "Payload": {
            "OrderChangeNotification": {"AmazonOrderId": "902-1-2", "Summary": summary},
        },
    }
    changed, (sighting,) = tokenized("OrderChangeNotification.ORDER_CHANGE", document)
    assert (sighting.kind, sighting.id, sighting.slots) == ("order", "902-1-2", {14: "10115"})
    told = changed["Payload"]["OrderChangeNotification"]["Summary"]
    assert told["DestinationPostalCode"] != "10115"
    assert told["OrderStatus"] == "Shipped"


@pytest.mark.clause("4")
def test_the_tracking_number_of_a_parcel_has_the_slot_it_has_in_the_order():
    shipment = {
        "AmazonShipmentId": "S1",
        "FulfillmentShipmentPackages": [{"PackageNumber": 7, "TrackingNumber": "1Z999"}],
    }
    document = {
        "Payload": {
            "FulfillmentOrderStatusNotification": {
                "SellerFulfillmentOrderId": "mine 7",
                "FulfillmentShipment": shipment,
            }
        }
    }
    told = "FulfillmentOrderStatusNotification.FULFILLMENT_ORDER_STATUS"
    _, (notified,) = tokenized(told, document)

    package = {"packageNumber": 7, "trackingNumber": "1Z999"}
    order = {
        "fulfillmentOrder": {"sellerFulfillmentOrderId": "mine 7"},
        "fulfillmentShipments": [
            {"amazonShipmentId": "S1", "fulfillmentShipmentPackage": [package]}
        ],
    }
    plan = Plan(Catalogue.load().operations["fulfillmentOutbound_2020-07-01.getFulfillmentOrder"])
    call = Call("call-1", path={"sellerFulfillmentOrderId": "mine 7"})
    (seen,) = plan.extract({"payload": order}, call).sightings
    assert (notified.kind, notified.id, notified.slots) == (seen.kind, seen.id, seen.slots)
    assert list(notified.slots.values()) == ["1Z999"]


@pytest.mark.clause("4")
@pytest.mark.parametrize("begin", [str.upper, str.lower])
def test_a_notification_whose_schema_is_not_whole_passes_with_every_string_tokenized(begin):
    """Amazon's schema of it refers to definitions that are not there: nothing of its payload is believed."""

    def named(name):
        return begin(name[0]) + name[1:]

    about = {named("SubscriptionId"): "s-1", named("NotificationId"): "n-1"}
    tracked = {
        "trackingNumber": "1Z999",
        "milestones": [{"location": {"address": {"city": "Ulm"}}, "occurredAt": "2026-03-10"}],
        "attempts": 2,
        "isLast": True,
    }
    document = {
        named("NotificationType"): "SHIPMENT_TRACKING_MILESTONE_CHANGED",
        named("NotificationMetadata"): about,
        named("Payload"): {"shipmentTrackingMilestoneChanged": tracked},
    }
    id_ = "ShipmentTrackingMilestoneChangedNotification.SHIPMENT_TRACKING_MILESTONE_CHANGED"
    changed, sightings = tokenized(id_, document)
    assert changed[named("NotificationMetadata")] == about
    text = str(changed[named("Payload")])
    assert not [value for value in ("1Z999", "Ulm", "2026-03-10") if value in text]
    slots = [value for sighting in sightings for value in sighting.slots.values()]
    assert {"1Z999", "Ulm", "2026-03-10"} <= set(slots)
