"""The operations the simulator answers, with Amazon's usage plans, and the buckets that keep them.

Numbers are the default plans Amazon publishes with each operation.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

_V0 = "/orders/v0/orders"
_V2026 = "/orders/2026-01-01/orders"
_REPORTS = "/reports/2021-06-30"
_FEEDS = "/feeds/2021-06-30"
_MFN = "/mfn/v0"
_SHIPPING = "/shipping/v2/shipments"
_MCF = "/fba/outbound/2020-07-01/fulfillmentOrders"
_OUTBOUND = "fulfillmentOutbound_2020-07-01"
_MESSAGING = "/messaging/v1/orders/{amazonOrderId}"
_EASY_SHIP = "/easyShip/2022-03-23"
_VENDOR = "/vendor/directFulfillment"
_VENDOR_ORDERS = "vendorDirectFulfillmentOrders_2021-12-28"
_VENDOR_SHIPPING = "vendorDirectFulfillmentShipping_2021-12-28"
_VENDOR_TRANSACTIONS = "vendorDirectFulfillmentTransactions_2021-12-28"
_NOTICES = "/notifications/v1"
MESSAGES = {
    "confirmCustomizationDetails": "confirmCustomizationDetails",
    "createConfirmDeliveryDetails": "confirmDeliveryDetails",
    "createLegalDisclosure": "legalDisclosure",
    "createConfirmOrderDetails": "confirmOrderDetails",
    "createConfirmServiceDetails": "confirmServiceDetails",
    "CreateWarranty": "warranty",
    "createDigitalAccessKey": "digitalAccessKey",
    "createUnexpectedProblem": "unexpectedProblem",
    "sendInvoice": "invoice",
}
"""Operations that send a message, and how their paths end."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation; `rate` is requests per second, `path` a template as in Amazon's models."""

    model: str
    name: str
    method: str
    path: str
    rate: float
    burst: float
    restricted: bool = False  # an access token alone is refused
    grantless: bool = False  # an application's own token, no seller's

    @property
    def id(self) -> str:
        """Return the id that is unique across models."""
        return f"{self.model}.{self.name}"


