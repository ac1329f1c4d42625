"""The unmodified python-amazon-sp-api client downloads five types of report, in three encodings."""

from __future__ import annotations

import csv
import io
import re
import urllib.parse
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from sp_api.api import Feeds, Orders, Reports
from sp_api.auth import AccessTokenClient
from tests.clients.conftest import Shop
from tests.support.client import MARKETPLACES
from tests.support.tokens import tokens_in

ACTIONABLE = "GET_FLAT_FILE_ACTIONABLE_ORDER_DATA_SHIPPING"
ALL_ORDERS = "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL"
SHIPMENTS = "GET_AMAZON_FULFILLED_SHIPMENTS_DATA_GENERAL"
VAT = "SC_VAT_TAX_REPORT"
XML = "GET_ORDER_REPORT_DATA_SHIPPING"
CASES = [
    (ACTIONABLE, "utf-8", "false"),
    (ALL_ORDERS, "cp1252", "false"),
    (SHIPMENTS, "utf-8-sig", "true"),
    (VAT, "cp932", "false"),
    (XML, "utf-8", "true"),
]


def client(shop: Shop, kind: Any, seller: str = "alpha") -> Any:
    app = shop.apps[seller]

    class TokenClient(AccessTokenClient):
        host = urllib.parse.urlsplit(shop.home.endpoint).netloc

    made = kind(
        marketplace=SimpleNamespace(
            endpoint=shop.home.endpoint,
            marketplace_id=MARKETPLACES.split(",")[0],
            region="eu-west-1",
        ),
        refresh_token=app.refresh_token,
        credentials={"lwa_app_id": app.client_id, "lwa_client_secret": app.client_secret},
        verify=shop.home.tls(),
        auth_token_client_class=TokenClient,
    )
    shop.stack.callback(made.close)
    shop.stack.callback(made._auth._transport.close)
    return made


def download(reports: Any, report_type: str, encoding: str, packed: str) -> str:
    made = reports.create_report(
        reportType=report_type,
        marketplaceIds=MARKETPLACES.split(","),
        reportOptions={"encoding": encoding, "packed": packed},
    )
    report = reports.get_report(made.payload["reportId"]).payload
    assert report["processingStatus"] == "DONE"
    found = reports.get_report_document(report["reportDocumentId"], download=True)
    text: str = found.payload["document"]
    return text


def by_order(text: str, report_type: str) -> dict[str, dict[str, str]]:
    if report_type == XML:
        return {
            found[1]: dict(re.findall(r"<(Name|City|PostalCode|CountryCode)>([^<]*)<", found[0]))
            for found in re.finditer(r"<AmazonOrderID>([^<]+)<.*?</OrderReport>", text, re.DOTALL)
        }
    text = text.removeprefix("\ufeff")
    separator = "," if report_type == VAT else "\t"
    rows = list(csv.DictReader(io.StringIO(text), delimiter=separator))
    order = next(name for name in rows[0] if name.lower().replace(" ", "-").endswith("order-id"))
    return {row[order]: row for row in rows}


@pytest.mark.clause("1.3", "2.2")
@pytest.mark.parametrize(("report_type", "encoding", "packed"), CASES)
def test_reports_come_with_the_tokens_of_the_api(
    shop: Shop, report_type: str, encoding: str, packed: str
):
    text = download(client(shop, Reports), report_type, encoding, packed)
    assert [marker for marker in shop.simulator.markers() if marker in text] == []
    found = by_order(text, report_type)
    assert found
    orders = client(shop, Orders)
    shown = [id_ for id_ in found if shop.simulator.order(id_).slots.get("recipient.city")][:3]
    assert shown
    for order_id in shown:
        payload = orders.get_order(order_id, RestrictedResources=["shippingAddress"]).payload
        city = payload["ShippingAddress"]["City"]
        assert tokens_in(city) == {city}
        columns = {name.lower().replace(" ", "-"): value for name, value in found[order_id].items()}
        assert city in (
            columns.get("ship-city"),
            columns.get("ship-to-city"),
            columns.get("city"),
        )


@pytest.mark.clause("1.3")
def test_a_feed_is_uploaded_by_the_client(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    """What it sends without tokens arrives as it is. For uploads the client takes its CA from the environment."""
    monkeypatch.setenv("SSL_CERT_FILE", str(shop.home.ca_path))
    feeds = client(shop, Feeds)
    made = feeds.create_feed_document(io.BytesIO(b"sku\tprice\nA\t1\n"), content_type="text/plain")
    assert shop.simulator.uploaded(made.payload["feedDocumentId"]) == b"sku\tprice\nA\t1\n"


@pytest.mark.clause("2.4")
def test_half_a_document_is_an_error_for_the_client(shop: Shop):
    rows = "".join(f"111-1111111-{n:07d}\tBuyer {n}\n" for n in range(5000))
    broken = f"order-id\tbuyer-name\n{rows}111-1111111-1111111\t\0\n".encode()
    reports = client(shop, Reports)
    document = shop.simulator.plant_document("alpha", broken)
    url = reports.get_report_document(document).payload["url"]
    with (
        httpx.Client(verify=shop.home.tls()) as plain,
        pytest.raises(httpx.RemoteProtocolError),
    ):
        plain.get(url)
