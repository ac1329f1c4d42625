"""The unmodified python-amazon-sp-api client buys labels and has other channels' orders fulfilled, all with tokens."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from sp_api.api import FulfillmentOutbound, MerchantFulfillment, Orders, ShippingV2, Tokens
from tests.clients.conftest import Shop
from tests.clients.test_reports import client
from tests.support.home import App
from tests.support.tokens import tokens_in

SHIPMENTS = "/mfn/v0/shipments"
ELEMENTS = ["shippingAddress", "buyerInfo"]


@pytest.fixture(scope="module")
def buyer(shop: Shop) -> App:
    """Let the app use tokens in its requests to Amazon."""
    shop.home.add_grant("erp", "alpha", "relay")
    return shop.apps["alpha"]


def open_order(shop: Shop) -> str:
    """Return an order that waits for its parcel."""
    return next(
        order.order_id
        for order in shop.simulator.orders("alpha")
        if order.status == "Unshipped"
        and order.outline.channel == "MFN"
        and order.slots.get("recipient.address_line_1")
        and order.slots.get("recipient.phone")
    )


def restricted(shop: Shop, method: str, path: str) -> Any:
    """Return a client of Merchant Fulfillment with a Restricted Data Token for one operation."""
    resource = {"method": method, "path": path}
    made = client(shop, Tokens).create_restricted_data_token(restrictedResources=[resource])
    merchant = client(shop, MerchantFulfillment)
    merchant.restricted_data_token = made.payload["restrictedDataToken"]
    return merchant


def address_of(shop: Shop, order_id: str) -> dict[str, str]:
    """Return an order's address as the app has it."""
    payload = client(shop, Orders).get_order(order_id, RestrictedResources=ELEMENTS).payload
    address: dict[str, str] = payload["ShippingAddress"]
    assert tokens_in(address["Name"]) == {address["Name"]}
    return address


def clean(shop: Shop, answer: Any) -> None:
    """Check that nothing personal is in an answer."""
    text = json.dumps(answer)
    assert [marker for marker in shop.simulator.markers() if marker in text] == []


def api(shop: Shop, app: App) -> httpx.Client:
    """Return a client of `/v1` that is signed in as the app."""
    made = httpx.Client(base_url=shop.home.ready["api"], verify=shop.home.tls())
    shop.stack.callback(made.close)
    form = {"grant_type": "client_credentials"}
    token = made.post("/v1/token", data=form, auth=(app.client_id, app.client_secret)).json()
    made.headers["authorization"] = f"Bearer {token['access_token']}"
    return made


def handed_out(shop: Shop, app: App, token: str) -> httpx.Response:
    """Exchange a label's token for its bytes."""
    asked = {"token": token, "purpose": "fulfilment", "reason": "a parcel to be sent"}
    answer = api(shop, app).post("/v1/documents", json=asked)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return answer


def details(shop: Shop, order_id: str) -> dict[str, Any]:
    """Return what Merchant Fulfillment asks, the sender in tokens."""
    order = shop.simulator.order(order_id)
    address = address_of(shop, order_id)
    return {
        "AmazonOrderId": order_id,
        "ItemList": [
            {"OrderItemId": item.item_id, "Quantity": item.quantity} for item in order.items
        ],
        "ShipFromAddress": {
            "Name": address["Name"],
            "AddressLine1": address["AddressLine1"],
            "City": address["City"],
            "PostalCode": address["PostalCode"],
            "CountryCode": address["CountryCode"],
            "Email": "warehouse@example.com",
            "Phone": address["Phone"],
        },
        "PackageDimensions": {"Length": 20, "Width": 10, "Height": 5, "Unit": "centimeters"},
        "Weight": {"Value": 500, "Unit": "g"},
        "ShippingServiceOptions": {
            "DeliveryExperience": "NoTracking",
            "CarrierWillPickUp": False,
        },
    }