OPERATIONS: tuple[Operation, ...] = (
    Operation("ordersV0", "getOrders", "GET", _V0, 0.0167, 20),
    Operation("ordersV0", "getOrder", "GET", _V0 + "/{orderId}", 0.5, 30),
    Operation(
        "ordersV0",
        "getOrderBuyerInfo",
        "GET",
        _V0 + "/{orderId}/buyerInfo",
        0.5,
        30,
        restricted=True,
    ),
    Operation(
        "ordersV0", "getOrderAddress", "GET", _V0 + "/{orderId}/address", 0.5, 30, restricted=True
    ),
    Operation("ordersV0", "getOrderItems", "GET", _V0 + "/{orderId}/orderItems", 0.5, 30),
    Operation(
        "ordersV0",
        "getOrderItemsBuyerInfo",
        "GET",
        _V0 + "/{orderId}/orderItems/buyerInfo",
        0.5,
        30,
        restricted=True,
    ),
    Operation(
        "ordersV0",
        "getOrderRegulatedInfo",
        "GET",
        _V0 + "/{orderId}/regulatedInfo",
        0.5,
        30,
        restricted=True,
    ),
    Operation("orders_2026-01-01", "searchOrders", "GET", _V2026, 0.0056, 20),
    Operation("orders_2026-01-01", "getOrder", "GET", _V2026 + "/{orderId}", 0.5, 30),
    Operation(
        "sellers",
        "getMarketplaceParticipations",
        "GET",
        "/sellers/v1/marketplaceParticipations",
        0.016,
        15,
    ),
    Operation(
        "tokens_2021-03-01",
        "createRestrictedDataToken",
        "POST",
        "/tokens/2021-03-01/restrictedDataToken",
        1,
        10,
    ),
    Operation("reports_2021-06-30", "getReports", "GET", _REPORTS + "/reports", 0.0222, 10),
    Operation("reports_2021-06-30", "createReport", "POST", _REPORTS + "/reports", 0.0167, 15),
    Operation("reports_2021-06-30", "getReport", "GET", _REPORTS + "/reports/{reportId}", 2, 15),
    Operation(
        "reports_2021-06-30",
        "getReportDocument",
        "GET",
        _REPORTS + "/documents/{reportDocumentId}",
        0.0167,
        15,
    ),
    Operation("feeds_2021-06-30", "createFeedDocument", "POST", _FEEDS + "/documents", 0.5, 15),
    Operation(
        "feeds_2021-06-30",
        "getFeedDocument",
        "GET",
        _FEEDS + "/documents/{feedDocumentId}",
        0.0222,
        10,
    ),
    Operation(
        "InvoicesApiModel_2024-06-19",
        "getInvoicesDocument",
        "GET",
        "/tax/invoices/2024-06-19/documents/{invoicesDocumentId}",
        0.0167,
        1,
    ),
    Operation(
        "merchantFulfillmentV0",
        "getEligibleShipmentServices",
        "POST",
        _MFN + "/eligibleShippingServices",
        6,
        12,
    ),
    Operation(
        "merchantFulfillmentV0",
        "createShipment",
        "POST",
        _MFN + "/shipments",
        2,
        2,
        restricted=True,
    ),
    Operation(
        "merchantFulfillmentV0",
        "getShipment",
        "GET",
        _MFN + "/shipments/{shipmentId}",
        1,
        1,
        restricted=True,
    ),
    Operation(
        "merchantFulfillmentV0",
        "cancelShipment",
        "DELETE",
        _MFN + "/shipments/{shipmentId}",
        1,
        1,
        restricted=True,
    ),
    Operation("shippingV2", "getRates", "POST", _SHIPPING + "/rates", 80, 100),
    Operation("shippingV2", "purchaseShipment", "POST", _SHIPPING, 80, 100),
    Operation(
        "shippingV2", "getShipmentDocuments", "GET", _SHIPPING + "/{shipmentId}/documents", 80, 100
    ),
    Operation(_OUTBOUND, "createFulfillmentOrder", "POST", _MCF, 2, 30),
    Operation(_OUTBOUND, "listAllFulfillmentOrders", "GET", _MCF, 2, 30),
    Operation(_OUTBOUND, "getFulfillmentOrder", "GET", _MCF + "/{sellerFulfillmentOrderId}", 2, 30),
    Operation("messaging", "getMessagingActionsForOrder", "GET", _MESSAGING, 1, 5),
    Operation("messaging", "GetAttributes", "GET", _MESSAGING + "/attributes", 1, 5),
    *(
        Operation("messaging", name, "POST", f"{_MESSAGING}/messages/{action}", 1, 5)
        for name, action in MESSAGES.items()
    ),
    Operation("easyShip_2022-03-23", "listHandoverSlots", "POST", _EASY_SHIP + "/timeSlot", 1, 5),
    Operation("easyShip_2022-03-23", "getScheduledPackage", "GET", _EASY_SHIP + "/package", 1, 5),
    Operation(
        "easyShip_2022-03-23", "createScheduledPackage", "POST", _EASY_SHIP + "/package", 1, 5
    ),
    Operation(
        "easyShip_2022-03-23", "updateScheduledPackages", "PATCH", _EASY_SHIP + "/package", 1, 5
    ),
    Operation(
        "easyShip_2022-03-23",
        "createScheduledPackageBulk",
        "POST",
        _EASY_SHIP + "/packages/bulk",
        1,
        5,
        restricted=True,
    ),
    *(
        Operation(model, name, method, _VENDOR + path, 10, 10, restricted=restricted)
        for model, name, method, path, restricted in (
            (_VENDOR_ORDERS, "getOrders", "GET", "/orders/2021-12-28/purchaseOrders", True),
            (
                _VENDOR_ORDERS,
                "getOrder",
                "GET",
                "/orders/2021-12-28/purchaseOrders/{purchaseOrderNumber}",
                True,
            ),
            (
                _VENDOR_ORDERS,
                "submitAcknowledgement",
                "POST",
                "/orders/2021-12-28/acknowledgements",
                False,
            ),
            (
                _VENDOR_SHIPPING,
                "getShippingLabels",
                "GET",
                "/shipping/2021-12-28/shippingLabels",
                True,
            ),
            (
                _VENDOR_SHIPPING,
                "submitShippingLabelRequest",
                "POST",
                "/shipping/2021-12-28/shippingLabels",
                False,
            ),
            (
                _VENDOR_SHIPPING,
                "getShippingLabel",
                "GET",
                "/shipping/2021-12-28/shippingLabels/{purchaseOrderNumber}",
                True,
            ),
            (
                _VENDOR_SHIPPING,
                "createShippingLabels",
                "POST",
                "/shipping/2021-12-28/shippingLabels/{purchaseOrderNumber}",
                True,
            ),
            (
                _VENDOR_SHIPPING,
                "getPackingSlip",
                "GET",
                "/shipping/2021-12-28/packingSlips/{purchaseOrderNumber}",
                True,
            ),
            (
                _VENDOR_SHIPPING,
                "submitShipmentConfirmations",
                "POST",
                "/shipping/2021-12-28/shipmentConfirmations",
                False,
            ),
            (
                _VENDOR_TRANSACTIONS,
                "getTransactionStatus",
                "GET",
                "/transactions/2021-12-28/transactions/{transactionId}",
                False,
            ),
        )
    ),
    *(
        Operation("notifications", name, method, _NOTICES + path, 1, 5, grantless=grantless)
        for name, method, path, grantless in (
            ("createDestination", "POST", "/destinations", True),
            ("getDestinations", "GET", "/destinations", True),
            ("getDestination", "GET", "/destinations/{destinationId}", True),
            ("deleteDestination", "DELETE", "/destinations/{destinationId}", True),
            ("createSubscription", "POST", "/subscriptions/{notificationType}", False),
            ("getSubscription", "GET", "/subscriptions/{notificationType}", False),
            (
                "getSubscriptionById",
                "GET",
                "/subscriptions/{notificationType}/{subscriptionId}",
                True,
            ),
            (
                "deleteSubscriptionById",
                "DELETE",
                "/subscriptions/{notificationType}/{subscriptionId}",
                True,
            ),
        )
    ),
)


