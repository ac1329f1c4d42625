"""Reports and feeds: documents made from the order book, kept under addresses that end after five minutes.

A report is done as soon as it is asked for. `reportOptions` may name an `encoding` and `packed`, which Amazon's do not:
what Amazon sends by country, a test wants at will.
"""

from __future__ import annotations

import csv
import gzip
import io
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from xml.sax.saxutils import escape

from strongroom.simulator.book import OrderBook
from strongroom.simulator.config import SellerAccount
from strongroom.simulator.errors import invalid_input, not_found
from strongroom.simulator.orders import Order
from strongroom.simulator.shapes import Json, amount, instant, present

DOCUMENT_PATH: Final = "/_documents/"
LINK_LIFETIME: Final = timedelta(minutes=5)

_WIRE: Final = {
    "utf-8": "UTF-8",
    "utf-8-sig": "UTF-8",
    "cp1252": "Cp1252",
    "cp932": "Windows-31J",
}
Row = dict[str, str]


@dataclass(slots=True)
class StoredDocument:
    """One document as Amazon's storage has it."""

    content: bytes
    content_type: str
    packed: bool = False


@dataclass(frozen=True, slots=True)
class _Report:
    id: str
    type: str
    seller: str
    document: str
    marketplaces: tuple[str, ...]
    created_at: datetime
    window: Json


@dataclass(slots=True)
class _Link:
    document: str
    ends_at: datetime
    upload: bool = False
    uses: int = field(default=0)


class Cabinet:
    """Reports, feeds and their documents. Safe between threads."""

    def __init__(self, book: OrderBook, clock: Callable[[], datetime]) -> None:
        """Make documents from this book's orders."""
        self._book = book
        self._clock = clock
        self._lock = threading.Lock()
        self._number = 0
        self._documents: dict[str, StoredDocument] = {}
        self._reports: dict[str, _Report] = {}
        self._links: dict[str, _Link] = {}
        self.base = ""
        """Where documents are kept: the endpoint, once it is known."""

    def plant(
        self, seller: str, report_type: str, content: bytes, content_type: str, *, packed: bool
    ) -> str:
        """Keep a document as it is, under a report of its own; return its id."""
        with self._lock:
            document = self._keep(StoredDocument(content, content_type, packed))
            self._file(seller, report_type, document, ())
            return document

    def file(self, content: bytes, content_type: str) -> str:
        """Keep a file that is no report's, and return the address it is fetched from."""
        with self._lock:
            return self._link(self._keep(StoredDocument(content, content_type)), upload=False)

    def uploaded(self, document: str) -> bytes:
        """Return what was uploaded under a feed document's id. Raises: KeyError."""
        with self._lock:
            return self._documents[document].content

    # -- operations --

    def create_report(self, account: SellerAccount, request: object) -> Json:
        """Answer createReport."""
        asked = request if isinstance(request, dict) else {}
        report_type, options = asked.get("reportType"), asked.get("reportOptions") or {}
        maker = _MAKERS.get(str(report_type))
        if maker is None:
            raise invalid_input("The request has an invalid report type")
        marketplaces = tuple(asked.get("marketplaceIds") or account.marketplace_ids)
        encoding = str(options.get("encoding", "utf-8"))
        packed = str(options.get("packed", "false")).lower() == "true"
        found = (
            self._book.find(order_id, account.name) for order_id in self._book.ids(account.name)
        )
        orders = [o for o in found if o is not None and o.marketplace_id in marketplaces]
        content, content_type = maker([o for o in orders if _fits(o, encoding)], encoding)
        stored = StoredDocument(
            gzip.compress(content) if packed else content,
            f"{content_type}; charset={_WIRE.get(encoding, encoding)}",
            packed,
        )
        with self._lock:
            document = self._keep(stored)
            window = {k: asked[k] for k in ("dataStartTime", "dataEndTime") if k in asked}
            return {
                "reportId": self._file(
                    account.name, str(report_type), document, marketplaces, window
                )
            }

    def get_report(self, account: SellerAccount, report_id: str) -> Json:
        """Answer getReport."""
        with self._lock:
            report = self._reports.get(report_id)
        if report is None or report.seller != account.name:
            raise not_found("The requested report was not found")
        return _shown(report)

    def get_reports(self, account: SellerAccount, query: Mapping[str, str]) -> Json:
        """Answer getReports: the newest of these types first."""
        wanted = set(query.get("reportTypes", "").split(","))
        with self._lock:
            mine = [r for r in self._reports.values() if r.seller == account.name]
        return {"reports": [_shown(r) for r in reversed(mine) if r.type in wanted]}

    def get_document(self, account: SellerAccount, document: str, name: str) -> Json:
        """Answer getReportDocument or getFeedDocument; `name` is the member of its id."""
        del account
        with self._lock:
            stored = self._documents.get(document)
            if stored is None:
                raise not_found("The requested document was not found")
            packing = "GZIP" if stored.packed else None
            url = self._link(document, upload=False)
        return present({name: document, "url": url, "compressionAlgorithm": packing})

    def get_invoices(self, account: SellerAccount, document: str) -> Json:
        """Answer getInvoicesDocument."""
        found = self.get_document(account, document, "invoicesDocumentId")
        shown = {"invoicesDocumentId": document, "invoicesDocumentUrl": found["url"]}
        return {"invoicesDocument": shown}

    def create_feed_document(self, request: object) -> Json:
        """Answer createFeedDocument."""
        content_type = request.get("contentType") if isinstance(request, dict) else None
        if not isinstance(content_type, str):
            raise invalid_input("Request is missing required field: contentType")
        with self._lock:
            document = self._keep(StoredDocument(b"", content_type))
            return {"feedDocumentId": document, "url": self._link(document, upload=True)}

    # -- storage --

    def fetch(self, link: str) -> StoredDocument | None:
        """Return the document behind a link, nothing where the link has ended."""
        with self._lock:
            found = self._open(link, upload=False)
            return None if found is None else self._documents[found.document]

    def store(self, link: str, content: bytes, content_type: str) -> bool:
        """Keep an upload; say whether its link was one and its content type the announced one."""
        with self._lock:
            found = self._open(link, upload=True)
            if found is None or self._documents[found.document].content_type != content_type:
                return False
            self._documents[found.document].content = content
            return True

    def _open(self, link: str, *, upload: bool) -> _Link | None:
        found = self._links.get(link)
        if found is None or found.ends_at <= self._clock() or found.upload != upload:
            return None
        found.uses += 1
        return found

    def _keep(self, stored: StoredDocument) -> str:
        self._number += 1
        document = f"amzn1.spdoc.1.4.eu.{self._number:08x}-0000-4000-8000-000000000000.T1{self._number}.{self._number}"
        self._documents[document] = stored
        return document

    def _file(
        self,
        seller: str,
        report_type: str,
        document: str,
        marketplaces: tuple[str, ...],
        window: Json | None = None,
    ) -> str:
        self._number += 1
        report_id = f"{50_000_000_000 + self._number}"
        self._reports[report_id] = _Report(
            report_id, report_type, seller, document, marketplaces, self._clock(), window or {}
        )
        return report_id

    def _link(self, document: str, *, upload: bool) -> str:
        self._number += 1
        link = f"{self._number:08x}"
        self._links[link] = _Link(document, self._clock() + LINK_LIFETIME, upload)
        return f"{self.base}{DOCUMENT_PATH}{link}?X-Amz-Expires=300&X-Amz-Signature={link * 8}"


