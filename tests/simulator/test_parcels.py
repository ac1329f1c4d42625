"""Labels and orders of other channels, as Amazon's models say where a folder of them is at hand."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from tests.simulator.conftest import Client, Reply, Start
from tests.simulator.test_models import REDUCED, _check, models

__all__ = ["models"]

SHIPMENTS = "/mfn/v0/shipments"
SHIPPING = "/shipping/v2/shipments"
ORDERS = "/fba/outbound/2020-07-01/fulfillmentOrders"
PERSON = {
    "name": "Ada",
    "addressLine1": "Weg (1)",
    "city": "Köln",
    "stateOrRegion": "NW",
    "postalCode": "50667",
    "countryCode": "DE",
}
PAYLOAD = {"payload"}


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "GetEligibleShipmentServicesResponse",
        "CreateShipmentResponse",
        "GetShipmentResponse",
        "CancelShipmentResponse",
        "GetRatesResponse",
        "PurchaseShipmentResponse",
        "GetShipmentDocumentsResponse",
        "GetFulfillmentOrderResponse",
        "ListAllFulfillmentOrdersResponse",
    ):
        monkeypatch.setitem(REDUCED, name, PAYLOAD)


@pytest.fixture
def client(start: Start) -> Client:
    simulator = start(orders=60, markers=True)
    return Client(simulator, simulator.seller("alpha"))


def call(
    client: Client, method: str, path: str, body: Any = None, token: str | None = None
) -> Reply:
    headers = {"x-amz-access-token": token or client.access_token}
    content = None if body is None else json.dumps(body).encode()
    return client.send(
        method, path, headers=headers | {"Content-Type": "application/json"}, body=content
    )


def restricted(client: Client, method: str, path: str) -> str:
    token: str = client.restrict({"method": method, "path": path}).json()["restrictedDataToken"]
    return token


def request_for(client: Client) -> dict[str, Any]:
    order = next(o for o in client.simulator.orders("alpha") if "recipient.name" in o.slots)
    return {
        "ShipmentRequestDetails": {
            "AmazonOrderId": order.order_id,
            "ItemList": [{"OrderItemId": i.item_id, "Quantity": i.quantity} for i in order.items],
            "ShipFromAddress": {
                "Name": "Warehouse",
                "AddressLine1": "Road 1",
                "City": "Ulm",
                "PostalCode": "89073",
                "CountryCode": "DE",
                "Email": "w@example.com",
                "Phone": "1",
            },
            "PackageDimensions": {"Length": 1, "Width": 1, "Height": 1, "Unit": "centimeters"},
            "Weight": {"Value": 1, "Unit": "g"},
            "ShippingServiceOptions": {
                "DeliveryExperience": "NoTracking",
                "CarrierWillPickUp": False,
            },
        },
        "ShippingServiceId": "SIM-STANDARD",
    }


def test_merchant_fulfillment_answers_as_its_model_says(client: Client, models: Path | None):
    model, asked = "merchantFulfillmentV0.json", request_for(client)
    offered = call(client, "POST", "/mfn/v0/eligibleShippingServices", asked).json()
    _check(models, model, "GetEligibleShipmentServicesResponse", offered)
    assert call(client, "POST", SHIPMENTS, asked).status == 403

    token = restricted(client, "POST", SHIPMENTS)
    made = call(client, "POST", SHIPMENTS, asked, token).json()
    _check(models, model, "CreateShipmentResponse", made)
    one = f"{SHIPMENTS}/{made['payload']['ShipmentId']}"
    got = client.get(one, restricted(client, "GET", one)).json()
    _check(models, model, "GetShipmentResponse", got)
    assert got == made
    ended = call(client, "DELETE", one, None, restricted(client, "DELETE", one)).json()
    _check(models, model, "CancelShipmentResponse", ended)

    contents = got["payload"]["Label"]["FileContents"]
    label = gzip.decompress(base64.b64decode(contents["Contents"]))
    assert label.startswith(b"%PDF-")
    assert hashlib.md5(label, usedforsecurity=False).digest() == base64.b64decode(
        contents["Checksum"]
    )


def test_shipping_answers_as_its_model_says(client: Client, models: Path | None):
    model = "shippingV2.json"
    asked = {
        "shipTo": PERSON,
        "shipFrom": PERSON,
        "packages": [{"packageClientReferenceId": "p"}],
        "channelDetails": {"channelType": "EXTERNAL"},
    }
    rates = call(client, "POST", f"{SHIPPING}/rates", asked).json()
    _check(models, model, "GetRatesResponse", rates)
    payload = rates["payload"]
    wanted = {
        "requestToken": payload["requestToken"],
        "rateId": payload["rates"][0]["rateId"],
        "requestedDocumentSpecification": {"format": "ZPL"},
    }
    bought = call(client, "POST", SHIPPING, wanted).json()
    _check(models, model, "PurchaseShipmentResponse", bought)
    path = f"{SHIPPING}/{bought['payload']['shipmentId']}/documents"
    shown = client.get(path, packageClientReferenceId="p").json()
    _check(models, model, "GetShipmentDocumentsResponse", shown)
    (document,) = shown["payload"]["packageDocumentDetail"]["packageDocuments"]
    assert base64.b64decode(document["contents"]).startswith(b"^XA")
    assert call(client, "POST", SHIPPING, {"requestToken": "another"}).status == 400


def test_orders_of_other_channels_answer_as_their_model_says(client: Client, models: Path | None):
    model = "fulfillmentOutbound_2020-07-01.json"
    asked = {
        "sellerFulfillmentOrderId": "o-1",
        "displayableOrderId": "1",
        "displayableOrderDate": "2026-03-01T12:00:00Z",
        "displayableOrderComment": "thanks",
        "shippingSpeedCategory": "Standard",
        "destinationAddress": PERSON,
        "items": [{"sellerSku": "A", "sellerFulfillmentOrderItemId": "1", "quantity": 1}],
    }
    assert call(client, "POST", ORDERS, asked).json() == {}
    assert call(client, "POST", ORDERS, asked).status == 400
    got = client.get(f"{ORDERS}/o-1").json()
    _check(models, model, "GetFulfillmentOrderResponse", got)
    listed = client.get(ORDERS).json()
    _check(models, model, "ListAllFulfillmentOrdersResponse", listed)
    assert client.get(f"{ORDERS}/o-2").status == 404
