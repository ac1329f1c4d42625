"""Messages, Easy Ship, Direct Fulfillment and notifications, as Amazon's models say where they are at hand."""

from __future__ import annotations

import base64
import io
import json
import os
import ssl
import urllib.request
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tests.simulator.conftest import Client, Clock, Start
from tests.simulator.test_models import REDUCED, _check, models
from tests.simulator.test_parcels import call, restricted

from strongroom.simulator import Order

__all__ = ["models"]

EASY_SHIP = "/easyShip/2022-03-23"
ORDERS = "/vendor/directFulfillment/orders/2021-12-28"
SHIPPING = "/vendor/directFulfillment/shipping/2021-12-28"
TRANSACTIONS = "/vendor/directFulfillment/transactions/2021-12-28/transactions"
NOTICES = "/notifications/v1"
MARKETPLACE = "A1PA6795UKMFR9"
ARN = "arn:aws:sqs:eu-central-1:123456789012:changes"
PARTIES = {"sellingParty": {"partyId": "VENDOR"}, "shipFromParty": {"partyId": "WAREHOUSE"}}


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, members in {
        "GetMessagingActionsForOrderResponse": {"_links", "_embedded"},
        "GetAttributesResponse": {"buyer"},
        "CreateConfirmOrderDetailsResponse": set[str](),
        "ListHandoverSlotsResponse": {"amazonOrderId", "timeSlots"},
        "Package": {"scheduledPackageId", "packageStatus"},
        "Packages": {"packages"},
        "CreateScheduledPackagesResponse": {"scheduledPackages"},
        "OrderList": {"orders"},
        "Order": {"purchaseOrderNumber"},
        "TransactionId": {"transactionId"},
        "TransactionReference": {"transactionId"},
        "TransactionStatus": {"transactionStatus"},
        "ShippingLabel": {"labelData"},
        "ShippingLabelList": {"shippingLabels"},
        "PackingSlip": {"content"},
        "CreateDestinationResponse": {"payload"},
        "GetDestinationsResponse": {"payload"},
        "GetDestinationResponse": {"payload"},
        "DeleteDestinationResponse": set[str](),
        "CreateSubscriptionResponse": {"payload"},
        "GetSubscriptionResponse": {"payload"},
        "GetSubscriptionByIdResponse": {"payload"},
        "DeleteSubscriptionByIdResponse": set[str](),
    }.items():
        monkeypatch.setitem(REDUCED, name, members)


@pytest.fixture
def client(start: Start) -> Client:
    simulator = start(orders=120, markers=True)
    return Client(simulator, simulator.seller("alpha"))


def open_order(client: Client) -> Order:
    return next(
        order
        for order in client.simulator.orders("alpha")
        if (order.status, order.outline.channel) == ("Unshipped", "MFN")
        and "recipient.name" in order.slots
    )


def fetched(client: Client, address: str) -> bytes:
    context = ssl.create_default_context(cafile=str(client.simulator.ca_path))
    with urllib.request.urlopen(address, context=context) as answer:
        content: bytes = answer.read()
    return content


def grantless(client: Client) -> str:
    form = {"grant_type": "client_credentials", "scope": "sellingpartnerapi::notifications"}
    token: str = client.login(**form).json()["access_token"]
    return token


def test_messaging_answers_as_its_model_says(client: Client, models: Path | None):
    order_id = open_order(client).order_id
    base, model = f"/messaging/v1/orders/{order_id}", "messaging.json"
    actions = client.get(base, marketplaceIds=MARKETPLACE).json()
    _check(models, model, "GetMessagingActionsForOrderResponse", actions)
    attributes = client.get(f"{base}/attributes", marketplaceIds=MARKETPLACE).json()
    _check(models, model, "GetAttributesResponse", attributes)
    path = f"{base}/messages/confirmOrderDetails?marketplaceIds={MARKETPLACE}"
    sent = call(client, "POST", path, {"text": "Which colour?"})

    assert sent.status == 201
    _check(models, model, "CreateConfirmOrderDetailsResponse", sent.json())
    assert client.simulator.messages(order_id) == [
        {"action": "confirmOrderDetails", "text": "Which colour?"}
    ]
    assert call(client, "POST", path, {}).status == 400
    assert call(client, "POST", path, {"text": "x" * 2001}).status == 400
    beta = Client(client.simulator, client.simulator.seller("beta"))
    assert call(beta, "POST", path, {"text": "Hello"}).status == 404