def _shown(report: _Report) -> Json:
    at = instant(report.created_at)
    return present(
        {
            "reportId": report.id,
            "reportType": report.type,
            "marketplaceIds": list(report.marketplaces),
            "createdTime": at,
            "processingStatus": "DONE",
            "processingStartTime": at,
            "processingEndTime": at,
            "reportDocumentId": report.document,
            **report.window,
        }
    )


def _fits(order: Order, encoding: str) -> bool:
    """Say whether an encoding can write an order's values; Amazon's reports have no others."""
    try:
        "".join(value for row in _rows([order]) for value in row.values()).encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _row(order: Order, index: int = 0) -> Row:
    """Return what reports say of one item of an order, by the columns of flat files."""
    item, slots = order.items[index], order.slots

    def slot(name: str) -> str:
        return str(slots.get(name, "")).replace("\t", " ").replace("\n", " ")

    return {
        "order-id": order.order_id,
        "amazon-order-id": order.order_id,
        "merchant-order-id": order.order_id,
        "order-item-id": item.item_id,
        "amazon-order-item-id": item.item_id,
        "purchase-date": instant(order.created_at).replace("Z", "+00:00"),
        "payments-date": instant(order.created_at).replace("Z", "+00:00"),
        "last-updated-date": instant(order.updated_at).replace("Z", "+00:00"),
        "shipment-date": instant(order.shipped_at) if order.shipped_at else "",
        "order-status": "Cancelled" if order.status == "Canceled" else order.status,
        "sku": item.sku,
        "asin": item.asin,
        "product-name": item.title,
        "quantity-purchased": str(item.quantity),
        "quantity-shipped": str(item.quantity_shipped),
        "quantity": str(item.quantity),
        "currency": order.currency,
        "item-price": amount(item.unit_price * item.quantity, order.currency),
        "ship-service-level": "Standard",
        "buyer-email": slot("buyer.email"),
        "buyer-name": slot("buyer.name"),
        "buyer-phone-number": slot("recipient.phone"),
        "purchase-order-number": slot("buyer.purchase_order"),
        "recipient-name": slot("recipient.name"),
        "ship-address-1": slot("recipient.address_line_1"),
        "ship-address-2": slot("recipient.address_line_2"),
        "ship-address-3": slot("recipient.address_line_3"),
        "ship-city": slot("recipient.city"),
        "ship-state": slot("recipient.state"),
        "ship-postal-code": slot("recipient.postal_code"),
        "ship-country": order.country_code,
        "ship-phone-number": slot("recipient.phone"),
        "gift-message-text": str(order.item_slot(item, "gift_message") or ""),
        "is-business-order": str(order.business).lower(),
    }


