"""Real flows of the unmodified client: Easy Ship, a message, a vendor's order to its label, and a subscription."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import httpx
import pytest
from sp_api.api import (
    EasyShip,
    Messaging,
    Notifications,
    Orders,
    Tokens,
    VendorDirectFulfillmentOrders,
    VendorDirectFulfillmentShipping,
    VendorDirectFulfillmentTransactions,
)
from sp_api.auth.exceptions import AuthorizationError
from sp_api.base import SellingApiException
from tests.clients.conftest import Shop, open_shop
from tests.clients.test_labels import clean, handed_out, open_order
from tests.clients.test_reports import client
from tests.support.client import MARKETPLACES
from tests.support.home import App
from tests.support.queues import Keys, Queues, serving
from tests.support.tokens import tokens_in

from strongroom.simulator import Order, ReceivedRequest

MARKETPLACE = MARKETPLACES.split(",")[0]
VERSION = "2021-12-28"
DIRECT = "/vendor/directFulfillment"


@pytest.fixture(scope="module")
def queues(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Queues]:
    """Give a server of queues."""
    with serving(tmp_path_factory.mktemp("queues")) as running:
        yield running


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Give a shop whose `serve` has credentials for queues."""
    with ExitStack() as stack:
        environment = stack.enter_context(pytest.MonkeyPatch.context())
        environment.setenv("AWS_ACCESS_KEY_ID", Keys.access_key)
        environment.setenv("AWS_SECRET_ACCESS_KEY", Keys.secret_key)
        yield open_shop(tmp_path_factory.mktemp("shop"), stack)


@pytest.fixture(scope="module")
def app(shop: Shop) -> App:
    """Let the app use tokens in its requests to Amazon."""
    shop.home.add_grant("erp", "alpha", "relay")
    return shop.apps["alpha"]


def received(shop: Shop, operation: str) -> ReceivedRequest:
    """Return the last request of an operation that reached Amazon."""
    found = [r for r in shop.simulator.requests if r.operation.endswith(f".{operation}")]
    return found[-1]


def marked(shop: Shop, text: bytes, but: Order) -> list[str]:
    """Return the markers in a text that are of anything but one order and the seller's own warehouse."""
    others = (m for m in shop.simulator.marker_entries() if m.order_id not in ("", but.order_id))
    return [m.marker for m in others if m.marker.encode() in text]


def with_rdt(shop: Shop, kind: Any, method: str, path: str) -> Any:
    """Return a client with a Restricted Data Token for one operation."""
    resource = {"method": method, "path": path}
    made = client(shop, Tokens).create_restricted_data_token(restrictedResources=[resource])
    found = client(shop, kind)
    found.restricted_data_token = made.payload["restrictedDataToken"]
    return found


@pytest.mark.clause("1.3", "2.3", "2.4")
def test_a_parcel_of_easy_ship_is_scheduled_and_its_labels_come_by_token(shop: Shop, app: App):
    order = shop.simulator.order(open_order(shop))
    asked = {"amazonOrderId": order.order_id, "marketplaceId": MARKETPLACE}
    easy_ship = client(shop, EasyShip)
    size = {"length": 20, "width": 10, "height": 5, "unit": "cm"}
    weight = {"value": 500, "unit": "g"}
    offered = easy_ship.list_handover_slots(**asked, packageDimensions=size, packageWeight=weight)
    slot = offered.payload["timeSlots"][1]
    details = {"packageTimeSlot": slot}

    path = "/easyShip/2022-03-23/packages/bulk"
    made = with_rdt(shop, EasyShip, "POST", path).create_scheduled_package_bulk(
        marketplaceId=MARKETPLACE,
        labelFormat="PDF",
        orderScheduleDetailsList=[{"amazonOrderId": order.order_id, "packageDetails": details}],
    )
    clean(shop, made.payload)
    (package,) = made.payload["scheduledPackages"]
    assert package["packageTimeSlot"] == slot
    tracking = package["trackingDetails"]["trackingId"]
    assert tokens_in(tracking) == {tracking}
    got = easy_ship.get_scheduled_package(**asked).payload
    assert got["trackingDetails"]["trackingId"] == tracking
    assert str(shop.home.reveal(tracking, app)["value"]).startswith("ES")

    address = made.payload["printableDocumentsUrl"]
    assert address.startswith(shop.home.endpoint)
    told = httpx.get(address, verify=shop.home.tls()).json()
    assert told["content_type"] == "application/zip"
    file = handed_out(shop, app, told["document"])
    with zipfile.ZipFile(io.BytesIO(file.content)) as archive:
        (name,) = archive.namelist()
        printed = archive.read(name)
    assert str(order.slots["recipient.postal_code"]).encode() in printed
    # Amazon knows the order: nothing personal had to be told.
    for operation in ("listHandoverSlots", "createScheduledPackageBulk"):
        body = received(shop, operation).body
        assert [m for m in shop.simulator.markers() if m.encode() in body] == []


