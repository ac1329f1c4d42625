"""Builds everything about one order from its outline and the seed, the same way every time.

Orders are built when asked for and not kept, so a hundred thousand of them cost little memory.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from strongroom.simulator import people
from strongroom.simulator.config import MARKETPLACE_DE, MARKETPLACE_JP, MARKETPLACE_US
from strongroom.simulator.marking import Shape, mark
from strongroom.simulator.orders import Item, Order, Outline, Package
from strongroom.simulator.people import Country

COUNTRIES: dict[str, Country] = {
    MARKETPLACE_US: people.UNITED_STATES,
    MARKETPLACE_DE: people.GERMANY,
    MARKETPLACE_JP: people.JAPAN,
}
CURRENCIES = {MARKETPLACE_US: "USD", MARKETPLACE_DE: "EUR", MARKETPLACE_JP: "JPY"}
MAIL_DOMAINS = {
    MARKETPLACE_US: "marketplace.amazon.com",
    MARKETPLACE_DE: "marketplace.amazon.de",
    MARKETPLACE_JP: "marketplace.amazon.co.jp",
}
REGULATED_FIELDS = ("pet_name", "pet_species", "clinic_name", "prescription_file")

_CARRIERS = ("UPS", "DHL", "USPS", "YAMATO", "SAGAWA", "FEDEX")
_TITLES = (
    "Stainless Steel Water Bottle 750 ml",
    "USB-C Kabel, geflochten, 2 m",
    "竹製まな板 Lサイズ",
    "Wool Socks (3 pairs), Größe 39–42",
    "Espresso Cups, set of 6 – handmade",
    "Notebook A5, dotted, 160 pages",
)
_PHONES_KNOWN = 0.7
_DELIVERY_NEVER_CONFIRMED = 0.08
# Silence after shipping for this long counts as lost rather than as under way.
_IN_TRANSIT_AT_MOST = timedelta(days=21)


@dataclass(slots=True)
class _Writer:
    """Collects slots, marking each value when markers are on."""

    rng: random.Random
    markers: bool
    slots: dict[str, str | float] = field(default_factory=dict)
    marks: dict[str, str] = field(default_factory=dict)

    def put(self, slot: str, value: str | float) -> None:
        """Store one value under its slot."""
        if self.markers:
            value, self.marks[slot] = mark(self.rng, value, shape_of(slot))
        self.slots[slot] = value


@dataclass(frozen=True, slots=True)
class Built:
    """An order with all it could ever show, and the marker of each slot."""

    order: Order
    marks: dict[str, str]


def shape_of(slot: str) -> Shape:
    """Return which kind of value a slot holds."""
    name = slot.rpartition(".")[2]
    if name == "email":
        return "email"
    if name == "phone":
        return "phone"
    if name == "customized_url":
        return "url"
    return "number" if name in {"latitude", "longitude"} else "text"


def build_order(outline: Outline, seed: int, now: datetime, *, markers: bool) -> Built:
    """Return the order of an outline as it stands at `now`."""
    rng = random.Random(f"{seed}/order/{outline.order_id}")  # noqa: S311 - synthetic data
    country = COUNTRIES.get(outline.marketplace_id, people.UNITED_STATES)
    business = rng.random() < 0.2
    regulated = rng.random() < 0.03
    # A generator of its own, so that marking changes the values and nothing else.
    writer = _Writer(random.Random(f"{seed}/marks/{outline.order_id}"), markers)  # noqa: S311
    items = _build_items(rng, outline)
    packages = _build_packages(rng, outline, items, now)

    _write_buyer(rng, writer, country, outline, business=business)
    _write_recipient(rng, writer, country, business=business)
    for item in items:
        _write_item(rng, writer, item, outline)
    for package in packages:
        writer.put(
            f"package:{package.reference}.tracking_number", f"1Z{rng.randint(10**11, 10**12 - 1)}"
        )
    writer.put("payment:0.authorization_code", f"{rng.randint(100_000, 999_999)}")
    if regulated:
        _write_regulated(rng, writer)

    order = Order(
        outline=outline,
        business=business,
        prime=rng.random() < 0.3,
        regulated=regulated,
        currency=CURRENCIES.get(outline.marketplace_id, "USD"),
        items=items,
        packages=packages,
        address_type="Commercial" if business else "Residential",
        country_code=country.code,
        card_brand=rng.choice(("Visa", "Mastercard", "JCB")),
        slots=writer.slots,
    )
    return Built(order, writer.marks)


def build_ship_from(
    seller: str, seed: int, *, markers: bool
) -> tuple[dict[str, str | float], dict[str, str]]:
    """Return the slots of a seller's own warehouse address, and their markers."""
    rng = random.Random(f"{seed}/ship_from/{seller}")  # noqa: S311 - synthetic data
    writer = _Writer(rng, markers)
    city, state, code = people.city_region_postcode(rng, people.GERMANY)
    writer.put("ship_from.name", people.person_name(rng, people.GERMANY))
    writer.put("ship_from.address_line_1", people.street_line(rng, people.GERMANY)[:180])
    writer.put("ship_from.city", city)
    writer.put("ship_from.state", state)
    writer.put("ship_from.postal_code", code)
    return writer.slots, writer.marks