@pytest.mark.clause("1.3", "2.3", "2.4")
def test_a_label_of_merchant_fulfillment_is_a_token_until_it_is_printed(shop: Shop, buyer: App):
    order_id = open_order(shop)
    asked = details(shop, order_id)
    merchant = client(shop, MerchantFulfillment)
    offered = merchant.get_eligible_shipment_services(asked).payload
    service = offered["ShippingServiceList"][0]

    buying = restricted(shop, "POST", SHIPMENTS)
    bought = buying.create_shipment(asked, service["ShippingServiceId"]).payload

    clean(shop, bought)
    (received,) = [
        request
        for request in shop.simulator.requests
        if request.operation == "merchantFulfillmentV0.createShipment"
    ]
    plain = shop.simulator.truth(order_id)
    sent = json.loads(received.body)["ShipmentRequestDetails"]["ShipFromAddress"]
    assert sent["Name"] == plain["recipient.name"]
    assert sent["Phone"] == plain["recipient.phone"]
    token = bought["Label"]["FileContents"]["Contents"]
    assert tokens_in(token) == {token}
    assert bought["ShipToAddress"]["Name"] == asked["ShipFromAddress"]["Name"]

    one = f"{SHIPMENTS}/{bought['ShipmentId']}"
    again = restricted(shop, "GET", one).get_shipment(bought["ShipmentId"]).payload
    assert again["Label"]["FileContents"]["Contents"] == token
    file = handed_out(shop, buyer, token)

    assert file.headers["content-type"] == "application/pdf"
    assert file.headers["content-disposition"] == 'attachment; filename="document.pdf"'
    assert file.headers["x-strongroom-pages"] == "1"
    assert file.content.startswith(b"%PDF-1.4")
    assert str(plain["recipient.postal_code"]).encode() in file.content
    assert len(file.content) > 40_000
    events = [event for event in log_of(shop) if event["type"] == "paper.printed"]
    assert events[-1]["n"] == 1
    assert events[-1]["bytes"] == len(file.content)

    ending = restricted(shop, "DELETE", one)
    cancelled = ending.cancel_shipment(bought["ShipmentId"]).payload
    assert cancelled["Status"] == "RefundPending"
    clean(shop, cancelled)


@pytest.mark.clause("1.3", "2.3")
@pytest.mark.parametrize(
    ("form", "content_type", "begins"),
    [
        ("PDF", "application/pdf", b"%PDF-"),
        ("ZPL", "application/zpl", b"^XA"),
        ("PNG", "image/png", b"\x89PNG"),
    ],
)
def test_a_label_of_shipping_v2_is_bought_for_an_address_of_tokens(
    shop: Shop, buyer: App, form: str, content_type: str, begins: bytes
):
    order_id = open_order(shop)
    address = address_of(shop, order_id)
    shipping = client(shop, ShippingV2)
    to = {
        "name": address["Name"],
        "addressLine1": address["AddressLine1"],
        "city": address["City"],
        "postalCode": address["PostalCode"],
        "countryCode": address["CountryCode"],
        "phoneNumber": address["Phone"],
    }
    quoted = shipping.get_rates(
        shipTo=to,
        shipFrom={
            "name": "Warehouse",
            "addressLine1": "Road 1",
            "city": "Ulm",
            "countryCode": "DE",
        },
        packages=[{"packageClientReferenceId": "parcel-1"}],
        channelDetails={"channelType": "EXTERNAL"},
    ).payload
    bought = shipping.purchase_shipment(
        requestToken=quoted["requestToken"],
        rateId=quoted["rates"][0]["rateId"],
        requestedDocumentSpecification={"format": form, "needFileJoining": False},
    ).payload
    clean(shop, bought)
    (package,) = bought["packageDocumentDetails"]
    token = package["packageDocuments"][0]["contents"]
    assert tokens_in(token) == {token}
    shown = shipping.get_shipment_documents(
        bought["shipmentId"], packageClientReferenceId="parcel-1"
    ).payload
    again = shown["packageDocumentDetail"]["packageDocuments"][0]["contents"]
    plain = str(shop.simulator.truth(order_id)["recipient.postal_code"])

    assert again == token
    file = handed_out(shop, buyer, token)
    assert file.headers["content-type"] == content_type
    assert file.content.startswith(begins)
    assert plain.encode() in file.content
    requests = [r for r in shop.simulator.requests if r.operation == "shippingV2.getRates"]
    assert json.loads(requests[-1].body)["shipTo"]["postalCode"] == plain


