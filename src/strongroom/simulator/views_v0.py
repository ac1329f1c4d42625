"""An order as Orders API v0 shows it, for each operation and each set of data elements.

Spec: `ordersV0.json`. Without a Restricted Data Token the address shrinks to city, region,
postal code and country, and the buyer to the anonymised email.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from strongroom.simulator.config import MARKETPLACE_DE, MARKETPLACE_JP, MARKETPLACE_US
from strongroom.simulator.details import REGULATED_FIELDS
from strongroom.simulator.orders import Item, Order, Slots
from strongroom.simulator.shapes import Json, amount, instant, present

BUYER_INFO = "buyerInfo"
SHIPPING_ADDRESS = "shippingAddress"
BUYER_TAX_INFORMATION = "buyerTaxInformation"
DATA_ELEMENTS = frozenset({BUYER_INFO, SHIPPING_ADDRESS, BUYER_TAX_INFORMATION})

SALES_CHANNELS: Final = {
    MARKETPLACE_US: "Amazon.com",
    MARKETPLACE_DE: "Amazon.de",
    MARKETPLACE_JP: "Amazon.co.jp",
}
_TAX_CLASSES: Final = {
    MARKETPLACE_US: "EIN",
    MARKETPLACE_DE: "VATNumber",
    MARKETPLACE_JP: "JCTNumber",
}


def order_view(order: Order, ship_from: Slots, elements: frozenset[str]) -> Json:
    """Return the order of getOrder and getOrders, with the PII of these data elements."""
    outline, slots = order.outline, order.slots
    known = bool(slots)
    paid = order.status not in {"Pending", "Canceled"}
    shipped = sum(item.quantity_shipped for item in order.items)
    ordered = sum(item.quantity for item in order.items)
    mfn = outline.channel == "MFN"
    return present(
        {
            "AmazonOrderId": order.order_id,
            "SellerOrderId": order.order_id,
            "PurchaseDate": instant(order.created_at),
            "LastUpdateDate": instant(order.updated_at),
            "OrderStatus": order.status,
            "FulfillmentChannel": outline.channel,
            "SalesChannel": SALES_CHANNELS.get(outline.marketplace_id, "Amazon.com"),
            "ShipServiceLevel": "Std DE Dom_4"
            if outline.marketplace_id == MARKETPLACE_DE
            else "Std US D2D Dom",
            "OrderTotal": _money(order.total, order.currency) if known else None,
            "NumberOfItemsShipped": shipped,
            "NumberOfItemsUnshipped": ordered - shipped if paid else 0,
            "PaymentExecutionDetail": _payments(order) if known else None,
            "PaymentMethod": "Other",
            "PaymentMethodDetails": ["Standard"],
            "MarketplaceId": outline.marketplace_id,
            "ShipmentServiceLevelCategory": "Standard",
            "OrderType": "StandardOrder",
            "EarliestShipDate": instant(order.created_at),
            "LatestShipDate": instant(order.created_at + timedelta(days=2)),
            "EarliestDeliveryDate": instant(order.created_at + timedelta(days=3)) if mfn else None,
            "LatestDeliveryDate": instant(order.created_at + timedelta(days=7)) if mfn else None,
            "IsBusinessOrder": order.business,
            "IsPrime": order.prime,
            "IsPremiumOrder": False,
            "IsGlobalExpressEnabled": False,
            "IsReplacementOrder": False,
            "IsSoldByAB": False,
            "IsISPU": False,
            "IsAccessPointOrder": False,
            "HasRegulatedItems": order.regulated,
            "DefaultShipFromLocationAddress": _ship_from(ship_from) if mfn and known else None,
            "BuyerInvoicePreference": ("BUSINESS" if order.business else "INDIVIDUAL")
            if known
            else None,
            "BuyerTaxInformation": _tax_information(slots)
            if BUYER_TAX_INFORMATION in elements
            else None,
            "ShippingAddress": _address(order, whole=SHIPPING_ADDRESS in elements)
            if known
            else None,
            "BuyerInfo": _buyer_info(order, whole=BUYER_INFO in elements) if known else None,
            "AutomatedShippingSettings": {"HasAutomatedShippingSettings": False},
        }
    )


def buyer_info_view(order: Order) -> Json:
    """Return the answer of getOrderBuyerInfo."""
    return {"AmazonOrderId": order.order_id, **_buyer_info(order, whole=True)}


def address_view(order: Order) -> Json:
    """Return the answer of getOrderAddress."""
    slots = order.slots
    preferences = present(
        {
            "DropOffLocation": slots.get("delivery.drop_off_location"),
            "AddressInstructions": slots.get("delivery.instructions"),
        }
    )
    if preferences:
        preferences["PreferredDeliveryTime"] = {"BusinessHours": [_business_hours()]}
    return present(
        {
            "AmazonOrderId": order.order_id,
            "BuyerCompanyName": slots.get("buyer.company"),
            "ShippingAddress": _address(order, whole=True) if slots else None,
            "DeliveryPreferences": preferences,
        }
    )


def item_view(order: Order, item: Item, elements: frozenset[str]) -> Json:
    """Return one item of getOrderItems, with the PII of these data elements."""
    currency = order.currency
    known = bool(order.slots)
    serial = order.item_slot(item, "serial_number")
    price = _money(item.unit_price * item.quantity, currency)
    return present(
        {
            "ASIN": item.asin,
            "SellerSKU": item.sku,
            "OrderItemId": item.item_id,
            "Title": item.title,
            "QuantityOrdered": item.quantity,
            "QuantityShipped": item.quantity_shipped,
            "ProductInfo": {"NumberOfItems": "1"},
            "ItemPrice": price if known else None,
            "ItemTax": _money(0, currency) if known else None,
            "IsGift": "true" if item.gift_wrap else "false",
            "ConditionId": "New",
            "ConditionSubtypeId": "New",
            "IsTransparency": False,
            "SerialNumberRequired": False,
            "SerialNumbers": [serial] if serial else None,
            "TaxCollection": {
                "Model": "MarketplaceFacilitator",
                "ResponsibleParty": "Amazon Services, Inc.",
            }
            if order.outline.marketplace_id == MARKETPLACE_US
            else None,
            "IossNumber": order.item_slot(item, "ioss_number"),
            "DeemedResellerCategory": "IOSS" if item.deemed_reseller else None,
            "BuyerInfo": _item_buyer_info(order, item, whole=BUYER_INFO in elements)
            if known
            else None,
        }
    )


def item_buyer_info_view(order: Order, item: Item) -> Json:
    """Return one item of getOrderItemsBuyerInfo."""
    return {"OrderItemId": item.item_id, **_item_buyer_info(order, item, whole=True)}


def regulated_info_view(order: Order) -> Json:
    """Return the answer of getOrderRegulatedInfo."""
    fields = [
        {
            "FieldId": name,
            "FieldLabel": name.replace("_", " ").title(),
            "FieldType": "FileAttachment" if name.endswith("_file") else "Text",
            "FieldValue": order.slots[f"regulated.{name}"],
        }
        for name in REGULATED_FIELDS
        if f"regulated.{name}" in order.slots
    ]
    reasons = [
        {
            "RejectionReasonId": "shield_pom_vps_reject_product",
            "RejectionReasonDescription": "This medicine is not suitable for this pet.",
        }
    ]
    return {
        "AmazonOrderId": order.order_id,
        "RegulatedInformation": {"Fields": fields},
        "RequiresDosageLabel": False,
        "RegulatedOrderVerificationStatus": {
            "Status": "Pending" if fields else "Approved",
            "RequiresMerchantAction": bool(fields),
            "ValidRejectionReasons": reasons if fields else [],
        },
    }


def _money(value: int, currency: str) -> Json:
    return {"CurrencyCode": currency, "Amount": amount(value, currency)}


def _payments(order: Order) -> list[Json]:
    detail = {
        "Payment": _money(order.total, order.currency),
        "PaymentMethod": "CreditCard",
        "CardBrand": order.card_brand,
        "AuthorizationCode": order.slots.get("payment:0.authorization_code"),
    }
    return [present(detail)]


def _address(order: Order, *, whole: bool) -> Json:
    get = order.slots.get
    shown = {
        "City": get("recipient.city"),
        "StateOrRegion": get("recipient.state"),
        "PostalCode": get("recipient.postal_code"),
        "CountryCode": order.country_code,
    }
    if not whole:
        return present(shown)
    coordinates = {"Latitude": get("recipient.latitude"), "Longitude": get("recipient.longitude")}
    extended = {
        "StreetName": get("recipient.street_name"),
        "StreetNumber": get("recipient.street_number"),
        "Complement": get("recipient.complement"),
        "Neighborhood": get("recipient.neighborhood"),
        "GeoCoordinates": present(coordinates),
    }
    return present(
        {
            "Name": get("recipient.name"),
            "CompanyName": get("recipient.company"),
            "AddressLine1": get("recipient.address_line_1"),
            "AddressLine2": get("recipient.address_line_2"),
            "AddressLine3": get("recipient.address_line_3"),
            **shown,
            "County": get("recipient.county"),
            "District": get("recipient.district"),
            "Municipality": get("recipient.municipality"),
            "Phone": get("recipient.phone"),
            "ExtendedFields": present(extended),
            "AddressType": order.address_type,
        }
    )


def _ship_from(slots: Slots) -> Json:
    return present(
        {
            "Name": slots.get("ship_from.name"),
            "AddressLine1": slots.get("ship_from.address_line_1"),
            "City": slots.get("ship_from.city"),
            "StateOrRegion": slots.get("ship_from.state"),
            "PostalCode": slots.get("ship_from.postal_code"),
            "CountryCode": "DE",
        }
    )


def _buyer_info(order: Order, *, whole: bool) -> Json:
    get = order.slots.get
    shown = {"BuyerEmail": get("buyer.email")}
    if not whole:
        return present(shown)
    tax: Json = {}
    if "buyer.tax_classification" in order.slots:
        name = _TAX_CLASSES.get(order.marketplace_id, "VATNumber")
        tax = {
            "CompanyLegalName": get("buyer.tax_legal_name"),
            "TaxingRegion": order.country_code,
            "TaxClassifications": [{"Name": name, "Value": get("buyer.tax_classification")}],
        }
    return present(
        {
            **shown,
            "BuyerName": get("buyer.name"),
            "BuyerCounty": get("buyer.county"),
            "BuyerTaxInfo": tax,
            "PurchaseOrderNumber": get("buyer.purchase_order_number"),
        }
    )


def _tax_information(slots: Slots) -> Json:
    return present(
        {
            "BuyerLegalCompanyName": slots.get("buyer.tax_legal_name"),
            "BuyerBusinessAddress": slots.get("buyer.tax_business_address"),
            "BuyerTaxRegistrationId": slots.get("buyer.tax_registration_id"),
            "BuyerTaxOffice": slots.get("buyer.tax_office"),
        }
    )


def _item_buyer_info(order: Order, item: Item, *, whole: bool) -> Json:
    shown: Json = {}
    if item.gift_wrap and order.slots:
        shown = {
            "GiftWrapPrice": _money(399, order.currency),
            "GiftWrapTax": _money(0, order.currency),
            "GiftWrapLevel": "Classic",
        }
    if not whole:
        return shown
    url = order.item_slot(item, "customized_url")
    customized = {"CustomizedURL": url} if url else None
    return present(
        {
            **shown,
            "BuyerCustomizedInfo": customized,
            "GiftMessageText": order.item_slot(item, "gift_message"),
        }
    )


def _business_hours() -> Json:
    opened = {"StartTime": {"Hour": 9, "Minute": 0}, "EndTime": {"Hour": 17, "Minute": 30}}
    return {"DayOfWeek": "MON", "OpenIntervals": [opened]}