def _write_buyer(
    rng: random.Random, writer: _Writer, country: Country, outline: Outline, *, business: bool
) -> None:
    domain = MAIL_DOMAINS.get(outline.marketplace_id, "marketplace.amazon.com")
    local = "".join(rng.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=14))
    writer.put("buyer.email", f"{local}@{domain}")
    writer.put("buyer.name", people.person_name(rng, country))
    if rng.random() < 0.05:
        writer.put("buyer.county", people.city_region_postcode(rng, country)[0])
    if not business:
        return
    company = rng.choice(country.companies)
    writer.put("buyer.company", company)
    if rng.random() < 0.6:
        writer.put(
            "buyer.purchase_order_number",
            f"PO-{rng.randint(10_000, 99_999)}/{people.long_text(rng, 12)}",
        )
    writer.put("buyer.tax_legal_name", company)
    writer.put("buyer.tax_classification", people.tax_id(rng, country))
    if rng.random() < 0.7:
        writer.put("buyer.tax_registration_id", people.tax_id(rng, country))
        writer.put("buyer.tax_business_address", people.street_line(rng, country))
    if rng.random() < 0.3:
        writer.put("buyer.tax_office", people.city_region_postcode(rng, country)[0])


def _write_recipient(
    rng: random.Random, writer: _Writer, country: Country, *, business: bool
) -> None:
    city, state, code = people.city_region_postcode(rng, country)
    line = people.street_line(rng, country)
    gift = rng.random() < 0.1
    same_as_buyer = not gift and not writer.markers
    buyer = str(writer.slots["buyer.name"])
    writer.put("recipient.name", buyer if same_as_buyer else people.person_name(rng, country))
    if business and rng.random() < 0.7:
        writer.put("recipient.company", rng.choice(country.companies))
    writer.put("recipient.address_line_1", line)
    if rng.random() < 0.3:
        writer.put("recipient.address_line_2", f"c/o {people.person_name(rng, country)}")
    if rng.random() < 0.05:
        writer.put("recipient.address_line_3", people.long_text(rng, rng.choice((20, 60))))
    writer.put("recipient.city", city)
    if country.code == "US" and rng.random() < 0.2:
        writer.put("recipient.county", f"{city} County")
    if country.code == "JP" and rng.random() < 0.3:
        writer.put("recipient.district", f"{city}東部")
    if country.code != "DE" or rng.random() < 0.5:
        writer.put("recipient.state", state)
    if rng.random() < 0.03:
        writer.put("recipient.municipality", city)
    writer.put("recipient.postal_code", code)
    if rng.random() < _PHONES_KNOWN:
        writer.put("recipient.phone", people.phone_number(rng, country))
    if rng.random() < 0.15:
        _write_extended(rng, writer, country, line)
    if rng.random() < 0.2:
        writer.put("delivery.instructions", people.delivery_instruction(rng))
    if rng.random() < 0.1:
        writer.put("delivery.drop_off_location", people.drop_off_place(rng))