def test_easy_ship_answers_as_its_model_says(client: Client, clock: Clock, models: Path | None):
    order, model = open_order(client), "easyShip_2022-03-23.json"
    asked = {"amazonOrderId": order.order_id, "marketplaceId": MARKETPLACE}
    size = {"length": 20.0, "width": 10.0, "height": 5.0, "unit": "cm"}
    parcel = {"packageDimensions": size, "packageWeight": {"value": 500.0, "unit": "g"}}
    slots = call(client, "POST", EASY_SHIP + "/timeSlot", asked | parcel).json()
    _check(models, model, "ListHandoverSlotsResponse", slots)
    details = {"packageTimeSlot": {"slotId": slots["timeSlots"][1]["slotId"]}}
    wanted = asked | {"packageDetails": details}
    made = call(client, "POST", EASY_SHIP + "/package", wanted).json()
    _check(models, model, "Package", made)
    assert made["packageTimeSlot"] == slots["timeSlots"][1]
    assert call(client, "POST", EASY_SHIP + "/package", wanted).status == 400
    entry = {
        "scheduledPackageId": made["scheduledPackageId"],
        "packageTimeSlot": {"slotId": slots["timeSlots"][0]["slotId"]},
    }
    moved = {"marketplaceId": MARKETPLACE, "updatePackageDetailsList": [entry]}
    packages = call(client, "PATCH", EASY_SHIP + "/package", moved).json()
    _check(models, model, "Packages", packages)

    def status() -> str:
        got = client.get(EASY_SHIP + "/package", **asked).json()
        _check(models, model, "Package", got)
        found: str = got["packageStatus"]
        return found

    said = [status()]
    left = clock.now
    client.simulator.update_order(order.order_id, status="Shipped", shipped_at=left)
    said.append(status())
    clock.now += timedelta(hours=13)
    client.tokens.clear()
    said.append(status())
    client.simulator.update_order(order.order_id, delivered_at=clock.now)
    said.append(status())
    assert said == ["ReadyForPickup", "PickedUp", "AtDestinationFC", "Delivered"]


def test_easy_ships_bulk_has_one_archive_of_labels(client: Client, models: Path | None):
    order = open_order(client)
    wanted = {
        "marketplaceId": MARKETPLACE,
        "labelFormat": "PDF",
        "orderScheduleDetailsList": [
            {"amazonOrderId": order.order_id},
            {"amazonOrderId": "302-0000000-0000000"},
        ],
    }
    path = EASY_SHIP + "/packages/bulk"
    assert call(client, "POST", path, wanted).status == 403
    made = call(client, "POST", path, wanted, restricted(client, "POST", path)).json()
    _check(models, "easyShip_2022-03-23.json", "CreateScheduledPackagesResponse", made)
    assert len(made["rejectedOrders"]) == 1
    with zipfile.ZipFile(io.BytesIO(fetched(client, made["printableDocumentsUrl"]))) as archive:
        (name,) = archive.namelist()
        printed = archive.read(name)
    assert printed.startswith(b"%PDF-")
    assert str(order.slots["recipient.postal_code"]).encode() in printed


def vendor_model(name: str) -> str:
    return f"vendorDirectFulfillment{name}_2021-12-28.json"


def test_purchase_orders_are_as_their_models_say(client: Client, models: Path | None):
    order = open_order(client)
    orders, transactions = vendor_model("Orders"), vendor_model("Transactions")
    every = f"{ORDERS}/purchaseOrders"
    assert client.get(every).status == 403
    token = restricted(client, "GET", every)
    page = client.get(every, token, limit="20", status="SHIPPED").json()
    _check(models, orders, "OrderList", page)
    assert len(page["orders"]) == 20
    after = page["pagination"]["nextToken"]
    more = client.get(every, token, limit="20", status="SHIPPED", nextToken=after).json()
    _check(models, orders, "OrderList", more)
    assert more["orders"][0] not in page["orders"]

    number = "D" + order.order_id.replace("-", "")
    one = f"{every}/{number}"
    got = client.get(one, restricted(client, "GET", one)).json()
    _check(models, orders, "Order", got)
    assert got["orderDetails"]["shipToParty"]["name"] == order.slots["recipient.name"]

    accepted = {
        "purchaseOrderNumber": number,
        "vendorOrderNumber": "V1",
        "acknowledgementDate": "2026-03-01T12:00:00Z",
        "acknowledgementStatus": {"code": "00", "description": "Accepted"},
        "itemAcknowledgements": [
            {"itemSequenceNumber": "1", "acknowledgedQuantity": {"amount": 1}}
        ],
        **PARTIES,
    }
    for entry, end in ((accepted, "Success"), (accepted | {"vendorOrderNumber": ""}, "Failure")):
        body = {"orderAcknowledgements": [entry]}
        told = call(client, "POST", f"{ORDERS}/acknowledgements", body)
        assert told.status == 202
        _check(models, orders, "TransactionId", told.json())
        states = []
        for _ in range(2):
            status = client.get(f"{TRANSACTIONS}/{told.json()['transactionId']}").json()
            _check(models, transactions, "TransactionStatus", status)
            states.append(status["transactionStatus"]["status"])
        assert states == ["Processing", end]
    again = client.get(one, restricted(client, "GET", one)).json()
    assert again["orderDetails"]["orderStatus"] == "ACCEPTED"