@functools.lru_cache(maxsize=1024)
def template_pattern(template: str) -> re.Pattern[str]:
    """Return what matches the paths of a template; its literal `{name}` form matches as well."""
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(template)))


_PATTERNS = tuple((operation, template_pattern(operation.path)) for operation in OPERATIONS)


def find_operation(method: str, path: str) -> tuple[Operation, dict[str, str]] | None:
    """Return the operation of a request and its path parameters."""
    for operation, pattern in _PATTERNS:
        found = pattern.fullmatch(path)
        if found and operation.method == method:
            return operation, found.groupdict()
    return None


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: datetime


class UsagePlans:
    """Token buckets, one per operation and seller, driven by the clock."""

    def __init__(
        self, throttle: Literal["real", "off"] | float, clock: Callable[[], datetime]
    ) -> None:
        """Keep the published numbers ("real"), a multiple of them (a factor), or none ("off")."""
        self._factor = None if throttle == "off" else 1.0 if throttle == "real" else float(throttle)
        self._clock = clock
        self._buckets: dict[tuple[str, str], _Bucket] = {}

    def limit(self, operation: Operation) -> str:
        """Return the value of the x-amzn-RateLimit-Limit header."""
        return f"{operation.rate * (self._factor or 1.0):.10g}"

    def take(self, operation: Operation, seller: str) -> bool:
        """Take one token; false when the bucket is empty."""
        if self._factor is None:
            return True
        burst = max(operation.burst * self._factor, 1.0)
        now = self._clock()
        bucket = self._buckets.setdefault((operation.id, seller), _Bucket(burst, now))
        passed = max((now - bucket.at).total_seconds(), 0.0)
        bucket.tokens = min(burst, bucket.tokens + passed * operation.rate * self._factor)
        bucket.at = now
        if bucket.tokens < 1.0:
            return False
        bucket.tokens -= 1.0
        return True