def _write_extended(rng: random.Random, writer: _Writer, country: Country, line: str) -> None:
    writer.put("recipient.street_name", line)
    writer.put("recipient.street_number", str(rng.randint(1, 999)))
    if rng.random() < 0.5:
        writer.put("recipient.complement", f"Apt {rng.randint(1, 99)}")
        writer.put("recipient.neighborhood", people.city_region_postcode(rng, country)[0])
    # Six decimals lie between whole degrees, so a marked value stays in the country.
    writer.put("recipient.latitude", round(rng.uniform(*country.latitude), 6))
    writer.put("recipient.longitude", round(rng.uniform(*country.longitude), 6))


def _write_item(rng: random.Random, writer: _Writer, item: Item, outline: Outline) -> None:
    prefix = f"item:{item.item_id}."
    if item.gift_wrap and rng.random() < 0.8:
        writer.put(prefix + "gift_message", people.gift_text(rng))
    if rng.random() < 0.06:
        writer.put(
            prefix + "customized_url",
            f"https://customization.example/{outline.order_id}/{item.item_id}.zip",
        )
    if item.deemed_reseller:
        writer.put(prefix + "ioss_number", f"IM{rng.randint(10**9, 10**10 - 1)}")
    if rng.random() < 0.03:
        writer.put(prefix + "serial_number", f"SN{rng.randint(10**7, 10**8 - 1)}")


def _write_regulated(rng: random.Random, writer: _Writer) -> None:
    values = (
        "Bello",
        "Canis lupus familiaris",
        "Tierklinik Süd",
        "https://files.example/prescription",
    )
    for name, value in zip(REGULATED_FIELDS, values, strict=True):
        writer.put(f"regulated.{name}", f"{value} {rng.randint(1, 99)}")


def _build_items(rng: random.Random, outline: Outline) -> tuple[Item, ...]:
    count = rng.choices((1, 2, 3, 12), weights=(70, 20, 9, 1))[0]
    items = []
    for position in range(count):
        quantity = rng.choices((1, 2, 5), weights=(85, 12, 3))[0]
        # One item of several is still open; of a lone item, one piece.
        if outline.split and count == 1:
            quantity += 1
        shipped = quantity if outline.status in {"Shipped", "PartiallyShipped"} else 0
        if outline.status == "PartiallyShipped" and position == count - 1:
            shipped = quantity - 1 if count == 1 else 0
        items.append(
            Item(
                item_id=f"{rng.randint(10**13, 10**14 - 1)}",
                asin="B0" + "".join(rng.choices("ABCDEFGHJKLMNPQRSTUVWXYZ0123456789", k=8)),
                sku=f"SKU-{rng.randint(1000, 9999)}",
                title=rng.choice(_TITLES),
                quantity=quantity,
                quantity_shipped=shipped,
                unit_price=rng.randint(499, 19_999),
                gift_wrap=rng.random() < 0.12,
                deemed_reseller=outline.marketplace_id == MARKETPLACE_DE and rng.random() < 0.1,
            )
        )
    return tuple(items)


def _build_packages(
    rng: random.Random, outline: Outline, items: tuple[Item, ...], now: datetime
) -> tuple[Package, ...]:
    carrier, service = rng.choice(_CARRIERS), rng.choice(("Standard", "Express"))
    silent = rng.random() < _DELIVERY_NEVER_CONFIRMED
    if outline.shipped_at is None:
        return ()
    if outline.delivered_at is not None and outline.delivered_at <= now and not silent:
        status = "DELIVERED"
    elif now - outline.shipped_at > _IN_TRANSIT_AT_MOST:
        status = "SHIPPED" if silent else "UNDELIVERABLE"
    else:
        status = "IN_TRANSIT"
    sent = tuple((item.item_id, item.quantity_shipped) for item in items if item.quantity_shipped)
    return (Package("1", status, carrier, service, outline.shipped_at, sent),)