def test_a_vendors_labels_are_as_their_model_says(client: Client, models: Path | None):
    order, shipping = open_order(client), vendor_model("Shipping")
    number = "D" + order.order_id.replace("-", "")
    labels = f"{SHIPPING}/shippingLabels"
    path = f"{labels}/{number}"
    reading = restricted(client, "GET", path)
    assert client.get(path, reading).status == 404
    body = {"shippingLabelRequests": [{"purchaseOrderNumber": number, **PARTIES}]}
    told = call(client, "POST", labels, body)
    assert told.status == 202
    _check(models, shipping, "TransactionReference", told.json())
    label = client.get(path, reading).json()
    _check(models, shipping, "ShippingLabel", label)
    made = call(client, "POST", path, PARTIES, restricted(client, "POST", path)).json()
    _check(models, shipping, "ShippingLabel", made)
    printed = base64.b64decode(made["labelData"][0]["content"])
    assert printed.startswith(b"^XA")
    assert str(order.slots["recipient.name"]).encode() in printed
    listed = client.get(labels, restricted(client, "GET", labels)).json()
    _check(models, shipping, "ShippingLabelList", listed)
    assert listed["shippingLabels"] == [made]
    slips = f"{SHIPPING}/packingSlips/{number}"
    slip = client.get(slips, restricted(client, "GET", slips)).json()
    _check(models, shipping, "PackingSlip", slip)

    shipped = {
        "purchaseOrderNumber": number,
        "shipmentDetails": {"shippedDate": "2026-03-01T11:00:00Z", "shipmentStatus": "SHIPPED"},
        "items": [],
        **PARTIES,
    }
    told = call(
        client, "POST", f"{SHIPPING}/shipmentConfirmations", {"shipmentConfirmations": [shipped]}
    )
    _check(models, shipping, "TransactionReference", told.json())
    assert client.simulator.order(order.order_id).status == "Shipped"


def test_notifications_answer_as_their_model_says(client: Client, models: Path | None):
    model, free = "notifications.json", grantless(client)
    destinations, subscriptions = f"{NOTICES}/destinations", f"{NOTICES}/subscriptions"
    asked = {"name": "changes", "resourceSpecification": {"sqs": {"arn": ARN}}}
    # Only the application's own token makes destinations, and only a selling partner's subscribes.
    assert call(client, "POST", destinations, asked).status == 403
    made = call(client, "POST", destinations, asked, free).json()
    _check(models, model, "CreateDestinationResponse", made)
    assert call(client, "POST", destinations, asked, free).status == 409
    _check(models, model, "GetDestinationsResponse", client.get(destinations, free).json())
    destination = f"{destinations}/{made['payload']['destinationId']}"
    _check(models, model, "GetDestinationResponse", client.get(destination, free).json())

    path = f"{subscriptions}/ORDER_CHANGE"
    assert client.get(path).status == 404
    wanted = {"payloadVersion": "1.0", "destinationId": made["payload"]["destinationId"]}
    assert call(client, "POST", path, wanted, free).status == 403
    subscribed = call(client, "POST", path, wanted).json()
    _check(models, model, "CreateSubscriptionResponse", subscribed)
    assert call(client, "POST", path, wanted).status == 409
    got = client.get(path, payloadVersion="1.0").json()
    _check(models, model, "GetSubscriptionResponse", got)
    assert got == subscribed
    one = f"{path}/{subscribed['payload']['subscriptionId']}"
    assert client.get(one).status == 403
    _check(models, model, "GetSubscriptionByIdResponse", client.get(one, free).json())

    order = open_order(client)
    client.simulator.update_order(order.order_id, status="Shipped")
    (told,) = client.simulator.notifications()
    assert told.arn == ARN
    assert told.notification["NotificationMetadata"]["SubscriptionId"] in one
    _check_notification(models, told.notification)
    client.simulator.update_order(order.order_id, {"recipient.name": "Grace"})
    reply = client.send("POST", "/_control/notifications")
    assert len(reply.json()["notifications"]) == 1

    assert call(client, "DELETE", destination, None, free).status == 409
    ended = call(client, "DELETE", one, None, free)
    _check(models, model, "DeleteSubscriptionByIdResponse", ended.json())
    gone = call(client, "DELETE", destination, None, free)
    _check(models, model, "DeleteDestinationResponse", gone.json())
    client.simulator.update_order(order.order_id, {"recipient.name": "Ada"})
    assert client.simulator.notifications() == []
    # Another application has none of these.
    beta = Client(client.simulator, client.simulator.seller("beta"))
    assert beta.get(destinations, grantless(beta)).json() == {"payload": []}


def _check_notification(models: Path | None, told: dict[str, Any]) -> None:
    if models is None:
        assert told["Payload"]["OrderChangeNotification"]["Summary"]["OrderItems"]
        return
    named = os.environ.get("STRONGROOM_NOTIFICATIONS_DIR")
    folder = Path(named) if named else models.parent / "notifications"
    if (folder / "OrderChangeNotification.json").is_file():
        schema = json.loads((folder / "OrderChangeNotification.json").read_bytes())
        jsonschema.Draft7Validator(schema).validate(told)