@pytest.mark.clause("1.3")
def test_a_message_to_the_buyer_is_written_with_a_token_and_read_without(shop: Shop, app: App):
    order_id = open_order(shop)
    shop.simulator.update_order(order_id, {"delivery.instructions": "Ring twice, Xq7Lw2Rt9Kd4"})
    order = shop.simulator.order(order_id)
    orders = with_rdt(shop, Orders, "GET", f"/orders/v0/orders/{order_id}/address")
    shown = orders.get_order_address(order_id).payload
    token = shown["DeliveryPreferences"]["AddressInstructions"]
    assert tokens_in(token) == {token}
    messaging = client(shop, Messaging)
    actions = messaging.get_messaging_actions_for_order(
        order.order_id, marketplaceIds=MARKETPLACE
    ).payload
    assert "confirmDeliveryDetails" in json.dumps(actions)

    sent = messaging.create_confirm_delivery_details(order.order_id, body={"text": token})

    clean(shop, sent.payload)
    (message,) = shop.simulator.messages(order.order_id)
    assert message["text"] == order.slots["delivery.instructions"]
    assert marked(shop, received(shop, "createConfirmDeliveryDetails").body, order) == []
    # A name is no message, and nothing is put into a sentence: whoever writes to one buyer tells nothing of another.
    name = shown["ShippingAddress"]["Name"]
    for text in (name, f"Dear {name}", f"{token} {token}"):
        with pytest.raises(SellingApiException):
            messaging.create_confirm_delivery_details(order.order_id, body={"text": text})
    assert shop.home.reveal(token, app)["value"] == order.slots["delivery.instructions"]
    assert len(shop.simulator.messages(order.order_id)) == 1


@pytest.mark.clause("1.3", "2.3")
def test_a_vendors_order_goes_from_its_acknowledgement_to_its_label(shop: Shop, app: App):
    order = shop.simulator.order(open_order(shop))
    number = "D" + order.order_id.replace("-", "")
    kind = partial(VendorDirectFulfillmentOrders, version=VERSION)
    path = f"{DIRECT}/orders/{VERSION}/purchaseOrders"
    listed = with_rdt(shop, kind, "GET", path).get_orders(
        createdAfter="2026-02-01T00:00:00Z", createdBefore="2026-03-10T12:00:00Z"
    )
    clean(shop, listed.payload)
    (shown,) = [o for o in listed.payload["orders"] if o["purchaseOrderNumber"] == number]
    got = with_rdt(shop, kind, "GET", f"{path}/{number}").get_order(number).payload
    party = got["orderDetails"]["shipFromParty"]
    name = got["orderDetails"]["shipToParty"]["name"]
    assert shown["orderDetails"]["shipToParty"]["name"] == name
    assert shop.home.reveal(name, app)["value"] == order.slots["recipient.name"]

    accepted = client(shop, kind).submit_acknowledgement(
        orderAcknowledgements=[
            {
                "purchaseOrderNumber": number,
                "vendorOrderNumber": "V1",
                "acknowledgementDate": "2026-03-10T12:00:00Z",
                "acknowledgementStatus": {"code": "00", "description": "Accepted"},
                "sellingParty": {"partyId": "VENDOR"},
                "shipFromParty": party,
                "itemAcknowledgements": [
                    {
                        "itemSequenceNumber": "1",
                        "acknowledgedQuantity": {"amount": 1, "unitOfMeasure": "Each"},
                    }
                ],
            }
        ]
    )
    told = received(shop, "submitAcknowledgement").body
    (entry,) = json.loads(told)["orderAcknowledgements"]
    warehouse = shop.simulator.truth(order.order_id)
    assert entry["shipFromParty"]["address"]["name"] == warehouse["ship_from.name"]
    assert marked(shop, told, order) == []
    assert str(order.slots["recipient.name"]).encode() not in told
    transactions = client(shop, partial(VendorDirectFulfillmentTransactions, version=VERSION))
    states = [
        transactions.get_transaction_status(accepted.payload["transactionId"]).payload[
            "transactionStatus"
        ]["status"]
        for _ in range(2)
    ]
    assert states == ["Processing", "Success"]

    kind = partial(VendorDirectFulfillmentShipping, version=VERSION)
    path = f"{DIRECT}/shipping/{VERSION}/shippingLabels/{number}"
    made = with_rdt(shop, kind, "POST", path).create_shipping_labels(
        number,
        sellingParty={"partyId": "VENDOR"},
        shipFromParty={"partyId": "WAREHOUSE"},
        containers=[{"containerType": "Carton", "containerIdentifier": "1"}],
    )
    clean(shop, made.payload)
    (label,) = made.payload["labelData"]
    assert tokens_in(label["content"]) == {label["content"]}
    again = with_rdt(shop, kind, "GET", path).get_shipping_label(number).payload
    assert again["labelData"] == made.payload["labelData"]
    file = handed_out(shop, app, label["content"])
    assert file.headers["content-type"] == "application/zpl"
    assert file.content.startswith(b"^XA")
    assert str(order.slots["recipient.name"]).encode() in file.content


