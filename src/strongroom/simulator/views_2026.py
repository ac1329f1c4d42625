"""An order as Orders API 2026-01-01 shows it; roles, not a special token, decide on PII.

Spec: `orders_2026-01-01.json`. `includedData` adds datasets; what the application's roles do
not cover is left out of them.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from strongroom.simulator.config import Role
from strongroom.simulator.orders import Item, Order, Package, Slots
from strongroom.simulator.shapes import Json, amount, instant, present
from strongroom.simulator.views_v0 import SALES_CHANNELS

DATASETS = frozenset(
    {
        "BUYER",
        "RECIPIENT",
        "PROCEEDS",
        "EXPENSE",
        "PROMOTION",
        "CANCELLATION",
        "FULFILLMENT",
        "PACKAGES",
        "TAX",
        "PAYMENT",
        "FULFILLMENT_ORDERS",
    }
)
FULFILLMENT_STATUSES: Final = {
    "Pending": "PENDING",
    "Unshipped": "UNSHIPPED",
    "PartiallyShipped": "PARTIALLY_SHIPPED",
    "Shipped": "SHIPPED",
    "Canceled": "CANCELLED",
}
FULFILLED_BY: Final = {"MFN": "MERCHANT", "AFN": "AMAZON"}
TAX_ROLES = frozenset({Role.TAX_INVOICING, Role.TAX_REMITTANCE})


def order_view(
    order: Order, ship_from: Slots, included: frozenset[str], roles: frozenset[str]
) -> Json:
    """Return the order of getOrder and searchOrders with the datasets asked for."""
    known = bool(order.slots)
    seen = included if known else included & {"FULFILLMENT", "CANCELLATION"}
    shipping = Role.DIRECT_TO_CONSUMER_SHIPPING in roles
    taxes = bool(TAX_ROLES & roles)
    marketplace = order.marketplace_id
    return present(
        {
            "orderId": order.order_id,
            "orderAliases": [{"aliasId": order.order_id, "aliasType": "SELLER_ORDER_ID"}],
            "createdTime": instant(order.created_at),
            "lastUpdatedTime": instant(order.updated_at),
            "programs": _programs(order),
            "salesChannel": {
                "channelName": "AMAZON",
                "marketplaceId": marketplace,
                "marketplaceName": SALES_CHANNELS.get(marketplace, "Amazon.com"),
            },
            "buyer": _buyer(order, whole=taxes) if "BUYER" in seen else None,
            "recipient": _recipient(order, whole=shipping) if "RECIPIENT" in seen else None,
            "proceeds": {"grandTotal": _money(order.total, order.currency)}
            if "PROCEEDS" in seen
            else None,
            "payment": _payment(order) if "PAYMENT" in seen else None,
            "tax": _tax(order, whole=taxes) if "TAX" in seen else None,
            "fulfillment": _fulfillment(order) if "FULFILLMENT" in seen else None,
            "packages": [_package(order, package, ship_from) for package in order.packages]
            if "PACKAGES" in seen
            else None,
        }
    ) | {"orderItems": [_item(order, item, seen, gifts=taxes) for item in order.items]}


def _money(value: int, currency: str) -> Json:
    return {"amount": amount(value, currency), "currencyCode": currency}


def _programs(order: Order) -> list[str]:
    return ["AMAZON_BUSINESS"] * order.business + ["PRIME"] * order.prime


def _buyer(order: Order, *, whole: bool) -> Json:
    get = order.slots.get
    shown = {"buyerEmail": get("buyer.email")}
    if not whole:
        return present(shown)
    return present(
        {
            "buyerName": get("buyer.name"),
            **shown,
            "buyerCompanyName": get("buyer.company"),
            "buyerPurchaseOrderNumber": get("buyer.purchase_order_number"),
        }
    )


def _recipient(order: Order, *, whole: bool) -> Json:
    get = order.slots.get
    shown = {
        "city": get("recipient.city"),
        "stateOrRegion": get("recipient.state"),
        "postalCode": get("recipient.postal_code"),
        "countryCode": order.country_code,
    }
    if not whole:
        return {"deliveryAddress": present(shown)}
    extended = {
        "streetName": get("recipient.street_name"),
        "streetNumber": get("recipient.street_number"),
        "complement": get("recipient.complement"),
        "neighborhood": get("recipient.neighborhood"),
    }
    address = {
        "name": get("recipient.name"),
        "companyName": get("recipient.company"),
        "addressLine1": get("recipient.address_line_1"),
        "addressLine2": get("recipient.address_line_2"),
        "addressLine3": get("recipient.address_line_3"),
        **shown,
        "districtOrCounty": get("recipient.county") or get("recipient.district"),
        "municipality": get("recipient.municipality"),
        "phone": get("recipient.phone"),
        "extendedFields": present(extended),
        "addressType": order.address_type.upper(),
    }
    preference = present(
        {
            "dropOffLocation": get("delivery.drop_off_location"),
            "addressInstruction": get("delivery.instructions"),
        }
    )
    if preference:
        window = {"startTime": {"hour": 9, "minute": 0}, "endTime": {"hour": 17, "minute": 30}}
        preference["deliveryTime"] = {
            "businessHours": [{"dayOfWeek": "MON", "timeWindows": [window]}]
        }
    return present({"deliveryAddress": present(address), "deliveryPreference": preference})


def _payment(order: Order) -> Json:
    execution = {
        "paymentMethod": "CREDIT_CARD",
        "paymentAmount": _money(order.total, order.currency),
        "cardBrand": order.card_brand,
        "authorizationCode": order.slots.get("payment:0.authorization_code"),
    }
    return {"paymentExecutions": [present(execution)]}


def _tax(order: Order, *, whole: bool) -> Json:
    get = order.slots.get
    invoicing = {"buyerInvoicePreference": "BUSINESS" if order.business else "INDIVIDUAL"}
    registrations = []
    if whole and "buyer.tax_registration_id" in order.slots:
        registration: Json = {
            "entityType": "BUYER",
            "legalName": get("buyer.tax_legal_name"),
            "taxRegistrationType": "VAT",
            "taxRegistrationNumber": get("buyer.tax_registration_id"),
            "taxRegistrationAddress": {
                "addressLine1": get("buyer.tax_business_address"),
                "countryCode": order.country_code,
            },
        }
        if "buyer.tax_office" in order.slots:
            registration["taxRegistrationAttributes"] = [
                {"key": "TaxOffice", "value": get("buyer.tax_office")}
            ]
        registrations.append(registration)
    return present({"taxRegistrations": registrations, "taxInvoicing": invoicing})


def _fulfillment(order: Order) -> Json:
    created = order.created_at
    return {
        "fulfillmentStatus": FULFILLMENT_STATUSES[order.status],
        "fulfilledBy": FULFILLED_BY[order.outline.channel],
        "fulfillmentServiceLevel": "STANDARD",
        "shipByWindow": _window(instant(created), instant(created + timedelta(days=2))),
        "deliverByWindow": _window(
            instant(created + timedelta(days=3)), instant(created + timedelta(days=7))
        ),
    }


def _window(earliest: str, latest: str) -> Json:
    return {"earliestDateTime": earliest, "latestDateTime": latest}


def _package(order: Order, package: Package, ship_from: Slots) -> Json:
    sender = {
        "name": ship_from.get("ship_from.name"),
        "addressLine1": ship_from.get("ship_from.address_line_1"),
        "city": ship_from.get("ship_from.city"),
        "stateOrRegion": ship_from.get("ship_from.state"),
        "postalCode": ship_from.get("ship_from.postal_code"),
        "countryCode": "DE",
    }
    return present(
        {
            "packageReferenceId": package.reference,
            "createdTime": instant(package.shipped_at - timedelta(hours=1)),
            "packageStatus": {"status": package.status},
            "carrier": package.carrier,
            "shipTime": instant(package.shipped_at),
            "shippingService": package.service,
            "trackingNumber": order.slots.get(f"package:{package.reference}.tracking_number"),
            "shipFromAddress": present(sender) if order.outline.channel == "MFN" else None,
            "packageItems": [
                {"orderItemId": item_id, "quantity": quantity}
                for item_id, quantity in package.items
            ],
        }
    )


def _item(order: Order, item: Item, seen: frozenset[str], *, gifts: bool) -> Json:
    known = bool(order.slots)
    serial = order.item_slot(item, "serial_number")
    url = order.item_slot(item, "customized_url") if gifts else None
    product = {
        "asin": item.asin,
        "title": item.title,
        "sellerSku": item.sku,
        "condition": {"conditionType": "NEW", "conditionSubtype": "NEW"},
        "price": {"unitPrice": _money(item.unit_price, order.currency)} if known else None,
        "serialNumbers": [serial] if serial else None,
        "customization": {"customizedUrl": url} if url else None,
    }
    total = _money(item.unit_price * item.quantity, order.currency)
    requested = {"requester": "BUYER", "cancelReason": "NO_LONGER_NEEDED"}
    cancelled = order.status == "Canceled" and "CANCELLATION" in seen
    return present(
        {
            "orderItemId": item.item_id,
            "quantityOrdered": item.quantity,
            "product": present(product),
            "proceeds": {"proceedsTotal": total} if "PROCEEDS" in seen else None,
            "cancellation": {"cancellationRequest": requested} if cancelled else None,
            "fulfillment": _item_fulfillment(order, item, gifts=gifts)
            if "FULFILLMENT" in seen
            else None,
        }
    )


def _item_fulfillment(order: Order, item: Item, *, gifts: bool) -> Json:
    gift = {
        "giftMessage": order.item_slot(item, "gift_message") if gifts else None,
        "giftWrapLevel": "Classic" if item.gift_wrap else None,
    }
    ioss = order.item_slot(item, "ioss_number")
    return present(
        {
            "quantityFulfilled": item.quantity_shipped,
            "quantityUnfulfilled": item.quantity - item.quantity_shipped,
            "packing": {"giftOption": present(gift)} if any(gift.values()) else None,
            "shipping": {"internationalShipping": {"iossNumber": ioss}} if ioss else None,
        }
    )