def _rows(orders: Iterable[Order]) -> list[Row]:
    return [_row(order, index) for order in orders for index in range(len(order.items))]


def _table(columns: str, rows: Iterable[Row], encoding: str) -> bytes:
    names = columns.split()
    lines = ["\t".join(names)]
    lines += ["\t".join(row[name.strip().lower()] for name in names) for row in rows]
    return ("\r\n".join(lines) + "\r\n").encode(encoding)


def _actionable(orders: list[Order], encoding: str) -> tuple[bytes, str]:
    columns = (
        "order-id order-item-id purchase-date payments-date buyer-email buyer-phone-number sku "
        "product-name quantity-purchased ship-service-level recipient-name ship-address-1 "
        "ship-address-2 ship-address-3 ship-city ship-state ship-postal-code ship-country "
        "is-business-order purchase-order-number"
    )
    open_ = [order for order in orders if order.status == "Unshipped"]
    return _table(columns, _rows(open_), encoding), "text/plain"


def _all_orders(orders: list[Order], encoding: str) -> tuple[bytes, str]:
    columns = (
        "amazon-order-id merchant-order-id purchase-date last-updated-date order-status "
        "product-name sku asin quantity currency item-price ship-city ship-state "
        "ship-postal-code ship-country purchase-order-number"
    )
    return _table(columns, _rows(orders), encoding), "text/plain"


def _shipments(orders: list[Order], encoding: str) -> tuple[bytes, str]:
    columns = (
        "amazon-order-id merchant-order-id amazon-order-item-id purchase-date shipment-date "
        "buyer-email buyer-name sku quantity-shipped recipient-name ship-address-1 "
        "ship-address-2 ship-address-3 ship-city ship-state ship-postal-code ship-country "
        "ship-phone-number"
    )
    shipped = [order for order in orders if order.status == "Shipped"]
    return _table(columns, _rows(shipped), encoding), "text/plain"


def _vat(orders: list[Order], encoding: str) -> tuple[bytes, str]:
    names = {
        "Order ID": "order-id",
        "Order Date": "purchase-date",
        "Transaction Type": "",
        "SKU": "sku",
        "Ship To City": "ship-city",
        "Ship To State": "ship-state",
        "Ship To Country": "ship-country",
        "Ship To Postal Code": "ship-postal-code",
    }
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerow(names)
    shipped = [order for order in orders if order.status == "Shipped"]
    for row in _rows(shipped):
        writer.writerow(row[name] if name else "SHIPMENT" for name in names.values())
    return out.getvalue().encode(encoding), "text/csv"


def _xml(orders: list[Order], encoding: str) -> tuple[bytes, str]:
    out = [
        f'<?xml version="1.0" encoding="{_WIRE.get(encoding, encoding).replace("Cp", "windows-")}"?>',
        '<AmazonEnvelope xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">',
        "<Header><DocumentVersion>1.01</DocumentVersion></Header>",
        "<MessageType>OrderReport</MessageType>",
    ]
    open_ = [order for order in orders if order.status == "Unshipped"]
    for number, order in enumerate(open_, 1):
        row = {name: escape(value) for name, value in _row(order).items()}
        address = {
            "Name": row["recipient-name"],
            "AddressFieldOne": row["ship-address-1"],
            "AddressFieldTwo": row["ship-address-2"],
            "City": row["ship-city"],
            "StateOrRegion": row["ship-state"],
            "PostalCode": row["ship-postal-code"],
            "CountryCode": row["ship-country"],
            "PhoneNumber": row["ship-phone-number"],
        }
        lines = "".join(f"<{name}>{value}</{name}>" for name, value in address.items() if value)
        items = "".join(
            f"<Item><AmazonOrderItemCode>{item.item_id}</AmazonOrderItemCode>"
            f"<SKU>{escape(item.sku)}</SKU><Quantity>{item.quantity}</Quantity></Item>"
            for item in order.items
        )
        out.append(
            f"<Message><MessageID>{number}</MessageID><OrderReport>"
            f"<AmazonOrderID>{order.order_id}</AmazonOrderID>"
            f"<OrderDate>{row['purchase-date']}</OrderDate><BillingData>"
            f"<BuyerEmailAddress>{row['buyer-email']}</BuyerEmailAddress>"
            f"<BuyerName>{row['buyer-name']}</BuyerName></BillingData><FulfillmentData>"
            f"<FulfillmentMethod>Ship</FulfillmentMethod><Address>{lines}</Address>"
            f"</FulfillmentData>{items}</OrderReport></Message>"
        )
    out.append("</AmazonEnvelope>")
    return "\n".join(out).encode(encoding), "text/xml"


_MAKERS: Final[dict[str, Callable[[list[Order], str], tuple[bytes, str]]]] = {
    "GET_FLAT_FILE_ACTIONABLE_ORDER_DATA_SHIPPING": _actionable,
    "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL": _all_orders,
    "GET_AMAZON_FULFILLED_SHIPMENTS_DATA_GENERAL": _shipments,
    "SC_VAT_TAX_REPORT": _vat,
    "GET_ORDER_REPORT_DATA_SHIPPING": _xml,
}
