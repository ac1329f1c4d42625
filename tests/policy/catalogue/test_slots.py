"""Canonical slots: names, numbers that never change, groups."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.errors import NotFound
from strongroom.policy.catalogue import (
    FIRST_DYNAMIC,
    FIXED,
    LAST_DYNAMIC,
    OVERFLOW,
    number_of,
    spec_of,
    unknown_slot,
)
from strongroom.terms import Category

# Every token ever issued names its slot by number: a changed line here breaks all of them.
NUMBERS = {
    1: "order.shipping_label",
    2: "order.reviewer",
    3: "seller.display_name",
    4: "order.payment_methods",
    8: "recipient.name",
    9: "recipient.address_line_1",
    10: "recipient.address_line_2",
    11: "recipient.address_line_3",
    12: "recipient.city",
    13: "recipient.state",
    14: "recipient.postal_code",
    15: "recipient.phone",
    16: "buyer.email",
    17: "buyer.name",
    18: "buyer.company",
    19: "buyer.county",
    20: "buyer.purchase_order",
    21: "buyer.tax_id",
    22: "buyer.tax_company",
    23: "buyer.tax_region",
    24: "recipient.company",
    25: "recipient.country_code",
    26: "recipient.county",
    27: "recipient.district",
    28: "recipient.municipality",
    29: "recipient.street_name",
    30: "recipient.street_number",
    31: "recipient.complement",
    32: "recipient.neighborhood",
    33: "recipient.latitude",
    34: "recipient.longitude",
    35: "recipient.delivery_instructions",
    36: "recipient.drop_off_location",
    37: "recipient.delivery_times",
    38: "recipient.delivery_attributes",
    39: "recipient.district_or_county",
    40: "ship_from.name",
    41: "ship_from.address_line_1",
    42: "ship_from.address_line_2",
    43: "ship_from.address_line_3",
    44: "ship_from.city",
    45: "ship_from.state",
    46: "ship_from.postal_code",
    47: "ship_from.phone",
    48: "ship_from.company",
    49: "ship_from.country_code",
    50: "ship_from.county",
    51: "ship_from.district",
    52: "ship_from.municipality",
    53: "ship_from.street_name",
    54: "ship_from.street_number",
    55: "ship_from.complement",
    56: "ship_from.neighborhood",
    57: "ship_from.latitude",
    58: "ship_from.longitude",
    59: "buyer.tax_legal_name",
    60: "buyer.tax_business_address",
    61: "buyer.tax_office",
    62: "recipient.email",
    63: "recipient.attention",
    64: "recipient.copy_emails",
    65: "recipient.geocodes",
    66: "recipient.drop_off_attributes",
    67: "ship_from.email",
    68: "ship_from.copy_emails",
    69: "ship_from.district_or_county",
    70: "buyer.id",
    71: "order.comment",
    72: "order.notification_emails",
    96: "bill.name",
    97: "bill.address_line_1",
    98: "bill.address_line_2",
    99: "bill.address_line_3",
    100: "bill.city",
    101: "bill.state",
    102: "bill.postal_code",
    103: "bill.phone",
    104: "bill.country_code",
    105: "buyer.phone",
    106: "buyer.citizen_name",
    107: "buyer.citizen_id",
    108: "buyer.comments",
    109: "buyer.tax_account",
    110: "buyer.licensee",
    111: "buyer.license",
    112: "order.invoice",
    113: "seller.tax_id",
    114: "seller.tax_account",
    115: "feed.message",
    116: "buyer.session",
    117: "recipient.store",
}


def test_numbers_never_change():
    assert {number: spec.name for number, spec in FIXED.items()} == NUMBERS


def test_the_usual_address_and_the_buyer_need_one_mac_block_each():
    assert {number_of(f"recipient.{field}") // 8 for field in ("name", "city", "phone")} == {1}
    assert {number_of(f"buyer.{field}") // 8 for field in ("email", "name", "company")} == {2}


def test_ranges_leave_room_for_what_a_record_numbers_itself():
    assert max(FIXED) < FIRST_DYNAMIC < LAST_DYNAMIC < OVERFLOW == 1023


@pytest.mark.parametrize(
    ("name", "category"),
    [
        ("recipient.name", Category.NAME),
        ("item:05015851154158.gift_message", Category.FREE_TEXT),
        ("item:1.serial_number:12", Category.DEVICE),
        ("package:1.tracking_number", Category.TRACKING),
        ("package_item:1-0.transparency_code:3", Category.DEVICE),
        ("tax_registration:0.number", Category.TAX_ID),
        ("unknown.0123456789", Category.UNCLASSIFIED),
    ],
)
def test_a_name_says_what_it_holds(name, category):
    assert spec_of(name).category is category
    assert spec_of(name).name == name


@pytest.mark.parametrize(
    "name",
    [
        "recipient.nmae",
        "item:1.nothing",
        "item:.gift_message",
        "item:a b.gift_message",
        f"item:{'1' * 65}.gift_message",
        "unknown.0123",
        "unknown.0123456789\n",
        "",
    ],
)
def test_a_name_nobody_made_is_refused(name):
    with pytest.raises(NotFound):
        spec_of(name)


def test_what_is_searched_and_what_belongs_together():
    assert spec_of("buyer.email").search == "email"
    assert spec_of("tax_address:0.phone").search == "phone"
    assert spec_of("recipient.city").group == "recipient.address"
    assert spec_of("recipient.name").group is None
    assert spec_of("package_origin:7.city").group == "package_origin:7.address"


@given(st.text())
def test_any_path_has_an_unknown_slot(path):
    assert spec_of(unknown_slot(path)).category is Category.UNCLASSIFIED