@pytest.mark.clause("1.3", "2.1", "2.4")
def test_a_subscription_brings_what_changes_into_the_vault(
    shop: Shop, queues: Queues, tmp_path_factory: pytest.TempPathFactory
):
    home, simulator = shop.home, shop.simulator
    home.add_app("nightly", "alpha", grants=False)
    home.add_grant("nightly", "alpha", "sync")
    url = queues.make("alpha-changes")
    queue = {"queue": url, "region": "eu-central-1", "app": "nightly", "sellers": ["alpha"]}

    def subscriptions(way: str) -> Any:
        return home.ask("sync.subscriptions", way=way, **queue)["subscriptions"]

    # The app can't lead notifications past the vault: it has no token of the application's own.
    with pytest.raises(AuthorizationError):
        client(shop, Notifications).create_destination("mine", arn="arn:aws:sqs:eu:1:mine")
    command = ("sync", "notifications", "--queue", url, "--region", "eu-central-1")
    (made,) = home.run(*command, "--app", "nightly", "--seller", "alpha", "--subscribe")[
        "subscriptions"
    ]
    assert (made["type"], made["state"]) == ("ORDER_CHANGE", "made")
    (there,) = subscriptions("look")
    assert there == made | {"state": "there"}
    seen = client(shop, Notifications).get_subscription("ORDER_CHANGE").payload
    assert seen["subscriptionId"] == made["subscription"]

    order = simulator.order(open_order(shop))
    simulator.update_order(order.order_id, status="Shipped")
    told = simulator.notifications()
    assert [one.arn.rpartition(":")[2] for one in told] == ["alpha-changes"]
    for one in told:
        queues.send(url, one.notification)
    out = tmp_path_factory.mktemp("out") / "notifications"
    (run,) = home.ask("sync.notifications", out=str(out), ca=queues.ca, **queue)["runs"]
    assert (run["state"], run["counts"]) == ("done", {"delivered": 1})
    (path,) = out.iterdir()
    clean(shop, json.loads(path.read_bytes()))
    change = json.loads(path.read_bytes())["Payload"]["OrderChangeNotification"]
    assert (change["AmazonOrderId"], change["Summary"]["OrderStatus"]) == (
        order.order_id,
        "Shipped",
    )
    postal_code = change["Summary"]["DestinationPostalCode"]
    shown = client(shop, Orders).get_order(order.order_id, RestrictedResources=["shippingAddress"])
    assert shown.payload["ShippingAddress"]["PostalCode"] == postal_code
    revealed = home.reveal(postal_code, shop.apps["alpha"])["value"]
    assert revealed == order.slots["recipient.postal_code"]
    assert queues.left(url) == 0

    (ended,) = subscriptions("unsubscribe")
    assert ended["state"] == "ended"
    simulator.update_order(order.order_id, {"recipient.name": "Grace"})
    assert simulator.notifications() == []
    home.run(*command, "--subscribe", "--sealed-only", code=2)