@pytest.mark.clause("1.3")
def test_an_order_of_another_channel_is_made_of_tokens(shop: Shop, buyer: App):
    order_id = open_order(shop)
    address = address_of(shop, order_id)
    plain = shop.simulator.truth(order_id)
    outbound = client(shop, FulfillmentOutbound)
    outbound.create_fulfillment_order(
        sellerFulfillmentOrderId="shop-4711",
        displayableOrderId="4711",
        displayableOrderDate="2026-03-10T12:00:00Z",
        displayableOrderComment="Thank you",
        shippingSpeedCategory="Standard",
        destinationAddress={
            "name": address["Name"],
            "addressLine1": address["AddressLine1"],
            "city": address["City"],
            "postalCode": address["PostalCode"],
            "countryCode": address["CountryCode"],
            "phone": address["Phone"],
        },
        items=[{"sellerSku": "A", "sellerFulfillmentOrderItemId": "1", "quantity": 1}],
    )
    (received,) = [
        request
        for request in shop.simulator.requests
        if request.operation == "fulfillmentOutbound_2020-07-01.createFulfillmentOrder"
    ]
    sent = json.loads(received.body)["destinationAddress"]
    assert sent["name"] == plain["recipient.name"]
    assert sent["addressLine1"] == plain["recipient.address_line_1"]

    got = outbound.get_fulfillment_order("shop-4711").payload
    listed = outbound.list_all_fulfillment_orders().payload

    clean(shop, [got, listed])
    (shown,) = listed["fulfillmentOrders"]
    assert shown["destinationAddress"] == got["fulfillmentOrder"]["destinationAddress"]
    name = got["fulfillmentOrder"]["destinationAddress"]["name"]
    assert tokens_in(name) == {name}
    assert shop.home.reveal(name, buyer)["value"] == plain["recipient.name"]


@pytest.mark.clause("2.3")
def test_the_command_writes_a_label_for_its_owner_alone(shop: Shop, buyer: App, tmp_path: Path):
    order_id = open_order(shop)
    address_of(shop, order_id)
    home, out = shop.home, tmp_path / "label.pdf"
    credential = home.secret(buyer.client_secret)
    common = ["--out", str(out), "--as", "erp", "--credential-file", str(credential)]
    bought = restricted(shop, "POST", SHIPMENTS).create_shipment(
        details(shop, order_id), "SIM-STANDARD"
    )
    token = bought.payload["Label"]["FileContents"]["Contents"]

    said = home.run("label", "get", token, *common)

    assert said["content_type"] == "application/pdf"
    assert "file" not in said
    assert out.stat().st_mode & 0o777 == 0o600
    assert out.read_bytes().startswith(b"%PDF-")
    home.run("label", "get", token, *common, code=2)
    assert out.read_bytes().startswith(b"%PDF-")

    wanted = tmp_path / "slip.pdf"
    order = shop.simulator.order(order_id)
    lines = tmp_path / "lines.json"
    lines.write_text(
        json.dumps([{"item": i.item_id, "sku": i.sku, "quantity": i.quantity} for i in order.items])
    )
    said = home.run(
        *("slip", "print", "--order", order_id, "--seller", "alpha", "--lines", str(lines)),
        *("--out", str(wanted), "--as", "erp", "--credential-file", str(credential)),
    )
    assert said["pages"] == 1
    assert wanted.read_bytes().startswith(b"%PDF-")


@pytest.mark.clause("2.6")
def test_no_label_lies_in_the_clear_anywhere(shop: Shop, buyer: App):
    """Not as it was sent, not unpacked: in no file of the home, and in nothing that it printed."""
    order_id = open_order(shop)
    marks = [
        entry.marker.encode()
        for entry in shop.simulator.marker_entries()
        if entry.order_id == order_id
    ]
    assert marks
    opened = [gzip.compress(b"%PDF-1.4", mtime=0)[:10], b"%PDF-1.4"]
    needles = [*marks, *opened, *(base64.b64encode(one)[:12] for one in opened)]
    files = [path for path in shop.home.path.rglob("*") if path.is_file()]
    files += [path for path in shop.home.work.rglob("*") if path.is_file()]
    assert any(path.stat().st_size > 40_000 for path in files)
    for path in files:
        content = path.read_bytes()
        assert [needle for needle in needles if needle in content] == [], path


def log_of(shop: Shop) -> list[dict[str, Any]]:
    """Return the entries of the log, as its reader gets them."""
    shop.home.read_log()
    found = shop.home.ask("audit.tail", limit=1000)
    entries: list[dict[str, Any]] = found["events"]
    return entries
