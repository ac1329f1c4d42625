"""The answers of the SP-API operations: from a permitted request to the JSON Amazon would send.

No HTTP here; the server has already decided who calls and which data elements they see.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from strongroom.simulator import views_2026, views_v0
from strongroom.simulator.access import TokenOffice
from strongroom.simulator.book import OrderBook
from strongroom.simulator.config import (
    MARKETPLACE_DE,
    MARKETPLACE_JP,
    MARKETPLACE_US,
    SellerAccount,
)
from strongroom.simulator.easy_ship import EasyShip
from strongroom.simulator.errors import invalid_input, not_found, unauthorized
from strongroom.simulator.messages import Messages
from strongroom.simulator.notices import Notices
from strongroom.simulator.operations import MESSAGES, Operation
from strongroom.simulator.orders import Item, Order, Outline
from strongroom.simulator.outbound import Outbound
from strongroom.simulator.parcels import Parcels
from strongroom.simulator.queries import (
    V0,
    V2026,
    Dialect,
    ListQuery,
    PageTokens,
    comma_separated,
    parse_list_query,
)
from strongroom.simulator.reports import Cabinet
from strongroom.simulator.shapes import Json, instant, present
from strongroom.simulator.vendor import Vendor

ITEMS_PER_PAGE = 10

_ORDER_ID = re.compile(r"\d{3}-\d{7}-\d{7}")
_MARKETPLACES: Final = {
    MARKETPLACE_US: ("Amazon.com", "US", "USD", "en_US", "www.amazon.com"),
    MARKETPLACE_DE: ("Amazon.de", "DE", "EUR", "de_DE", "www.amazon.de"),
    MARKETPLACE_JP: ("Amazon.co.jp", "JP", "JPY", "ja_JP", "www.amazon.co.jp"),
}


@dataclass(frozen=True, slots=True)
class Call:
    """A permitted request: by whom, for what, with which data elements."""

    operation: Operation
    account: SellerAccount  # of a grantless call, any of the application's
    elements: frozenset[str]
    path: Mapping[str, str]
    query: Mapping[str, str]
    document: object  # the parsed body, if any


@dataclass(frozen=True, slots=True)
class Rooms:
    """What answers the calls that are about more than orders."""

    cabinet: Cabinet
    parcels: Parcels
    outbound: Outbound
    messages: Messages
    easy_ship: EasyShip
    vendor: Vendor
    notices: Notices


class Answers:
    """Answers calls from the order book."""

    def __init__(
        self,
        book: OrderBook,
        office: TokenOffice,
        pages: PageTokens,
        rooms: Rooms,
        clock: Callable[[], datetime],
    ) -> None:
        """Read orders from `book`, issue restricted tokens at `office`."""
        cabinet = rooms.cabinet
        self._book = book
        self._office = office
        self._pages = pages
        self._clock = clock
        self._handlers: dict[str, Callable[[Call], Json]] = {
            "ordersV0.getOrders": self._get_orders,
            "ordersV0.getOrder": self._get_order,
            "ordersV0.getOrderBuyerInfo": self._get_buyer_info,
            "ordersV0.getOrderAddress": self._get_address,
            "ordersV0.getOrderItems": self._get_items,
            "ordersV0.getOrderItemsBuyerInfo": self._get_items_buyer_info,
            "ordersV0.getOrderRegulatedInfo": self._get_regulated_info,
            "orders_2026-01-01.searchOrders": self._search_orders,
            "orders_2026-01-01.getOrder": self._get_order_2026,
            "sellers.getMarketplaceParticipations": self._get_participations,
            "tokens_2021-03-01.createRestrictedDataToken": self._restrict,
            "reports_2021-06-30.createReport": lambda c: cabinet.create_report(
                c.account, c.document
            ),
            "reports_2021-06-30.getReport": lambda c: cabinet.get_report(
                c.account, c.path["reportId"]
            ),
            "reports_2021-06-30.getReports": lambda c: cabinet.get_reports(c.account, c.query),
            "reports_2021-06-30.getReportDocument": lambda c: cabinet.get_document(
                c.account, c.path["reportDocumentId"], "reportDocumentId"
            ),
            "feeds_2021-06-30.createFeedDocument": lambda c: cabinet.create_feed_document(
                c.document
            ),
            "feeds_2021-06-30.getFeedDocument": lambda c: cabinet.get_document(
                c.account, c.path["feedDocumentId"], "feedDocumentId"
            ),
            "InvoicesApiModel_2024-06-19.getInvoicesDocument": lambda c: cabinet.get_invoices(
                c.account, c.path["invoicesDocumentId"]
            ),
            **_of_parcels(rooms.parcels),
            **_of_outbound(rooms.outbound),
            **_of_messages(rooms.messages),
            **_of_easy_ship(rooms.easy_ship),
            **_of_vendor(rooms.vendor),
            **_of_notices(rooms.notices),
        }

    def answer(self, call: Call) -> Json:
        """Return the body of a 200. Raises: SpApiError."""
        return self._handlers[call.operation.id](call)

    def _restrict(self, call: Call) -> Json:
        return self._office.restrict(call.account, call.document)

    def _get_orders(self, call: Call) -> Json:
        query, orders, token = self._page(call, V0)
        limit = "LastUpdatedBefore" if query.key == "updated" else "CreatedBefore"
        ship_from = self._book.ship_from(call.account.name)
        shown = [views_v0.order_view(order, ship_from, call.elements) for order in orders]
        payload = {"Orders": shown, limit: instant(query.before)}
        return {"payload": payload | ({"NextToken": token} if token else {})}

    def _get_order(self, call: Call) -> Json:
        order = self._order(call)
        return {
            "payload": views_v0.order_view(
                order, self._book.ship_from(call.account.name), call.elements
            )
        }

    def _get_buyer_info(self, call: Call) -> Json:
        return {"payload": views_v0.buyer_info_view(self._order(call))}

    def _get_address(self, call: Call) -> Json:
        return {"payload": views_v0.address_view(self._order(call))}

    def _get_regulated_info(self, call: Call) -> Json:
        return {"payload": views_v0.regulated_info_view(self._order(call))}

    def _get_items(self, call: Call) -> Json:
        return self._items(call, lambda order, item: views_v0.item_view(order, item, call.elements))

    def _get_items_buyer_info(self, call: Call) -> Json:
        return self._items(call, views_v0.item_buyer_info_view)

    def _items(self, call: Call, view: Callable[[Order, Item], Json]) -> Json:
        order = self._order(call)
        start = 0
        if token := call.query.get("NextToken"):
            opened = self._pages.open(call.operation, call.account.name, token)
            if opened.get("order_id") != order.order_id:
                raise invalid_input("Invalid NextToken")
            start = int(str(opened["start"]))
        stop = start + ITEMS_PER_PAGE
        payload: Json = {
            "AmazonOrderId": order.order_id,
            "OrderItems": [view(order, item) for item in order.items[start:stop]],
        }
        if stop < len(order.items):
            content = {"order_id": order.order_id, "start": stop}
            payload["NextToken"] = self._pages.seal(call.operation, call.account.name, content)
        return {"payload": payload}

    def _search_orders(self, call: Call) -> Json:
        included = _included_data(call.query)
        query, orders, token = self._page(call, V2026)
        limit = "lastUpdatedBefore" if query.key == "updated" else "createdBefore"
        ship_from = self._book.ship_from(call.account.name)
        roles = call.account.roles
        found: Json = {
            "orders": [views_2026.order_view(order, ship_from, included, roles) for order in orders]
        }
        if token:
            found["pagination"] = {"nextToken": token}
        return found | {limit: instant(query.before)}

    def _get_order_2026(self, call: Call) -> Json:
        included = _included_data(call.query)
        order, ship_from = self._order(call), self._book.ship_from(call.account.name)
        return {"order": views_2026.order_view(order, ship_from, included, call.account.roles)}

    def _get_participations(self, call: Call) -> Json:
        shown = []
        for marketplace in call.account.marketplace_ids:
            name, country, currency, language, domain = _MARKETPLACES.get(
                marketplace, _MARKETPLACES[MARKETPLACE_US]
            )
            shown.append(
                {
                    "marketplace": {
                        "id": marketplace,
                        "name": name,
                        "countryCode": country,
                        "defaultCurrencyCode": currency,
                        "defaultLanguageCode": language,
                        "domainName": domain,
                    },
                    "participation": {"isParticipating": True, "hasSuspendedListings": False},
                    "storeName": call.account.name,
                }
            )
        return {"payload": shown}

    def _order(self, call: Call) -> Order:
        order_id = call.path["orderId"]
        if not _ORDER_ID.fullmatch(order_id):
            # Amazon repeats the value it was given.
            raise invalid_input(f"Invalid OrderId: {order_id}")
        order = self._book.find(order_id, call.account.name)
        if order is None:
            raise not_found("The requested order was not found")
        return order

    def _page(self, call: Call, dialect: Dialect) -> tuple[ListQuery, list[Order], str | None]:
        seller = call.account.name
        token = call.query.get(dialect.page_token)
        position = self._pages.open(call.operation, seller, token) if token else None
        query = parse_list_query(dialect, call.query, position, self._clock())
        marketplaces = query.filters.get(
            "MarketplaceIds", query.filters.get("marketplaceIds", frozenset())
        )
        if not marketplaces <= set(call.account.marketplace_ids):
            raise unauthorized()
        found: list[Order] = []
        for outline in self._book.select(
            seller, query.key, query.after, query.before, query.beyond
        ):
            if not _matches(outline, query.filters):
                continue
            order = self._book.find(outline.order_id, seller)
            emails = query.filters.get("BuyerEmail")
            if order is None or (emails and order.slots.get("buyer.email") not in emails):
                continue
            if len(found) == query.per_page:
                return query, found, self._next_page(call, query, found[-1].outline)
            found.append(order)
        return query, found, None

    def _next_page(self, call: Call, query: ListQuery, last: Outline) -> str:
        reached = last.updated_at if query.key == "updated" else last.created_at
        content = {
            "query": dict(query.canonical),
            "instant": reached.timestamp(),
            "order_id": last.order_id,
            "before": query.before.timestamp(),
        }
        return self._pages.seal(call.operation, call.account.name, content)


def _of_parcels(parcels: Parcels) -> dict[str, Callable[[Call], Json]]:
    return {
        "merchantFulfillmentV0.getEligibleShipmentServices": lambda c: parcels.get_services(
            c.account, c.document
        ),
        "merchantFulfillmentV0.createShipment": lambda c: parcels.create_shipment(
            c.account, c.document
        ),
        "merchantFulfillmentV0.getShipment": lambda c: parcels.get_shipment(
            c.account, c.path["shipmentId"]
        ),
        "merchantFulfillmentV0.cancelShipment": lambda c: parcels.cancel_shipment(
            c.account, c.path["shipmentId"]
        ),
        "shippingV2.getRates": lambda c: parcels.get_rates(c.account, c.document),
        "shippingV2.purchaseShipment": lambda c: parcels.purchase(c.account, c.document),
        "shippingV2.getShipmentDocuments": lambda c: parcels.get_documents(
            c.account, c.path["shipmentId"], c.query
        ),
    }


def _of_outbound(outbound: Outbound) -> dict[str, Callable[[Call], Json]]:
    model = "fulfillmentOutbound_2020-07-01"
    return {
        f"{model}.createFulfillmentOrder": lambda c: outbound.create(c.account, c.document),
        f"{model}.listAllFulfillmentOrders": lambda c: outbound.list(c.account),
        f"{model}.getFulfillmentOrder": lambda c: outbound.get(
            c.account, c.path["sellerFulfillmentOrderId"]
        ),
    }


def _of_messages(messages: Messages) -> dict[str, Callable[[Call], Json]]:
    def sending(action: str) -> Callable[[Call], Json]:
        return lambda c: messages.send(c.account, c.path["amazonOrderId"], action, c.document)

    return {
        "messaging.getMessagingActionsForOrder": lambda c: messages.get_actions(
            c.account, c.path["amazonOrderId"]
        ),
        "messaging.GetAttributes": lambda c: messages.get_attributes(
            c.account, c.path["amazonOrderId"]
        ),
        **{f"messaging.{name}": sending(action) for name, action in MESSAGES.items()},
    }


def _of_easy_ship(easy_ship: EasyShip) -> dict[str, Callable[[Call], Json]]:
    model = "easyShip_2022-03-23"
    return {
        f"{model}.listHandoverSlots": lambda c: easy_ship.list_slots(c.account, c.document),
        f"{model}.getScheduledPackage": lambda c: easy_ship.get(c.account, c.query),
        f"{model}.createScheduledPackage": lambda c: easy_ship.create(c.account, c.document),
        f"{model}.updateScheduledPackages": lambda c: easy_ship.update(c.account, c.document),
        f"{model}.createScheduledPackageBulk": lambda c: easy_ship.create_bulk(
            c.account, c.document
        ),
    }


def _of_vendor(vendor: Vendor) -> dict[str, Callable[[Call], Json]]:
    orders = "vendorDirectFulfillmentOrders_2021-12-28"
    shipping = "vendorDirectFulfillmentShipping_2021-12-28"
    number = "purchaseOrderNumber"
    return {
        f"{orders}.getOrders": lambda c: vendor.get_orders(c.account, c.query),
        f"{orders}.getOrder": lambda c: vendor.get_order(c.account, c.path[number]),
        f"{orders}.submitAcknowledgement": lambda c: vendor.acknowledge(c.account, c.document),
        f"{shipping}.getShippingLabels": lambda c: vendor.get_labels(c.account, c.query),
        f"{shipping}.submitShippingLabelRequest": lambda c: vendor.request_labels(
            c.account, c.document
        ),
        f"{shipping}.getShippingLabel": lambda c: vendor.get_label(c.account, c.path[number]),
        f"{shipping}.createShippingLabels": lambda c: vendor.create_labels(
            c.account, c.path[number], c.document
        ),
        f"{shipping}.getPackingSlip": lambda c: vendor.get_slip(c.account, c.path[number]),
        f"{shipping}.submitShipmentConfirmations": lambda c: vendor.confirm(c.account, c.document),
        "vendorDirectFulfillmentTransactions_2021-12-28.getTransactionStatus": lambda c: (
            vendor.get_transaction(c.account, c.path["transactionId"])
        ),
    }


def _of_notices(notices: Notices) -> dict[str, Callable[[Call], Json]]:
    type_, id_ = "notificationType", "subscriptionId"
    return {
        "notifications.createDestination": lambda c: notices.create_destination(
            c.account, c.document
        ),
        "notifications.getDestinations": lambda c: notices.get_destinations(c.account),
        "notifications.getDestination": lambda c: notices.get_destination(
            c.account, c.path["destinationId"]
        ),
        "notifications.deleteDestination": lambda c: notices.delete_destination(
            c.account, c.path["destinationId"]
        ),
        "notifications.createSubscription": lambda c: notices.subscribe(
            c.account, c.path[type_], c.document
        ),
        "notifications.getSubscription": lambda c: notices.get_subscription(
            c.account, c.path[type_], c.query
        ),
        "notifications.getSubscriptionById": lambda c: notices.get_subscription_by_id(
            c.account, c.path[type_], c.path[id_]
        ),
        "notifications.deleteSubscriptionById": lambda c: notices.unsubscribe(
            c.account, c.path[type_], c.path[id_]
        ),
    }


def _matches(outline: Outline, filters: Mapping[str, frozenset[str]]) -> bool:
    facts = present(
        {
            "MarketplaceIds": outline.marketplace_id,
            "marketplaceIds": outline.marketplace_id,
            "OrderStatuses": outline.status,
            "fulfillmentStatuses": views_2026.FULFILLMENT_STATUSES[outline.status],
            "FulfillmentChannels": outline.channel,
            "fulfilledBy": views_2026.FULFILLED_BY[outline.channel],
            "PaymentMethods": "Other",
            "AmazonOrderIds": outline.order_id,
            "SellerOrderId": outline.order_id,
        }
    )
    return all(facts[name] in wanted for name, wanted in filters.items() if name in facts)


def _included_data(query: Mapping[str, str]) -> frozenset[str]:
    included = comma_separated(query.get("includedData", ""))
    if not included <= views_2026.DATASETS:
        raise invalid_input("Invalid value in includedData")
    return included
